// Puts the desk together: what is chosen, what is asked for, what the stream brings.

import { Alerts, ofStream, put } from "./alerts.js";
import { ask } from "./api.js";
import { Bars } from "./bars.js";
import { CandleChart } from "./candles.js";
import { bind, keep, kept, show, shown } from "./choices.js";
import { byId, el, options, table } from "./dom.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import { describe, News } from "./news.js";
import { Empty, Panel } from "./panel.js";
import * as panels from "./panels.js";
import { Price } from "./price.js";
import { move, severity, when } from "./signs.js";

const REFRESH = 60_000; // ms between two questions for what the stream does not bring
const SETTLE = 30_000; // … for candles, which take the place of those made of trades
const POLL = 5_000; // … for everything that moves, while there is no stream
const MOST = 10_000;
// How far back candles of a length go, and how many of them fit the view at first: those of an hour show 7 days.
const REACH = { "1m": { periode: "24h", seconds: 60 }, "5m": { periode: "7d", seconds: 300 }, "1h": { periode: "30d", seconds: 3600, visible: 168 } };
const AGAIN = "It is asked again by itself.";
const STATES = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", polling: "Every 5 s", offline: "Offline" };
const TITLES = {
  live: "What happens is shown as it happens",
  reconnecting: "The live stream broke off and is being opened again",
  polling: "There is no live stream; prices and alerts are asked for every 5 seconds",
  offline: "This machine has no network",
};

const desk = {
  coin: null, // {symbol, name}
  coins: [],
  market: null, // {pair, path, source}
  resolution: "5m",
  moods: { above: 0.6, below: 0.4 },
  choose: (symbol) => chooseCoin(desk.coins.find((coin) => coin.symbol === symbol)),
};

let bars = new Bars(60);
let coinAlerts = new Map();
let pairs = [];
let fresh = true;

const price = new Price(desk);
const alerts = new Alerts(desk);
const news = new News(desk, () => marks());
const chart = new CandleChart((event) => event.describe());
const candles = new Panel(byId("chart"), loadCandles, drawCandles);
const mood = panels.mood(desk);
const volume = panels.volume(desk);
const predictions = panels.predictions(desk);
const ranking = panels.ranking(desk);
const feeds = panels.feeds();
const general = [ranking, panels.fear(), feeds, panels.macro()];
const ofCoin = [news, mood, volume, predictions];
const live = new Live(happened, connection);
const aboutCoin = () => [candles, price.panel, alerts.panel, ...ofCoin.map((one) => one.panel ?? one)];

// --- What is chosen

async function begin() {
  const [place, difference] = format.zone();
  byId("zone").append(el("span", { class: "place" }, `${place} `), difference);
  theme();
  bind(byId("show-news"), "show-news", marks);
  bind(byId("show-alerts"), "show-alerts", marks);
  byId("market").addEventListener("input", () => chooseMarket(byId("market").value));
  byId("resolutions").addEventListener("input", (event) => chooseResolution(event.target.value));
  byId("coins").addEventListener("input", (event) => desk.choose(event.target.value));
  byId("coins").addEventListener("submit", (event) => event.preventDefault());
  document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  document.querySelector("#chart details").addEventListener("toggle", candleTable);
  for (const panel of general) panel.refresh();
  await configure();
  every(REFRESH, () => {
    for (const panel of [...general, ...aboutCoin().slice(1)]) panel.refresh();
    loadCoinAlerts();
  });
  every(SETTLE, () => candles.refresh());
  every(POLL, () => {
    if (document.documentElement.dataset.live === "polling") for (const panel of [candles, price.panel, alerts.panel]) panel.refresh();
  });
  every(1000, () => price.panel.data && age());
}

