// The panels that show one answer of the API each.

import { ask } from "./api.js";
import { bind, kept } from "./choices.js";
import { byId, el, options, table, tableBelow } from "./dom.js";
import * as format from "./format.js";
import { Empty, Panel } from "./panel.js";
import { plot } from "./plots.js";
import { figure, mood as moodLabel, move, when } from "./signs.js";

const MINUTE = 60_000;
const DAY = 86_400_000;
const TOP = 5;
// Minutes of quality are written when they are over and their late rows can be counted, so one is some minutes old by then.
const STALE = 5 * MINUTE;

export function ranking(desk) {
  const panel = new Panel(
    byId("ranking"),
    (signal) => ask("ranking/", { limit: 100 }, signal),
    (body, { data }) => {
      const sources = [...new Set(data.map(({ source }) => source))];
      const select = byId("ranker");
      const chosen = options(select, sources.map((one) => [one, one]), select.value || kept("ranker", null));
      select.hidden = sources.length < 2;
      if (!data.length) throw new Empty("No ranking in the last month.", "It comes with the prices of an aggregator.");
      const most = document.querySelector("input[name=places]:checked").value;
      const rows = data.filter(({ source }) => source === chosen);
      const widest = Math.max(...rows.map(({ change_24h: one }) => Math.abs(one)), 0.01);
      const bar = (value) => {
        const made = el("span", { class: `gain ${format.direction(value)}`, "aria-hidden": "true" });
        made.style.setProperty("--part", `${(Math.abs(value) / widest) * 100}%`);
        return made;
      };
      const coin = (row) =>
        desk.coins.some(({ symbol }) => symbol === row.crypto_symbol)
          ? el("button", { type: "button", class: "link", onclick: () => desk.choose(row.crypto_symbol) }, el("b", {}, row.crypto_symbol), ` ${row.name}`)
          : el("span", {}, el("b", {}, row.crypto_symbol), ` ${row.name}`);
      const places = (caption, some) =>
        table(
          caption,
          ["#", "Coin", ["Price, USD", "number"], ["24 h", "number"], [el("span", { class: "hidden" }, "As a bar"), "gains"]],
          some.map((row) => [String(row.place), coin(row), format.price(row.price_usd), move(row.change_24h), bar(row.change_24h)]),
          (index) => (some[index].crypto_symbol === desk.coin?.symbol ? "chosen" : null),
        );
      const all = document.querySelector("input[name=places]:checked").value === "all";
      const last = rows.slice(Math.max(TOP, rows.length - TOP));
      body.replaceChildren(
        ...(all || !last.length ? [places("Coins by their change in 24 hours", rows)] : [places("The best of the day", rows.slice(0, TOP)), places("The last of the day", last)]),
        el("p", { class: "faint foot" }, `${chosen}, `, when(rows[0]?.timestamp ?? Date.now())),
      );
    },
  );
  bind(byId("ranker"), "ranker", () => panel.show());
  byId("places").addEventListener("input", () => panel.show());
  return panel;
}

export function mood(desk) {
  return new Panel(
    byId("mood"),
    (signal) => ask(`sentiment/${desk.coin.symbol}/historique/`, { periode: "7d", resolution: "1h", limit: 200 }, signal),
    (body, { data }) => {
      if (!data.length) throw new Empty(`No news about ${desk.coin.name} in 7 days.`, "Its mood is that of the articles which mention it.");
      const points = data.map((one) => [Date.parse(one.timestamp), one.sentiment_score]).reverse();
      const today = data.filter(({ timestamp }) => Date.now() - Date.parse(timestamp) < DAY).reduce((sum, { article_count: count }) => sum + count, 0);
      const at = new Map(data.map((one) => [Date.parse(one.timestamp), one]));
      const { above, below } = desk.moods;
      const box = el("div");
      body.replaceChildren(
        el("div", { class: "figures" }, figure("Newest hour", format.plain(data[0].sentiment_score), moodLabel(data[0].sentiment_label)), figure("Articles, 24 h", format.whole(today))),
        box,
        tableBelow("Mood of the news as a table", () =>
          table("Mood of the news by the hour", ["Hour", ["Score", "number"], "Mood", ["Articles", "number"]], data.map((one) => [format.dayTime(new Date(one.timestamp)), format.plain(one.sentiment_score), one.sentiment_label, format.whole(one.article_count)])),
        ),
      );
      plot(box, {
        label: `Mood of the news about ${desk.coin.name}: now ${format.plain(data[0].sentiment_score)}, ${data[0].sentiment_label}`,
        lines: [{ points, kind: "main", dots: true }, { points: smooth(points), kind: "main" }],
        range: [0, 1],
        zones: [{ from: above, to: 1, kind: "high" }, { from: 0, to: below, kind: "low" }],
        value: (one) => format.plain(one, 1),
        time: (one) => format.day(one),
        read: (one) => `${format.dayTime(one)}: ${format.plain(at.get(one)?.sentiment_score)}, ${at.get(one)?.sentiment_label ?? ""}`,
      });
    },
  );
}

