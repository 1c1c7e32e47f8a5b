-- The rule for days in its canonical text: more than weekdays now.
ALTER TABLE change_window RENAME COLUMN days TO recurrence;
ALTER TABLE change_window ADD COLUMN from_date TEXT;
ALTER TABLE change_window ADD COLUMN until_date TEXT;
ALTER TABLE change_window ADD COLUMN reserve TEXT;
ALTER TABLE change_window ADD COLUMN catch_up TEXT;
ALTER TABLE change_window ADD COLUMN opens_for TEXT NOT NULL DEFAULT 'changes';
-- Where it was written: file, place in it and text with its comments. NULL: made by hand.
ALTER TABLE change_window ADD COLUMN file TEXT;
ALTER TABLE change_window ADD COLUMN position INTEGER;
ALTER TABLE change_window ADD COLUMN source TEXT;

ALTER TABLE decision ADD COLUMN name TEXT;
ALTER TABLE decision ADD COLUMN version TEXT;
-- The decision that this one was made instead of.
ALTER TABLE decision ADD COLUMN replaces TEXT;
ALTER TABLE decision ADD COLUMN file TEXT;
ALTER TABLE decision ADD COLUMN position INTEGER;
ALTER TABLE decision ADD COLUMN source TEXT;

-- Groups, freezes, rules, reboot rules, ring sets and exclusions as TOML. `devices` stands beside it
-- so that what an object covers is known also when its text cannot be read any more.
CREATE TABLE policy_object (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    client TEXT REFERENCES client (id),
    name TEXT NOT NULL,
    devices TEXT NOT NULL,
    file TEXT,
    position INTEGER NOT NULL,
    source TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_by_name TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    ended_at INTEGER,
    end_recorded_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE UNIQUE INDEX policy_object_name ON policy_object (kind, name) WHERE ended_at IS NULL;

-- Each time that files were applied; what stood then is found by the times of the objects.
CREATE TABLE policy_version (
    id INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL,
    applied_by TEXT NOT NULL,
    applied_by_name TEXT NOT NULL,
    note TEXT NOT NULL,
    files TEXT NOT NULL,
    files_digest BLOB NOT NULL,
    counts TEXT NOT NULL
) STRICT;

-- When a device spoke with the server, without a longer silence in between. The end of the present
-- contact is `device_link.last_seen`.
CREATE TABLE device_contact (
    device INTEGER NOT NULL REFERENCES device (key),
    from_at INTEGER NOT NULL,
    until_at INTEGER,
    PRIMARY KEY (device, from_at)
) STRICT, WITHOUT ROWID;

INSERT INTO device_contact (device, from_at)
    SELECT device, last_seen FROM device_link WHERE last_seen IS NOT NULL;

-- When each fix (a CVE, or a patch that names none) was released and first seen on any device.
CREATE TABLE fix_clock (
    fix TEXT PRIMARY KEY,
    released_at INTEGER,
    first_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A person or team who owes an answer, and until when. `order_id` and `device` are empty for a
-- ticket that came from no order.
ALTER TABLE ticket ADD COLUMN owner TEXT;
ALTER TABLE ticket ADD COLUMN due_at INTEGER;
CREATE INDEX ticket_due ON ticket (due_at, id) WHERE due_at IS NOT NULL;

-- The tickets that ask somebody to study a patch: which rule asks, since when, and how many devices
-- wait for the answer.
CREATE TABLE study (
    key INTEGER PRIMARY KEY,
    ticket TEXT NOT NULL UNIQUE REFERENCES ticket (id),
    rule TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    devices INTEGER NOT NULL
) STRICT;

-- The studies that a device waits for, as a packed list of their keys.
CREATE TABLE study_list (
    device INTEGER PRIMARY KEY REFERENCES device (key),
    packed BLOB NOT NULL
) STRICT;

-- Secret addresses of calendars; the secret itself is never kept.
CREATE TABLE calendar_feed (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (id),
    secret_hash BLOB NOT NULL UNIQUE,
    made_at INTEGER NOT NULL,
    made_by_name TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