/** Read what there is to choose from; as long as that fails, ask again. */
async function configure() {
  for (;;) {
    try {
      const found = await ask("config/visualization/");
      pairs = found.pairs;
      desk.coins = found.cryptos;
      desk.moods = { above: found.sentiment_positive_above, below: found.sentiment_negative_below };
      resolutions(found.candle_resolutions.filter((one) => one in REACH));
      alerts.types(found.thresholds.map(({ alert_type: type }) => type));
      news.horizons(found.impact_horizons_seconds);
      break;
    } catch (error) {
      for (const panel of aboutCoin()) panel.say("error", error.message, AGAIN);
      await new Promise((resolve) => setTimeout(resolve, POLL));
    }
  }
  const wanted = (shown().coin ?? kept("coin", "BTC")).toUpperCase();
  byId("coins").firstElementChild.append(
    ...desk.coins.map(({ symbol, name }) => el("label", { title: name }, el("input", { type: "radio", name: "coin", value: symbol }), el("span", {}, symbol))),
  );
  const first = desk.coins.find(({ symbol }) => symbol === wanted) ?? desk.coins[0];
  if (!first) {
    for (const panel of aboutCoin()) panel.say("empty", "No coin is shown.", "POST /api/v1/config/crypto/ configures one.");
    return;
  }
  await chooseCoin(first, shown().market);
}

function resolutions(names) {
  const wanted = shown().candles ?? kept("candles", desk.resolution);
  desk.resolution = names.includes(wanted) ? wanted : names[0];
  byId("resolutions").append(
    ...names.map((name) => el("label", {}, el("input", { type: "radio", name: "candles", value: name, checked: name === desk.resolution }), el("span", {}, name))),
  );
}

async function chooseCoin(coin, market = null) {
  desk.coin = coin;
  desk.market = null;
  keep("coin", coin.symbol);
  live.close();
  show({ coin: coin.symbol, market: null });
  const radio = document.querySelector(`input[name=coin][value="${CSS.escape(coin.symbol)}"]`);
  radio.checked = true;
  radio.parentElement.scrollIntoView({ block: "nearest", inline: "center" });
  for (const panel of [candles, price, ...ofCoin]) (panel.panel ?? panel).skeleton();
  let found = [];
  try {
    found = await markets(coin);
  } catch (error) {
    if (desk.coin === coin) {
      for (const panel of aboutCoin()) panel.say("error", error.message, AGAIN);
      setTimeout(() => desk.coin === coin && chooseCoin(coin, market), POLL);
    }
    return;
  }
  if (desk.coin !== coin) return;
  options(byId("market"), found.length ? found.map(({ id, pair, source }) => [id, `${pair} · ${source}`]) : [["", "No market"]]);
  desk.markets = found;
  byId("market").disabled = found.length < 2;
  chooseMarket(found.some(({ id }) => id === market) ? market : found[0]?.id);
}

/** Find the markets of a coin: pairs with trades of late, and by the newest candles or trades where; the largest first. */
async function markets(coin) {
  const mine = pairs.filter(({ kind, pair }) => kind === "trade" && pair.split("/")[0] === coin.symbol);
  const found = await Promise.all(
    mine.map(async ({ pair }) => {
      const path = pair.replace("/", "-");
      const [hours, minutes] = await Promise.all([
        ask(`candles/${path}`, { periode: "24h", resolution: "1h", limit: 1000 }),
        ask(`candles/${path}`, { periode: "1h", resolution: "1m", limit: 1000 }),
      ]);
      let rows = [...hours.data, ...minutes.data];
      if (!rows.length) rows = (await ask(`trade/${path}/historique/`, { periode: "24h", limit: 1000 })).data;
      const count = new Map();
      for (const { source, trade_count: trades } of rows) count.set(source, (count.get(source) ?? 0) + (trades ?? 1));
      return [...count].map(([source, trades]) => ({ id: `${path}.${source}`, pair, path, source, trades }));
    }),
  );
  return found.flat().sort((a, b) => b.trades - a.trades);
}

function chooseMarket(id) {
  desk.market = desk.markets.find((market) => market.id === id) ?? null;
  byId("market").value = id ?? "";
  show({ market: id });
  fresh = true;
  bars = new Bars(REACH[desk.resolution].seconds);
  coinAlerts = new Map();
  chart.mark([]);
  candles.restart();
  price.restart();
  for (const panel of ofCoin) panel.restart();
  if (ranking.data) ranking.show();
  alerts.panel.refresh();
  loadCoinAlerts();
  open();
}

