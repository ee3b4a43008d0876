-- A batch that shows data and changes nothing: access records only.
WITH written AS (
    INSERT INTO access (id, at, official, capacity, purpose, query, streams, outcome, refusals)
    SELECT * FROM unnest(
        $1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]
    ) AS given (id, at, official, capacity, purpose, query, streams, outcome, refusals)
    ORDER BY id
)
INSERT INTO access_stream (stream, at, id)
SELECT * FROM unnest($10::uuid[], $11::bigint[], $12::uuid[]) AS shown (stream, at, id)
ORDER BY stream, at, id
ON CONFLICT DO NOTHING
