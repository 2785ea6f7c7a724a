-- Market minutes
-- Question:  How far did the price move in each minute, and how much was traded?
-- Grain:     one row per venue, pair and minute with a trade in it
-- Key:       (source, pair, minute_time)
-- Watermark: that of trades_timed
-- Formula:   log_return = sum of the log returns of its bars = ln(its last price / the last price before it); null where that
--            is older than impact.max_pause, or there is none. Not as wide as a sum of decimals is, whose square would have
--            six places left
CREATE TEMPORARY VIEW market_minutes AS
SELECT
    window_time AS minute_time,
    source,
    symbol,
    pair,
    CASE
        WHEN MAX(pause) <= ${IMPACT_MAX_PAUSE_MS} AND COUNT(*) = COUNT(log_return)
            THEN CAST(SUM(log_return) AS DECIMAL(21, 15))
    END AS log_return,
    SUM(volume) AS volume
FROM TABLE(TUMBLE(TABLE impact_bars, DESCRIPTOR(bar_time), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, window_time, source, symbol, pair;
