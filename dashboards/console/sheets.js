// Tables with a heading, and what they show as a file.

import { save } from "./api.js";
import { card, fill, h, table } from "./dom.js";

/** Text that begins so is a formula to a spreadsheet. */
const FORMULA = /^[=+\-@\t\r](?!\d+(\.\d+)?$)/;

/** A cell as text, exactly as it is shown; what has a `data-csv` says that in place of it. */
function cell(shown) {
  const text = shown instanceof Element ? shown.dataset.csv ?? shown.textContent : Array.isArray(shown) ? shown.map(cell).join("; ") : String(shown ?? "");
  return FORMULA.test(text) ? `'${text}` : text;
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Rows as comma-separated values, by the columns of a table; columns without a heading are buttons. */
export function csv(columns, rows) {
  const said = columns.filter(([name]) => name);
  const lines = [said.map(([name]) => name), ...rows.map((row) => said.map(([, , show]) => cell(show(row))))];
  return lines.map((line) => line.map((text) => quoted(text)).join(",")).join("\r\n") + "\r\n";
}

/**
 * A card with a table in it and a button for its file. `draw(columns, rows, empty, more)` shows rows. The file has what `all()`
 * gives, else the rows that are shown; or is what the admin API answers to `path()`.
 */
export function sheet(desk, title, name, { all = null, path = null, before = null } = {}) {
  const place = h("div");
  let shown = { columns: [], rows: [] };
  const button = h("button", { type: "button", class: "small", "aria-label": `Download ${title} as CSV` }, "CSV");
  button.addEventListener("click", () => desk.attempt(button, async () => {
    if (path) return save(path(), `${name}.csv`);
    const rows = all ? await all() : shown.rows;
    hand(csv(shown.columns, rows), `${name}.csv`);
  }));
  const whole = card(null, h("div", { class: "head" }, h("h2", null, title), button), before, place);
  whole.draw = (columns, rows, empty, more = null) => {
    shown = { columns, rows };
    button.hidden = rows.length === 0;
    const scrolled = place.querySelector(".scroll")?.scrollLeft ?? 0;
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    fill(place, table(title, columns, rows, empty), more);
    if (scrolled) place.querySelector(".scroll")?.scrollTo({ left: scrolled });
    // Whoever is on a button when the figures are read again stays on it.
    if (focused) place.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  };
  return whole;
}

function hand(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = h("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

