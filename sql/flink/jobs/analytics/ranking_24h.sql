-- Ranking of 24 hours
-- Question:  Which coins have gained the most in the last 24 hours?
-- Grain:     one row per aggregator, ${RANKING_SIZE} and coin among the best ${RANKING_PLACES}
-- Key:       (source, window_end, crypto_id)
-- Watermark: ${PRICES_WATERMARK} behind; later prices are in no ranking
-- Why:       by the change that the aggregator itself states, its last one in the window: it knows all venues, and the
--            price a day ago, which a pipeline that was started today does not. The best is 1; of equal changes the first
--            symbol in the alphabet is the better
INSERT INTO ranking_24h
SELECT
    source,
    crypto_id,
    symbol,
    window_end,
    place,
    change_24h,
    price_usd
FROM (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY window_start, window_end, source ORDER BY change_24h DESC, symbol ASC, crypto_id ASC
        ) AS place
    FROM (
        SELECT
            window_start,
            window_end,
            source,
            crypto_id,
            symbol,
            CAST(SPLIT_INDEX(MAX(stated), '|', 1) AS DOUBLE) AS change_24h,
            CAST(SPLIT_INDEX(MAX(stated), '|', 2) AS DOUBLE) AS price_usd
        FROM (
            SELECT
                *,
                CONCAT_WS('|', CAST(event_time AS STRING), CAST(change_24h AS STRING), CAST(price_usd AS STRING))
                    AS stated
            FROM TABLE(TUMBLE(TABLE prices_valid, DESCRIPTOR(rowtime), ${RANKING_SIZE}))
            WHERE change_24h IS NOT NULL
        )
        GROUP BY window_start, window_end, source, crypto_id, symbol
    )
)
WHERE place <= ${RANKING_PLACES};
