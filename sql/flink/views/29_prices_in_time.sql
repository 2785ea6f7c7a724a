-- Prices, in time
-- Question:  Which prices came before the watermark had passed them?
-- Grain:     one row per acceptable message that is not among the late rows
-- Key:       that of prices_valid
-- Watermark: that of prices
-- Mode:      streaming only: batch has no watermark
CREATE TEMPORARY VIEW prices_in_time AS
SELECT *
FROM prices_valid
WHERE CURRENT_WATERMARK(rowtime) IS NULL OR rowtime > CURRENT_WATERMARK(rowtime);
