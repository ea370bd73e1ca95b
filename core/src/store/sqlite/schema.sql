-- The truth on SQLite. Times are microseconds since the Unix epoch; amounts are minor units.

CREATE TABLE log (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    log_id TEXT    NOT NULL,
    head   INTEGER NOT NULL CHECK (head >= 0)
) STRICT;
INSERT INTO log VALUES (1, lower(hex(randomblob(16))), 0);

-- `doc` is the whole order; the columns beside it are what constraints and listings need (I6 compares them).
CREATE TABLE orders (
    order_id       TEXT    PRIMARY KEY,
    version        INTEGER NOT NULL CHECK (version > 0),
    state          TEXT    NOT NULL CHECK (state IN
        ('CREATED', 'PENDING', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED', 'CLOSED', 'ABNORMAL')),
    amount_minor   INTEGER NOT NULL CHECK (amount_minor > 0),
    currency       TEXT    NOT NULL CHECK (length(currency) = 3),
    paid_minor     INTEGER NOT NULL CHECK (paid_minor IN (0, amount_minor)),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor BETWEEN 0 AND paid_minor),
    created_at     INTEGER NOT NULL,
    doc            TEXT    NOT NULL,
    CHECK (state NOT IN ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED') OR paid_minor = amount_minor)
) STRICT;
CREATE INDEX orders_newest ON orders (created_at DESC, order_id DESC);

CREATE TABLE payment (
    out_trade_no TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL REFERENCES orders DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX payment_of_order ON payment (order_id);

CREATE TABLE request (
    request_id  TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    order_id    TEXT NOT NULL
) STRICT;

CREATE TABLE notification (
    notification_id    TEXT    PRIMARY KEY,
    provider           TEXT    NOT NULL,
    account            TEXT    NOT NULL,
    content_sha256     TEXT    NOT NULL,
    body_sha256        TEXT    NOT NULL,
    source             TEXT    NOT NULL,
    event_type         TEXT    NOT NULL,
    platform_notice_id TEXT    NOT NULL,
    key_id             TEXT    NOT NULL,
    received_at        INTEGER NOT NULL,
    body_size          INTEGER NOT NULL,
    seal_key_id        TEXT    NOT NULL,
    sealed             BLOB    NOT NULL,
    UNIQUE (provider, account, content_sha256)
) STRICT;
CREATE INDEX notification_newest ON notification (received_at DESC, notification_id DESC);

-- Not under the unique key above: a refused body must never stand in the way of the same body, genuine.
CREATE TABLE rejection (
    notification_id      TEXT    PRIMARY KEY,
    provider             TEXT    NOT NULL,
    account              TEXT    NOT NULL,
    reason               TEXT    NOT NULL,
    detail               TEXT    NOT NULL,
    claimed_out_trade_no TEXT    NOT NULL,
    received_at          INTEGER NOT NULL,
    body_size            INTEGER NOT NULL,
    body_sha256          TEXT    NOT NULL,
    remote_address       TEXT    NOT NULL,
    seal_key_id          TEXT    NOT NULL,
    sealed               BLOB    NOT NULL
) STRICT;
CREATE INDEX rejection_newest ON rejection (received_at DESC, notification_id DESC);
CREATE INDEX rejection_claim ON rejection (claimed_out_trade_no);

CREATE TABLE observation (
    fact_key        TEXT    PRIMARY KEY,
    notification_id TEXT    NOT NULL REFERENCES notification,
    provider        TEXT    NOT NULL,
    account         TEXT    NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('PAYMENT', 'REFUND')),
    out_trade_no    TEXT,
    transaction_id  TEXT,
    out_refund_no   TEXT,
    refund_id       TEXT,
    status          TEXT    NOT NULL,
    amount_minor    INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency        TEXT    NOT NULL,
    cumulative      INTEGER NOT NULL CHECK (cumulative IN (0, 1)),
    occurred_at     INTEGER,
    recorded_at     INTEGER NOT NULL,
    masked_payer    TEXT,
    seal_key_id     TEXT,
    sealed_payer    BLOB
) STRICT;
CREATE INDEX observation_of_payment ON observation (out_trade_no);
CREATE INDEX observation_of_money ON observation (transaction_id);

-- Which notification says which fact. A fact stands once; many notifications may say it.
CREATE TABLE notification_fact (
    notification_id TEXT NOT NULL REFERENCES notification,
    fact_key        TEXT NOT NULL REFERENCES observation,
    PRIMARY KEY (notification_id, fact_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_of_fact ON notification_fact (fact_key);

-- A work list, not a record: facts that wait for their order.
CREATE TABLE parked (
    fact_key       TEXT PRIMARY KEY REFERENCES observation,
    provider       TEXT NOT NULL,
    account        TEXT NOT NULL,
    out_trade_no   TEXT,
    transaction_id TEXT,
    refund_number  TEXT
) STRICT;
CREATE INDEX parked_by_refund ON parked (refund_number);
CREATE INDEX parked_by_payment ON parked (out_trade_no);
CREATE INDEX parked_by_money ON parked (transaction_id);

CREATE TABLE payment_txn (
    provider       TEXT    NOT NULL,
    account        TEXT    NOT NULL,
    kind           TEXT    NOT NULL CHECK (kind IN ('PAYMENT', 'REFUND')),
    transaction_id TEXT    NOT NULL,
    order_id       TEXT    NOT NULL REFERENCES orders DEFERRABLE INITIALLY DEFERRED,
    amount_minor   INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency       TEXT    NOT NULL,
    fact_key       TEXT    NOT NULL REFERENCES observation DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (provider, account, kind, transaction_id)
) STRICT;
CREATE INDEX payment_txn_of_order ON payment_txn (order_id);
CREATE INDEX payment_txn_by_number ON payment_txn (transaction_id);

CREATE TABLE order_event (
    revision     INTEGER PRIMARY KEY,
    event_id     TEXT    NOT NULL UNIQUE,
    order_id     TEXT    NOT NULL REFERENCES orders DEFERRABLE INITIALLY DEFERRED,
    seq          INTEGER NOT NULL CHECK (seq > 0),
    kind         TEXT    NOT NULL,
    from_state   TEXT,
    to_state     TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    opened_cases TEXT    NOT NULL,
    snapshot     TEXT    NOT NULL,
    UNIQUE (order_id, seq)
) STRICT;

CREATE TABLE cases (
    case_id         TEXT    PRIMARY KEY,
    kind            TEXT    NOT NULL,
    open            INTEGER NOT NULL CHECK (open IN (0, 1)),
    order_id        TEXT,
    account         TEXT    NOT NULL,
    out_trade_no    TEXT,
    transaction_id  TEXT,
    expected_minor  INTEGER,
    expected_currency TEXT,
    observed_minor  INTEGER,
    observed_currency TEXT,
    summary         TEXT    NOT NULL,
    notification_id TEXT    NOT NULL,
    opened_at       INTEGER NOT NULL,
    resolution      TEXT,
    resolved_at     INTEGER
) STRICT;
CREATE INDEX cases_newest ON cases (opened_at DESC, case_id DESC);
CREATE INDEX cases_of_order ON cases (order_id);

-- I24: what was once true stays written.
CREATE TRIGGER notification_keeps  BEFORE UPDATE ON notification BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
CREATE TRIGGER notification_stays  BEFORE DELETE ON notification BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
CREATE TRIGGER observation_keeps   BEFORE UPDATE ON observation  BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
CREATE TRIGGER observation_stays   BEFORE DELETE ON observation  BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
CREATE TRIGGER payment_txn_keeps   BEFORE UPDATE ON payment_txn  BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
CREATE TRIGGER payment_txn_stays   BEFORE DELETE ON payment_txn  BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
CREATE TRIGGER order_event_keeps   BEFORE UPDATE ON order_event  BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
CREATE TRIGGER order_event_stays   BEFORE DELETE ON order_event  BEGIN SELECT RAISE(ABORT, 'I24: append only'); END;
