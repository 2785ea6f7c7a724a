-- Alerts, stored
-- Question:  Which alerts were there?
-- Grain:     one row per alert
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE alert_data (
    alert_id STRING,
    alert_type STRING,
    symbol STRING,
    pair STRING,
    last_price DOUBLE,
    change_percent DOUBLE,
    threshold DOUBLE,
    severity STRING,
    detail STRING,
    event_time TIMESTAMP(3),
    detected_at TIMESTAMP(3),
    ended_at TIMESTAMP(3),
    PRIMARY KEY (alert_id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'alert_data'
);
