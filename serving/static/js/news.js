// News about the coin, and what the market did after it. The same articles are markers of the chart.

import { ask } from "./api.js";
import { bind, kept } from "./choices.js";
import { byId, el, options, safeLink } from "./dom.js";
import * as format from "./format.js";
import { Empty, Panel } from "./panel.js";
import { mood, move, when } from "./signs.js";

const MOST = 200;
const SHOWN = 60;

/** An article of the stream as the API writes it. */
function ofStream(article) {
  return {
    article_id: article.id,
    title: article.title,
    url: article.url,
    website: article.website,
    sentiment_label: article.sentiment.label,
    sentiment_score: article.sentiment.score,
    cryptocurrencies_mentioned: article.cryptocurrencies_mentioned,
    timestamp: new Date(article.event_time).toISOString(),
  };
}

export class News {
  constructor(desk, changed) {
    this.desk = desk;
    this.changed = changed;
    this.live = new Map();
    this.panel = new Panel(byId("news"), (signal) => this.load(signal), (body, data) => this.draw(body, data));
    bind(byId("horizon"), "horizon", () => this.panel.show());
  }

  restart() {
    this.live.clear();
    return this.panel.restart();
  }

  horizons(seconds) {
    const usual = String(seconds[Math.floor(seconds.length / 2)] ?? "");
    options(byId("horizon"), seconds.map((one) => [String(one), `after ${format.span(one)}`]), kept("horizon", usual));
  }

  async load(signal) {
    const { coin, market } = this.desk;
    const { data: articles } = await ask(`articles/${coin.symbol}/`, { periode: "30d", limit: MOST }, signal);
    const oldest = articles.at(-1)?.timestamp;
    const query = { crypto_symbol: coin.symbol, pair: market?.path, date_debut: oldest, limit: 3000 };
    const { data: impacts } = oldest ? await ask("impact/", query, signal) : { data: [] };
    const source = market?.source;
    return { articles, impacts: impacts.filter((one) => !source || one.source === source) };
  }

  /** Take articles of the stream. */
  take(articles) {
    const wanted = articles.filter(({ cryptocurrencies_mentioned: coins }) => coins.includes(this.desk.coin.symbol)).map(ofStream);
    const news = wanted.filter(({ article_id: id }) => !this.live.has(id));
    if (!news.length) return;
    for (const article of news) this.live.set(article.article_id, article);
    if (this.panel.data) this.panel.show();
  }

  /** All articles, the oldest first, each with what was measured: {article, impacts by horizon}. */
  all() {
    const { articles = [], impacts = [] } = this.panel.data ?? {};
    const byArticle = new Map([...this.live.values(), ...articles].map((article) => [article.article_id, { article, impacts: [] }]));
    for (const impact of impacts) byArticle.get(impact.article_id)?.impacts.push(impact);
    for (const one of byArticle.values()) one.impacts.sort((a, b) => a.horizon_seconds - b.horizon_seconds);
    return [...byArticle.values()].sort((a, b) => Date.parse(a.article.timestamp) - Date.parse(b.article.timestamp));
  }

  draw(body) {
    const horizon = Number(byId("horizon").value);
    const rows = this.all().reverse().slice(0, SHOWN);
    this.changed();
    if (!rows.length) throw new Empty(`No news about ${this.desk.coin.name} in 30 days.`, "Articles that mention it appear here as they come.");
    body.replaceChildren(
      el(
        "ul",
        { class: "rows" },
        rows.map(({ article, impacts }) => {
          const impact = impacts.find((one) => one.horizon_seconds === horizon);
          const link = safeLink(article.url);
          return el(
            "li",
            { class: "row", "data-id": article.article_id },
            el("p", { class: "line headline" }, link ? el("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, article.title) : article.title),
            el("p", { class: "line faint" }, when(article.timestamp), el("span", {}, article.website), mood(article.sentiment_label), el("span", { class: "spring" }), verdict(impact)),
          );
        }),
      ),
    );
  }
}

/** What was measured after an article, in a few words. */
function verdict(impact) {
  if (!impact) return el("span", { class: "faint" }, "not measured yet");
  if (impact.return_after_pct === null) return el("span", { class: "faint" }, `no measure: ${format.words(impact.missing ?? "unknown").toLowerCase()}`);
  const score = impact.abnormal_score;
  return el("span", { class: "verdict", title: "How the price moved, and how many standard deviations that is off what is usual" }, move(impact.return_after_pct), score === null ? null : el("span", { class: Math.abs(score) >= 2 ? "abnormal" : "" }, ` ${format.signed(score, 1)} σ`));
}

/** What the card on the chart shows of an article. */
export function describe({ article, impacts }) {
  return [
    el("p", { class: "title" }, article.title),
    el("p", { class: "line faint" }, when(article.timestamp, format.dayTime), el("span", {}, article.website), mood(article.sentiment_label)),
    impacts.length
      ? el(
          "dl",
          { class: "impacts" },
          impacts.map((impact) => el("div", {}, el("dt", {}, `after ${format.span(impact.horizon_seconds)}`), el("dd", {}, verdict(impact)), el("dd", { class: "faint" }, impact.volume_ratio === null ? "" : `volume ×${format.plain(impact.volume_ratio, 1)}`))),
        )
      : el("p", { class: "faint" }, "Its impact has not been measured yet."),
  ];
}
