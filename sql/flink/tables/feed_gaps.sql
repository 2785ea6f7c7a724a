-- Feed gaps, stored
-- Question:  Which trades were missed, over which time, and have they been fetched since?
-- Grain:     one row per range of missing ids
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE feed_gaps (
    source STRING,
    pair STRING,
    first_id BIGINT,
    last_id BIGINT,
    missing BIGINT,
    found BIGINT,
    state STRING,
    from_time TIMESTAMP(3),
    to_time TIMESTAMP(3),
    closed_at TIMESTAMP(3),
    PRIMARY KEY (source, pair, first_id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'feed_gaps'
);
