// The candle chart: the library draws candles and volume; what happened is buttons on the time axis, so that it can be
// reached by keyboard and touch as well.

import { CandlestickSeries, createChart, CrosshairMode, HistogramSeries } from "../vendor/lightweight-charts/lightweight-charts.js";
import { byId, el } from "./dom.js";
import * as format from "./format.js";

const LANE = 46; // px above the time axis that are for what happened
const CLOSE = 19; // px: markers nearer than that are one
const CANDLE_PX = 8; // what a candle is wide at first

/** A colour of the style sheet, as the theme has it: what a property says is not worked out until it is used. */
function colour(name) {
  const probe = byId("legend");
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.style.color = "";
  return found;
}

export class CandleChart {
  /** `describe(event)` gives the elements that the card shows of an event. */
  constructor(describe) {
    this.describe = describe;
    this.box = byId("canvas");
    this.lane = byId("lane");
    this.card = byId("card");
    this.legend = byId("legend");
    this.bars = [];
    this.events = [];
    this.shift = 0;
    this.cursor = null;
    this.chart = createChart(this.box, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11, fontFamily: getComputedStyle(document.body).fontFamily },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { minimumWidth: 76, borderVisible: false },
      timeScale: {
        timeVisible: true,
        secondsVisible: false,
        borderVisible: false,
        rightOffset: 4,
        barSpacing: CANDLE_PX,
        minBarSpacing: 0.5,
        tickMarkFormatter: (time, type) => this.tick(time, type),
      },
      localization: { timeFormatter: (time) => format.dayTime(this.real(time)), priceFormatter: (price) => format.price(price, this.like) },
      handleScale: { axisPressedMouseMove: { price: true, time: true } },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { priceLineStyle: 2 });
    this.volumes = this.chart.addSeries(HistogramSeries, { priceScaleId: "", lastValueVisible: false, priceLineVisible: false, priceFormat: { type: "volume" } });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.soon());
    this.chart.subscribeCrosshairMove(({ logical, point }) => this.read(point || this.cursor !== null ? logical : null));
    new ResizeObserver(() => this.resized()).observe(this.box);
    this.paint();
    this.listen();
  }

  /** Take the colours of the theme. */
  paint() {
    const [up, down, text, line, ground] = ["up", "down", "muted", "line", "panel"].map(colour);
    this.chart.applyOptions({
      layout: { background: { type: "solid", color: ground }, textColor: text },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
    });
    // A rising candle is hollow, so that colour is not all that tells.
    this.candles.applyOptions({ upColor: ground, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down });
    this.tints = { up: colour("up-faint"), down: colour("down-faint") };
    this.volumes.setData(this.bars.map((bar) => this.volume(bar)));
    this.line();
  }

  resized() {
    const height = this.box.clientHeight - this.chart.timeScale().height();
    if (height <= 0) return;
    const floor = LANE / height;
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 44 / height, bottom: Math.min(0.6, floor + 0.2) } });
    this.volumes.priceScale().applyOptions({ scaleMargins: { top: Math.max(0.3, 0.84 - floor), bottom: floor } });
    this.soon();
  }

  // The library knows no zones: it is given times that read right as UTC, all moved by the same difference.
  real(time) {
    return new Date((time - this.shift) * 1000);
  }

  tick(time, type) {
    const real = this.real(time);
    return [format.year, format.month, format.day, format.hourMinute, format.toSeconds][type](real);
  }

  point(bar) {
    return { ...bar, time: bar.time + this.shift };
  }

  volume(bar) {
    return { time: bar.time + this.shift, value: bar.volume, color: bar.close >= bar.open ? this.tints.up : this.tints.down };
  }

  /** Show other bars; `fresh`: of another market or resolution, so the view goes to the newest `visible`. */
  set(bars, step, fresh, visible) {
    this.bars = bars;
    this.step = step;
    const last = bars.at(-1);
    this.like = last?.close;
    if (last) {
      this.shift = -new Date(last.time * 1000).getTimezoneOffset() * 60;
      const places = format.digits(last.close);
      this.candles.applyOptions({ priceFormat: { type: "price", precision: places, minMove: 10 ** -places } });
    }
    this.candles.setData(bars.map((bar) => this.point(bar)));
    this.volumes.setData(bars.map((bar) => this.volume(bar)));
    if (fresh) {
      this.cursor = null;
      this.candles.priceScale().applyOptions({ autoScale: true });
      const fitting = Math.floor(this.box.clientWidth / CANDLE_PX);
      const shown = Math.min(bars.length, visible ?? fitting);
      this.chart.timeScale().setVisibleLogicalRange({ from: bars.length - Math.max(shown, 30), to: bars.length + 3 });
    }
    this.line();
    this.read(null);
    this.soon();
  }

  /** Give the line of the last price the colour of its bar. */
  line() {
    const last = this.bars.at(-1);
    if (last) this.candles.applyOptions({ priceLineColor: colour(last.close >= last.open ? "up" : "down") });
  }

  /** Show a newer state of the last bar, or the one after it. */
  update(bar) {
    const last = this.bars.at(-1);
    if (!last || bar.time < last.time) return;
    if (bar.time === last.time) this.bars[this.bars.length - 1] = bar;
    else this.bars.push(bar);
    this.candles.update(this.point(bar));
    this.volumes.update(this.volume(bar));
    this.line();
    if (this.cursor === null) this.read(null);
    this.soon();
  }

  /** Show what happened: [{id, kind: "news" or "alert", time (ms), label}]. */
  mark(events) {
    this.events = events;
    this.soon();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.place();
    });
  }

  /** Where a time is among the bars, as the library counts them; null before the first. */
  logical(time) {
    const seconds = time / 1000;
    if (!this.bars.length || seconds < this.bars[0].time) return null;
    let [low, high] = [0, this.bars.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.bars[middle].time <= seconds) low = middle;
      else high = middle - 1;
    }
    const beyond = low === this.bars.length - 1 ? Math.floor((seconds - this.bars[low].time) / this.step) : 0;
    return low + Math.min(beyond, 3);
  }

  /** Put the markers where their candles are. */
  place() {
    const scale = this.chart.timeScale();
    const width = scale.width();
    byId("to-now").hidden = !this.bars.length || scale.scrollPosition() > -3;
    this.lane.style.width = `${width}px`;
    this.lane.style.bottom = `${scale.height()}px`;
    const groups = [];
    const lastOf = {};
    for (const event of this.events) {
      const logical = this.logical(event.time);
      const x = logical === null ? null : scale.logicalToCoordinate(logical);
      if (x === null || x < 4 || x > width - 2) continue;
      const last = lastOf[event.kind];
      if (last && x - last.x < CLOSE) last.events.push(event);
      else groups.push((lastOf[event.kind] = { kind: event.kind, x, logical, events: [event] }));
    }
    const wanted = JSON.stringify(groups.map(({ kind, events }) => [kind, events.map(({ id }) => id)]));
    if (this.lane.dataset.groups === wanted) {
      groups.forEach((group, index) => (this.lane.children[index].style.left = `${group.x}px`));
    } else {
      const focused = this.groups?.[[...this.lane.children].indexOf(document.activeElement)]?.events[0].id;
      this.lane.dataset.groups = wanted;
      this.lane.replaceChildren(...groups.map((group) => this.marker(group)));
      const again = groups.findIndex(({ events }) => focused && events.some(({ id }) => id === focused));
      this.rove(Math.max(0, again === -1 ? groups.length - 1 : again));
      if (again !== -1) this.lane.children[again].focus();
      else if (this.pinned && !focused) this.hide(true);
    }
    this.groups = groups;
  }

  marker(group) {
    const { kind, events, x } = group;
    const severity = events.some((one) => one.severity === "critical") ? "critical" : null;
    const made = el(
      "button",
      { type: "button", class: `marker ${kind}`, tabindex: "-1", "aria-label": events.length > 1 ? `${events.length} ${kind === "news" ? "articles" : "alerts"}, the newest: ${events.at(-1).label}` : events[0].label, "data-severity": severity },
      events.length > 1 ? el("span", { class: "many", "aria-hidden": "true" }, events.length > 99 ? "99+" : String(events.length)) : null,
    );
    made.style.left = `${x}px`;
    return made;
  }

  rove(index) {
    [...this.lane.children].forEach((one, at) => (one.tabIndex = at === index ? 0 : -1));
  }

  show(button) {
    const group = this.groups[[...this.lane.children].indexOf(button)];
    if (!group) return;
    this.shownFor = button;
    button.setAttribute("aria-describedby", "card");
    this.card.replaceChildren(...group.events.slice(-3).reverse().flatMap((event) => this.describe(event)));
    if (group.events.length > 3) this.card.append(el("p", { class: "faint" }, `and ${group.events.length - 3} more: zoom in to part them`));
    this.card.hidden = false;
    const width = this.box.clientWidth;
    this.card.style.bottom = `${this.chart.timeScale().height() + LANE + 6}px`;
    this.card.style.left = `${Math.max(4, Math.min(group.x - this.card.offsetWidth / 2, width - this.card.offsetWidth - 4))}px`;
    const bar = this.bars[Math.min(group.logical, this.bars.length - 1)];
    this.chart.setCrosshairPosition(bar.close, bar.time + this.shift, this.candles);
  }

  hide(force = false) {
    if (this.pinned && !force) return;
    this.pinned = false;
    this.card.hidden = true;
    this.shownFor?.removeAttribute("aria-describedby");
    this.shownFor = null;
    this.chart.clearCrosshairPosition();
  }

  listen() {
    const marker = (event) => event.target.closest?.(".marker");
    this.lane.addEventListener("pointerover", (event) => marker(event) && !this.pinned && this.show(marker(event)));
    this.lane.addEventListener("pointerout", (event) => marker(event) && this.hide());
    this.lane.addEventListener("focusin", (event) => {
      this.hide(true);
      this.rove([...this.lane.children].indexOf(marker(event)));
      this.show(marker(event));
    });
    this.lane.addEventListener("focusout", () => this.hide(true));
    this.lane.addEventListener("click", (event) => {
      if (!marker(event)) return;
      this.show(marker(event));
      this.pinned = true; // a finger does not hover: it stays until something else is touched
    });
    this.lane.addEventListener("keydown", (event) => {
      const all = [...this.lane.children];
      const at = all.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (event.key === "Escape") this.hide(true);
      if (to === undefined || !all[to]) return;
      event.preventDefault();
      // The order is that of time, whichever row a marker is in.
      all[to].focus();
    });
    document.addEventListener("pointerdown", (event) => this.pinned && !marker(event) && this.hide(true));
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("focusout", () => {
      this.cursor = null;
      this.chart.clearCrosshairPosition();
    });
    byId("to-now").addEventListener("click", () => this.chart.timeScale().scrollToRealTime());
  }

  key(event) {
    if (!this.bars.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const scale = this.chart.timeScale();
    const last = this.bars.length - 1;
    const at = this.cursor ?? last + 1;
    const leap = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: at - leap, ArrowRight: at + leap, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      this.cursor = Math.max(0, Math.min(last, to));
      const bar = this.bars[this.cursor];
      const range = scale.getVisibleLogicalRange();
      if (range && (this.cursor < range.from + 1 || this.cursor > range.to - 1)) {
        const half = (range.to - range.from) / 2;
        scale.setVisibleLogicalRange({ from: this.cursor - half, to: this.cursor + half });
      }
      this.chart.setCrosshairPosition(bar.close, bar.time + this.shift, this.candles);
      this.read(this.cursor);
      byId("reading").textContent = this.legend.textContent;
    } else if (["+", "=", "-"].includes(event.key)) {
      const range = scale.getVisibleLogicalRange();
      const part = (range.to - range.from) * (event.key === "-" ? 0.25 : -0.2);
      scale.setVisibleLogicalRange({ from: range.from - part, to: range.to + part / 4 });
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Write the values of a bar above the chart; of the last one without. */
  read(logical) {
    const bar = this.bars[logical === null || logical === undefined ? this.bars.length - 1 : Math.round(logical)];
    if (!bar) {
      if (!this.bars.length) this.legend.replaceChildren();
      return;
    }
    const move = ((bar.close - bar.open) / bar.open) * 100;
    const value = (name, text) => el("span", {}, el("i", {}, `${name} `), `${text} `);
    this.legend.replaceChildren(
      el("span", { class: "time" }, `${format.dayTime(bar.time * 1000)} `),
      ...["open", "high", "low", "close"].map((name) => value(name[0].toUpperCase(), format.price(bar[name], this.like))),
      el("span", { class: format.direction(move) }, `${format.arrow(move)} ${format.change(move)} `),
      value("Vol", format.amount(bar.volume)),
    );
  }
}
