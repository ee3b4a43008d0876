-- One batch of appends in one statement, which commits by itself: all of it, or nothing.
-- Every table takes arrays of equal length; rows are written in the order of ids. An append that has lost (another
-- version, an old lease, a key of another stream, another active definition) is missing from a RETURNING; then
-- close_batch undoes everything. Reading who lost is another question, asked afterwards (losers.rs).
WITH
case_given AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::uuid[], $7::uuid[], $8::text[],
        $9::text[], $10::bigint[], $11::text[], $12::boolean[], $13::bigint[], $14::bigint[], $15::text[],
        $16::bigint[], $17::bytea[], $18::bigint[], $19::bytea[], $20::bigint[], $21::bigint[],
        $22::bigint[]
    ) AS given (
        id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, held,
        authority_until, next_date, outcome, irregular, state, version, head, opened, updated, expected
    )
),
case_opened AS (
    INSERT INTO court_case (
        id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, held,
        authority_until, next_date, outcome, irregular, state, version, head, opened, updated
    )
    SELECT
        id, reference, alias, workflow, definition, person, cohort, main, stage, stage_since, office, held,
        authority_until, next_date, outcome, irregular, state, version, head, opened, updated
    FROM case_given WHERE expected = 0 ORDER BY id
    RETURNING 1
),
-- A case that changes its number or alias is written on the second try only, after it was asked who holds the new one:
-- whether one case may take what another of the same batch gives up must not hang on the order of these updates.
case_moved AS (
    UPDATE court_case AS c SET
        reference = g.reference, alias = g.alias, workflow = g.workflow, definition = g.definition, person =
        g.person, cohort = g.cohort, main = g.main, stage = g.stage, stage_since = g.stage_since, office =
        g.office, held = g.held, authority_until = g.authority_until, next_date = g.next_date, outcome =
        g.outcome, irregular = g.irregular, state = g.state, version = g.version, head = g.head, opened =
        g.opened, updated = g.updated
    FROM case_given AS g
    WHERE g.expected > 0 AND c.id = g.id AND c.version = g.expected
        AND ($95::boolean OR (c.reference = g.reference AND c.alias IS NOT DISTINCT FROM g.alias))
    RETURNING 1
),
entity_given AS (
    SELECT * FROM unnest(
        $23::uuid[], $24::text[], $25::uuid[], $26::bytea[], $27::bigint[], $28::bytea[], $29::bigint[],
        $30::bigint[]
    ) AS given (
        stream, kind, parent, state, version, head, updated, expected
    )
),
entity_opened AS (
    INSERT INTO entity (stream, kind, parent, state, version, head, updated)
    SELECT stream, kind, parent, state, version, head, updated
    FROM entity_given WHERE expected = 0 ORDER BY stream
    RETURNING 1
),
entity_moved AS (
    UPDATE entity AS e SET
        kind = g.kind, parent = g.parent, state = g.state, version = g.version, head = g.head, updated =
        g.updated
    FROM entity_given AS g
    WHERE g.expected > 0 AND e.stream = g.stream AND e.version = g.expected
    RETURNING 1
),
event_given AS (
    SELECT * FROM unnest(
        $31::uuid[], $32::bigint[], $33::bytea[], $34::bytea[], $35::bigint[]
    ) AS given (
        stream, seq, bytes, hash, recorded
    )
),
event_written AS (
    INSERT INTO event (stream, seq, bytes, hash, recorded)
    SELECT stream, seq, bytes, hash, recorded FROM event_given ORDER BY stream, seq
),
pending_written AS (
    INSERT INTO log_pending (stream, seq, hash)
    SELECT stream, seq, hash FROM event_given ORDER BY stream, seq
),
secret_given AS (
    SELECT * FROM unnest(
        $36::uuid[], $37::bigint[], $38::bytea[]
    ) AS given (
        stream, seq, content
    )
),
secret_written AS (
    INSERT INTO secret (stream, seq, content)
    SELECT stream, seq, content FROM secret_given ORDER BY stream, seq
),
-- mode 0 writes the row, 1 takes it away, 2 ends its lease only. `expected` is the epoch of the lease that the append
-- settles, where it settles one. A row that is written again keeps its epoch and adds one, so that no old lease fits it;
-- one that comes anew begins with `first_epoch`, where no row before it has been.
deadline_given AS (
    SELECT * FROM unnest(
        $39::uuid[], $40::text[], $41::smallint[], $42::bigint[], $43::bigint[], $44::bigint[],
        $45::bigint[], $46::bigint[], $47::boolean[], $48::bytea[], $96::bigint[]
    ) AS given (
        stream, key, mode, expected, since, due, next, step, passed, calendar, first_epoch
    )
),
deadline_put AS (
    INSERT INTO deadline AS d (stream, key, since, due, next, step, passed, calendar, owner, epoch, until)
    SELECT stream, key, since, due, next, step, passed, calendar, NULL, first_epoch, 0
    FROM deadline_given WHERE mode = 0 AND expected IS NULL ORDER BY stream, key
    ON CONFLICT (stream, key) DO UPDATE SET
        since = EXCLUDED.since, due = EXCLUDED.due, next = EXCLUDED.next, step = EXCLUDED.step,
        passed = EXCLUDED.passed, calendar = EXCLUDED.calendar, owner = NULL, epoch = d.epoch + 1, until = 0
),
deadline_settled AS (
    UPDATE deadline AS d SET
        since = CASE WHEN g.mode = 0 THEN g.since ELSE d.since END,
        due = CASE WHEN g.mode = 0 THEN g.due ELSE d.due END,
        next = CASE WHEN g.mode = 0 THEN g.next ELSE d.next END,
        step = CASE WHEN g.mode = 0 THEN g.step ELSE d.step END,
        passed = CASE WHEN g.mode = 0 THEN g.passed ELSE d.passed END,
        calendar = CASE WHEN g.mode = 0 THEN g.calendar ELSE d.calendar END,
        epoch = CASE WHEN g.mode = 0 THEN d.epoch + 1 ELSE d.epoch END,
        owner = NULL, until = 0
    FROM deadline_given AS g
    WHERE g.mode <> 1 AND d.stream = g.stream AND d.key = g.key AND d.epoch = g.expected
    RETURNING 1
),
deadline_removed AS (
    DELETE FROM deadline AS d USING deadline_given AS g
    WHERE g.mode = 1 AND d.stream = g.stream AND d.key = g.key AND (g.expected IS NULL OR d.epoch = g.expected)
    RETURNING g.expected
),
job_given AS (
    SELECT * FROM unnest(
        $49::uuid[], $50::uuid[], $51::bigint[], $52::text[], $53::text[], $54::bytea[], $55::uuid[],
        $56::bigint[]
    ) AS given (
        id, stream, seq, name, queue, payload, principal, run_at
    )
),
job_written AS (
    INSERT INTO job (id, stream, seq, name, queue, payload, principal, attempt, run_at, incident, epoch, until)
    SELECT id, stream, seq, name, queue, payload, principal, 0, run_at, false, 0, 0 FROM job_given ORDER BY id
    ON CONFLICT (id) DO NOTHING
),
job_cancelled AS (
    SELECT * FROM unnest(
        $97::uuid[], $98::uuid[]
    ) AS given (
        id, stream
    )
),
job_taken_back AS (
    DELETE FROM job AS j USING job_cancelled AS c WHERE j.id = c.id AND j.stream = c.stream
),
job_settled AS (
    SELECT * FROM unnest(
        $57::uuid[], $58::bigint[], $59::text[]
    ) AS given (
        id, epoch, fault
    )
),
job_done AS (
    DELETE FROM job AS j USING job_settled AS s
    WHERE s.fault IS NULL AND j.id = s.id AND j.epoch = s.epoch AND NOT j.incident
    RETURNING 1
),
job_given_up AS (
    UPDATE job AS j SET incident = true, fault = s.fault, owner = NULL, until = 0
    FROM job_settled AS s
    WHERE s.fault IS NOT NULL AND j.id = s.id AND j.epoch = s.epoch AND NOT j.incident
    RETURNING 1
),
request_given AS (
    SELECT * FROM unnest(
        $60::uuid[], $61::uuid[], $62::text[], $63::bytea[], $64::bytea[], $65::bigint[]
    ) AS given (
        stream, principal, key, asked, answer, leaf
    )
),
request_written AS (
    INSERT INTO request (stream, principal, key, asked, answer, batch, leaf)
    SELECT stream, principal, key, asked, answer, $66::uuid, leaf
    FROM request_given ORDER BY stream, principal, key
),
batch_written AS (
    INSERT INTO batch (id, leaves, signature, key_id)
    SELECT $66::uuid, $67::bytea, $68::bytea, $69::text WHERE $66::uuid IS NOT NULL
),
lookup_given AS (
    SELECT * FROM unnest(
        $70::text[], $71::text[], $72::uuid[]
    ) AS given (
        space, key, stream
    )
),
lookup_written AS (
    INSERT INTO lookup AS l (space, key, stream)
    SELECT space, key, stream FROM lookup_given ORDER BY space, key
    ON CONFLICT (space, key) DO UPDATE SET stream = EXCLUDED.stream WHERE l.stream = EXCLUDED.stream
    RETURNING 1
),
lookup_forgotten AS (
    SELECT * FROM unnest(
        $73::text[], $74::text[], $75::uuid[]
    ) AS given (
        space, key, stream
    )
),
lookup_removed AS (
    DELETE FROM lookup AS l USING lookup_forgotten AS f
    WHERE l.space = f.space AND l.key = f.key AND l.stream = f.stream
),
stage_given AS (
    SELECT * FROM unnest(
        $76::text[], $77::text[], $78::text[], $79::bigint[]
    ) AS given (
        workflow, stage, office, net
    )
),
stage_written AS (
    INSERT INTO stage_delta (workflow, stage, office, net)
    SELECT workflow, stage, office, net FROM stage_given
),
opens_under AS (
    SELECT * FROM unnest(
        $80::text[], $81::bytea[]
    ) AS given (
        workflow, hash
    )
),
-- The row stays locked until the commit, so no other definition becomes the active one meanwhile.
still_active AS (
    SELECT a.workflow FROM definition_active AS a
    JOIN opens_under AS o ON o.workflow = a.workflow AND o.hash = a.hash
    FOR SHARE OF a
),
active_given AS (
    SELECT * FROM unnest(
        $99::text[], $100::bytea[], $101::bigint[]
    ) AS given (
        workflow, hash, since
    )
),
-- After the rows that cases of this batch are held against were read: a case that comes with an activation is one of before.
active_written AS (
    INSERT INTO definition_active (workflow, hash, since)
    SELECT workflow, hash, since FROM active_given
    WHERE (SELECT count(*) FROM still_active) >= 0 ORDER BY workflow
    ON CONFLICT (workflow) DO UPDATE SET hash = EXCLUDED.hash, since = EXCLUDED.since
),
access_given AS (
    SELECT * FROM unnest(
        $82::uuid[], $83::bigint[], $84::uuid[], $85::text[], $86::text[], $87::text[], $88::text[],
        $89::text[], $90::text[]
    ) AS given (
        id, at, official, capacity, purpose, query, streams, outcome, refusals
    )
),
access_written AS (
    INSERT INTO access (id, at, official, capacity, purpose, query, streams, outcome, refusals)
    SELECT id, at, official, capacity, purpose, query, streams, outcome, refusals
    FROM access_given ORDER BY id
),
access_shown AS (
    SELECT * FROM unnest(
        $91::uuid[], $92::bigint[], $93::uuid[]
    ) AS given (
        stream, at, id
    )
),
access_stream_written AS (
    INSERT INTO access_stream (stream, at, id)
    SELECT stream, at, id FROM access_shown ORDER BY stream, at, id
    ON CONFLICT DO NOTHING
)
SELECT close_batch(
    (SELECT count(*) FROM case_opened) + (SELECT count(*) FROM case_moved) = (SELECT count(*) FROM case_given)
    AND (SELECT count(*) FROM entity_opened) + (SELECT count(*) FROM entity_moved) = (SELECT count(*) FROM entity_given)
    AND (SELECT count(*) FROM deadline_settled) + (SELECT count(expected) FROM deadline_removed)
        = (SELECT count(expected) FROM deadline_given)
    AND (SELECT count(*) FROM job_done) + (SELECT count(*) FROM job_given_up) = (SELECT count(*) FROM job_settled)
    AND (SELECT count(*) FROM lookup_written) = (SELECT count(*) FROM lookup_given)
    AND (SELECT count(*) FROM still_active) = (SELECT count(*) FROM opens_under),
    $94::boolean
) AS "closed!"