function chooseResolution(name) {
  desk.resolution = name;
  keep("candles", name);
  show({ candles: name });
  fresh = true;
  bars = new Bars(REACH[name].seconds);
  candles.restart();
}

function theme() {
  bind(byId("theme"), "theme", paint);
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", paint);
  paint();
  function paint() {
    document.documentElement.dataset.theme = byId("theme").value;
    chart.paint();
  }
}

// --- Candles and what is marked on them

async function loadCandles(signal) {
  const { market, resolution } = desk;
  if (!market) throw new Empty(`No trades of ${desk.coin.name} of late.`, "Candles are made of trades; other coins may have some.");
  const { periode, seconds } = REACH[resolution];
  const mine = bars;
  const since = mine.storedEnd ? { date_debut: iso(mine.storedEnd - 3 * seconds) } : { periode };
  const { data: stored } = await ask(`candles/${market.path}`, { source: market.source, resolution, ...since, limit: MOST }, signal);
  const end = Math.max(...stored.map(({ window_end: one }) => Date.parse(one) / 1000), mine.storedEnd ?? 0, Date.now() / 1000 - 3 * 3600);
  const minutes = resolution === "1m" ? [] : (await ask(`candles/${market.path}`, { source: market.source, resolution: "1m", date_debut: iso(end), limit: MOST }, signal)).data;
  const tail = Math.max(end, ...minutes.map(({ window_end: one }) => Date.parse(one) / 1000));
  const { data: trades } = await ask(`trade/${market.path}/historique/`, { source: market.source, date_debut: iso(tail), limit: MOST }, signal);
  signal.throwIfAborted();
  mine.store(stored.map(candle), minutes.map(candle), trades.map((one) => trade(one, Date.parse(one.timestamp))));
  return mine.all();
}

const iso = (seconds) => new Date(seconds * 1000).toISOString();
const candle = ({ timestamp, open, high, low, close, volume: amount }) => ({ time: Date.parse(timestamp) / 1000, open, high, low, close, volume: amount });
const trade = ({ trade_id: id, price: paid, quantity }, time) => ({ id, time, price: paid, quantity });

function drawCandles(body, all) {
  if (!all.length) throw new Empty("No candles yet.", "The first is there with the first trade.");
  const { pair, source } = desk.market;
  const last = all.at(-1);
  byId("canvas").setAttribute("aria-label", `Candles of ${desk.resolution}, ${pair} on ${source}: ${all.length} of them, the last closes at ${format.price(last.close)}`);
  chart.set([...all], REACH[desk.resolution].seconds, fresh, REACH[desk.resolution].visible);
  fresh = false;
  candleTable();
}

function candleTable() {
  const details = document.querySelector("#chart details");
  if (!details.open) return;
  const rows = chart.bars.slice(-100).reverse();
  details.lastElementChild.replaceChildren(
    table(
      "The newest 100 candles",
      ["Begin", ...["Open", "High", "Low", "Close", "Change", "Volume"].map((name) => [name, "number"])],
      rows.map((bar) => [format.dayTime(bar.time * 1000), ...["open", "high", "low", "close"].map((name) => format.price(bar[name], chart.like)), move(((bar.close - bar.open) / bar.open) * 100), format.amount(bar.volume)]),
    ),
  );
}

async function loadCoinAlerts() {
  const { coin } = desk;
  try {
    const { data } = await ask("alert/historique/", { crypto_symbol: coin.symbol, periode: "30d", limit: 1000 });
    if (desk.coin !== coin) return;
    for (const alert of data) put(coinAlerts, alert);
    marks();
  } catch {
    // The list of alerts says what is wrong; the next round asks again.
  }
}

