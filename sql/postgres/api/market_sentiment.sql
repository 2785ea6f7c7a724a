-- Mood of the market
-- Question: How greedy was the market, by the Fear & Greed index?
-- Grain:    one row per value of the index, newest first; after (last, after_source) on the way back
SELECT
    event_time AS timestamp,
    source,
    value,
    classification
FROM market_sentiment_data
WHERE
    event_time >= %(start)s
    AND event_time <= %(last)s
    AND (event_time, source) < (%(last)s, %(after_source)s)
ORDER BY event_time DESC, source DESC
LIMIT %(rows)s;
