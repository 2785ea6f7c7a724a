-- Gaps
-- Question:  Which trades did we not see?
-- Grain:     one row per range of missing ids
-- Key:       (source, pair, first_id)
-- Watermark: that of trades
-- Why:       a gap lies between two runs of a bar, or between a bar and all before it
CREATE TEMPORARY VIEW gaps AS
SELECT
    source,
    symbol,
    pair,
    first_id,
    last_id,
    from_time,
    to_time
FROM (
    SELECT
        s.source,
        s.symbol,
        s.pair,
        CASE r.n WHEN 1 THEN s.previous_id ELSE s.run_ends[r.n - 1] END + 1 AS first_id,
        r.run_start - 1 AS last_id,
        CASE r.n WHEN 1 THEN s.previous_time ELSE s.first_time END AS from_time,
        CASE r.n WHEN 1 THEN s.first_time ELSE s.last_time END AS to_time
    FROM (
        SELECT
            *,
            LAG(newest_id) OVER (PARTITION BY source, symbol, pair ORDER BY bar_time) AS previous_id,
            LAG(last_time) OVER (PARTITION BY source, symbol, pair ORDER BY bar_time) AS previous_time
        FROM (
            SELECT
                *,
                MAX(last_id) OVER (PARTITION BY source, symbol, pair ORDER BY bar_time) AS newest_id
            FROM sequences
        )
    ) AS s
    CROSS JOIN UNNEST(s.run_starts) WITH ORDINALITY AS r (run_start, n)
)
WHERE last_id >= first_id;
