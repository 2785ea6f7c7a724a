-- Feed gaps
-- Question:  Which trades were missed, over which time, and have they been fetched since?
-- Grain:     one row per range of missing ids; it is written again when late or backfilled trades come in
-- Key:       (source, pair, first_id)
-- Watermark: that of trades: a gap is one once the watermark has passed what came after it
-- Mode:      streaming only: batch has no watermark
INSERT INTO feed_gaps
SELECT
    source,
    pair,
    first_id,
    last_id,
    last_id - first_id + 1,
    found,
    CASE WHEN found > last_id - first_id THEN 'closed' ELSE 'open' END,
    CAST(TO_TIMESTAMP_LTZ(from_time, 3) AS TIMESTAMP(3)),
    CAST(TO_TIMESTAMP_LTZ(to_time, 3) AS TIMESTAMP(3)),
    CASE WHEN found > last_id - first_id THEN CAST(TO_TIMESTAMP_LTZ(last_found, 3) AS TIMESTAMP(3)) END
FROM (
    SELECT
        g.source,
        g.pair,
        g.first_id,
        MAX(g.last_id) AS last_id,
        COUNT(DISTINCT f.id) AS found,
        MAX(g.from_time) AS from_time,
        MAX(g.to_time) AS to_time,
        MAX(f.ingest_time) AS last_found
    FROM gaps AS g
    LEFT JOIN (
        SELECT
            source,
            pair,
            id,
            ingest_time
        FROM sequential_trades
        WHERE rowtime <= CURRENT_WATERMARK(rowtime)
    ) AS f
        ON
            g.source = f.source
            AND g.pair = f.pair
            AND f.id BETWEEN g.first_id AND g.last_id
    GROUP BY g.source, g.pair, g.first_id
);
