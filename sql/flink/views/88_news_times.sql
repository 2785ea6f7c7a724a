-- News, by the bar it falls into
-- Question:  Which coin was in the news when, and over which horizons is that to be looked at?
-- Grain:     one row per article, coin mentioned in it, and bar of ${IMPACT_BAR}
-- Key:       (id, symbol, event_time)
-- Watermark: that of mentions: an article behind it is left out, because the bars before it may have gone already
-- Why:       an article that is sent twice counts once; what is before it ends with the bar before its own
CREATE TEMPORARY VIEW news_times AS
SELECT
    window_time AS impact_time,
    id,
    mentioned_symbol AS symbol,
    event_time,
    ARRAY[${IMPACT_HORIZONS}] AS horizons
FROM TABLE(TUMBLE(TABLE mentions, DESCRIPTOR(rowtime), ${IMPACT_BAR}))
GROUP BY window_start, window_end, window_time, id, mentioned_symbol, event_time;
