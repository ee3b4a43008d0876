-- One batch in one text: every table reads one JSON list, and a list that is NULL has no rows. Long bytes
-- stand in $24, one after the other, and a row says where. One call to the
-- connection's thread costs more than a statement without rows. What stands about the batch was asked in the same
-- transaction before (append.rs), so nothing here can lose; whatever fails undoes all of it.

INSERT INTO court_case (id, reference, alias, workflow, definition, person, cohort, main, stage,
                        stage_since, office, held, authority_until, next_date, outcome, irregular, state,
                        version, head, opened, updated)
SELECT unhex(value ->> 'i'), value ->> 'r', value ->> 'a', value ->> 'w', unhex(value ->> 'd'),
       unhex(value ->> 'person'), unhex(value ->> 'cohort'), value ->> 'm', value ->> 's', value ->> 'ss',
       value ->> 'o', value ->> 'h', value ->> 'au', value ->> 'nd', value ->> 'out', value ->> 'irr',
       substr($24, value ->> 'so', value ->> 'sn'), value ->> 'v', unhex(value ->> 'hd'), value ->> 'op',
       value ->> 'up'
FROM json_each($1) ORDER BY key;

UPDATE court_case SET reference = j.r, alias = j.a, person = j.person, cohort = j.cohort
FROM (SELECT unhex(value ->> 'i') AS i, value ->> 'r' AS r, value ->> 'a' AS a,
             unhex(value ->> 'person') AS person, unhex(value ->> 'cohort') AS cohort
      FROM json_each($2)) AS j
WHERE court_case.id = j.i;

-- A column that is set is written into its indexes again, whether it changes or not; so those that have one are set only
-- where they change.
UPDATE court_case SET workflow = j.w, stage = j.s, held = j.h, authority_until = j.au, irregular = j.irr
FROM (SELECT unhex(value ->> 'i') AS i, value ->> 'w' AS w, value ->> 's' AS s, value ->> 'h' AS h,
             value ->> 'au' AS au, value ->> 'irr' AS irr
      FROM json_each($3)) AS j
WHERE court_case.id = j.i
  AND (workflow, stage, held, authority_until, irregular) IS NOT (j.w, j.s, j.h, j.au, j.irr);

UPDATE court_case SET definition = j.d, main = j.m, stage_since = j.ss, office = j.o, next_date = j.nd,
       outcome = j.out, state = j.st, version = j.v, head = j.hd, opened = j.op, updated = j.up
FROM (SELECT unhex(value ->> 'i') AS i, unhex(value ->> 'd') AS d, value ->> 'm' AS m, value ->> 'ss' AS ss,
             value ->> 'o' AS o, value ->> 'nd' AS nd, value ->> 'out' AS out, substr($24, value ->> 'so', value ->> 'sn') AS st,
             value ->> 'v' AS v, unhex(value ->> 'hd') AS hd, value ->> 'op' AS op, value ->> 'up' AS up
      FROM json_each($3)) AS j
WHERE court_case.id = j.i;

INSERT INTO entity (stream, kind, parent, state, version, head, updated)
SELECT unhex(value ->> 'i'), value ->> 'k', unhex(value ->> 'p'), substr($24, value ->> 'so', value ->> 'sn'),
       value ->> 'v', unhex(value ->> 'hd'), value ->> 'up'
FROM json_each($4) WHERE true ORDER BY key
ON CONFLICT (stream) DO UPDATE SET kind = excluded.kind, parent = excluded.parent,
  state = excluded.state, version = excluded.version, head = excluded.head, updated = excluded.updated;

INSERT INTO event (stream, seq, bytes, hash, recorded)
SELECT unhex(value ->> 'i'), value ->> 'n', substr($24, value ->> 'bo', value ->> 'bn'), unhex(value ->> 'h'), value ->> 'at'
FROM json_each($5) ORDER BY key;

INSERT INTO secret (stream, seq, content)
SELECT unhex(value ->> 0), value ->> 1, substr($24, value ->> 2, value ->> 3) FROM json_each($6) ORDER BY key;

