-- Prices
-- Question:  What is each coin worth, as the aggregators say?
-- Grain:     one row per JSON object on the topic, valid or not, duplicates included
-- Key:       (source, symbol, crypto_id, event_time), not unique here
-- Watermark: newest event time of a partition less ${PRICES_WATERMARK}; an implausible time moves nothing
CREATE TABLE prices (
    crypto_id STRING,
    symbol STRING,
    name STRING,
    source STRING,
    price_usd DOUBLE,
    market_cap DOUBLE,
    volume_24h DOUBLE,
    change_1h DOUBLE,
    change_24h DOUBLE,
    change_7d DOUBLE,
    ath DOUBLE,
    atl DOUBLE,
    circulating_supply DOUBLE,
    event_time BIGINT,
    ingest_time BIGINT,
    kafka_topic STRING NOT NULL METADATA FROM 'topic' VIRTUAL,
    kafka_partition INT NOT NULL METADATA FROM 'partition' VIRTUAL,
    kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
    arrived_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    rowtime AS CASE
        WHEN event_time >= ${EARLIEST_EVENT_TIME} AND TO_TIMESTAMP_LTZ(event_time, 3) <= arrived_at + ${MAX_FUTURE}
            THEN TO_TIMESTAMP_LTZ(event_time, 3)
    END,
    WATERMARK FOR rowtime AS rowtime - ${PRICES_WATERMARK}
) WITH (
    ${KAFKA_NEWS_SOURCE},
    'topic' = ${TOPIC_PRICES}
);
