// The alerts that the viewer wants to see: those that are stored, and new ones as they come.

import { ask } from "./api.js";
import { bind, kept } from "./choices.js";
import { byId, el, options } from "./dom.js";
import * as format from "./format.js";
import { Empty, Panel } from "./panel.js";
import { move, severity, when } from "./signs.js";

const MOST = 100;
const CONTROLS = { change: "alert-change", type: "alert-type", severity: "alert-severity", coins: "alert-coins" };

/** An alert of the stream as the API writes it. */
export function ofStream(alert) {
  return {
    alert_id: alert.alert_id,
    alert_type: alert.alert_type,
    crypto_symbol: alert.symbol,
    pair: alert.pair ?? null,
    last_price: alert.price ?? null,
    change_percent: alert.change_pct ?? null,
    severity: alert.severity,
    detail: alert.detail,
    timestamp: new Date(alert.event_time).toISOString(),
    ended_at: alert.ended_at ? new Date(alert.ended_at).toISOString() : null,
  };
}

/** Put an alert in its place. What lasts is told twice, as it begins and with its peak as it ends: the end stays. */
export function put(alerts, alert) {
  if (alert.ended_at || !alerts.get(alert.alert_id)?.ended_at) alerts.set(alert.alert_id, alert);
}

export class Alerts {
  constructor(desk) {
    this.desk = desk;
    this.unseen = 0;
    this.fresh = new Set();
    this.live = new Map();
    const section = byId("alerts");
    this.panel = new Panel(section, (signal) => this.load(signal), (body, data) => this.draw(body, data));
    for (const [name, id] of Object.entries(CONTROLS)) {
      bind(byId(id), `alerts.${name}`, () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => this.panel.refresh(), 250);
      });
    }
    const seen = () => {
      this.unseen = 0;
      this.count();
    };
    section.addEventListener("pointerenter", seen);
    section.addEventListener("focusin", seen);
  }

  /** Offer the types that there are; one that was chosen before is kept. */
  types(names) {
    const wanted = [...new Set([...names, "stale_feed"])].sort();
    options(byId(CONTROLS.type), [["", "All types"], ...wanted.map((name) => [name, format.words(name)])], kept("alerts.type", ""));
  }

  get filter() {
    const value = (name) => byId(CONTROLS[name]).value;
    const change = Number(value("change"));
    return {
      change: Number.isFinite(change) && change > 0 ? change : null,
      type: value("type") || null,
      severities: { warning: ["warning", "critical"], critical: ["critical"] }[value("severity")] ?? [null],
      coin: value("coins") === "one" ? (this.desk.coin?.symbol ?? null) : null,
    };
  }

  passes(alert) {
    const { change, type, severities, coin } = this.filter;
    return (
      (change === null || Math.abs(alert.change_percent ?? -1) >= change) &&
      (type === null || alert.alert_type === type) &&
      (severities[0] === null || severities.includes(alert.severity)) &&
      (coin === null || alert.crypto_symbol === coin)
    );
  }

  async load(signal) {
    const { change, type, severities, coin } = this.filter;
    const query = { periode: "30d", limit: MOST, min_change: change, alert_type: type, crypto_symbol: coin };
    const answers = await Promise.all(severities.map((one) => ask("alert/historique/", { ...query, severity: one }, signal)));
    return answers.flatMap(({ data }) => data);
  }

  /** Take alerts of the stream; `announced`: they are new, and not what there was before. */
  take(alerts, announced) {
    const told = alerts.map(ofStream);
    const wanted = told.filter((alert) => !this.live.has(alert.alert_id));
    for (const alert of told) put(this.live, alert);
    while (this.live.size > 2 * MOST) this.live.delete(this.live.keys().next().value);
    const known = new Set((this.panel.data ?? []).map(({ alert_id: id }) => id));
    const shown = wanted.filter((alert) => this.passes(alert) && !known.has(alert.alert_id));
    if (announced && shown.length) {
      for (const { alert_id: id } of shown) this.fresh.add(id);
      this.unseen += shown.length;
      this.count();
      byId("announcer").textContent = shown.slice(-3).map((alert) => this.sentence(alert)).join(" ");
    }
    if (told.some((alert) => this.passes(alert)) && this.panel.data) this.panel.show();
  }

  sentence({ severity: how, crypto_symbol: symbol, pair, alert_type: type, change_percent: change }) {
    return `New alert, ${how}: ${format.words(type)} of ${pair ?? symbol}${change === null ? "" : `, ${format.change(change)}`}.`;
  }

  count() {
    byId("alerts-new").hidden = !this.unseen;
    byId("alerts-new").textContent = `${this.unseen} new`;
  }

  draw(body, stored) {
    const byAlert = new Map();
    for (const alert of [...this.live.values(), ...stored]) put(byAlert, alert);
    const rows = [...byAlert.values()].filter((alert) => this.passes(alert)).sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp)).slice(0, MOST);
    if (!rows.length) {
      const { change, type, severities, coin } = this.filter;
      const filtered = change !== null || type || severities[0] || coin;
      throw new Empty(filtered ? "No alert like that in 30 days." : "No alerts in 30 days.", filtered ? "Lower the threshold or choose all types." : "They appear here as they come.");
    }
    body.replaceChildren(el("ul", { class: "rows" }, rows.map((alert) => this.row(alert))));
  }

  row(alert) {
    return el(
      "li",
      { class: `row ${this.fresh.has(alert.alert_id) ? "fresh" : ""}`, "data-id": alert.alert_id, "data-severity": alert.severity },
      el("p", { class: "line" }, severity(alert.severity), el("b", {}, alert.pair ?? alert.crypto_symbol), el("span", {}, format.words(alert.alert_type)), el("span", { class: "spring" }), alert.change_percent === null ? null : move(alert.change_percent), when(alert.timestamp)),
      el("p", { class: "detail" }, alert.detail),
    );
  }
}
