// The last price of the market that is shown, and its day.

import { ask } from "./api.js";
import { byId, el } from "./dom.js";
import * as format from "./format.js";
import { Empty, Panel } from "./panel.js";
import { figure, move, when } from "./signs.js";

const DAY = 86_400_000;

export class Price {
  constructor(desk) {
    this.desk = desk;
    this.panel = new Panel(byId("price"), (signal) => this.load(signal), (body, data) => this.draw(body, data));
    this.tick = null;
  }

  restart() {
    this.tick = null;
    this.before = null;
    return this.panel.restart();
  }

  async load(signal) {
    const { coin, market } = this.desk;
    const query = { source: market?.source, limit: 200 };
    const [latest, hours, minutes, trades] = await Promise.all([
      ask(`prix/${coin.symbol}/temps_reel/`, {}, signal).catch((error) => {
        if (error.status === 404) return null; // no price yet
        throw error;
      }),
      market ? ask(`candles/${market.path}`, { ...query, periode: "24h", resolution: "1h" }, signal) : null,
      market ? ask(`candles/${market.path}`, { ...query, periode: "1h", resolution: "1m" }, signal) : null,
      market ? ask(`trade/${market.path}/historique/`, { ...query, periode: "24h", limit: 2 }, signal) : null,
    ]);
    return { latest, hours: hours?.data ?? [], minutes: minutes?.data ?? [], trades: trades?.data ?? [] };
  }

  /** Take the newest of some trades of the stream: [{time, price}]. */
  trade({ time, price }) {
    if (this.tick && time < this.tick.time) return;
    if (this.tick && price !== this.tick.price) this.before = this.tick.price;
    this.tick = { time, price };
    this.panel.show();
  }

  draw(body, { latest, hours, minutes, trades }) {
    const { coin, market } = this.desk;
    const [newest, previous] = trades.map(({ price, timestamp }) => ({ price, time: Date.parse(timestamp) }));
    const known = [this.tick, newest].filter(Boolean).sort((a, b) => b.time - a.time)[0];
    const last = known ?? (latest ? { price: latest.price_usd, time: Date.parse(latest.timestamp) } : null);
    if (!last) throw new Empty(`No price of ${coin.name} yet.`, "It appears as soon as a source has one.");
    const before = this.before ?? previous?.price ?? null;
    const way = before === null ? 0 : last.price - before;

    const closed = hours.length ? Date.parse(hours[0].window_end) : 0;
    const bars = [...hours, ...minutes.filter(({ timestamp }) => Date.parse(timestamp) >= closed)];
    const first = hours.at(-1);
    const reaches = first && Date.now() - Date.parse(first.timestamp) >= DAY - 3_600_000;
    const change = reaches ? ((last.price - first.open) / first.open) * 100 : (latest?.change_24h ?? null);
    const changeBy = reaches ? null : (latest?.sources.find(({ kind }) => kind === "aggregator")?.source ?? null);
    const price = format.price(last.price);

    const shown = el("span", { class: `last ${format.direction(way)}` }, el("span", { class: "arrow", "aria-hidden": "true" }, format.arrow(way)), el("span", { class: "number" }, price));
    if (this.drawn && this.drawn !== price) shown.classList.add("fresh");
    this.drawn = price;
    body.replaceChildren(
      el(
        "div",
        { class: "lead" },
        el("p", { class: "name" }, el("b", {}, coin.name), el("span", { class: "faint" }, market ? `${market.pair} on ${market.source}` : `US dollars, ${latest?.source ?? ""}`)),
        el("p", { class: "now" }, shown, el("span", { class: "hidden" }, way > 0 ? "rising" : way < 0 ? "falling" : "unchanged"), move(change), el("span", { class: "faint" }, changeBy ? `24 h, ${changeBy}` : "24 h")),
      ),
      figure("24 h high", bars.length ? format.price(Math.max(last.price, ...bars.map(({ high }) => high)), last.price) : "–"),
      figure("24 h low", bars.length ? format.price(Math.min(last.price, ...bars.map(({ low }) => low)), last.price) : "–"),
      figure(`24 h volume${market ? `, ${market.pair.split("/")[0]}` : ""}`, bars.length ? format.amount(bars.reduce((sum, { volume }) => sum + volume, 0)) : "–"),
      figure("Market cap, USD", format.amount(latest?.market_cap)),
      figure("Last trade", when(last.time, format.toSeconds)),
    );
    document.title = `${price} ${format.arrow(way)} ${market?.pair ?? coin.symbol} · Tidemark`;
  }
}
