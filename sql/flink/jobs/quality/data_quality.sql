-- Data quality
-- Question:  How good was each feed in each minute?
-- Grain:     one row per topic, source and minute with anything to tell; written again when more comes to light
-- Key:       (topic, source, minute_start)
-- Watermark: that of each topic
-- Why:       duplicates are those that came in time, in the same minute of event time; the percentiles are of what came
--            in time, too. What is late is valid as well
-- Mode:      streaming only: batch has no watermark
INSERT INTO data_quality
SELECT
    topic,
    source,
    minute_start,
    SUM(valid) + SUM(rejected),
    SUM(valid),
    SUM(rejected),
    SUM(duplicate),
    SUM(late),
    SUM(gap),
    MAX(delay_p50),
    MAX(delay_p99)
FROM quality_parts
GROUP BY topic, source, minute_start;
