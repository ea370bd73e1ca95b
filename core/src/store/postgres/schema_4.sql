-- What a person or a policy needs to settle a case, and how it was settled.
ALTER TABLE cases
    ADD due_at   bigint,
    ADD owner    text NOT NULL DEFAULT '',
    ADD evidence text NOT NULL DEFAULT '',
    ADD reason   text NOT NULL DEFAULT '',
    ADD resolver text NOT NULL DEFAULT '';

-- Whose refund a number is, from the moment it is asked for.
CREATE TABLE refund (
    out_refund_no text COLLATE "C" PRIMARY KEY,
    order_id      text COLLATE "C" NOT NULL REFERENCES orders
);

-- A work list, not a record. `again_at` is set while somebody works on what has become due once more.
CREATE TABLE task (
    kind         text    COLLATE "C" NOT NULL,
    subject      text    COLLATE "C" NOT NULL,
    account      text    COLLATE "C",
    order_id     text    COLLATE "C",
    due_at       bigint  NOT NULL,
    attempt      bigint  NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    note         text    NOT NULL DEFAULT '',
    lease        uuid,
    leased_until bigint,
    again_at     bigint,
    hurried_at   bigint,
    PRIMARY KEY (kind, subject),
    CHECK ((lease IS NULL) = (leased_until IS NULL)),
    CHECK (again_at IS NULL OR lease IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX task_due ON task (kind, due_at);
CREATE INDEX task_of_account ON task (account, due_at);

-- Accounts whose payments from before they could be called have their tasks, and since when; '' stands for the ends of
-- orders.
CREATE TABLE adopted (
    account text   COLLATE "C" PRIMARY KEY,
    at      bigint NOT NULL
);

-- What all cores together may still ask of an account's platform: nothing before `taken_until` less the burst.
CREATE TABLE budget (
    account     text   COLLATE "C" PRIMARY KEY,
    taken_until bigint NOT NULL,
    granted     bigint NOT NULL
) WITH (fillfactor = 10);

-- Ids are UUIDs of version 7, as of messages; months are dropped by retention.
CREATE TABLE exchange (
    exchange_id   uuid   PRIMARY KEY,
    provider      text   NOT NULL,
    account       text   NOT NULL,
    operation     text   NOT NULL,
    order_id      text   COLLATE "C",
    out_trade_no  text,
    out_refund_no text,
    started_at    bigint NOT NULL,
    duration_us   bigint NOT NULL,
    http_status   bigint NOT NULL,
    outcome       text   NOT NULL,
    code          text   NOT NULL,
    target        text   NOT NULL,
    seal_key_id   text   NOT NULL,
    sealed        bytea  NOT NULL
) PARTITION BY RANGE (exchange_id);
CREATE INDEX exchange_of_order ON exchange (order_id, exchange_id);
CREATE TABLE exchange_other PARTITION OF exchange DEFAULT;
ALTER TABLE exchange_other ALTER sealed SET STORAGE EXTERNAL;

-- `lease` is the last run, and `result` the one whose findings stand.
CREATE TABLE reconciliation (
    account      text   COLLATE "C" NOT NULL,
    date         text   COLLATE "C" NOT NULL,
    state        text   NOT NULL CHECK (state IN ('RUNNING', 'DONE', 'FAILED')),
    detail       text   NOT NULL,
    tally        text   NOT NULL,
    started_at   bigint NOT NULL,
    ended_at     bigint,
    lease        uuid   NOT NULL,
    leased_until bigint,
    result       uuid,
    PRIMARY KEY (account, date)
);
CREATE TABLE difference (
    run     uuid    NOT NULL,
    seq     bigint  NOT NULL,
    healed  boolean NOT NULL,
    case_id text    COLLATE "C",
    doc     text    NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE TABLE carried (
    run uuid   NOT NULL,
    seq bigint NOT NULL,
    doc text   NOT NULL,
    PRIMARY KEY (run, seq)
);

-- As before, with a partition of exchanges for each month.
CREATE OR REPLACE FUNCTION prepare_month(month timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    begin_at timestamptz := date_trunc('month', month, 'UTC');
    end_at   timestamptz := date_trunc('month', begin_at + interval '35 days', 'UTC');
    suffix   text := to_char(begin_at AT TIME ZONE 'UTC', 'YYYY_MM');
    sealed   text;
BEGIN
    -- Two cores may start at once.
    PERFORM pg_advisory_xact_lock(hashtext('paystate prepare_month'));
    FOREACH sealed IN ARRAY ARRAY['notification', 'exchange'] LOOP
        IF to_regclass(sealed || '_' || suffix) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L) WITH (toast_tuple_target = 8160)',
                sealed || '_' || suffix, sealed, first_id(begin_at), first_id(end_at));
            EXECUTE format('ALTER TABLE %I ALTER sealed SET STORAGE EXTERNAL', sealed || '_' || suffix);
        END IF;
    END LOOP;
    IF to_regclass('order_event_' || suffix) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF order_event FOR VALUES FROM (%L) TO (%L)',
            'order_event_' || suffix,
            (extract(epoch FROM begin_at) * 1000000)::bigint, (extract(epoch FROM end_at) * 1000000)::bigint);
    END IF;
END $$;
