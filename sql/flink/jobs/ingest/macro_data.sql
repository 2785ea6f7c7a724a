-- Macro to PostgreSQL
-- Question:  Which values did the economic series have?
-- Grain:     one row per series and day; a revised value replaces the one before
-- Key:       (indicator, date)
-- Watermark: not used; a late value is stored like any other
INSERT INTO macro_data
SELECT
    `indicator`,
    `value`,
    CAST(rowtime AS DATE),
    frequency,
    CAST(rowtime AS TIMESTAMP(3))
FROM macro_valid;
