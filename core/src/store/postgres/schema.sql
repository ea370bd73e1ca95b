-- The truth on PostgreSQL. Times are microseconds since the Unix epoch; amounts are minor units; names compare
-- byte by byte (COLLATE "C"), as on every other database.
--
-- Foreign keys stand only where rows are few. On the path of a callback each would cost a lookup per row for
-- what one transaction writes anyway; `paystate verify` checks those (I22, I30).

-- One row, the last that every writer touches: revisions are given out in commit order, without a gap.
-- `oldest` is the first revision that retention has left.
CREATE TABLE log (
    id     smallint PRIMARY KEY CHECK (id = 1),
    log_id uuid     NOT NULL,
    head   bigint   NOT NULL CHECK (head >= 0),
    oldest bigint   NOT NULL CHECK (oldest BETWEEN 1 AND head + 1)
) WITH (fillfactor = 10);
INSERT INTO log VALUES (1, gen_random_uuid(), 0, 1);

-- `doc` is the whole order; the columns beside it are what constraints and listings need (I6 compares them).
CREATE TABLE orders (
    order_id       text   COLLATE "C" PRIMARY KEY,
    version        bigint NOT NULL CHECK (version > 0),
    state          text   NOT NULL CHECK (state IN
        ('CREATED', 'PENDING', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED', 'CLOSED', 'ABNORMAL')),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text   NOT NULL CHECK (length(currency) = 3),
    paid_minor     bigint NOT NULL CONSTRAINT paid_exactly CHECK (paid_minor IN (0, amount_minor)),
    refunded_minor bigint NOT NULL CONSTRAINT refunded_within_paid CHECK (refunded_minor BETWEEN 0 AND paid_minor),
    created_at     bigint NOT NULL,
    doc            text   NOT NULL,
    CONSTRAINT paid_when_paid CHECK (state NOT IN ('PAID', 'PARTIALLY_REFUNDED', 'REFUNDED') OR paid_minor = amount_minor)
) WITH (fillfactor = 50);
CREATE INDEX orders_newest ON orders (created_at DESC, order_id DESC);

CREATE TABLE payment (
    out_trade_no text COLLATE "C" PRIMARY KEY,
    order_id     text COLLATE "C" NOT NULL REFERENCES orders
);
CREATE INDEX payment_of_order ON payment (order_id);

CREATE TABLE request (
    request_id  text COLLATE "C" PRIMARY KEY,
    fingerprint text NOT NULL,
    order_id    text NOT NULL
);

-- The identity of every notification that was ever taken in. Never expires, so it stands apart from the
-- messages themselves, which retention may drop.
CREATE TABLE notice (
    content_sha256  bytea NOT NULL CHECK (length(content_sha256) = 32),
    account         text  COLLATE "C" NOT NULL,
    provider        text  COLLATE "C" NOT NULL,
    notification_id uuid  NOT NULL,
    PRIMARY KEY (content_sha256, account, provider)
);

-- Ids are UUIDs of version 7: they begin with the time, so their order is the order of arrival and a month is
-- a range of them.
CREATE TABLE notification (
    notification_id    uuid   PRIMARY KEY,
    provider           text   NOT NULL,
    account            text   NOT NULL,
    body_sha256        text   NOT NULL,
    source             text   NOT NULL,
    event_type         text   NOT NULL,
    platform_notice_id text   NOT NULL,
    key_id             text   NOT NULL,
    received_at        bigint NOT NULL,
    body_size          bigint NOT NULL,
    seal_key_id        text   NOT NULL,
    sealed             bytea  NOT NULL
) PARTITION BY RANGE (notification_id);

-- Not under the unique key above: a refused body must never stand in the way of the same body, genuine.
CREATE TABLE rejection (
    notification_id      uuid   PRIMARY KEY,
    provider             text   NOT NULL,
    account              text   NOT NULL,
    reason               text   NOT NULL,
    detail               text   NOT NULL,
    claimed_out_trade_no text   COLLATE "C" NOT NULL,
    received_at          bigint NOT NULL,
    body_size            bigint NOT NULL,
    body_sha256          text   NOT NULL,
    remote_address       text   NOT NULL,
    seal_key_id          text   NOT NULL,
    sealed               bytea  NOT NULL
);
ALTER TABLE rejection ALTER sealed SET STORAGE EXTERNAL;
CREATE INDEX rejection_claim ON rejection (claimed_out_trade_no);

CREATE TABLE observation (
    fact_key        bytea  PRIMARY KEY CHECK (length(fact_key) = 32),
    notification_id uuid   NOT NULL,
    provider        text   NOT NULL,
    account         text   NOT NULL,
    kind            text   NOT NULL CHECK (kind IN ('PAYMENT', 'REFUND')),
    out_trade_no    text   COLLATE "C",
    transaction_id  text   COLLATE "C",
    out_refund_no   text,
    refund_id       text,
    status          text   NOT NULL,
    amount_minor    bigint NOT NULL CHECK (amount_minor >= 0),
    currency        text   NOT NULL,
    cumulative      boolean NOT NULL,
    occurred_at     bigint,
    recorded_at     bigint NOT NULL,
    masked_payer    text,
    seal_key_id     text,
    sealed_payer    bytea
);
CREATE INDEX observation_by_notification ON observation (notification_id);
CREATE INDEX observation_of_payment ON observation (out_trade_no);
-- Other payments are found by the money that they booked, or where they wait.
CREATE INDEX observation_of_money ON observation (transaction_id) WHERE out_trade_no IS NULL OR kind = 'REFUND';

-- A fact stands once, under the notification that said it first. Here are the others that say it.
CREATE TABLE notification_fact (
    fact_key        bytea NOT NULL,
    notification_id uuid  NOT NULL,
    PRIMARY KEY (fact_key, notification_id)
);
CREATE INDEX fact_of_notification ON notification_fact (notification_id);

-- A work list, not a record: facts that wait for their order.
CREATE TABLE parked (
    fact_key       bytea PRIMARY KEY REFERENCES observation DEFERRABLE INITIALLY DEFERRED,
    provider       text  NOT NULL,
    account        text  NOT NULL,
    out_trade_no   text  COLLATE "C",
    transaction_id text  COLLATE "C",
    refund_number  text  COLLATE "C"
);
CREATE INDEX parked_by_refund ON parked (refund_number);
CREATE INDEX parked_by_payment ON parked (out_trade_no);
CREATE INDEX parked_by_money ON parked (transaction_id);

CREATE TABLE payment_txn (
    transaction_id text   COLLATE "C" NOT NULL,
    account        text   COLLATE "C" NOT NULL,
    provider       text   COLLATE "C" NOT NULL,
    kind           text   COLLATE "C" NOT NULL CHECK (kind IN ('PAYMENT', 'REFUND')),
    order_id       text   NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    currency       text   NOT NULL,
    fact_key       bytea  NOT NULL,
    PRIMARY KEY (transaction_id, account, provider, kind)
);

-- Unique over all months by what guards it: `revision` by the head row, (order_id, seq) by orders.version.
CREATE TABLE order_event (
    revision     bigint NOT NULL,
    at           bigint NOT NULL,
    order_id     text   COLLATE "C" NOT NULL,
    seq          bigint NOT NULL CHECK (seq > 0),
    kind         text   NOT NULL,
    from_state   text,
    to_state     text   NOT NULL,
    opened_cases text   NOT NULL,
    snapshot     text   NOT NULL,
    PRIMARY KEY (revision, at),
    UNIQUE (order_id, seq, at)
) PARTITION BY RANGE (at);

CREATE TABLE cases (
    case_id           text    COLLATE "C" PRIMARY KEY,
    kind              text    NOT NULL,
    open              boolean NOT NULL,
    order_id          text    COLLATE "C",
    account           text    NOT NULL,
    out_trade_no      text,
    transaction_id    text,
    expected_minor    bigint,
    expected_currency text,
    observed_minor    bigint,
    observed_currency text,
    summary           text    NOT NULL,
    notification_id   text    NOT NULL,
    opened_at         bigint  NOT NULL,
    resolution        text,
    resolved_at       bigint
);
CREATE INDEX cases_newest ON cases (opened_at DESC, case_id DESC);
CREATE INDEX cases_of_order ON cases (order_id);

-- I24: what was once true stays written. Retention drops whole months, which is no DELETE.
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'I24: % is append only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON notice       FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON notification FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON observation  FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payment_txn  FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON order_event  FOR EACH ROW EXECUTE FUNCTION append_only();

-- What is of no prepared month is kept all the same; nothing is ever refused for want of a partition.
CREATE TABLE notification_other PARTITION OF notification DEFAULT;
CREATE TABLE order_event_other  PARTITION OF order_event DEFAULT;
ALTER TABLE notification_other ALTER sealed SET STORAGE EXTERNAL;
ALTER TABLE notification_other SET (toast_tuple_target = 8160);

-- The smallest UUID of version 7 of a moment.
CREATE FUNCTION first_id(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || rpad('', 20, '0'))::uuid
$$;

-- Prepares the partitions of one month, if they are not there. Sealed bytes do not compress, and stay in their row.
CREATE FUNCTION prepare_month(month timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    begin_at timestamptz := date_trunc('month', month, 'UTC');
    end_at   timestamptz := date_trunc('month', begin_at + interval '35 days', 'UTC');
    suffix   text := to_char(begin_at AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    -- Two cores may start at once.
    PERFORM pg_advisory_xact_lock(hashtext('paystate prepare_month'));
    IF to_regclass('notification_' || suffix) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF notification FOR VALUES FROM (%L) TO (%L) WITH (toast_tuple_target = 8160)',
            'notification_' || suffix, first_id(begin_at), first_id(end_at));
        EXECUTE format('ALTER TABLE %I ALTER sealed SET STORAGE EXTERNAL', 'notification_' || suffix);
    END IF;
    IF to_regclass('order_event_' || suffix) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF order_event FOR VALUES FROM (%L) TO (%L)',
            'order_event_' || suffix,
            (extract(epoch FROM begin_at) * 1000000)::bigint, (extract(epoch FROM end_at) * 1000000)::bigint);
    END IF;
END $$;
