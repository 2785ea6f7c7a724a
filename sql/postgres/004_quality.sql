-- Quality of the feeds
-- Question:  What was missed, what came late, and how good was each feed?
-- Grain:     said with each table
-- Key:       natural keys only, the same as in sql/flink/tables: writing a row again changes nothing
-- Watermark: none

-- One row per range of missing trade ids; closed once all of them have come after all.
CREATE TABLE feed_gaps (
    source text NOT NULL,
    pair text NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    missing bigint NOT NULL,
    found bigint NOT NULL,
    state text NOT NULL,
    from_time timestamptz(3) NOT NULL,
    to_time timestamptz(3) NOT NULL,
    closed_at timestamptz(3),
    PRIMARY KEY (source, pair, first_id)
);
CREATE INDEX feed_gaps_open ON feed_gaps (from_time) WHERE state = 'open';

-- One row per message that came when the watermark had passed it.
CREATE TABLE late_data (
    topic text NOT NULL,
    source text NOT NULL,
    item text NOT NULL,
    id text NOT NULL,
    event_time timestamptz(3) NOT NULL,
    watermark_time timestamptz(3) NOT NULL,
    late_by_seconds bigint NOT NULL,
    ingest_time timestamptz(3) NOT NULL,
    PRIMARY KEY (topic, source, item, event_time, id)
);

-- One row per topic, source and minute. A source is empty where a rejected message names none.
CREATE TABLE data_quality (
    topic text NOT NULL,
    source text NOT NULL,
    minute_start timestamptz(3) NOT NULL,
    seen bigint NOT NULL,
    valid bigint NOT NULL,
    rejected bigint NOT NULL,
    duplicate bigint NOT NULL,
    late bigint NOT NULL,
    gap bigint NOT NULL,
    delay_p50 double precision,
    delay_p99 double precision,
    PRIMARY KEY (topic, source, minute_start)
);
CREATE INDEX data_quality_by_time ON data_quality (minute_start);