/** A mean over the last 12 points, which shows where single hours go. */
function smooth(points) {
  return points.map(([time], index) => {
    const last = points.slice(Math.max(0, index - 11), index + 1);
    return [time, last.reduce((sum, [, value]) => sum + value, 0) / last.length];
  });
}

export function fear() {
  return new Panel(
    byId("fear"),
    (signal) => ask("market-sentiment/", { limit: 90 }, signal),
    (body, { data }) => {
      if (!data.length) throw new Empty("No value of the index yet.", "It comes once a day.");
      const [now, before] = data;
      const meter = el("div", { class: "gauge", role: "img", "aria-label": `Fear & Greed index: ${now.value} of 100, ${now.classification}` }, el("span", { class: "needle" }));
      meter.style.setProperty("--at", `${now.value}%`);
      const box = el("div");
      body.replaceChildren(
        el("div", { class: "figures" }, figure(format.utcDay(Date.parse(now.timestamp)), format.whole(now.value), now.classification), before ? figure("Day before", format.whole(before.value), before.classification) : null),
        el("div", { class: "gauge-row" }, el("span", { class: "faint" }, "Fear"), meter, el("span", { class: "faint" }, "Greed")),
        box,
        tableBelow("Fear and Greed as a table", () => table("Fear & Greed index by the day", ["Day (UTC)", ["Value", "number"], "Called"], data.map((one) => [format.utcDate(Date.parse(one.timestamp)), format.whole(one.value), one.classification]))),
      );
      const at = new Map(data.map((one) => [Date.parse(one.timestamp), one]));
      plot(box, {
        label: `Fear & Greed index of the last ${data.length} days`,
        lines: [{ points: data.map((one) => [Date.parse(one.timestamp), one.value]).reverse(), kind: "main" }],
        range: [0, 100],
        value: format.whole,
        time: format.utcDay,
        read: (one) => `${format.utcDay(one)}: ${at.get(one).value}, ${at.get(one).classification}`,
      });
    },
  );
}

export function volume(desk) {
  return new Panel(
    byId("volume"),
    async (signal) => {
      if (!desk.market) return { data: [] };
      return ask(`volume/${desk.market.path}`, { source: desk.market.source, limit: 45 }, signal);
    },
    (body, { data }) => {
      if (!data.length) throw new Empty("No day with trades yet.", "The first is there with the first trade.");
      const coin = desk.market.pair.split("/")[0];
      const at = new Map(data.map((one) => [Date.parse(one.timestamp), one]));
      const box = el("div");
      const [today, yesterday] = data;
      body.replaceChildren(
        el("div", { class: "figures" }, figure(`${format.utcDay(Date.parse(today.timestamp))}, ${coin}`, format.amount(today.volume), `${format.share(today.buy_volume / today.volume, 0)} bought`), yesterday ? figure("Day before", format.amount(yesterday.volume), `${format.whole(yesterday.trade_count)} trades`) : null),
        box,
        tableBelow("Volume as a table", () => table(`Volume of ${desk.market.pair} by the day`, ["Day (UTC)", [`Volume, ${coin}`, "number"], ["Bought", "number"], ["Trades", "number"]], data.map((one) => [format.utcDate(Date.parse(one.timestamp)), format.amount(one.volume), format.share(one.buy_volume / one.volume, 0), format.whole(one.trade_count)]))),
      );
      plot(box, {
        label: `Volume of ${desk.market.pair} on ${desk.market.source}, ${data.length} days`,
        bars: data.map((one) => [Date.parse(one.timestamp), one.volume]).reverse(),
        step: DAY,
        base: true,
        value: format.amount,
        time: format.utcDay,
        read: (one) => (at.has(one) ? `${format.utcDay(one)}: ${format.amount(at.get(one).volume)} ${coin}` : ""),
      });
    },
  );
}

const NAIVE = "last_price";

