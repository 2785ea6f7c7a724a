-- News impact
-- Question:  What did the market do after an article, against before, and how unusual was that?
-- Grain:     one row per article, coin mentioned in it, venue and pair of that coin that is traded around it, and horizon
-- Key:       (symbol, news_time, article_id, pair, source, horizon_seconds)
-- Watermark: that of impact_matches: rows appear once the longest horizon is over. An article behind the watermark of articles
--            has none (it is in late_data); a trade behind that of trades is in no bar
-- Formula:   an event study with the constant mean return model (Brown and Warner 1985, "mean adjusted returns"; MacKinlay
--            1997, "Event Studies in Economics and Finance", sections 4 and 5). Before is [t - h, t), after [t, t + h), with
--            t the beginning of the article's bar of ${IMPACT_BAR}. Of the last price before and the last one in a window,
--            return = 100 * (last / before - 1). volume_ratio = volume after / before, abnormal_volume_ratio = volume after /
--            that of as many usual minutes (of those with a trade). volatility = 100 * the root of the
--            sum of squared log returns of the bars (realised volatility, Andersen and Bollerslev 1998). With mean m and
--            sample variance s^2 of the 1-minute log returns of the ${IMPACT_ESTIMATION} before, and h in minutes,
--            abnormal_return = 100 * (ln(last / before) - h * m), abnormal_score = that / (100 * s * root of h)
-- Missing:   null where all is there; else what is not, the worst first. A return needs a price at most impact.max_pause old
--            where its window begins; the abnormal part needs impact.min_returns 1-minute returns, and a price that moves
INSERT INTO news_impact
SELECT
    id,
    symbol,
    source,
    pair,
    CAST(TO_TIMESTAMP_LTZ(event_time, 3) AS TIMESTAMP(3)),
    horizon,
    price_before,
    LEAST(100 * (price_at_news / price_long_before - 1), 1E9),
    LEAST(100 * (price_after / price_before - 1), 1E9),
    volume_before,
    volume_after,
    volume_after / NULLIF(volume_before, 0),
    volume_after / NULLIF(minutes * minutes_volume / minute_count, 0),
    volatility_before,
    volatility_after,
    abnormal_return,
    abnormal_return / (100 * NULLIF(stddev, 0) * SQRT(minutes)),
    bars_before,
    bars_after,
    return_count,
    CAST(longest_pause AS DOUBLE) / 1000,
    CASE
        WHEN bars_after = 0 THEN 'no trades after'
        WHEN bars_before = 0 THEN 'no trades before'
        WHEN longest_pause > ${IMPACT_MAX_PAUSE_MS} THEN 'gap'
        WHEN price_before IS NULL OR price_long_before IS NULL THEN 'no price before'
        WHEN return_count < ${IMPACT_MIN_RETURNS} THEN 'no baseline'
    END
FROM (
    SELECT
        *,
        CASE
            WHEN return_count >= ${IMPACT_MIN_RETURNS}
                THEN 100 * (LN(price_after) - LN(price_before) - minutes * return_sum / return_count)
        END AS abnormal_return,
        CASE
            WHEN return_count >= ${IMPACT_MIN_RETURNS}
                THEN SQRT(GREATEST(return_square_sum - return_sum * return_sum / return_count, 0) / (return_count - 1))
        END AS stddev
    FROM (
        SELECT
            id,
            symbol,
            source,
            pair,
            event_time,
            horizon,
            CAST(horizon AS DOUBLE) / 60 AS minutes,
            CASE
                WHEN TRY_CAST(SUBSTRING(tick_before FROM 1 FOR 13) AS BIGINT) >= started_at - ${IMPACT_MAX_PAUSE_MS}
                    THEN TRY_CAST(SUBSTRING(tick_before FROM 79) AS DOUBLE)
            END AS price_before,
            CASE
                WHEN
                    TRY_CAST(SUBSTRING(tick_long_before FROM 1 FOR 13) AS BIGINT)
                    >= started_at - horizon * 1000 - ${IMPACT_MAX_PAUSE_MS}
                    THEN TRY_CAST(SUBSTRING(tick_long_before FROM 79) AS DOUBLE)
            END AS price_long_before,
            CAST(SUBSTRING(tick_at_news FROM 79) AS DOUBLE) AS price_at_news,
            CAST(SUBSTRING(tick_after FROM 79) AS DOUBLE) AS price_after,
            volume_before,
            volume_after,
            volatility_before,
            volatility_after,
            bars_before,
            bars_after,
            -- Until the next trade, or the end.
            GREATEST(
                pause,
                started_at + horizon * 1000
                - CAST(SUBSTRING(COALESCE(tick_after, tick_at_news) FROM 1 FOR 13) AS BIGINT)
            ) AS longest_pause,
            return_count,
            return_sum,
            return_square_sum,
            minutes_volume,
            minute_count
        FROM (
            SELECT
                id,
                symbol,
                source,
                pair,
                event_time,
                horizon,
                TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', window_start) * CAST(1000 AS BIGINT)
                    AS started_at,
                -- The first bar of all has no tick before it; of the others the first has the earliest.
                COALESCE(
                    MIN(COALESCE(previous_tick, '')) FILTER (WHERE seconds_after >= 0),
                    MAX(last_tick) FILTER (WHERE seconds_after < 0)
                ) AS tick_before,
                MIN(COALESCE(previous_tick, '')) FILTER (WHERE seconds_after < 0) AS tick_long_before,
                MAX(last_tick) FILTER (WHERE seconds_after < 0) AS tick_at_news,
                MAX(last_tick) FILTER (WHERE seconds_after >= 0) AS tick_after,
                COALESCE(CAST(SUM(volume) FILTER (WHERE seconds_after < 0) AS DOUBLE), 0) AS volume_before,
                COALESCE(CAST(SUM(volume) FILTER (WHERE seconds_after >= 0) AS DOUBLE), 0) AS volume_after,
                100 * SQRT(CAST(SUM(square) FILTER (WHERE seconds_after < 0) AS DOUBLE)) AS volatility_before,
                100 * SQRT(CAST(SUM(square) FILTER (WHERE seconds_after >= 0) AS DOUBLE)) AS volatility_after,
                COUNT(*) FILTER (WHERE seconds_after < 0) AS bars_before,
                COUNT(*) FILTER (WHERE seconds_after >= 0) AS bars_after,
                MAX(pause) AS pause,
                COALESCE(MAX(return_count), 0) AS return_count,
                CAST(MAX(return_sum) AS DOUBLE) AS return_sum,
                CAST(MAX(return_square_sum) AS DOUBLE) AS return_square_sum,
                CAST(MAX(volume) FILTER (WHERE seconds_after IS NULL) AS DOUBLE) AS minutes_volume,
                MAX(minute_count) AS minute_count
            FROM TABLE(TUMBLE(TABLE impact_matches, DESCRIPTOR(impact_time), ${IMPACT_BAR}))
            GROUP BY window_start, window_end, id, symbol, source, pair, event_time, horizon
        )
    )
);
