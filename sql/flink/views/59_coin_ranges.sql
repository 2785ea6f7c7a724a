-- Coin ranges
-- Question:  Between which prices did each source see a coin in each ${ALERT_STEP}?
-- Grain:     one row per source and coin, and pair or aggregator's id
-- Key:       none
-- Watermark: that of trades and prices
-- Mode:      streaming only: it builds on what looks back over event time
-- Why:       only pairs against dollars and what is meant to be worth one can be compared (${DOLLARS})
CREATE TEMPORARY VIEW coin_ranges AS
SELECT
    bar_time,
    source,
    symbol,
    low,
    high
FROM step_bars
WHERE SPLIT_INDEX(pair, '/', 1) IN (${DOLLARS})
UNION ALL
SELECT
    bar_time,
    source,
    symbol,
    low,
    high
FROM price_steps;