export function predictions(desk) {
  const panel = new Panel(
    byId("predictions"),
    async (signal) => {
      const { coin, market } = desk;
      const mine = ({ pair, source }) => market && pair === market.pair && source === market.source;
      const [now, history] = await Promise.all([
        ask(`predictions/${coin.symbol}/`, {}, signal),
        market ? ask(`prediction/${coin.symbol}/historique/`, { pair: market.path, periode: "1h", limit: 3000 }, signal) : { data: [] },
      ]);
      return { now: now.data.filter(mine), scores: now.scores.filter(mine), history: history.data.filter(mine) };
    },
    (body, { now, scores, history }) => {
      const windows = [...new Set(scores.map(({ score_window: one }) => one))].sort((a, b) => a.localeCompare(b));
      const over = options(byId("score-window"), windows.map((one) => [one, `over ${one}`]), byId("score-window").value || kept("score-window", "1h"));
      byId("score-window").hidden = windows.length < 2;
      const scored = scores.filter(({ score_window: one }) => one === over).sort((a, b) => a.mean_absolute_error - b.mean_absolute_error);
      const names = [...new Set([...scored.map(({ model_name: one }) => one), ...now.map(({ model_name: one }) => one)])];
      byId("model").hidden = !names.length;
      if (!names.length) throw new Empty(`No predictions of ${desk.market?.pair ?? desk.coin.name} yet.`, "They begin with three minutes of trades.");
      const usual = names.find((one) => one !== NAIVE) ?? names[0];
      const model = options(byId("model"), names.map((one) => [one, format.words(one)]), byId("model").value || kept("model", usual));
      const newest = now.find(({ model_name: one }) => one === model);
      const rows = history.filter(({ model_name: one, target_time: target }) => one === model && target).reverse();
      const like = newest?.predicted_price ?? rows.at(-1)?.predicted_price;
      const at = (row) => Date.parse(row.target_time);
      const box = el("div");
      const of = new Map(rows.map((row) => [at(row), row]));
      body.replaceChildren(
        el(
          "div",
          { class: "figures" },
          newest ? figure(`For ${format.toSeconds(Date.parse(newest.target_time ?? newest.timestamp))}`, format.price(newest.predicted_price, like), `${format.price(newest.confidence_interval_low, like)} to ${format.price(newest.confidence_interval_high, like)}`) : null,
          honest(scored.find(({ model_name: one }) => one === model)),
        ),
        rows.length ? box : el("p", { class: "faint" }, "None in the last hour."),
        rows.length ? el("p", { class: "key" }, el("span", { class: "swatch predicted" }), "predicted", el("span", { class: "swatch band" }), "its interval", el("span", { class: "swatch actual" }), "what came") : null,
        scored.length ? scoreTable(scored, model) : el("p", { class: "faint" }, "Not scored yet: that takes some minutes of predictions whose time has come."),
        rows.length
          ? tableBelow("Predictions as a table", () =>
              table(
                `Predictions of ${format.words(model)}`,
                ["For", ["Predicted", "number"], ["Low", "number"], ["High", "number"], ["Came", "number"]],
                [...rows].reverse().map((row) => [format.toSeconds(at(row)), ...[row.predicted_price, row.confidence_interval_low, row.confidence_interval_high, row.actual_price].map((one) => format.price(one, like))]),
              ),
            )
          : null,
      );
      if (!rows.length) return;
      plot(box, {
        label: `${format.words(model)}: predicted prices of the last hour with their intervals, and what came`,
        lines: [
          { points: rows.map((row) => [at(row), row.predicted_price]), kind: "predicted" },
          { points: rows.filter((row) => row.actual_price !== null).map((row) => [at(row), row.actual_price]), kind: "actual" },
        ],
        band: rows.map((row) => [at(row), row.confidence_interval_low, row.confidence_interval_high]),
        value: (one) => format.price(one, like),
        time: (one) => format.hourMinute(one),
        read: (one) => `${format.toSeconds(one)}: ${format.price(of.get(one)?.predicted_price, like)}, came ${format.price(of.get(one)?.actual_price, like)}`,
      });
    },
  );
  bind(byId("model"), "model", () => panel.show());
  bind(byId("score-window"), "score-window", () => panel.show());
  return panel;
}

/** The one figure that says whether a model is worth having. */
function honest(score) {
  if (!score) return null;
  if (score.model_name === NAIVE) return figure("Against the last price", "is that", "what the others are held against");
  if (score.relative_error === null) return figure("Against the last price", "–", "which made no error");
  const better = score.better_than_naive;
  return figure("Against the last price", el("span", { class: better ? "up" : "down" }, `${better ? "✓" : "✗"} ×${format.plain(score.relative_error)}`), better ? "its error is smaller" : "saying that the price stays is better");
}

function scoreTable(scored, model) {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "Scores of the models" },
    table(
      "How good the models have been",
      ["Model", ["Mean error", "number"], ["× last price", "number"], ["In interval", "number"], ["Bias", "number"], ["Scored", "number"]],
      scored.map((one) => [
        format.words(one.model_name),
        format.brief(one.mean_absolute_error),
        one.model_name === NAIVE ? "1" : el("span", { class: one.better_than_naive === null ? "" : one.better_than_naive ? "up" : "down" }, one.relative_error === null ? "–" : `${one.better_than_naive ? "✓" : "✗"} ${format.plain(one.relative_error)}`),
        format.share(one.coverage, 0),
        format.brief(one.bias, "exceptZero"),
        format.whole(one.prediction_count),
      ]),
      (index) => (scored[index].model_name === model ? "chosen" : null),
    ),
  );
}

