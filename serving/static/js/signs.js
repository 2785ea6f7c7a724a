// Small pieces that several panels show.

import { el } from "./dom.js";
import * as format from "./format.js";

/** A change with arrow and colour. */
export function move(value, places = 2) {
  return el("span", { class: `move ${format.direction(value)}` }, el("span", { class: "arrow", "aria-hidden": "true" }, value === null || value === undefined ? "" : format.arrow(value)), ` ${format.change(value, places)}`);
}

const MOODS = { positive: "▲", neutral: "■", negative: "▼" };

export function mood(label) {
  const known = label in MOODS ? label : "neutral";
  return el("span", { class: `mood-label ${known}` }, el("span", { "aria-hidden": "true" }, `${MOODS[known]} `), label);
}

const SEVERITIES = { info: "i", warning: "!", critical: "!!" };

export function severity(name) {
  const known = name in SEVERITIES ? name : "info";
  return el("span", { class: `severity ${known}` }, el("span", { class: "sign", "aria-hidden": "true" }, SEVERITIES[known]), ` ${name}`);
}

/** A time that says how long ago it is when pointed at. */
export function when(time, shown = format.moment) {
  const date = new Date(time);
  return el("time", { datetime: date.toISOString(), title: format.full(date) }, shown(date));
}

/** A large value with a small line below. */
export function figure(name, value, more = null) {
  return el("div", { class: "figure" }, el("span", { class: "name" }, name), el("span", { class: "value" }, value), more ? el("span", { class: "more" }, more) : null);
}
