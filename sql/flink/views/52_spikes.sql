-- Spikes
-- Question:  When did a price jump or crash, how far, and for how long?
-- Grain:     one row per move, however many bars it has; found when the first bar after it is complete
-- Key:       (source, pair, started_at)
-- Watermark: that of trades
-- Why:       anchored on the bar where the direction changes, so a run of bars starts one partial match and not one
--            each; a move that lasts longer than ${SPIKE_MAX_DURATION} is cut there. No WITHIN: it would drop, without a word, the move of a
--            market that then fell silent, and one open match per pair is all the state there can be
CREATE TEMPORARY VIEW spikes AS
SELECT *
FROM move_edges
MATCH_RECOGNIZE (
    PARTITION BY source, symbol, pair
    ORDER BY bar_time
    MEASURES
        begin_of_it.bar_start AS started_at,
        after_it.bar_start AS ended_at,
        begin_of_it.direction AS direction,
        GREATEST(begin_of_it.move_pct, COALESCE(MAX(rest_of_it.move_pct), begin_of_it.move_pct)) AS peak_pct,
        CASE
            WHEN begin_of_it.direction > 0
                THEN GREATEST(begin_of_it.price, COALESCE(MAX(rest_of_it.price), begin_of_it.price))
            ELSE LEAST(begin_of_it.price, COALESCE(MIN(rest_of_it.price), begin_of_it.price))
        END AS peak_price
    ONE ROW PER MATCH
    AFTER MATCH SKIP TO FIRST after_it
    PATTERN (begin_of_it rest_of_it* after_it)
    DEFINE
        begin_of_it AS begin_of_it.direction <> 0 AND begin_of_it.previous_direction <> begin_of_it.direction,
        rest_of_it AS
            rest_of_it.direction = begin_of_it.direction
            AND rest_of_it.bar_time < begin_of_it.bar_time + ${SPIKE_MAX_DURATION},
        after_it AS
            after_it.direction <> begin_of_it.direction
            OR after_it.bar_time >= begin_of_it.bar_time + ${SPIKE_MAX_DURATION}
);
