-- The spine (DESIGN section 3). Instants are microseconds since 1970 UTC; ids are 16 bytes, hashes 32.
-- The event and log tables are add-only for ever: triggers refuse every UPDATE and DELETE.

CREATE TABLE setting (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- The folded state of a case. The log is the truth; `verify` folds it again and compares.
CREATE TABLE court_case (
    id              BLOB    NOT NULL PRIMARY KEY,
    reference       TEXT    NOT NULL CONSTRAINT court_case_reference_key UNIQUE,
    alias           TEXT             CONSTRAINT court_case_alias_key UNIQUE,
    workflow        TEXT    NOT NULL,
    definition      BLOB    NOT NULL,
    person          BLOB,
    cohort          BLOB,
    main            TEXT    NOT NULL,
    stage           TEXT    NOT NULL,
    stage_since     INTEGER,
    office          TEXT    NOT NULL,
    held            INTEGER NOT NULL,
    authority_until INTEGER,
    next_date       INTEGER,
    outcome         TEXT,
    irregular       INTEGER NOT NULL,
    state           BLOB    NOT NULL,
    version         INTEGER NOT NULL,
    head            BLOB    NOT NULL,
    opened          INTEGER NOT NULL,
    updated         INTEGER NOT NULL
) STRICT;
CREATE INDEX court_case_by_stage ON court_case (workflow, stage, id);
CREATE INDEX court_case_by_cohort ON court_case (cohort, id) WHERE cohort IS NOT NULL;
CREATE INDEX court_case_by_person ON court_case (person) WHERE person IS NOT NULL;
CREATE INDEX court_case_by_authority ON court_case (authority_until) WHERE held = 1;
CREATE INDEX court_case_irregular ON court_case (id) WHERE irregular > 0;

-- The folded state of any other stream: an official, a person, a manifest, a definition, the system.
CREATE TABLE entity (
    stream  BLOB    NOT NULL PRIMARY KEY,
    kind    TEXT    NOT NULL,
    parent  BLOB,
    state   BLOB    NOT NULL,
    version INTEGER NOT NULL,
    head    BLOB    NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX entity_by_kind ON entity (kind, stream);
CREATE INDEX entity_by_parent ON entity (parent, stream) WHERE parent IS NOT NULL;

-- Keys by which a stream is found.
CREATE TABLE lookup (
    space  TEXT NOT NULL,
    key    TEXT NOT NULL,
    stream BLOB NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;

-- With a row number: an event is longer than a leaf of an index takes, so it would lie in a page of its own, and events are
-- written at the end of the table instead of all over it.
CREATE TABLE event (
    stream   BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    bytes    BLOB    NOT NULL,
    hash     BLOB    NOT NULL,
    recorded INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT;

-- The only home of personal values: path to salt and value.
CREATE TABLE secret (
    stream  BLOB    NOT NULL,
    seq     INTEGER NOT NULL,
    content BLOB    NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT;

-- Events that the sequencer has not numbered yet, in order of insertion.
CREATE TABLE log_pending (
    ord    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    stream BLOB    NOT NULL,
    seq    INTEGER NOT NULL,
    hash   BLOB    NOT NULL
) STRICT;

CREATE TABLE log_entry (
    idx    INTEGER NOT NULL PRIMARY KEY,
    stream BLOB    NOT NULL,
    seq    INTEGER NOT NULL,
    hash   BLOB    NOT NULL,
    CONSTRAINT log_entry_stream_seq_key UNIQUE (stream, seq)
) STRICT;

CREATE TABLE tree_node (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB    NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
    size   INTEGER NOT NULL PRIMARY KEY,
    note   TEXT    NOT NULL,
    signed INTEGER NOT NULL
) STRICT;

-- Offices of which there is one at a time (the sequencer). Times are the database's own clock.
CREATE TABLE fence (
    name  TEXT    NOT NULL PRIMARY KEY,
    owner BLOB    NOT NULL,
    epoch INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE deadline (
    stream   BLOB    NOT NULL,
    key      TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    due      INTEGER,
    next     INTEGER,
    step     INTEGER NOT NULL,
    passed   INTEGER NOT NULL,
    calendar BLOB,
    owner    BLOB,
    epoch    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    PRIMARY KEY (stream, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadline_by_next ON deadline (next) WHERE next IS NOT NULL;
CREATE INDEX deadline_by_due ON deadline (due) WHERE due IS NOT NULL;

CREATE TABLE job (
    id        BLOB    NOT NULL PRIMARY KEY,
    stream    BLOB    NOT NULL,
    seq       INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    queue     TEXT    NOT NULL,
    payload   BLOB    NOT NULL,
    principal BLOB,
    attempt   INTEGER NOT NULL,
    run_at    INTEGER NOT NULL,
    fault     TEXT,
    incident  INTEGER NOT NULL,
    owner     BLOB,
    epoch     INTEGER NOT NULL,
    until     INTEGER NOT NULL
) STRICT;
CREATE INDEX job_by_queue ON job (queue, run_at) WHERE incident = 0;
CREATE INDEX job_incidents ON job (id) WHERE incident = 1;

-- Accepted requests, for the life of their stream. The key begins with the stream, so that it lies beside its case.
CREATE TABLE request (
    stream    BLOB    NOT NULL,
    principal BLOB    NOT NULL,
    key       TEXT    NOT NULL,
    asked     BLOB    NOT NULL,
    answer    BLOB    NOT NULL,
    batch     BLOB,
    leaf      INTEGER,
    PRIMARY KEY (stream, principal, key)
) STRICT, WITHOUT ROWID;

-- One signature per batch, with the leaf hashes once; a receipt's path is rebuilt from them.
CREATE TABLE batch (
    id        BLOB NOT NULL PRIMARY KEY,
    leaves    BLOB NOT NULL,
    signature BLOB NOT NULL,
    key_id    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_delta (
    id       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    workflow TEXT    NOT NULL,
    stage    TEXT    NOT NULL,
    office   TEXT    NOT NULL,
    net      INTEGER NOT NULL
) STRICT;

CREATE TABLE stage_count (
    workflow TEXT    NOT NULL,
    stage    TEXT    NOT NULL,
    office   TEXT    NOT NULL,
    cases    INTEGER NOT NULL,
    PRIMARY KEY (workflow, stage, office)
) STRICT, WITHOUT ROWID;

CREATE TABLE access (
    id       BLOB    NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    official BLOB,
    capacity TEXT,
    purpose  TEXT,
    query    TEXT    NOT NULL,
    streams  TEXT    NOT NULL,
    outcome  TEXT    NOT NULL,
    refusals TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_by_official ON access (official, at) WHERE official IS NOT NULL;
CREATE INDEX access_by_time ON access (at);

-- Which streams an access showed, for the question "who saw this case".
CREATE TABLE access_stream (
    stream BLOB    NOT NULL,
    at     INTEGER NOT NULL,
    id     BLOB    NOT NULL,
    PRIMARY KEY (stream, at, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE worker (
    id   BLOB    NOT NULL PRIMARY KEY,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operation (
    id        BLOB    NOT NULL PRIMARY KEY,
    principal BLOB    NOT NULL,
    kind      TEXT    NOT NULL,
    request   BLOB    NOT NULL,
    asked     BLOB    NOT NULL,
    percent   INTEGER NOT NULL,
    result    BLOB,
    created   INTEGER NOT NULL,
    updated   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE calendar (
    hash   BLOB    NOT NULL PRIMARY KEY,
    name   TEXT    NOT NULL,
    bytes  BLOB    NOT NULL,
    stored INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE definition (
    hash      BLOB    NOT NULL PRIMARY KEY,
    workflow  TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    bytes     BLOB    NOT NULL,
    calendars TEXT    NOT NULL,
    proved    INTEGER NOT NULL,
    stored    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE definition_active (
    workflow TEXT    NOT NULL PRIMARY KEY,
    hash     BLOB    NOT NULL,
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER log_entry_no_update BEFORE UPDATE ON log_entry BEGIN SELECT RAISE(ABORT, 'log entries are never changed'); END;
CREATE TRIGGER log_entry_no_delete BEFORE DELETE ON log_entry BEGIN SELECT RAISE(ABORT, 'log entries are never deleted'); END;
CREATE TRIGGER tree_node_no_update BEFORE UPDATE ON tree_node BEGIN SELECT RAISE(ABORT, 'tree nodes are never changed'); END;
CREATE TRIGGER tree_node_no_delete BEFORE DELETE ON tree_node BEGIN SELECT RAISE(ABORT, 'tree nodes are never deleted'); END;
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'checkpoints are never deleted'); END;
CREATE TRIGGER access_no_update BEFORE UPDATE ON access BEGIN SELECT RAISE(ABORT, 'access records are never changed'); END;
CREATE TRIGGER access_no_delete BEFORE DELETE ON access BEGIN SELECT RAISE(ABORT, 'access records are never deleted'); END;
CREATE TRIGGER request_no_update BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'answers are never changed'); END;
CREATE TRIGGER request_no_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'answers are never deleted'); END;
CREATE TRIGGER definition_no_update BEFORE UPDATE ON definition BEGIN SELECT RAISE(ABORT, 'definitions are never changed'); END;
CREATE TRIGGER definition_no_delete BEFORE DELETE ON definition BEGIN SELECT RAISE(ABORT, 'definitions are never deleted'); END;
