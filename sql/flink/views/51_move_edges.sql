-- Move edges
-- Question:  Which bars belong to a large move, or end one?
-- Grain:     one row per bar inside a move, and the first one after it
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades
-- Why:       the pattern matcher queues and sorts every row it is given; the calm bars, nearly all, must not reach it
CREATE TEMPORARY VIEW move_edges AS
SELECT *
FROM (
    SELECT
        *,
        LAG(direction, 1, 0) OVER (PARTITION BY source, symbol, pair ORDER BY bar_time) AS previous_direction
    FROM price_moves
)
WHERE direction <> 0 OR previous_direction <> 0;
