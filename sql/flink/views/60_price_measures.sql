-- Price measures
-- Question:  How far is a coin from where it was a day ago, and how far apart do two sources see it?
-- Grain:     one row per aggregator, coin and step (daily_move); per coin and step (divergence, where item is empty)
-- Key:       (kind, source, symbol, item, bar_time)
-- Watermark: that of trades and prices
-- Mode:      streaming only: it looks back over event time
-- Formula:   daily_move: the larger of the highest and the lowest change that the aggregator gave in the last ${DAILY_MOVE_HOLD}, so
--            that one that hovers about the threshold is one event.
--            divergence: lowest price of one source in the last ${DIVERGENCE_WINDOW} / highest of another - 1, in percent, of the two for
--            which it is largest: so far apart they were all the time, whenever each was asked
CREATE TEMPORARY VIEW price_measures AS
SELECT
    'daily_move' AS kind,
    source,
    symbol,
    crypto_id AS item,
    bar_time,
    event_time,
    price,
    CASE WHEN highest >= -lowest THEN highest ELSE lowest END AS size,
    '' AS note,
    CAST(${DAILY_MOVE_PCT} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM (
    SELECT
        source,
        symbol,
        crypto_id,
        bar_time,
        TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', bar_start) * CAST(1000 AS BIGINT)
        + EXTRACT(MILLISECOND FROM bar_start) AS event_time,
        price,
        MAX(change_24h) OVER held AS highest,
        MIN(change_24h) OVER held AS lowest
    FROM price_steps
    WHERE change_24h IS NOT NULL
    WINDOW held AS (
        PARTITION BY source, symbol, crypto_id
        ORDER BY bar_time
        RANGE BETWEEN ${DAILY_MOVE_HOLD} PRECEDING AND CURRENT ROW
    )
)
UNION ALL
SELECT
    'divergence' AS kind,
    '' AS source,
    symbol,
    '' AS item,
    window_time AS bar_time,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', window_start) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM window_start) AS event_time,
    MAX(low) AS price,
    GREATEST(LEAST(100 * (MAX(low) / MIN(high) - 1), 1E9), 0) AS size,
    CONCAT(
        SUBSTRING(MAX(CONCAT(LPAD(CAST(CAST(low AS DECIMAL(22, 12)) AS STRING), 23, '0'), source)) FROM 24),
        ' is above ',
        SUBSTRING(MIN(CONCAT(LPAD(CAST(CAST(high AS DECIMAL(22, 12)) AS STRING), 23, '0'), source)) FROM 24)
    ) AS note,
    CAST(${DIVERGENCE_PCT} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        symbol,
        source,
        MIN(low) AS low,
        MAX(high) AS high
    FROM TABLE(HOP(TABLE coin_ranges, DESCRIPTOR(bar_time), ${ALERT_STEP}, ${DIVERGENCE_WINDOW}))
    GROUP BY window_start, window_end, window_time, symbol, source
)
GROUP BY window_start, window_end, window_time, symbol;
