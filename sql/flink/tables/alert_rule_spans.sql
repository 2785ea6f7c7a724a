-- Spans of alert rules
-- Question:  From which threshold on is there an alert, by type and coin, and since when?
-- Grain:     one row per type, symbol and time in which its threshold holds
-- Key:       (alert_type, symbol, valid_from); a symbol of * stands for all coins but the others, which have rows of their own
-- Watermark: none: looked up row by row, with what is known kept for ${ALERT_RULES_CACHE}; times are epoch milliseconds
CREATE TABLE alert_rule_spans (
    alert_type STRING,
    symbol STRING,
    others STRING,
    valid_from BIGINT,
    valid_to BIGINT,
    threshold DOUBLE
) WITH (
    ${POSTGRES},
    'table-name' = 'alert_rule_spans',
    'lookup.cache' = 'PARTIAL',
    'lookup.partial-cache.expire-after-write' = ${ALERT_RULES_CACHE},
    'lookup.partial-cache.max-rows' = '100000'
);
