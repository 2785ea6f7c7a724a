-- Trades, in time
-- Question:  Which trades came before the watermark had passed them?
-- Grain:     one row per acceptable message that is not among the late rows
-- Key:       that of trades_valid
-- Watermark: that of trades
-- Mode:      streaming only: batch has no watermark
CREATE TEMPORARY VIEW trades_in_time AS
SELECT *
FROM trades_valid
WHERE CURRENT_WATERMARK(rowtime) IS NULL OR rowtime > CURRENT_WATERMARK(rowtime);
