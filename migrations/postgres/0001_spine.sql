-- The spine (DESIGN section 3). Instants are microseconds since 1970 UTC; ids are 16 bytes, hashes 32.
-- The event and log tables are add-only for ever: triggers refuse every UPDATE and DELETE.
-- Text is compared by code point ("C"): the order is that of the program, whatever the locale of the server, and no
-- index depends on a collation library that an upgrade of the system may change.

CREATE TABLE setting (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- The folded state of a case. The log is the truth; `verify` folds it again and compares.
CREATE TABLE court_case (
    id              UUID    NOT NULL PRIMARY KEY,
    reference       TEXT COLLATE "C"    NOT NULL CONSTRAINT court_case_reference_key UNIQUE,
    alias           TEXT COLLATE "C"             CONSTRAINT court_case_alias_key UNIQUE,
    workflow        TEXT COLLATE "C"    NOT NULL,
    definition      BYTEA    NOT NULL,
    person          UUID,
    cohort          UUID,
    main            TEXT COLLATE "C"    NOT NULL,
    stage           TEXT COLLATE "C"    NOT NULL,
    stage_since     BIGINT,
    office          TEXT COLLATE "C"    NOT NULL,
    held            BOOLEAN NOT NULL,
    authority_until BIGINT,
    next_date       BIGINT,
    outcome         TEXT COLLATE "C",
    irregular       BIGINT NOT NULL,
    state           BYTEA    NOT NULL,
    version         BIGINT NOT NULL,
    head            BYTEA    NOT NULL,
    opened          BIGINT NOT NULL,
    updated         BIGINT NOT NULL
) WITH (fillfactor = 75);
CREATE INDEX court_case_by_stage ON court_case (workflow, stage, id);
CREATE INDEX court_case_by_cohort ON court_case (cohort, id) WHERE cohort IS NOT NULL;
CREATE INDEX court_case_by_person ON court_case (person) WHERE person IS NOT NULL;
CREATE INDEX court_case_by_authority ON court_case (authority_until) WHERE held;
CREATE INDEX court_case_irregular ON court_case (id) WHERE irregular > 0;

-- The folded state of any other stream: an official, a person, a manifest, a definition, the system.
CREATE TABLE entity (
    stream  UUID    NOT NULL PRIMARY KEY,
    kind    TEXT COLLATE "C"    NOT NULL,
    parent  UUID,
    state   BYTEA    NOT NULL,
    version BIGINT NOT NULL,
    head    BYTEA    NOT NULL,
    updated BIGINT NOT NULL
);
CREATE INDEX entity_by_kind ON entity (kind, stream);
CREATE INDEX entity_by_parent ON entity (parent, stream) WHERE parent IS NOT NULL;

-- Keys by which a stream is found.
CREATE TABLE lookup (
    space  TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    stream UUID NOT NULL,
    PRIMARY KEY (space, key)
);

CREATE TABLE event (
    stream   UUID    NOT NULL,
    seq      BIGINT NOT NULL,
    bytes    BYTEA    NOT NULL,
    hash     BYTEA    NOT NULL,
    recorded BIGINT NOT NULL,
    PRIMARY KEY (stream, seq)
);

-- The only home of personal values: path to salt and value.
CREATE TABLE secret (
    stream  UUID    NOT NULL,
    seq     BIGINT NOT NULL,
    content BYTEA    NOT NULL,
    PRIMARY KEY (stream, seq)
);

-- Events that the sequencer has not numbered yet, in order of insertion.
CREATE TABLE log_pending (
    ord    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream UUID    NOT NULL,
    seq    BIGINT NOT NULL,
    hash   BYTEA    NOT NULL
);

CREATE TABLE log_entry (
    idx    BIGINT NOT NULL PRIMARY KEY,
    stream UUID    NOT NULL,
    seq    BIGINT NOT NULL,
    hash   BYTEA    NOT NULL,
    CONSTRAINT log_entry_stream_seq_key UNIQUE (stream, seq)
);

CREATE TABLE tree_node (
    level SMALLINT NOT NULL,
    idx   BIGINT NOT NULL,
    hash  BYTEA    NOT NULL,
    PRIMARY KEY (level, idx)
);

CREATE TABLE checkpoint (
    size   BIGINT NOT NULL PRIMARY KEY,
    note   TEXT COLLATE "C"    NOT NULL,
    signed BIGINT NOT NULL
);

-- Offices of which there is one at a time (the sequencer). Times are the database's own clock.
CREATE TABLE fence (
    name  TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    owner UUID    NOT NULL,
    epoch BIGINT NOT NULL,
    until BIGINT NOT NULL
);

CREATE TABLE deadline (
    stream   UUID    NOT NULL,
    key      TEXT COLLATE "C"    NOT NULL,
    since    BIGINT NOT NULL,
    due      BIGINT,
    next     BIGINT,
    step     BIGINT NOT NULL,
    passed   BOOLEAN NOT NULL,
    calendar BYTEA,
    owner    UUID,
    epoch    BIGINT NOT NULL,
    until    BIGINT NOT NULL,
    PRIMARY KEY (stream, key)
);
CREATE INDEX deadline_by_next ON deadline (next) WHERE next IS NOT NULL;
CREATE INDEX deadline_by_due ON deadline (due) WHERE due IS NOT NULL;

CREATE TABLE job (
    id        UUID    NOT NULL PRIMARY KEY,
    stream    UUID    NOT NULL,
    seq       BIGINT NOT NULL,
    name      TEXT COLLATE "C"    NOT NULL,
    queue     TEXT COLLATE "C"    NOT NULL,
    payload   BYTEA    NOT NULL,
    principal UUID,
    attempt   BIGINT NOT NULL,
    run_at    BIGINT NOT NULL,
    fault     TEXT COLLATE "C",
    incident  BOOLEAN NOT NULL,
    owner     UUID,
    epoch     BIGINT NOT NULL,
    until     BIGINT NOT NULL
);
CREATE INDEX job_by_queue ON job (queue, run_at) WHERE NOT incident;
CREATE INDEX job_incidents ON job (id) WHERE incident;

-- Accepted requests, for the life of their stream. The key begins with the stream, so that it lies beside its case.
CREATE TABLE request (
    stream    UUID    NOT NULL,
    principal UUID    NOT NULL,
    key       TEXT COLLATE "C"    NOT NULL,
    asked     BYTEA    NOT NULL,
    answer    BYTEA    NOT NULL,
    batch     UUID,
    leaf      BIGINT,
    PRIMARY KEY (stream, principal, key)
);

-- One signature per batch, with the leaf hashes once; a receipt's path is rebuilt from them.
CREATE TABLE batch (
    id        UUID NOT NULL PRIMARY KEY,
    leaves    BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    key_id    TEXT COLLATE "C" NOT NULL
);

CREATE TABLE stage_delta (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow TEXT COLLATE "C"    NOT NULL,
    stage    TEXT COLLATE "C"    NOT NULL,
    office   TEXT COLLATE "C"    NOT NULL,
    net      BIGINT NOT NULL
);

CREATE TABLE stage_count (
    workflow TEXT COLLATE "C"    NOT NULL,
    stage    TEXT COLLATE "C"    NOT NULL,
    office   TEXT COLLATE "C"    NOT NULL,
    cases    BIGINT NOT NULL,
    PRIMARY KEY (workflow, stage, office)
);

CREATE TABLE access (
    id       UUID    NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    official UUID,
    capacity TEXT COLLATE "C",
    purpose  TEXT COLLATE "C",
    query    TEXT COLLATE "C"    NOT NULL,
    streams  TEXT COLLATE "C"    NOT NULL,
    outcome  TEXT COLLATE "C"    NOT NULL,
    refusals TEXT COLLATE "C"    NOT NULL
);
CREATE INDEX access_by_official ON access (official, at) WHERE official IS NOT NULL;
CREATE INDEX access_by_time ON access (at);

-- Which streams an access showed, for the question "who saw this case".
CREATE TABLE access_stream (
    stream UUID    NOT NULL,
    at     BIGINT NOT NULL,
    id     UUID    NOT NULL,
    PRIMARY KEY (stream, at, id)
);

CREATE TABLE worker (
    id   UUID    NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL
);

CREATE TABLE operation (
    id        UUID    NOT NULL PRIMARY KEY,
    principal UUID    NOT NULL,
    kind      TEXT COLLATE "C"    NOT NULL,
    request   BYTEA    NOT NULL,
    asked     BYTEA    NOT NULL,
    percent   SMALLINT NOT NULL,
    result    BYTEA,
    created   BIGINT NOT NULL,
    updated   BIGINT NOT NULL
);

CREATE TABLE calendar (
    hash   BYTEA    NOT NULL PRIMARY KEY,
    name   TEXT COLLATE "C"    NOT NULL,
    bytes  BYTEA    NOT NULL,
    stored BIGINT NOT NULL
);

CREATE TABLE definition (
    hash      BYTEA    NOT NULL PRIMARY KEY,
    workflow  TEXT COLLATE "C"    NOT NULL,
    version   BIGINT NOT NULL,
    bytes     BYTEA    NOT NULL,
    calendars TEXT COLLATE "C"    NOT NULL,
    proved    BOOLEAN NOT NULL,
    stored    BIGINT NOT NULL
);

CREATE TABLE definition_active (
    workflow TEXT COLLATE "C"    NOT NULL PRIMARY KEY,
    hash     BYTEA    NOT NULL,
    since    BIGINT NOT NULL
);

-- The clock of leases: the database's own, in microseconds, and not the start of the transaction.
CREATE FUNCTION lease_clock() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT
$$;

-- The last word of a batch: an incomplete one is undone as a whole (QD001), a complete one may wake the workers once.
CREATE FUNCTION close_batch(complete BOOLEAN, wake BOOLEAN) RETURNS BOOLEAN LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF complete IS NOT TRUE THEN
        RAISE EXCEPTION 'an append of the batch has lost' USING ERRCODE = 'QD001';
    END IF;
    IF wake THEN
        PERFORM pg_notify('qadiya_work', '');
    END IF;
    RETURN TRUE;
END
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change('events are never changed');
CREATE TRIGGER event_no_delete BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change('events are never deleted');
CREATE TRIGGER log_entry_no_update BEFORE UPDATE ON log_entry FOR EACH ROW EXECUTE FUNCTION refuse_change('log entries are never changed');
CREATE TRIGGER log_entry_no_delete BEFORE DELETE ON log_entry FOR EACH ROW EXECUTE FUNCTION refuse_change('log entries are never deleted');
CREATE TRIGGER tree_node_no_update BEFORE UPDATE ON tree_node FOR EACH ROW EXECUTE FUNCTION refuse_change('tree nodes are never changed');
CREATE TRIGGER tree_node_no_delete BEFORE DELETE ON tree_node FOR EACH ROW EXECUTE FUNCTION refuse_change('tree nodes are never deleted');
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change('checkpoints are never changed');
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change('checkpoints are never deleted');
CREATE TRIGGER access_no_update BEFORE UPDATE ON access FOR EACH ROW EXECUTE FUNCTION refuse_change('access records are never changed');
CREATE TRIGGER access_no_delete BEFORE DELETE ON access FOR EACH ROW EXECUTE FUNCTION refuse_change('access records are never deleted');
CREATE TRIGGER request_no_update BEFORE UPDATE ON request FOR EACH ROW EXECUTE FUNCTION refuse_change('answers are never changed');
CREATE TRIGGER request_no_delete BEFORE DELETE ON request FOR EACH ROW EXECUTE FUNCTION refuse_change('answers are never deleted');
CREATE TRIGGER definition_no_update BEFORE UPDATE ON definition FOR EACH ROW EXECUTE FUNCTION refuse_change('definitions are never changed');
CREATE TRIGGER definition_no_delete BEFORE DELETE ON definition FOR EACH ROW EXECUTE FUNCTION refuse_change('definitions are never deleted');
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('events are never deleted');
CREATE TRIGGER log_entry_no_truncate BEFORE TRUNCATE ON log_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('log entries are never deleted');
CREATE TRIGGER tree_node_no_truncate BEFORE TRUNCATE ON tree_node FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('tree nodes are never deleted');
CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('checkpoints are never deleted');
CREATE TRIGGER access_no_truncate BEFORE TRUNCATE ON access FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('access records are never deleted');
CREATE TRIGGER request_no_truncate BEFORE TRUNCATE ON request FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('answers are never deleted');
CREATE TRIGGER definition_no_truncate BEFORE TRUNCATE ON definition FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('definitions are never deleted');