INSERT INTO log_pending (stream, seq, hash)
SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2) FROM json_each($7) ORDER BY key;

-- The epoch survives and rises, so that an old lease never fits a changed clock; the lease itself is over. A row that
-- comes anew begins where no row before it has been.
INSERT INTO deadline (stream, key, since, due, next, step, passed, calendar, owner, epoch, until)
SELECT unhex(value ->> 'i'), value ->> 'k', value ->> 'since', value ->> 'due', value ->> 'next',
       value ->> 'step', value ->> 'passed', unhex(value ->> 'cal'), NULL, value ->> 'e', 0
FROM json_each($8) WHERE true ORDER BY json_each.key
ON CONFLICT (stream, key) DO UPDATE SET since = excluded.since, due = excluded.due, next = excluded.next,
  step = excluded.step, passed = excluded.passed, calendar = excluded.calendar, owner = NULL,
  epoch = epoch + 1, until = 0;

DELETE FROM deadline WHERE (stream, key) IN (SELECT unhex(value ->> 0), value ->> 1 FROM json_each($9));

-- The step may have left the row as it was; the lease is over in any case.
UPDATE deadline SET owner = NULL, until = 0 WHERE (stream, key, epoch) IN
(SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each($10));

DELETE FROM job WHERE id IN (SELECT unhex(value) FROM json_each($11));

UPDATE job SET incident = 1, fault = j.fault, owner = NULL, until = 0
FROM (SELECT unhex(value ->> 0) AS i, value ->> 1 AS fault FROM json_each($12)) AS j WHERE job.id = j.i;

DELETE FROM job WHERE (id, stream) IN
(SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each($23));

INSERT INTO job (id, stream, seq, name, queue, payload, principal, attempt, run_at, fault, incident, owner,
                 epoch, until)
SELECT unhex(value ->> 'i'), unhex(value ->> 's'), value ->> 'n', value ->> 'name', value ->> 'q',
       unhex(value ->> 'payload'), unhex(value ->> 'p'), 0, value ->> 'at', NULL, 0, NULL, 0, 0
FROM json_each($13) WHERE true ORDER BY key ON CONFLICT DO NOTHING;

INSERT INTO request (stream, principal, key, asked, answer, batch, leaf)
SELECT unhex(value ->> 'i'), unhex(value ->> 'p'), value ->> 'k', unhex(value ->> 'asked'),
       substr($24, value ->> 'ao', value ->> 'an'), $15, value ->> 'leaf'
FROM json_each($14) ORDER BY json_each.key;

INSERT INTO batch (id, leaves, signature, key_id)
SELECT $15, $16, $17, $18 WHERE $15 IS NOT NULL;

INSERT INTO stage_delta (workflow, stage, office, net)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($19) ORDER BY key;

DELETE FROM lookup WHERE (space, key, stream) IN
(SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($20));

INSERT INTO lookup (space, key, stream)
SELECT value ->> 0, value ->> 1, unhex(value ->> 2) FROM json_each($21) WHERE true ORDER BY json_each.key
ON CONFLICT (space, key) DO UPDATE SET stream = excluded.stream;

INSERT INTO definition_active (workflow, hash, since)
SELECT value ->> 0, unhex(value ->> 1), value ->> 2 FROM json_each($25) WHERE true ORDER BY json_each.key
ON CONFLICT (workflow) DO UPDATE SET hash = excluded.hash, since = excluded.since;

INSERT INTO access (id, at, official, capacity, purpose, query, streams, outcome, refusals)
SELECT unhex(value ->> 'i'), value ->> 'at', unhex(value ->> 'off'), value ->> 'cap', value ->> 'why',
       value ->> 'q', value ->> 's', value ->> 'out', value ->> 'no'
FROM json_each($22) ORDER BY key;

INSERT INTO access_stream (stream, at, id)
SELECT unhex(s.value), a.value ->> 'at', unhex(a.value ->> 'i')
FROM json_each($22) a, json_each(a.value, '$.ids') s WHERE true ON CONFLICT DO NOTHING;
