-- Settings and keys of this server.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- Who may sign in. `reach` is NULL for the whole provider, else a JSON list of clients.
CREATE TABLE principal (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    reach TEXT,
    added_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

-- API tokens, sign-in links and sessions, by SHA-256; a secret itself is never kept.
CREATE TABLE credential (
    hash BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    principal TEXT NOT NULL REFERENCES principal (id),
    made_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX credential_principal ON credential (principal);

CREATE TABLE client (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    added_at INTEGER NOT NULL
) STRICT;

CREATE TABLE site (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (id),
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    UNIQUE (client, name)
) STRICT;

CREATE TABLE enrolment (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (id),
    site TEXT NOT NULL REFERENCES site (id),
    token_hash BLOB NOT NULL UNIQUE,
    uses_left INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE device (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL REFERENCES client (id),
    site TEXT NOT NULL REFERENCES site (id),
    name TEXT NOT NULL,
    tags TEXT NOT NULL,
    mode TEXT NOT NULL,
    standing TEXT NOT NULL,
    agent INTEGER,
    enrolled_at INTEGER NOT NULL,
    UNIQUE (client, name)
) STRICT;

-- What changes with every check-in, apart from the rest to keep that write small.
CREATE TABLE device_link (
    device INTEGER PRIMARY KEY REFERENCES device (key),
    public_key BLOB NOT NULL UNIQUE,
    counter INTEGER NOT NULL,
    reply BLOB,
    acknowledged INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    last_seen INTEGER,
    inventory_at INTEGER,
    inventory_digest BLOB,
    facts_mark TEXT
) STRICT;

-- Mode, tags, standing and abilities as they were: the value from then on.
CREATE TABLE device_change (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES device (key),
    what TEXT NOT NULL,
    value TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    actor TEXT NOT NULL
) STRICT;
CREATE INDEX device_change_device ON device_change (device, what, id);

-- Every line that any inventory ever held, once. A missing column is `-`, as in the text.
CREATE TABLE package_row (
    id INTEGER PRIMARY KEY,
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    architecture TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    source_version TEXT NOT NULL,
    origin TEXT NOT NULL,
    UNIQUE (name, version, architecture, ecosystem, state, source, source_version, origin)
) STRICT;

-- Offers and abilities of agents, each distinct text once.
CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
) STRICT;

-- `packed` is the ascending ids of package rows as differences in varints.
CREATE TABLE inventory (
    device INTEGER PRIMARY KEY REFERENCES device (key),
    packed BLOB NOT NULL,
    packages INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    valid_from INTEGER NOT NULL
) STRICT;

-- The first change of a device brings everything and lists nothing. `recorded_after` is microseconds
-- from `valid_from` to when it was written down.
CREATE TABLE inventory_change (
    device INTEGER NOT NULL REFERENCES device (key),
    change INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    recorded_after INTEGER NOT NULL,
    removed BLOB NOT NULL,
    added BLOB NOT NULL,
    packages INTEGER NOT NULL,
    PRIMARY KEY (device, change)
) STRICT, WITHOUT ROWID;

-- `own` is what only this device has, compressed; `packed` lists the contents it shares.
CREATE TABLE device_facts (
    device INTEGER PRIMARY KEY REFERENCES device (key),
    own BLOB NOT NULL,
    packed BLOB NOT NULL,
    looked_at INTEGER NOT NULL
) STRICT;

-- Every distinct finding, once.
CREATE TABLE finding_row (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    patch TEXT NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX finding_row_patch ON finding_row (patch, id);

-- A device's findings: row, first seen, since.
CREATE TABLE finding_list (
    device INTEGER PRIMARY KEY REFERENCES device (key),
    packed BLOB NOT NULL,
    changes INTEGER NOT NULL,
    valid_from INTEGER NOT NULL
) STRICT;

CREATE TABLE finding_change (
    device INTEGER NOT NULL REFERENCES device (key),
    change INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    recorded_after INTEGER NOT NULL,
    removed BLOB NOT NULL,
    added BLOB NOT NULL,
    PRIMARY KEY (device, change)
) STRICT, WITHOUT ROWID;

-- How many devices of a client have a finding, kept as changes come.
CREATE TABLE finding_count (
    client TEXT NOT NULL REFERENCES client (id),
    finding INTEGER NOT NULL REFERENCES finding_row (id),
    devices INTEGER NOT NULL,
    PRIMARY KEY (client, finding)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_count_finding ON finding_count (finding);

CREATE TABLE changelog (
    source TEXT NOT NULL,
    version TEXT NOT NULL,
    body TEXT NOT NULL,
    read_at INTEGER NOT NULL,
    PRIMARY KEY (source, version)
) STRICT;

CREATE TABLE changelog_asked (
    source TEXT NOT NULL,
    version TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (source, version)
) STRICT;

-- `client` is NULL for the whole provider. The end is filled in once, nothing else changes.
CREATE TABLE decision (
    id TEXT PRIMARY KEY,
    client TEXT REFERENCES client (id),
    word TEXT NOT NULL,
    patches TEXT NOT NULL,
    devices TEXT NOT NULL,
    level TEXT NOT NULL,
    reason TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    decided_by_name TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    until_at INTEGER,
    ended_at INTEGER,
    end_recorded_at INTEGER,
    ended_by TEXT
) STRICT;

CREATE TABLE change_window (
    id TEXT PRIMARY KEY,
    client TEXT REFERENCES client (id),
    name TEXT NOT NULL,
    devices TEXT NOT NULL,
    days TEXT NOT NULL,
    start_time TEXT NOT NULL,
    duration TEXT NOT NULL,
    zone TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_recorded_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE UNIQUE INDEX change_window_name ON change_window (name) WHERE ended_at IS NULL;

CREATE TABLE device_order (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (id),
    device INTEGER NOT NULL REFERENCES device (key),
    generation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    items TEXT NOT NULL,
    restart_services TEXT NOT NULL,
    opens_at INTEGER NOT NULL,
    closes_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    contact_within_seconds INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    state_since INTEGER NOT NULL,
    reason TEXT NOT NULL,
    outcome TEXT,
    look TEXT,
    proof TEXT NOT NULL
) STRICT;
CREATE INDEX device_order_device ON device_order (device, id);
CREATE INDEX device_order_client ON device_order (client, id);
CREATE INDEX device_order_open ON device_order (device, id)
    WHERE state IN ('waiting', 'delivered', 'running');

-- Generations, states, outcomes, looks and proofs as they came.
CREATE TABLE order_change (
    id INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES device_order (id),
    what TEXT NOT NULL,
    body TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX order_change_order ON order_change (order_id, id);

CREATE TABLE ticket (
    id TEXT PRIMARY KEY,
    cause TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    client TEXT NOT NULL REFERENCES client (id),
    device TEXT NOT NULL,
    device_name TEXT NOT NULL,
    order_id TEXT NOT NULL,
    patches TEXT NOT NULL,
    evidence TEXT NOT NULL,
    state TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ticket_client ON ticket (client, id);

CREATE TABLE ticket_change (
    id INTEGER PRIMARY KEY,
    ticket TEXT NOT NULL REFERENCES ticket (id),
    subject TEXT NOT NULL,
    evidence TEXT NOT NULL,
    state TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ticket_change_ticket ON ticket_change (ticket, id);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    client TEXT,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_client ON audit (client, id);
