// Elements and texts. Whatever comes from outside becomes text, never markup.

/** An element with attributes, listeners (`onclick: f`) and children; null children are left out. */
export function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Takes everything out of an element and puts these in. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const count = (number) => whole.format(number);
export const timeOf = (moment) => clock.format(new Date(moment));
export const dateOf = (moment) => (moment ? date.format(new Date(moment)) : "–");

/** Money is exact text; it is grouped without ever becoming a fraction of the machine's. */
export function money(text) {
  if (text === null || text === undefined) return "–";
  const [, sign, units, rest] = /^(-?)(\d+)(\.\d+)?$/.exec(text) ?? [];
  if (units === undefined) return text;
  return sign + units.replace(/\B(?=(\d{3})+$)/g, ",") + (rest ?? "");
}

/** For drawing alone: a chart's point needs no more precision than a screen has. */
export const drawn = (text) => Number.parseFloat(text ?? "0");

export function tile(name, value, note) {
  return h("div", { class: "tile" }, h("div", { class: "name" }, name), h("div", { class: "value" }, value),
    note ? h("div", { class: "note" }, note) : null);
}

export const badge = (text, kind) => h("span", { class: `badge ${kind ?? ""}` }, text);

/** A table: columns are `[heading, class, show]`; show gives a text or an element for a row. */
export function table(caption, columns, rows, empty) {
  if (rows.length === 0) return h("p", { class: "empty" }, empty);
  const head = columns.map(([name, kind]) => h("th", { scope: "col", class: kind }, name));
  const body = rows.map((row) => h("tr", null, columns.map(([, kind, show]) => h("td", { class: kind }, show(row) ?? "–"))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, body)));
}

export function card(title, ...children) {
  return h("section", { class: "card" }, title ? h("h2", null, title) : null, ...children);
}

/** A field with its label. */
export const field = (name, input) => h("label", null, name, input);

export function select(options, value, attributes) {
  return h("select", attributes, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
}