function marks() {
  const { coin, market } = desk;
  const events = [];
  if (byId("show-news").checked) {
    for (const one of news.all()) events.push({ id: one.article.article_id, kind: "news", time: Date.parse(one.article.timestamp), label: `News: ${one.article.title}`, describe: () => describe(one) });
  }
  if (byId("show-alerts").checked) {
    for (const alert of coinAlerts.values()) {
      if (alert.crypto_symbol !== coin.symbol || (alert.pair && market && alert.pair !== market.pair)) continue;
      events.push({ id: alert.alert_id, kind: "alert", severity: alert.severity, time: Date.parse(alert.timestamp), label: `Alert, ${alert.severity}: ${format.words(alert.alert_type)}${alert.change_percent === null ? "" : `, ${format.change(alert.change_percent)}`}`, describe: () => describeAlert(alert) });
    }
  }
  chart.mark(events.sort((a, b) => a.time - b.time));
}

function describeAlert(alert) {
  return [
    el("p", { class: "line" }, severity(alert.severity), el("b", {}, format.words(alert.alert_type)), el("span", { class: "spring" }), alert.change_percent === null ? null : move(alert.change_percent)),
    el("p", { class: "detail" }, alert.detail),
    el("p", { class: "line faint" }, when(alert.timestamp, format.dayTime)),
  ];
}

// --- The stream

function open() {
  const pair = desk.market ? `pair=${encodeURIComponent(desk.market.pair)}&topics=trades,alerts,articles` : "topics=alerts,articles";
  live.open(`/api/v1/live?${pair}`);
}

let changed = null; // the bar, and the newest trade, since the last frame

function happened(type, data) {
  if (type === "trade") {
    const { market } = desk;
    if (!market || data.pair !== market.pair || data.source !== market.source) return;
    const one = trade(data, data.event_time);
    const bar = candles.data ? bars.trade(one) : null;
    if (!changed) requestAnimationFrame(draw);
    changed ??= { bars: new Map(), newest: one };
    if (bar) changed.bars.set(bar.time, bar);
    if (one.time >= changed.newest.time) changed.newest = one;
  } else if (type === "alert") {
    take([data], true);
  } else if (type === "article") {
    news.take([data]);
  } else if (type === "snapshot") {
    take(data.alerts ?? [], false);
    news.take(data.articles ?? []);
    for (const one of data.trades ?? []) happened("trade", one);
  }
}

function draw() {
  const { bars: newer, newest } = changed;
  changed = null;
  for (const bar of [...newer.values()].sort((a, b) => a.time - b.time)) chart.update({ ...bar });
  price.trade(newest);
}

function take(given, announced) {
  alerts.take(given, announced);
  const mine = given.filter(({ symbol }) => symbol === desk.coin?.symbol).map(ofStream);
  for (const alert of mine) put(coinAlerts, alert);
  if (mine.length) marks();
}

function connection(state) {
  const root = document.documentElement;
  if (root.dataset.live === state) return;
  const before = root.dataset.live;
  root.dataset.live = state;
  const badge = byId("connection");
  badge.dataset.state = state;
  badge.title = TITLES[state] ?? "";
  badge.querySelector(".label").textContent = STATES[state];
  // What happened while there was no stream.
  if (state === "live" && before && before !== "connecting") for (const panel of [candles, price.panel, alerts.panel, news.panel]) panel.refresh();
}

/** Show how old the newest trade is, once that is worth saying. */
function age() {
  const last = byId("price").querySelector("time");
  const seconds = last ? (Date.now() - Date.parse(last.dateTime)) / 1000 : 0;
  byId("price").toggleAttribute("data-old", seconds > 60);
  if (last) last.dataset.age = seconds > 60 ? `${format.ago(Date.parse(last.dateTime))} ago` : "";
}

/** Call `work` again and again while the page is seen, and once when it is seen again after longer than that. */
function every(interval, work) {
  let last = Date.now();
  const run = () => {
    if (document.hidden || !desk.coin) return;
    last = Date.now();
    work();
  };
  setInterval(run, interval);
  document.addEventListener("visibilitychange", () => !document.hidden && Date.now() - last > interval && run());
}

begin();
