-- Ticker edges
-- Question:  Which measures of tickers belong to an event, or end one?
-- Grain:     one row per measure beyond its threshold, and the first one after it
-- Key:       (kind, source, pair, bar_time)
-- Watermark: that of tickers
-- Mode:      streaming only: it looks back over event time
-- Why:       the pattern matcher queues and sorts every row it is given; the calm ones, nearly all, must not reach it.
--            The threshold is found as in spike_moves: the coin's rule, else that of all coins, else the setting
CREATE TEMPORARY VIEW ticker_edges AS
SELECT *
FROM (
    SELECT
        *,
        LAG(direction, 1, 0) OVER (PARTITION BY kind, source, symbol, pair ORDER BY bar_time) AS previous_direction
    FROM (
        SELECT
            *,
            CASE WHEN ABS(size) > threshold THEN CAST(SIGN(size) AS INT) ELSE 0 END AS direction
        FROM (
            SELECT
                m.kind,
                m.source,
                m.symbol,
                m.pair,
                m.bar_time,
                m.event_time,
                m.price,
                m.size,
                COALESCE(r.threshold, m.usual_threshold) AS threshold
            FROM ticker_measures AS m
            LEFT JOIN alert_rule_spans FOR SYSTEM_TIME AS OF m.judged_at AS r
                ON
                    CASE WHEN m.size IS NOT NULL THEN m.kind ELSE '' END = r.alert_type
                    AND (m.symbol = r.symbol OR (r.symbol = '*' AND LOCATE(CONCAT(',', m.symbol, ','), r.others) = 0))
                    AND m.event_time >= r.valid_from
                    AND m.event_time < r.valid_to
        )
    )
)
WHERE direction <> 0 OR previous_direction <> 0;
