-- Step moves
-- Question:  How unusual is what happened in a step?
-- Grain:     one row per venue, pair and step with a trade in it
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades
-- Mode:      streaming only: it looks back over event time
-- Formula:   slow_pct: as in price_moves, over the last ${SLOW_SPIKE_LOOKBACK}, and null where a spike in them shows the move already.
--            z = (r - mean) / s, with r = price / price of the step before - 1, and mean and s (sample standard deviation)
--            of the other returns in the last ${ALERT_HISTORY}. volume_ratio = volume / mean volume of the other steps in them. Null
--            with fewer than ${ALERT_HISTORY_STEPS} others
-- Why:       sums are decimal, so that what was added and taken away again leaves nothing behind; a return of more than
--            1000 % counts as that, or its square could overflow
CREATE TEMPORARY VIEW step_moves AS
SELECT
    bar_time,
    source,
    symbol,
    pair,
    price,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', bar_start) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM bar_start) AS event_time,
    slow_pct,
    CASE
        WHEN other_returns >= ${ALERT_HISTORY_STEPS} AND scaled_variance > 0
            THEN
                (CAST(step_return AS DOUBLE) - CAST(return_sum AS DOUBLE) / other_returns)
                / SQRT(CAST(scaled_variance AS DOUBLE) / (other_returns * (other_returns - 1)))
    END AS z,
    CASE
        WHEN other_steps >= ${ALERT_HISTORY_STEPS} AND other_volume > 0
            THEN CAST(volume AS DOUBLE) * other_steps / CAST(other_volume AS DOUBLE)
    END AS volume_ratio
FROM (
    SELECT
        *,
        CAST(other_returns AS DECIMAL(4, 0)) * square_sum - return_sum * return_sum AS scaled_variance
    FROM (
        SELECT
            bar_time,
            bar_start,
            source,
            symbol,
            pair,
            price,
            volume,
            slow_pct,
            step_return,
            COUNT(step_return) OVER past - 1 AS other_returns,
            CAST(SUM(step_return) OVER past - step_return AS DECIMAL(18, 12)) AS return_sum,
            CAST(SUM(step_return * step_return) OVER past - step_return * step_return AS DECIMAL(33, 24)) AS square_sum,
            COUNT(*) OVER past - 1 AS other_steps,
            SUM(volume) OVER past - volume AS other_volume
        FROM (
            SELECT
                bar_time,
                bar_start,
                source,
                symbol,
                pair,
                price,
                volume,
                step_return,
                CASE
                    WHEN MAX(spiking) OVER recent > 0 THEN CAST(NULL AS DOUBLE)
                    WHEN price / MIN(low) OVER recent - 1 >= 1 - price / MAX(high) OVER recent
                        THEN LEAST(100 * (price / MIN(low) OVER recent - 1), 1E9)
                    ELSE 100 * (price / MAX(high) OVER recent - 1)
                END AS slow_pct
            FROM (
                SELECT
                    *,
                    CASE
                        WHEN LAG(bar_start) OVER in_order = bar_start - ${ALERT_STEP}
                            THEN CAST(LEAST(price / LAG(price) OVER in_order - 1, 10) AS DECIMAL(14, 12))
                    END AS step_return
                FROM step_bars
                WINDOW in_order AS (PARTITION BY source, symbol, pair ORDER BY bar_time)
            )
            WINDOW recent AS (
                PARTITION BY source, symbol, pair
                ORDER BY bar_time
                RANGE BETWEEN ${SLOW_SPIKE_LOOKBACK} PRECEDING AND CURRENT ROW
            )
        )
        WINDOW past AS (
            PARTITION BY source, symbol, pair
            ORDER BY bar_time
            RANGE BETWEEN ${ALERT_HISTORY} PRECEDING AND CURRENT ROW
        )
    )
);
