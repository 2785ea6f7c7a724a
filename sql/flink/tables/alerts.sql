-- Alerts
-- Question:  What is worth a look, right now?
-- Grain:     one row per alert, and of what lasts one more when it is over
-- Key:       alert_id; the Kafka key is symbol
-- Watermark: none
CREATE TABLE alerts (
    alert_id STRING,
    symbol STRING,
    pair STRING,
    alert_type STRING,
    price DOUBLE,
    change_pct DOUBLE,
    threshold DOUBLE,
    severity STRING,
    detail STRING,
    event_time BIGINT,
    detected_at BIGINT,
    ended_at BIGINT
) WITH (
    ${KAFKA_JSON_TABLE},
    'topic' = ${TOPIC_ALERTS},
    'key.format' = 'raw',
    'key.fields' = 'symbol',
    'value.fields-include' = 'ALL',
    'sink.transactional-id-prefix' = ${TRANSACTIONS_ALERTS}
);
