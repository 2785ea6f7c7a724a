-- Notifications
-- Question:  Which alert was sent to whom, and what is still to be sent?
-- Grain:     one row per rule, channel and alert
-- Key:       rule, channel, alert_id
-- Watermark: none
-- `tidemark notify` notes an alert here before it tells Kafka that it has read it, and takes it from here to send it, so
-- that nothing is sent twice by one rule to one channel, whatever is restarted or read again.

CREATE TABLE serving.notifications (
    rule text NOT NULL,
    channel text NOT NULL,
    alert_id text NOT NULL,
    alert jsonb NOT NULL,  -- as it was on the topic
    is_urgent boolean NOT NULL,  -- quiet hours do not hold it back
    -- sending: while the channel is called; unknown: nobody noted how that ended, so it is not tried again;
    -- failed: given up
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'sent', 'failed', 'unknown')),
    message_id text,  -- of the message it was in, with others or alone
    attempts integer NOT NULL DEFAULT 0,
    noted_at timestamptz(3) NOT NULL DEFAULT now(),
    sent_at timestamptz(3),
    PRIMARY KEY (rule, channel, alert_id)
);
CREATE INDEX notifications_waiting ON serving.notifications (channel, noted_at) WHERE state = 'waiting';
CREATE INDEX notifications_sent ON serving.notifications (channel, sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX notifications_by_message ON serving.notifications (message_id) WHERE message_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON serving.notifications TO tidemark_api;
