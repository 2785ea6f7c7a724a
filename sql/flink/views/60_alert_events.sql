-- Alert events
-- Question:  What is worth a look?
-- Grain:     one row per alert
-- Key:       alert_id: MD5 of type, source (of a stale feed, source and topic), pair and event time, so the same input
--            gives the same alerts
-- Watermark: that of trades and tickers
-- Severity:  critical from twice the threshold on, else warning
CREATE TEMPORARY VIEW alert_events AS
SELECT
    MD5(CONCAT_WS('|', alert_type, source, pair, CAST(event_time AS STRING))) AS alert_id,
    symbol,
    pair,
    alert_type,
    price,
    change_pct,
    threshold,
    CASE WHEN ABS(change_pct) >= 2 * threshold THEN 'critical' ELSE 'warning' END AS severity,
    detail,
    event_time
FROM (
    SELECT
        'price_change' AS alert_type,
        source,
        symbol,
        pair,
        `last` AS price,
        change_pct,
        CAST(${PRICE_CHANGE_PCT} AS DOUBLE) AS threshold,
        CONCAT(
            pair, ' on ', source, ' moved ',
            CAST(CAST(change_pct AS DECIMAL(20, 2)) AS STRING), ' % between two tickers'
        ) AS detail,
        event_time
    FROM price_changes
    UNION ALL
    SELECT
        'spike' AS alert_type,
        source,
        symbol,
        pair,
        peak_price AS price,
        direction * peak_pct AS change_pct,
        CAST(${SPIKE_PCT} AS DOUBLE) AS threshold,
        CONCAT(
            pair, ' on ', source, CASE WHEN direction > 0 THEN ' rose ' ELSE ' fell ' END,
            CAST(CAST(peak_pct AS DECIMAL(20, 2)) AS STRING), ' % at its peak, over ',
            CAST(TIMESTAMPDIFF(SECOND, started_at, ended_at) AS STRING), ' s'
        ) AS detail,
        TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', started_at) * CAST(1000 AS BIGINT)
        + EXTRACT(MILLISECOND FROM started_at) AS event_time
    FROM spikes
    UNION ALL
    SELECT
        'stale_feed' AS alert_type,
        feed AS source,
        '' AS symbol,
        CAST(NULL AS STRING) AS pair,
        CAST(NULL AS DOUBLE) AS price,
        CAST(NULL AS DOUBLE) AS change_pct,
        CAST(${STALE_AFTER_SECONDS} AS DOUBLE) AS threshold,
        CONCAT(feed, ': nothing for ', CAST(CAST(${STALE_AFTER_SECONDS} AS INT) AS STRING), ' s') AS detail,
        event_time
    FROM stale_feeds
);
