-- Heartbeats of trades
-- Question:  Until when had a source sent all its trades?
-- Grain:     one row per JSON object on the topic of heartbeats; those of other topics have no rowtime
-- Key:       (source, event_time), not unique here
-- Watermark: newest event time of a partition less ${TRADES_WATERMARK}, for a moment: trades do not wait for the next
-- Why:       with them time goes on where nothing is traded, and the last window closes
CREATE TABLE trade_heartbeats (
    source STRING,
    topic STRING,
    event_time BIGINT,
    arrived_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    rowtime AS CASE
        WHEN
            topic = 'trades'
            AND event_time >= ${EARLIEST_EVENT_TIME}
            AND TO_TIMESTAMP_LTZ(event_time, 3) <= arrived_at + ${MAX_FUTURE}
            THEN TO_TIMESTAMP_LTZ(event_time, 3)
    END,
    WATERMARK FOR rowtime AS rowtime - ${TRADES_WATERMARK}
) WITH (
    ${KAFKA_HEARTBEATS},
    'topic' = ${TOPIC_HEARTBEATS}
);
