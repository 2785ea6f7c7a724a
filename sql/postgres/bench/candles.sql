-- Candles to measure on
-- Question: Which candles are there?
-- Grain:    one row per coin and step: count of steps before now
INSERT INTO candles
WITH steps AS (
    SELECT date_bin(%(step)s::interval, %(now)s, timestamptz 'epoch') - n * %(step)s::interval AS window_start
    FROM generate_series(1, %(count)s) AS n
)

SELECT
    'binance' AS source,
    coin.symbol,
    coin.symbol || '/USDT' AS pair,
    %(name)s AS resolution,
    steps.window_start,
    steps.window_start + %(step)s::interval AS window_end,
    1 AS open,
    2 AS high,
    0.5 AS low,
    1.5 AS close,
    1.2 AS vwap,
    9 AS volume,
    4 AS buy_volume,
    77 AS trade_count
FROM unnest(%(coins)s::text []) AS coin (symbol)
CROSS JOIN steps;
