-- How fetching each feed goes.
CREATE TABLE feed (
    name TEXT PRIMARY KEY,
    enabled INTEGER NOT NULL,
    tried_at INTEGER,
    succeeded_at INTEGER,
    failures INTEGER NOT NULL,
    error TEXT
) STRICT;

-- What each address answered last, for conditional requests, and how a list stamped it.
CREATE TABLE feed_address (
    feed TEXT NOT NULL,
    address TEXT NOT NULL,
    etag TEXT,
    last_modified TEXT,
    listed TEXT,
    PRIMARY KEY (feed, address)
) STRICT, WITHOUT ROWID;

-- Documents by the name they came under; their bytes are files named by the digest.
CREATE TABLE feed_document (
    id INTEGER PRIMARY KEY,
    feed TEXT NOT NULL,
    document TEXT NOT NULL,
    own_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    records INTEGER NOT NULL,
    broken INTEGER NOT NULL,
    dated INTEGER,
    fetched_at INTEGER NOT NULL,
    standing TEXT NOT NULL,
    since INTEGER NOT NULL,
    why TEXT NOT NULL,
    UNIQUE (feed, document, digest)
) STRICT;
CREATE INDEX feed_document_standing ON feed_document (standing, feed, id);
