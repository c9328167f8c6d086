// Who changed what, the newest first.

import { dateOf, fill, h } from "../dom.js";
import { nameOf, learn } from "../names.js";
import { sheet } from "../sheets.js";
import { paged } from "./paged.js";

const COLUMNS = [
  ["Time", "time", (row) => dateOf(row.at)],
  ["Who", "text", (row) => h("span", null, row.name, row.role ? h("span", { class: "faint" }, ` (${row.role})`) : null)],
  ["What", "nowrap", (row) => row.action],
  ["To what", "id", (row) => nameOf(row.subject)],
  ["Before", "said", (row) => said(row.before)],
  ["After", "said", (row) => said(row.after)],
  ["From", "id", (row) => row.address],
];

export function audit(desk, content) {
  const rows = paged("audit");
  const list = sheet(desk, "Changes, newest first", "audit-log", { all: () => rows.all() });
  fill(content, h("h1", null, "Audit log"), list);
  const draw = () => list.draw(COLUMNS, rows.items, "Nothing was changed yet. Whatever an operator changes, here or on the command line, is written down here.", rows.more(desk, draw));
  desk.every(30, list, async () => {
    await Promise.all([learn(), rows.again()]);
    if (!desk.signal.aborted) draw();
  });
}

/** A value as a line of text. */
function said(value) {
  if (value === null) return "–";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "object") return String(value);
  return Object.entries(value).filter(([, own]) => own !== null && own !== "").map(([name, own]) => {
    if (name.endsWith("_ms")) return `${name.slice(0, -3).replaceAll("_", " ")}: ${dateOf(own)}`;
    return `${name.replaceAll("_", " ")}: ${typeof own === "object" && !Array.isArray(own) ? `(${said(own)})` : said(own)}`;
  }).join("; ") || "–";
}
