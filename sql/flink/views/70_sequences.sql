-- Sequences
-- Question:  Which runs of consecutive trade ids arrived in each ${BAR_SIZE}?
-- Grain:     one row per venue, pair and bar, for venues whose ids are consecutive per pair
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades; a trade behind it is in no bar
-- Why:       an id without the one before it begins a run, one without the next ends it: as arrays, they need no order
--            of arrival. Ids that are no plain number (such as of aggregated trades) are of another count
CREATE TEMPORARY VIEW sequences AS
SELECT
    window_time AS bar_time,
    source,
    symbol,
    pair,
    ARRAY_SORT(ARRAY_EXCEPT(ids, next_ids)) AS run_starts,
    ARRAY_SORT(ARRAY_EXCEPT(ids, previous_ids)) AS run_ends,
    last_id,
    first_time,
    last_time
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        source,
        symbol,
        pair,
        ARRAY_AGG(id) AS ids,
        ARRAY_AGG(id + 1) AS next_ids,
        ARRAY_AGG(id - 1) AS previous_ids,
        MAX(id) AS last_id,
        MIN(event_time) AS first_time,
        MAX(event_time) AS last_time
    FROM TABLE(TUMBLE(TABLE sequential_trades, DESCRIPTOR(rowtime), ${BAR_SIZE}))
    GROUP BY window_start, window_end, window_time, source, symbol, pair
);
