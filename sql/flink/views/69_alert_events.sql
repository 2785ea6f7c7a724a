-- Alert events
-- Question:  What is worth a look?
-- Grain:     one row per alert, and of what lasts one more when it is over, ended_at not null
-- Key:       alert_id: MD5 of kind, source (of a stale feed, source and topic), item (pair, coin) and event time, so
--            the same input gives the same alerts
-- Watermark: that of the alert's own input
-- Mode:      streaming only: it builds on what looks back over event time
-- Severity:  critical from twice the threshold on (zscore: from ${ZSCORE_CRITICAL_SIGMA} standard deviations on), else
--            warning
CREATE TEMPORARY VIEW alert_events AS
SELECT
    MD5(CONCAT_WS('|', kind, source, item, CAST(event_time AS STRING))) AS alert_id,
    symbol,
    pair,
    CASE kind WHEN 'slow_spike' THEN 'spike' ELSE kind END AS alert_type,
    price,
    CASE
        WHEN kind = 'volume_surge' THEN 100 * (peak - 1)
        WHEN kind NOT IN ('zscore', 'sentiment_shift') THEN peak
    END AS change_pct,
    threshold,
    CASE
        WHEN ABS(peak) >= CASE kind WHEN 'zscore' THEN ${ZSCORE_CRITICAL_SIGMA} ELSE 2 * threshold END THEN 'critical'
        ELSE 'warning'
    END AS severity,
    detail,
    event_time,
    ended_at
FROM (
    SELECT
        kind,
        source,
        symbol,
        pair,
        pair AS item,
        price,
        peak,
        threshold,
        CONCAT(
            pair, ' on ', source,
            CASE
                WHEN kind = 'zscore' THEN ' moved '
                WHEN kind = 'volume_surge' THEN ' traded '
                WHEN peak > 0 THEN ' rose '
                ELSE ' fell '
            END,
            CAST(CAST(CASE kind WHEN 'zscore' THEN peak ELSE ABS(peak) END AS DECIMAL(20, 2)) AS STRING),
            CASE kind
                WHEN 'zscore' THEN ' standard deviations'
                WHEN 'volume_surge' THEN ' times its usual volume'
                WHEN 'slow_spike' THEN CONCAT(' % within ', ${SLOW_SPIKE_LOOKBACK_NAME})
                ELSE ' %'
            END,
            CASE
                WHEN ended_at IS NULL THEN ' so far'
                ELSE CONCAT(' at its peak, over ', CAST((ended_at - event_time) / 1000 AS STRING), ' s')
            END
        ) AS detail,
        event_time,
        ended_at
    FROM trade_events
    UNION ALL
    SELECT
        kind,
        source,
        symbol,
        pair,
        pair AS item,
        price,
        peak,
        threshold,
        CONCAT(
            pair, ' on ', source, ' moved ', CAST(CAST(peak AS DECIMAL(20, 2)) AS STRING), ' % between two tickers'
        ) AS detail,
        event_time,
        ended_at
    FROM ticker_events
    UNION ALL
    SELECT
        kind,
        source,
        symbol,
        CAST(NULL AS STRING) AS pair,
        CASE kind WHEN 'daily_move' THEN CONCAT(symbol, '|', item) ELSE symbol END AS item,
        price,
        peak,
        threshold,
        CASE kind
            WHEN 'daily_move'
                THEN CONCAT(
                    symbol, ' moved ', CAST(CAST(peak AS DECIMAL(20, 2)) AS STRING), ' % in 24 h, says ', source
                )
            ELSE CONCAT(
                symbol, ': ', note, ', by ', CAST(CAST(peak AS DECIMAL(20, 2)) AS STRING), ' % for ',
                ${DIVERGENCE_WINDOW_NAME}, CASE WHEN ended_at IS NULL THEN ' so far' ELSE ' at its peak' END
            )
        END AS detail,
        event_time,
        ended_at
    FROM price_events
    UNION ALL
    SELECT
        kind,
        source,
        symbol,
        CAST(NULL AS STRING) AS pair,
        symbol AS item,
        price,
        peak,
        threshold,
        CONCAT(
            symbol, ': news turned ', CASE WHEN peak > 0 THEN 'better' ELSE 'worse' END, ' by ',
            CAST(CAST(ABS(peak) AS DECIMAL(20, 2)) AS STRING),
            CASE WHEN ended_at IS NULL THEN ' so far, with ' ELSE ' at its peak, with ' END, note, ' at first'
        ) AS detail,
        event_time,
        ended_at
    FROM news_events
    UNION ALL
    SELECT
        'sentiment_shift' AS kind,
        source,
        '' AS symbol,
        CAST(NULL AS STRING) AS pair,
        '' AS item,
        CAST(NULL AS DOUBLE) AS price,
        points AS peak,
        CAST(${INDEX_SHIFT_POINTS} AS DOUBLE) AS threshold,
        CONCAT(
            'Fear & Greed index of ', source, CASE WHEN points > 0 THEN ' rose ' ELSE ' fell ' END,
            CAST(CAST(ABS(points) AS INT) AS STRING), ' points in a day'
        ) AS detail,
        event_time,
        CAST(NULL AS BIGINT) AS ended_at
    FROM index_shifts
    UNION ALL
    SELECT
        'stale_feed' AS kind,
        feed AS source,
        '' AS symbol,
        CAST(NULL AS STRING) AS pair,
        CAST(NULL AS STRING) AS item,
        CAST(NULL AS DOUBLE) AS price,
        CAST(NULL AS DOUBLE) AS peak,
        CAST(${STALE_AFTER_SECONDS} AS DOUBLE) AS threshold,
        CONCAT(feed, ': nothing for ', CAST(CAST(${STALE_AFTER_SECONDS} AS INT) AS STRING), ' s') AS detail,
        event_time,
        CAST(NULL AS BIGINT) AS ended_at
    FROM stale_feeds
);
