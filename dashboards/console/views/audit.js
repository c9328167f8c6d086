// Who changed what, the newest first.

import { card, dateOf, fill, h, table } from "../dom.js";
import { paged } from "./paged.js";

export function audit(desk, content) {
  const list = h("div");
  const rows = paged("audit");
  fill(content, h("h1", null, "Audit log"), card(null, list));
  const show = async () => {
    await rows.again();
    if (!desk.signal.aborted) draw();
  };
  const draw = () => fill(list, table("Audit log", [
    ["Time", "time", (row) => dateOf(row.at)],
    ["Who", "text", (row) => h("span", null, row.name, row.role ? h("span", { class: "faint" }, ` ${row.role}`) : null)],
    ["From", "id", (row) => row.address],
    ["What", "", (row) => row.action],
    ["To what", "id", (row) => row.subject],
    ["Before", "id", (row) => said(row.before)],
    ["After", "id", (row) => said(row.after)],
  ], rows.items, "Nothing was changed yet."), rows.more(desk, draw));
  desk.every(30, list, show);
}

/** A value as a line of text. */
function said(value) {
  if (value === null) return "–";
  return Object.entries(value).filter(([, own]) => own !== null).map(([name, own]) =>
    `${name}: ${typeof own === "object" ? JSON.stringify(own) : own}`).join("; ");
}
