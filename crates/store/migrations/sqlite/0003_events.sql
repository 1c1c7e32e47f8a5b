-- Devices that a person took out of the ledger, for a reason and until a day.
CREATE TABLE exclusion (
    id INTEGER PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (id),
    device TEXT NOT NULL REFERENCES device (id),
    by_name TEXT NOT NULL,
    actor TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    until_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE INDEX exclusion_device ON exclusion (device, id);

-- What happened that people want to hear of; the key makes one of two.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    urgency TEXT NOT NULL,
    owner TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- One text an audience: inbox and outbox in one. `client` is NULL for the provider's own people.
CREATE TABLE event_text (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES event (id),
    client TEXT REFERENCES client (id),
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    state_since INTEGER NOT NULL
) STRICT;
CREATE INDEX event_text_client ON event_text (client, id);
CREATE INDEX event_text_waiting ON event_text (id) WHERE state IN ('for-digest', 'to-deliver');

-- What was told of each advisory, so that it is told once.
CREATE TABLE advisory_told (
    feed TEXT NOT NULL,
    advisory TEXT NOT NULL,
    told TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (feed, advisory)
) STRICT, WITHOUT ROWID;
