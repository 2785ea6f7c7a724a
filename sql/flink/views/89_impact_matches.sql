-- Impact matches
-- Question:  Which bars, and which baseline, tell what an article did within a horizon?
-- Grain:     one row per article, coin, horizon and bar of a market of that coin from that long before to that long after,
--            and one with the newest baseline that ended before
-- Key:       (id, symbol, event_time, source, pair, horizon, seconds_after)
-- Watermark: that of trades_timed and mentions, ${IMPACT_REACH} further behind: all bars are there when it passes impact_time
-- Why:       seconds_after is the beginning of a bar less that of the news' own; below 0 is before the news
CREATE TEMPORARY VIEW impact_matches AS
SELECT
    n.impact_start,
    n.impact_time,
    n.id,
    n.symbol,
    n.event_time,
    n.horizon,
    f.source,
    f.pair,
    TIMESTAMPDIFF(SECOND, n.impact_start, f.bar_start) AS seconds_after,
    f.volume,
    f.trade_count,
    f.last_tick,
    f.previous_tick,
    f.square,
    f.pause,
    f.return_count,
    f.return_sum,
    f.return_square_sum
FROM (
    SELECT
        t.impact_start,
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
        AND (
            TIMESTAMPDIFF(SECOND, n.impact_start, f.bar_start) >= -n.horizon
            AND TIMESTAMPDIFF(SECOND, n.impact_start, f.bar_start) < n.horizon
            OR n.impact_start >= f.baseline_end
            AND n.impact_start < f.baseline_end + INTERVAL '1' MINUTE
        );
