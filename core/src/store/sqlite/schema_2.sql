-- A durable reader of the log. `doc` is where it stands; `sent` and `fails_at` change with each batch,
-- and so stand beside it.
CREATE TABLE subscription (
    name        TEXT    PRIMARY KEY,
    version     INTEGER NOT NULL CHECK (version > 0),
    request_id  TEXT    UNIQUE,
    fingerprint TEXT,
    lease       TEXT,
    sent        INTEGER NOT NULL CHECK (sent >= 0),
    fails_at    INTEGER,
    doc         TEXT    NOT NULL,
    CHECK ((request_id IS NULL) = (fingerprint IS NULL))
) STRICT;
