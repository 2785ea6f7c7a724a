-- Macro in force, in batch
-- Question:  Which value of each economic series was the last one known in each minute of a market?
-- Grain:     one row per venue, pair, minute with a trade in it, and series with a value known by then
-- Key:       (source, pair, minute_time, indicator)
-- Watermark: none
-- Why:       batch has no join FOR SYSTEM_TIME AS OF a row's own time, but it knows all versions: each is in force until the
--            next, the last one to arrive of those with the same known_from. Each minute is compared with each version, so
--            of a series of decades only those in force while something is read are taken. In batch Flink has no LEAD of a
--            time with a zone; the session's is UTC. A series that is never known falls out by itself: known_from IS NOT NULL
--            before the windows would keep the planner busy for minutes
CREATE TEMPORARY VIEW macro_in_force AS
SELECT
    m.minute_time,
    m.source,
    m.pair,
    v.`indicator`,
    v.`value`
FROM (
    SELECT *
    FROM (
        SELECT
            `indicator`,
            `value`,
            known_from,
            CAST(
                LEAD(CAST(known_from AS TIMESTAMP(3))) OVER (PARTITION BY `indicator` ORDER BY known_from)
                AS TIMESTAMP_LTZ(3)
            ) AS known_until
        FROM (
            SELECT
                *,
                ROW_NUMBER() OVER (
                    PARTITION BY `indicator`, known_from
                    ORDER BY arrived_at DESC, kafka_offset DESC
                ) AS nth
            FROM macro_valid
        )
        WHERE nth = 1
    )
    WHERE known_from < ${READ_TO} AND (known_until > ${READ_FROM} OR known_until IS NULL)
) AS v
INNER JOIN market_minutes AS m
    ON v.known_from <= m.minute_time AND (v.known_until > m.minute_time OR v.known_until IS NULL);
