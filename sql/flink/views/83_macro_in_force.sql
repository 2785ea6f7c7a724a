-- Macro in force
-- Question:  Which value of each economic series was the last one known in each minute of a market?
-- Grain:     one row per venue, pair, minute with a trade in it, and series with a value known by then
-- Key:       (source, pair, minute_time, indicator)
-- Watermark: that of trades_timed and macro; a silent or empty macro holds nothing back after watermarks.articles_idle
-- Why:       minutes, not trades: a value becomes known on a full minute, so that it is the same for all trades of one. Never
--            a value from the future: the version is the last one with known_from <= the minute's
--            The condition is always true: without it Flink would leave out what it names, and so count all trades twice,
--            once for this and once for news_impact
-- Mode:      streaming only: a join FOR SYSTEM_TIME AS OF a row's own time
CREATE TEMPORARY VIEW macro_in_force AS
SELECT
    m.minute_time,
    m.source,
    m.pair,
    v.`indicator`,
    v.`value`
FROM (
    SELECT
        s.minute_time,
        s.source,
        s.pair,
        i.wanted
    FROM (
        SELECT
            minute_time,
            source,
            pair,
            ARRAY[${MACRO_INDICATORS}] AS indicators
        FROM market_minutes
        WHERE volume >= 0 AND COALESCE(log_return, 0) < 1000
    ) AS s
    CROSS JOIN UNNEST(s.indicators) AS i (wanted)
) AS m
INNER JOIN macro_versions FOR SYSTEM_TIME AS OF m.minute_time AS v
    ON m.wanted = v.`indicator`;
