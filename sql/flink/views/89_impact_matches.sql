-- Impact matches
-- Question:  Which bars, and which baseline, tell what an article did within a horizon?
-- Grain:     one row per article, coin, horizon and bar of a market of that coin from that long before to that long after,
--            and one with the newest baseline that ended before
-- Key:       (id, symbol, event_time, source, pair, horizon, seconds_after)
-- Watermark: that of trades_timed and mentions, ${IMPACT_REACH} further behind: all bars are there when it passes impact_time
-- Why:       seconds_after is from the article's own bar to a bar; below 0 is before the news. Null with the baseline, which
--            ended in the minute up to where the article's bar begins
CREATE TEMPORARY VIEW impact_matches AS
SELECT
    n.impact_time,
    n.id,
    n.symbol,
    n.event_time,
    n.horizon,
    f.source,
    f.pair,
    CASE WHEN f.last_tick IS NOT NULL THEN TIMESTAMPDIFF(SECOND, n.impact_time, f.fact_time) END AS seconds_after,
    f.volume,
    f.last_tick,
    f.previous_tick,
    f.square,
    f.pause,
    f.return_count,
    f.return_sum,
    f.return_square_sum,
    f.minute_count
FROM (
    SELECT
        t.impact_time,
        t.id,
        t.symbol,
        t.event_time,
        h.horizon
    FROM news_times AS t
    CROSS JOIN UNNEST(t.horizons) AS h (horizon)
) AS n
INNER JOIN impact_facts AS f
    ON
        n.symbol = f.symbol
        AND f.fact_time BETWEEN n.impact_time - ${IMPACT_REACH} AND n.impact_time + ${IMPACT_REACH}
        AND CASE
            WHEN f.last_tick IS NOT NULL
                THEN
                    TIMESTAMPDIFF(SECOND, n.impact_time, f.fact_time) >= -n.horizon
                    AND TIMESTAMPDIFF(SECOND, n.impact_time, f.fact_time) < n.horizon
            ELSE
                f.fact_time <= n.impact_time - ${IMPACT_BAR}
                AND f.fact_time > n.impact_time - ${IMPACT_BAR} - INTERVAL '1' MINUTE
        END;
