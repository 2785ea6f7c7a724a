-- Price events
-- Question:  When did the price of a coin go beyond a threshold, how far, and for how long?
-- Grain:     one row per event as it begins, ended_at null, and one with its peak when it is over
-- Key:       (kind, source, item, event_time, ended_at)
-- Watermark: that of trades and prices
-- Mode:      streaming only: it looks back over event time
-- Why:       as for trade_events; apart from them, so that neither waits for the event time of the other
CREATE TEMPORARY VIEW price_events AS
SELECT
    kind,
    source,
    symbol,
    item,
    event_time,
    CAST(NULL AS BIGINT) AS ended_at,
    threshold,
    note,
    peak,
    price
FROM price_edges
MATCH_RECOGNIZE (
    PARTITION BY kind, source, symbol, item
    ORDER BY bar_time
    MEASURES
        begin_of_it.event_time AS event_time,
        begin_of_it.threshold AS threshold,
        begin_of_it.note AS note,
        begin_of_it.size AS peak,
        begin_of_it.price AS price
    ONE ROW PER MATCH
    AFTER MATCH SKIP PAST LAST ROW
    PATTERN (begin_of_it)
    DEFINE begin_of_it AS begin_of_it.direction <> 0 AND begin_of_it.previous_direction <> begin_of_it.direction
)
UNION ALL
SELECT
    kind,
    source,
    symbol,
    item,
    event_time,
    ended_at,
    threshold,
    note,
    peak,
    price
FROM price_edges
MATCH_RECOGNIZE (
    PARTITION BY kind, source, symbol, item
    ORDER BY bar_time
    MEASURES
        begin_of_it.event_time AS event_time,
        after_it.event_time AS ended_at,
        begin_of_it.threshold AS threshold,
        begin_of_it.note AS note,
        begin_of_it.direction
        * GREATEST(ABS(begin_of_it.size), COALESCE(MAX(ABS(rest_of_it.size)), ABS(begin_of_it.size))) AS peak,
        CASE
            WHEN begin_of_it.direction > 0
                THEN GREATEST(begin_of_it.price, COALESCE(MAX(rest_of_it.price), begin_of_it.price))
            ELSE LEAST(begin_of_it.price, COALESCE(MIN(rest_of_it.price), begin_of_it.price))
        END AS price
    ONE ROW PER MATCH
    AFTER MATCH SKIP TO FIRST after_it
    PATTERN (begin_of_it rest_of_it* after_it)
    DEFINE
        begin_of_it AS begin_of_it.direction <> 0 AND begin_of_it.previous_direction <> begin_of_it.direction,
        rest_of_it AS
            rest_of_it.direction = begin_of_it.direction
            AND rest_of_it.bar_time < begin_of_it.bar_time + ${ALERT_MAX_DURATION},
        after_it AS
            after_it.direction <> begin_of_it.direction
            OR after_it.bar_time >= begin_of_it.bar_time + ${ALERT_MAX_DURATION}
);
