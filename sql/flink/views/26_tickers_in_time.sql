-- Tickers, in time
-- Question:  Which tickers came before the watermark had passed them?
-- Grain:     one row per acceptable message that is not among the late rows
-- Key:       that of tickers_valid
-- Watermark: that of tickers
-- Mode:      streaming only: batch has no watermark
CREATE TEMPORARY VIEW tickers_in_time AS
SELECT *
FROM tickers_valid
WHERE CURRENT_WATERMARK(rowtime) IS NULL OR rowtime > CURRENT_WATERMARK(rowtime);
