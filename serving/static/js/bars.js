// Candles from what the API has: those that are stored, and the newest ones made of trades until they are.

/** Put a trade {id, time (ms), price, quantity} into its bar; bars are by their begin, in seconds. */
function add(bars, step, { time, price, quantity }) {
  const start = Math.floor(time / 1000 / step) * step;
  const bar = bars.get(start);
  if (!bar) {
    bars.set(start, { time: start, open: price, high: price, low: price, close: price, volume: quantity, first: time, last: time });
    return start;
  }
  bar.high = Math.max(bar.high, price);
  bar.low = Math.min(bar.low, price);
  bar.volume += quantity;
  if (time < bar.first) [bar.open, bar.first] = [price, time];
  if (time >= bar.last) [bar.close, bar.last] = [price, time];
  return start;
}

/** Put a finished candle into the longer one that it is part of. */
function join(bars, step, candle) {
  const start = Math.floor(candle.time / step) * step;
  const begin = candle.time * 1000;
  const bar = bars.get(start);
  if (!bar) {
    bars.set(start, { ...candle, time: start, first: begin, last: begin });
    return;
  }
  bar.high = Math.max(bar.high, candle.high);
  bar.low = Math.min(bar.low, candle.low);
  bar.volume += candle.volume;
  if (begin < bar.first) [bar.open, bar.first] = [candle.open, begin];
  if (begin >= bar.last) [bar.close, bar.last] = [candle.close, begin];
}

/** The candles of a market at one resolution. */
export class Bars {
  /** `step` in seconds. */
  constructor(step) {
    this.step = step;
    this.stored = new Map();
    this.trades = new Map(); // those that no stored candle has yet, by id
    this.open = new Map();
    this.end = 0; // seconds until which candles are stored, of a minute or of `step`
  }

  /** Take over what the API has: candles of `step`, later ones of a minute, still later trades. */
  store(candles, minutes, trades) {
    for (const candle of candles) this.stored.set(candle.time, candle);
    this.storedEnd = Math.max(0, ...this.stored.keys()) + (this.stored.size ? this.step : 0);
    this.minutes = minutes.filter(({ time }) => time >= this.storedEnd);
    this.end = Math.max(this.storedEnd, ...this.minutes.map(({ time }) => time + 60));
    for (const trade of trades) this.trades.set(trade.id, trade);
    for (const [id, trade] of this.trades) if (trade.time < this.end * 1000) this.trades.delete(id);
    this.open = new Map();
    for (const minute of [...this.minutes].sort((a, b) => a.time - b.time)) join(this.open, this.step, minute);
    for (const trade of this.trades.values()) add(this.open, this.step, trade);
  }

  /** Take a trade from the stream. Returns the bar that it changed, or null if it is known or too old. */
  trade(trade) {
    if (this.trades.has(trade.id) || trade.time < this.end * 1000) return null;
    this.trades.set(trade.id, trade);
    return this.open.get(add(this.open, this.step, trade));
  }

  /** All bars, the oldest first. */
  all() {
    return [...new Map([...this.open, ...this.stored]).values()].sort((a, b) => a.time - b.time);
  }
}
