-- A durable reader of the log. `doc` is where it stands; `sent` and `fails_at` change with each batch,
-- and so stand beside it.
CREATE TABLE subscription (
    name        text   COLLATE "C" PRIMARY KEY,
    version     bigint NOT NULL CHECK (version > 0),
    request_id  text   COLLATE "C" UNIQUE,
    fingerprint text,
    lease       uuid,
    sent        bigint NOT NULL CHECK (sent >= 0),
    fails_at    bigint,
    doc         text   NOT NULL,
    CHECK ((request_id IS NULL) = (fingerprint IS NULL))
) WITH (fillfactor = 50);
