// Numbers and times as the viewer's language and zone have them.

const made = new Map();

function number(options) {
  const key = JSON.stringify(options);
  if (!made.has(key)) made.set(key, new Intl.NumberFormat(undefined, options));
  return made.get(key);
}

function clock(options) {
  const key = `time${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new Intl.DateTimeFormat(undefined, options));
  return made.get(key);
}

const missing = (value) => value === null || value === undefined || Number.isNaN(value);
const NONE = "–";
const minus = (text) => text.replace("-", "−"); // as wide as a plus

/** Digits after the point that a price of this size is worth. */
export function digits(price) {
  const size = Math.abs(price);
  if (size >= 100) return 2;
  if (size >= 1) return 4;
  return size >= 0.01 ? 6 : 8;
}

export function price(value, like = value) {
  if (missing(value)) return NONE;
  const places = digits(like);
  return number({ minimumFractionDigits: places, maximumFractionDigits: places }).format(value);
}

export const amount = (value) => (missing(value) ? NONE : number({ notation: "compact", maximumFractionDigits: 2 }).format(value));
export const whole = (value) => (missing(value) ? NONE : number({ maximumFractionDigits: 0 }).format(value));
export const plain = (value, places = 2) => (missing(value) ? NONE : number({ maximumFractionDigits: places }).format(value));

/** What four digits are enough for, with its sign if wanted. */
export const brief = (value, signDisplay = "auto") => (missing(value) ? NONE : minus(number({ maximumSignificantDigits: 4, signDisplay }).format(value)));

/** A change in percent with its sign. */
export function change(value, places = 2) {
  if (missing(value)) return NONE;
  const shown = number({ minimumFractionDigits: places, maximumFractionDigits: places, signDisplay: "exceptZero" });
  return `${minus(shown.format(value))} %`;
}

export const signed = (value, places = 2) =>
  missing(value) ? NONE : minus(number({ maximumFractionDigits: places, signDisplay: "exceptZero" }).format(value));

/** A share from 0 to 1 in percent. */
export const share = (value, places = 1) =>
  missing(value) ? NONE : number({ style: "percent", maximumFractionDigits: places }).format(value);

export const direction = (value) => (missing(value) || value === 0 ? "flat" : value > 0 ? "up" : "down");
export const arrow = (value) => ({ up: "▲", down: "▼", flat: "■" })[direction(value)];

const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY = { day: "numeric", month: "short" };

export const hourMinute = (time) => clock(TIME).format(time);
export const toSeconds = (time) => clock({ ...TIME, second: "2-digit" }).format(time);
export const day = (time) => clock(DAY).format(time);
export const month = (time) => clock({ month: "short" }).format(time);
export const year = (time) => clock({ year: "numeric" }).format(time);
export const dayTime = (time) => clock({ ...DAY, ...TIME }).format(time);
export const full = (time) => clock({ ...DAY, year: "numeric", ...TIME, second: "2-digit", timeZoneName: "short" }).format(time);
/** A day that the source counts in UTC. */
export const utcDay = (time) => clock({ ...DAY, timeZone: "UTC" }).format(time);
export const utcDate = (time) => clock({ ...DAY, year: "numeric", timeZone: "UTC" }).format(time);

/** The time of day if it is today, the day too otherwise. */
export function moment(time) {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? hourMinute(date) : dayTime(date);
}

/** How long ago, in one unit. */
export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - time) / 1000);
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= size) return number({ style: "unit", unit, unitDisplay: "narrow", maximumFractionDigits: 0 }).format(Math.floor(seconds / size));
  }
  return number({ style: "unit", unit: "second", unitDisplay: "narrow", maximumFractionDigits: 0 }).format(Math.floor(seconds));
}

/** A length of time in seconds, in the largest unit that gives a whole number. */
export function span(seconds) {
  for (const [unit, size] of [["hour", 3600], ["minute", 60]]) {
    if (seconds >= size && seconds % size === 0) return number({ style: "unit", unit, unitDisplay: "short" }).format(seconds / size);
  }
  return number({ style: "unit", unit: "second", unitDisplay: "short" }).format(seconds);
}

/** A delay in milliseconds, in two digits of the unit that suits it. */
export function delay(milliseconds) {
  if (missing(milliseconds)) return NONE;
  const [unit, size] = [["hour", 3_600_000], ["minute", 60_000], ["second", 1000], ["millisecond", 1]].find(([, one]) => milliseconds >= one) ?? ["millisecond", 1];
  return number({ style: "unit", unit, unitDisplay: "narrow", maximumSignificantDigits: size === 1 ? 3 : 2 }).format(milliseconds / size);
}

/** The viewer's zone: its name, and the difference to UTC. */
export function zone() {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts();
  const offset = parts.find(({ type }) => type === "timeZoneName").value;
  if (timeZone.endsWith("UTC")) return ["", "UTC"];
  return [timeZone.replaceAll("_", " "), offset.replace("GMT", "UTC")];
}

/** A count of things. */
export const things = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

/** `price_change` as people write it. */
export function words(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
