// Small charts as SVG: lines, bars, bands over time, with axes and the values under the pointer.

import { el, svg } from "./dom.js";

const PAD = { top: 8, right: 8, bottom: 20 };

/** Round steps between `low` and `high`, about `count` of them. */
function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * size).find((one) => one >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(at);
  return found;
}

/**
 * Draw into `box`, and again whenever its width changes.
 *
 * `lines`: [{points: [[time, value]], kind}], `bars`: [[time, value]] with `step` between them in ms, `band`: [[time, low, high]].
 * `value` and `time` write numbers and times, `read(index)` what is under the pointer; `base`: the axis begins at 0; `range`: [low, high].
 */
export function plot(box, { label, lines = [], bars = [], band = [], step = 0, value, time, read, base = false, range = null, zones = [] }) {
  box.classList.add("plot");
  box.plot?.disconnect();
  const times = [...new Set([...lines.flatMap(({ points }) => points.map(([at]) => at)), ...bars.map(([at]) => at), ...band.map(([at]) => at)])].sort((a, b) => a - b);
  const values = [...lines.flatMap(({ points }) => points.map(([, one]) => one)), ...bars.map(([, one]) => one), ...band.flatMap(([, low, high]) => [low, high])];
  let [low, high] = range ?? [Math.min(...values), Math.max(...values)];
  if (base) low = Math.min(0, low);
  if (!range) {
    const room = (high - low) * 0.06 || Math.abs(high) * 0.01 || 1;
    high += room;
    if (!base) low -= room;
  }
  const [begin, end] = [times[0] - step / 2, times.at(-1) + step / 2];
  const readout = el("p", { class: "readout", "aria-hidden": "true" });

  const draw = () => {
    const [width, height] = [box.clientWidth, box.clientHeight];
    if (!width || !height) return;
    const marks = ticks(low, high, Math.max(2, Math.floor(height / 42)));
    const left = Math.max(...marks.map((one) => value(one).length)) * 6.3 + 10;
    const x = (at) => left + ((at - begin) / (end - begin || 1)) * (width - left - PAD.right);
    const y = (one) => height - PAD.bottom - ((one - low) / (high - low)) * (height - PAD.top - PAD.bottom);
    const f = (one) => one.toFixed(1);
    const path = (points) => points.map(([at, one], index) => `${index ? "L" : "M"}${f(x(at))} ${f(y(one))}`).join("");
    const across = Math.max(2, Math.floor((width - left) / 84));
    const dates = Array.from({ length: across }, (_, index) => begin + ((index + 0.5) / across) * (end - begin));
    const thick = bars.length ? Math.max(1, (x(begin + step) - x(begin)) * 0.68) : 0;
    const hair = svg("line", { class: "hair", y1: PAD.top, y2: height - PAD.bottom, visibility: "hidden" });
    const picture = svg(
      "svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      zones.map(({ from, to, kind }) => svg("rect", { class: `zone ${kind}`, x: left, width: width - left - PAD.right, y: f(y(to)), height: f(y(from) - y(to)) })),
      marks.map((one) => [
        svg("line", { class: "grid", x1: left, x2: width - PAD.right, y1: f(y(one)), y2: f(y(one)) }),
        svg("text", { class: "axis", x: left - 6, y: f(y(one) + 3.5), "text-anchor": "end" }, value(one)),
      ]).flat(),
      dates.map((at) => svg("text", { class: "axis", x: f(x(at)), y: height - 5, "text-anchor": "middle" }, time(at))),
      band.length ? svg("path", { class: "band", d: `${path(band.map(([at, , top]) => [at, top]))}${path([...band].reverse().map(([at, bottom]) => [at, bottom])).replace("M", "L")}Z` }) : null,
      bars.map(([at, one]) => svg("rect", { class: "bar", x: f(x(at) - thick / 2), width: f(thick), y: f(y(Math.max(one, 0))), height: f(Math.max(0.5, y(Math.min(0, one)) - y(one))), "data-time": at })),
      lines.map(({ points, kind, dots }) => (points.length === 1 || dots ? points.map(([at, one]) => svg("circle", { class: `dot ${kind}`, cx: f(x(at)), cy: f(y(one)), r: 2.2 })) : svg("path", { class: `line ${kind}`, d: path(points) }))).flat(),
      hair,
    );
    picture.addEventListener("pointermove", (event) => {
      const at = begin + ((event.offsetX - left) / (width - left - PAD.right)) * (end - begin);
      const nearest = times.reduce((best, one, index) => (Math.abs(one - at) < Math.abs(times[best] - at) ? index : best), 0);
      hair.setAttribute("x1", f(x(times[nearest])));
      hair.setAttribute("x2", f(x(times[nearest])));
      hair.setAttribute("visibility", "visible");
      readout.textContent = read(times[nearest]);
    });
    picture.addEventListener("pointerleave", () => {
      hair.setAttribute("visibility", "hidden");
      readout.textContent = "";
    });
    box.replaceChildren(picture, readout);
  };
  box.plot = new ResizeObserver(draw);
  box.plot.observe(box);
  draw();
}
