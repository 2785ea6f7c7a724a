-- Enrichment
-- Question:  Which economic values were in force at each trade, and what did news do?
-- Grain:     said with each table
-- Key:       natural keys only, the same as in sql/flink/tables: writing a row again changes nothing
-- Watermark: none

-- Null where no value was known yet, and in rows of before this migration. macro is a JSON object, {"DFF": 4.33, …}, as
-- text because Flink's JDBC sink writes no JSON: macro::jsonb ->> 'DFF'.
ALTER TABLE enriched_trades ADD COLUMN policy_rate double precision, ADD COLUMN macro text;

-- One row per article, coin mentioned in it, venue, pair and horizon. missing is null where nothing is.
CREATE TABLE news_impact (
    article_id text NOT NULL,
    symbol text NOT NULL,
    source text NOT NULL,
    pair text NOT NULL,
    news_time timestamptz(3) NOT NULL,
    horizon_seconds integer NOT NULL,
    price_before double precision,
    return_before_pct double precision,
    return_after_pct double precision,
    volume_before double precision NOT NULL,
    volume_after double precision NOT NULL,
    volume_ratio double precision,
    abnormal_volume_ratio double precision,
    volatility_before_pct double precision,
    volatility_after_pct double precision,
    abnormal_return_pct double precision,
    abnormal_score double precision,
    bars_before bigint NOT NULL,
    bars_after bigint NOT NULL,
    baseline_returns bigint NOT NULL,
    longest_pause_seconds double precision,
    missing text,
    PRIMARY KEY (symbol, news_time, article_id, pair, source, horizon_seconds)
);
CREATE INDEX news_impact_by_time ON news_impact (news_time);
CREATE INDEX news_impact_by_article ON news_impact (article_id);
