-- Ranking
-- Question: Which coins have gained most in 24 hours, by each aggregator's newest ranking?
-- Grain:    one row per aggregator and coin; the best has place 1
WITH RECURSIVE sources (source) AS (
    (
        SELECT source
        FROM ranking_24h
        WHERE window_end >= %(since)s
        ORDER BY source
        LIMIT 1
    )
    UNION ALL
    SELECT
        (
            SELECT ranking_24h.source
            FROM ranking_24h
            WHERE ranking_24h.window_end >= %(since)s AND ranking_24h.source > sources.source
            ORDER BY ranking_24h.source
            LIMIT 1
        ) AS source
    FROM sources
    WHERE sources.source IS NOT NULL
)

SELECT
    ranking_24h.window_end AS timestamp,
    ranking_24h.source,
    ranking_24h.place,
    ranking_24h.crypto_id,
    ranking_24h.symbol AS crypto_symbol,
    ranking_24h.change_24h,
    ranking_24h.price_usd
FROM sources
CROSS JOIN
    LATERAL (
        SELECT max(newest.window_end) AS window_end
        FROM ranking_24h AS newest
        WHERE newest.source = sources.source AND newest.window_end >= %(since)s
    ) AS last_window
INNER JOIN ranking_24h
    ON sources.source = ranking_24h.source AND last_window.window_end = ranking_24h.window_end
WHERE
    ranking_24h.window_end >= %(since)s
    AND (%(source)s::text IS NULL OR sources.source = %(source)s)
    AND ranking_24h.place <= %(places)s
ORDER BY ranking_24h.source, ranking_24h.place, ranking_24h.crypto_id;
