-- Macro, stored
-- Question:  Which values did the economic series have?
-- Grain:     one row per series and day; a revised value replaces the one before
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE macro_data (
    `indicator` STRING,
    `value` DOUBLE,
    `date` DATE,
    frequency STRING,
    event_time TIMESTAMP(3),
    PRIMARY KEY (`indicator`, `date`) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'macro_data'
);
