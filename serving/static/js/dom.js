// Elements are made by these functions only. Text is set as text: what feeds say can never become markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Make an element; `given` are attributes, `on…` listeners, `class`; children are elements or text. */
export function el(name, given = {}, ...children) {
  return fill(document.createElement(name), given, children);
}

/** Make an element of SVG. */
export function svg(name, given = {}, ...children) {
  return fill(document.createElementNS(SVG, name), given, children);
}

function fill(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Make a table: `heads` are texts or [text, class]; `rows` are lists of cells; the first cell names its row. */
export function table(caption, heads, rows, rowClass = () => null) {
  const head = heads.map((one) => (Array.isArray(one) ? one : [one, null]));
  const cells = (row) =>
    row.map((cell, index) => el(index ? "td" : "th", { class: head[index][1], scope: index ? null : "row" }, cell ?? "–"));
  return el(
    "table",
    {},
    el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, head.map(([text, kind]) => el("th", { scope: "col", class: kind }, text)))),
    el("tbody", {}, rows.map((row, index) => el("tr", { class: rowClass(index) }, cells(row)))),
  );
}

/** Put choices into a select; keeps `chosen` if it is one of them, else takes the first. Returns what is chosen. */
export function options(select, choices, chosen) {
  const found = choices.some(([value]) => value === chosen) ? chosen : choices[0]?.[0];
  const wanted = JSON.stringify(choices);
  if (select.dataset.choices !== wanted) {
    select.dataset.choices = wanted;
    select.replaceChildren(...choices.map(([value, text]) => el("option", { value }, text)));
  }
  if (found !== undefined) select.value = found;
  select.disabled = !choices.length;
  return found;
}

/** An address that may be linked to, or null: feeds may say `javascript:`. */
export function safeLink(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

const opened = new Set();

/** Details with a table in it, which is made when it is opened; open again if one of this label was. */
export function tableBelow(label, make) {
  const inside = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label });
  const box = el("details", { class: "table" }, el("summary", {}, "As a table"), inside);
  box.addEventListener("toggle", () => {
    inside.replaceChildren(...(box.open ? [make()] : []));
    opened[box.open ? "add" : "delete"](label);
  });
  box.open = opened.has(label);
  return box;
}