export function feeds() {
  return new Panel(
    byId("feeds"),
    (signal) => ask("quality/", { periode: "1h" }, signal),
    (body, { data, open_gaps: open, gaps }) => {
      const stale = (one) => Date.now() - Date.parse(one.last_minute) - MINUTE > STALE;
      const late = data.filter(stale).length;
      const badge = byId("feeds-state");
      badge.className = `badge ${late || open ? "ill" : "well"}`;
      badge.textContent = [late ? `${late} stale` : "", open ? format.things(open, "gap") : ""].filter(Boolean).join(", ") || "✓ all well";
      badge.hidden = !data.length;
      if (!data.length) throw new Empty("Nothing came in the last hour.", "A feed is listed from its first message on.");
      body.replaceChildren(
        table(
          "Health of the feeds in the last hour",
          ["Feed", "State", ["Seen", "number"], ["Bad", "number"], ["Twice", "number"], ["Late", "number"], ["Missed", "number"], ["Delay p50 / p99", "number"], ["Newest", "number"]],
          data.map((one) => [
            el("span", {}, el("b", {}, one.source || "unknown source"), el("span", { class: "faint" }, ` ${one.topic}`)),
            state(stale(one), one.gap),
            format.whole(one.seen),
            count(one.rejected),
            format.whole(one.duplicate),
            format.whole(one.late),
            count(one.gap),
            one.delay_p50 === null ? "–" : `${format.delay(one.delay_p50)} / ${format.delay(one.delay_p99)}`,
            when(one.last_minute),
          ]),
        ),
        open
          ? el(
              "details",
              { class: "table" },
              el("summary", {}, format.things(open, "open gap")),
              table("Trades that are still missing", ["Market", ["Ids", "number"], ["Missing", "number"], ["When", "number"]], gaps.map((gap) => [`${gap.pair} on ${gap.source}`, `${gap.first_id} to ${gap.last_id}`, format.whole(gap.missing), when(gap.from_time)])),
            )
          : "",
      );
    },
  );
}

function state(isStale, gap) {
  if (isStale) return el("span", { class: "badge ill" }, "stale");
  return gap ? el("span", { class: "badge doubtful" }, "gaps") : el("span", { class: "badge well" }, "✓ well");
}

const count = (value) => (value ? el("span", { class: "some" }, format.whole(value)) : "0");

// What the series are called that are fetched unless told otherwise.
const SERIES = { DFF: "Federal funds rate", T10Y2Y: "Yields, 10 less 2 years", CPIAUCSL: "Consumer prices", UNRATE: "Unemployment" };

export function macro() {
  const panel = new Panel(
    byId("macro"),
    (signal) => ask("macro/", { limit: 5000 }, signal),
    (body, { data }) => {
      const names = [...new Set(data.map(({ indicator }) => indicator))].sort();
      const select = byId("indicator");
      select.hidden = !names.length;
      if (!names.length) throw new Empty("No economic values in a year.", "They come from FRED, once a day.");
      const chosen = options(select, names.map((one) => [one, SERIES[one] ? `${SERIES[one]} (${one})` : one]), select.value || kept("indicator", "DFF"));
      const rows = data.filter(({ indicator }) => indicator === chosen);
      const at = new Map(rows.map((one) => [Date.parse(one.timestamp), one.value]));
      const box = el("div");
      body.replaceChildren(
        el("div", { class: "figures" }, figure(format.utcDate(Date.parse(rows[0].timestamp)), format.plain(rows[0].value), rows[0].frequency), rows[1] ? figure("Before", format.plain(rows[1].value), `${format.signed(rows[0].value - rows[1].value)}`) : null),
        box,
        tableBelow("Economic values as a table", () => table(chosen, ["Date", ["Value", "number"]], rows.map((one) => [format.utcDate(Date.parse(one.timestamp)), format.plain(one.value)]))),
      );
      plot(box, {
        label: `${SERIES[chosen] ?? chosen}: ${format.plain(rows[0].value)} on ${format.utcDate(Date.parse(rows[0].timestamp))}`,
        lines: [{ points: rows.map((one) => [Date.parse(one.timestamp), one.value]).reverse(), kind: "main" }],
        value: (one) => format.plain(one),
        time: format.utcDay,
        read: (one) => `${format.utcDate(one)}: ${format.plain(at.get(one))}`,
      });
    },
  );
  bind(byId("indicator"), "indicator", () => panel.show());
  return panel;
}
