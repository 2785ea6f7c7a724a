-- Articles, in time
-- Question:  Which articles came before the watermark had passed them?
-- Grain:     one row per acceptable message that is not among the late rows
-- Key:       that of articles_valid
-- Watermark: that of articles
-- Mode:      streaming only: batch has no watermark
CREATE TEMPORARY VIEW articles_in_time AS
SELECT *
FROM articles_valid
WHERE CURRENT_WATERMARK(rowtime) IS NULL OR rowtime > CURRENT_WATERMARK(rowtime);
