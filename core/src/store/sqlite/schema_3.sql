-- What a person or a policy needs to settle a case, and how it was settled.
ALTER TABLE cases ADD due_at   INTEGER;
ALTER TABLE cases ADD owner    TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD reason   TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD resolver TEXT NOT NULL DEFAULT '';

-- Whose refund a number is, from the moment it is asked for.
CREATE TABLE refund (
    out_refund_no TEXT PRIMARY KEY,
    order_id      TEXT NOT NULL REFERENCES orders DEFERRABLE INITIALLY DEFERRED
) STRICT;

-- A work list, not a record. `again_at` is set while somebody works on what has become due once more.
CREATE TABLE task (
    kind         TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    account      TEXT,
    order_id     TEXT,
    due_at       INTEGER NOT NULL,
    attempt      INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    note         TEXT    NOT NULL DEFAULT '',
    lease        TEXT,
    leased_until INTEGER,
    again_at     INTEGER,
    hurried_at   INTEGER,
    PRIMARY KEY (kind, subject),
    CHECK ((lease IS NULL) = (leased_until IS NULL)),
    CHECK (again_at IS NULL OR lease IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_due ON task (kind, due_at);
CREATE INDEX task_of_account ON task (account, due_at);

-- Accounts whose payments from before they could be called have their tasks, and since when; '' stands for the ends of
-- orders.
CREATE TABLE adopted (
    account TEXT    PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT;

-- What may still be asked of an account's platform: nothing before `taken_until` less the burst.
CREATE TABLE budget (
    account     TEXT    PRIMARY KEY,
    taken_until INTEGER NOT NULL,
    granted     INTEGER NOT NULL
) STRICT;

CREATE TABLE exchange (
    exchange_id   TEXT    PRIMARY KEY,
    provider      TEXT    NOT NULL,
    account       TEXT    NOT NULL,
    operation     TEXT    NOT NULL,
    order_id      TEXT,
    out_trade_no  TEXT,
    out_refund_no TEXT,
    started_at    INTEGER NOT NULL,
    duration_us   INTEGER NOT NULL,
    http_status   INTEGER NOT NULL,
    outcome       TEXT    NOT NULL,
    code          TEXT    NOT NULL,
    target        TEXT    NOT NULL,
    seal_key_id   TEXT    NOT NULL,
    sealed        BLOB    NOT NULL
) STRICT;
CREATE INDEX exchange_of_order ON exchange (order_id, exchange_id);

-- `lease` is the last run, and `result` the one whose findings stand.
CREATE TABLE reconciliation (
    account      TEXT    NOT NULL,
    date         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('RUNNING', 'DONE', 'FAILED')),
    detail       TEXT    NOT NULL,
    tally        TEXT    NOT NULL,
    started_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    lease        TEXT    NOT NULL,
    leased_until INTEGER,
    result       TEXT,
    PRIMARY KEY (account, date)
) STRICT;
CREATE TABLE difference (
    run     TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    healed  INTEGER NOT NULL CHECK (healed IN (0, 1)),
    case_id TEXT,
    doc     TEXT    NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE carried (
    run TEXT    NOT NULL,
    seq INTEGER NOT NULL,
    doc TEXT    NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- The record of a day, by the platform's time.
CREATE INDEX observation_by_time ON observation (coalesce(occurred_at, recorded_at));
