-- Spike moves
-- Question:  Which bars belong to a spike?
-- Grain:     one row per bar
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades
-- Mode:      streaming only: it looks back over event time
-- Why:       the rule that was in force at the bar's own time is asked for, that of the coin before that of all, and the
--            setting where there is none; so history that is read again meets the rules of then.
--            The CASE, because Flink takes no comparison with a constant for the key of a lookup
CREATE TEMPORARY VIEW spike_moves AS
SELECT
    *,
    CASE WHEN ABS(size) >= threshold THEN CAST(SIGN(size) AS INT) ELSE 0 END AS direction
FROM (
    SELECT
        m.bar_time,
        m.bar_start,
        m.source,
        m.symbol,
        m.pair,
        m.low,
        m.high,
        m.volume,
        m.last_tick,
        m.price,
        m.event_time,
        m.size,
        COALESCE(r.threshold, m.usual_threshold) AS threshold
    FROM price_moves AS m
    LEFT JOIN alert_rule_spans FOR SYSTEM_TIME AS OF m.judged_at AS r
        ON
            CASE WHEN m.size IS NOT NULL THEN m.kind ELSE '' END = r.alert_type
            AND (m.symbol = r.symbol OR (r.symbol = '*' AND LOCATE(CONCAT(',', m.symbol, ','), r.others) = 0))
            AND m.event_time >= r.valid_from
            AND m.event_time < r.valid_to
);
