-- Prices, checked
-- Question:  What is wrong with each message of the topic, if anything?
-- Grain:     one row per JSON object on the topic
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: that of prices
-- Why:       the one place that says when a price is acceptable; bounds and forms come from
--            producers/schemas/prices.avsc
--            x - x <> 0 finds NaN and infinity, which the negation of a range does not: Flink turns it into x < a OR x > b
CREATE TEMPORARY VIEW prices_checked AS
SELECT
    *,
    CASE
        WHEN crypto_id IS NULL OR NOT REGEXP(crypto_id, ${PRICES_CRYPTO_ID_FORM}) THEN 'invalid_field: crypto_id'
        WHEN symbol IS NULL OR NOT REGEXP(symbol, ${PRICES_SYMBOL_FORM}) THEN 'invalid_field: symbol'
        WHEN name IS NULL THEN 'invalid_field: name'
        WHEN source IS NULL OR NOT REGEXP(source, ${PRICES_SOURCE_FORM}) THEN 'invalid_field: source'
        WHEN price_usd IS NULL THEN 'invalid_field: price_usd'
        WHEN event_time IS NULL THEN 'invalid_field: event_time'
        WHEN ingest_time IS NULL THEN 'invalid_field: ingest_time'
        WHEN price_usd - price_usd <> 0 THEN 'invalid_field: price_usd'
        WHEN NOT (price_usd > ${PRICES_PRICE_USD_EXCLUSIVEMINIMUM} AND price_usd <= ${PRICES_PRICE_USD_MAXIMUM})
            THEN 'out_of_range: price_usd'
        WHEN market_cap - market_cap <> 0 THEN 'invalid_field: market_cap'
        WHEN market_cap NOT BETWEEN ${PRICES_MARKET_CAP_MINIMUM} AND ${PRICES_MARKET_CAP_MAXIMUM}
            THEN 'out_of_range: market_cap'
        WHEN volume_24h - volume_24h <> 0 THEN 'invalid_field: volume_24h'
        WHEN volume_24h NOT BETWEEN ${PRICES_VOLUME_24H_MINIMUM} AND ${PRICES_VOLUME_24H_MAXIMUM}
            THEN 'out_of_range: volume_24h'
        WHEN change_1h - change_1h <> 0 THEN 'invalid_field: change_1h'
        WHEN change_1h NOT BETWEEN ${PRICES_CHANGE_1H_MINIMUM} AND ${PRICES_CHANGE_1H_MAXIMUM}
            THEN 'out_of_range: change_1h'
        WHEN change_24h - change_24h <> 0 THEN 'invalid_field: change_24h'
        WHEN change_24h NOT BETWEEN ${PRICES_CHANGE_24H_MINIMUM} AND ${PRICES_CHANGE_24H_MAXIMUM}
            THEN 'out_of_range: change_24h'
        WHEN change_7d - change_7d <> 0 THEN 'invalid_field: change_7d'
        WHEN change_7d NOT BETWEEN ${PRICES_CHANGE_7D_MINIMUM} AND ${PRICES_CHANGE_7D_MAXIMUM}
            THEN 'out_of_range: change_7d'
        WHEN ath - ath <> 0 THEN 'invalid_field: ath'
        WHEN ath NOT BETWEEN ${PRICES_ATH_MINIMUM} AND ${PRICES_ATH_MAXIMUM} THEN 'out_of_range: ath'
        WHEN atl - atl <> 0 THEN 'invalid_field: atl'
        WHEN atl NOT BETWEEN ${PRICES_ATL_MINIMUM} AND ${PRICES_ATL_MAXIMUM} THEN 'out_of_range: atl'
        WHEN circulating_supply - circulating_supply <> 0 THEN 'invalid_field: circulating_supply'
        WHEN
            circulating_supply
            NOT BETWEEN ${PRICES_CIRCULATING_SUPPLY_MINIMUM} AND ${PRICES_CIRCULATING_SUPPLY_MAXIMUM}
            THEN 'out_of_range: circulating_supply'
        WHEN rowtime IS NULL THEN 'time_out_of_range: event_time'
        WHEN ingest_time NOT BETWEEN ${EARLIEST_EVENT_TIME} AND ${LATEST_TIME} THEN 'time_out_of_range: ingest_time'
    END AS problem
FROM prices
WHERE ${READ_RANGE};
