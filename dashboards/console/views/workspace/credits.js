// Where the credits of a workspace are, how long they last, and its ledger with the balance after each entry.

import { get, query } from "../../api.js";
import { steps } from "../../charts.js";
import { badge, card, count, dateOf, dayOfMonth, drawn, fill, h, money, tile } from "../../dom.js";
import { sheet } from "../../sheets.js";
import { DAY, daily, dayOf, grouped, tomorrow } from "../days.js";
import { paged } from "../paged.js";

/** Days that are shown, and days that say how fast credits are spent. */
const SHOWN_DAYS = 14;
const PACE_DAYS = 7;

export function credits(desk, content, { id, own, about }) {
  const [tiles, spent, line] = [h("div", { class: "tiles" }), h("div"), h("div")];
  const entries = paged(`${own}/entries`);
  const ledger = sheet(desk, "Ledger, newest first", "ledger", { all: () => entries.all() });
  fill(content, tiles, h("div", { class: "two" }, card("Spend day by day, by model (UTC)", spent), card("Available, over the entries below", line)), ledger);
  const draw = () => {
    const oldest = [...entries.items].reverse();
    fill(line, oldest.length < 2 ? h("p", { class: "empty" }, "A line needs two entries of the ledger.")
      : steps("Available credits after each entry", oldest.map((row) => Date.parse(row.at) / 1000), oldest.map((row) => drawn(row.available_after)), "credits"));
    ledger.draw(COLUMNS, entries.items, "Nothing has moved yet: grant credits, then let an app ask for a picture.", entries.more(desk, draw));
  };
  desk.every(30, tiles, async () => {
    const until = tomorrow();
    const since = until - SHOWN_DAYS * DAY;
    const asked = query({ by: "model,day", workspace: id, since: dayOf(since), until: dayOf(until) });
    const [balance, usage, guess] = await Promise.all([get(`${own}/balance`), get(`usage${asked}`), get(`forecast${query({ workspace: id })}`), entries.again(), about()]);
    if (desk.signal.aborted) return;
    fill(tiles, figures(balance, usage.rows, guess, until));
    fill(spent, daily("Spend day by day", grouped(usage.rows, "model", "charged"), [since, until], "charged", `Nothing was spent in the last ${SHOWN_DAYS} days.`));
    draw();
  });
}

const COLUMNS = [
  ["#", "number", (row) => String(row.number)],
  ["Time", "time", (row) => dateOf(row.at)],
  ["What", "", (row) => badge(row.kind, row.to === "spent" ? "warn" : row.from === "issued" ? "good" : row.kind === "adjust" ? "bad" : "")],
  ["From → to", "nowrap", (row) => `${row.from} → ${row.to}`],
  ["Amount", "number", (row) => money(row.amount)],
  ["Available after", "number", (row) => money(row.available_after)],
  ["Held after", "number", (row) => money(row.held_after)],
  ["Memo", "text", (row) => row.memo],
  ["Request", "id", (row) => row.request],
];

function figures(balance, rows, { forecast, month_ends: ends }, until) {
  const recent = rows.filter((row) => row.day >= dayOf(until - (PACE_DAYS + 1) * DAY) && row.day < dayOf(until - DAY));
  const days = new Set(recent.map((row) => row.day)).size;
  const pace = days ? recent.reduce((sum, row) => sum + drawn(row.charged), 0) / days : 0;
  const left = pace > 0 ? drawn(balance.available) / pace : null;
  const lasts = left === null ? "–" : left < 1 ? "under a day" : left > 999 ? "years" : `${count(Math.floor(left))} days`;
  return [
    tile("Available", money(balance.available), `credits; ${money(balance.held)} held`),
    tile("Lasts for", lasts, left === null ? "no whole day of spend yet" : `at ${pace.toFixed(1)} credits a day`),
    forecast
      ? tile(`Forecast until ${dayOfMonth(ends)}`, count(Math.round(drawn(forecast.expected))), `${count(Math.round(drawn(forecast.low)))} to ${count(Math.round(drawn(forecast.high)))} credits this month`)
      : tile(`Forecast until ${dayOfMonth(ends)}`, "–", "needs three whole days of spend"),
    tile("Spent", money(balance.spent), `of ${money(balance.granted)} granted`),
    tile("Expired or taken back", money(balance.expired), "credits"),
  ];
}
