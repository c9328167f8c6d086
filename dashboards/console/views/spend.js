// Spend over time, split by workspace, model, vendor or label, with its table and its file.

import { get, query, save } from "../api.js";
import { colourOf, stacked } from "../charts.js";
import { badge, card, count, drawn, field, fill, h, money, select, table, tile } from "../dom.js";

/** Groups that have a colour of their own; what is smaller goes together. */
const GROUPS_MAX = 7;

const DAY = 86_400;
const SPLITS = [["workspace", "Workspace"], ["model", "Model"], ["vendor", "Vendor"], ["key", "Key"], ["plan", "Plan"], ["dialect", "Dialect"], ["label", "Label…"]];
const SPANS = [["7", "Last 7 days"], ["30", "Last 30 days"], ["90", "Last 90 days"]];

const dayOf = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

export function spend(desk, content) {
  const by = select(SPLITS, "workspace", { name: "by" });
  const label = h("input", { name: "label", placeholder: "team", pattern: "[^,]+", size: 14 });
  const labelField = field("Label", label);
  const span = select(SPANS, "30", { name: "span" });
  const measure = select([["charged", "Credits charged"], ["cost_dollars", "Vendor cost, dollars"], ["images", "Pictures"], ["requests", "Requests"]], "charged", { name: "measure" });
  const file = h("button", { type: "button" }, "Download CSV");
  const [tiles, chart, sums] = [h("div", { class: "tiles" }), h("div"), h("div")];
  const controls = h("form", { class: "row" }, field("Split by", by), labelField, field("Days", span), field("Show", measure), file);
  fill(content, h("h1", null, "Spend"), card(null, controls), tiles, card("Day by day (UTC)", chart), card("In all", sums));

  const asked = () => {
    const tomorrow = Math.floor(Date.now() / 1000 / DAY) * DAY + DAY;
    const since = tomorrow - Number(span.value) * DAY;
    const split = by.value === "label" ? `label:${label.value.trim() || "team"}` : by.value;
    return { split, since, tomorrow, words: { by: `${split},day`, since: dayOf(since), until: dayOf(tomorrow) } };
  };
  let turn = 0;
  const show = async () => {
    labelField.hidden = by.value !== "label";
    const own = ++turn;
    const { split, since, tomorrow, words } = asked();
    const [usage, guess] = await Promise.all([get(`usage${query(words)}`), get("forecast")]);
    if (desk.signal.aborted || own !== turn) return;
    fill(tiles, figures(usage.total, guess));
    const groups = grouped(usage.rows, split, measure.value);
    fill(chart, days(groups, since, tomorrow));
    fill(sums, totals(groups, split));
  };
  const again = () => show().catch((error) => desk.tell(error.message));
  controls.addEventListener("change", again);
  controls.addEventListener("submit", (event) => { event.preventDefault(); again(); });
  file.addEventListener("click", () => desk.attempt(file, () => {
    const { split, words } = asked();
    return save(`usage${query({ ...words, format: "csv" })}`, `usage-by-${split.replace(/[^a-z0-9-]+/gi, "-")}-${words.since}.csv`);
  }));
  desk.every(60, tiles, show);
}

function figures(total, { forecast, month_ends: ends }) {
  return [
    tile("Credits charged", money(total.charged)),
    tile("Vendor cost", `$${money(total.cost_dollars)}`, "as booked"),
    tile("Pictures", count(total.images), `${count(total.requests)} requests`),
    forecast
      ? tile(`This month, by ${ends}`, money(forecast.expected), `credits; ${money(forecast.low)} to ${money(forecast.high)}`)
      : tile(`This month, by ${ends}`, "–", "needs three whole days of spend"),
  ];
}

/** Rows by group, the largest first. */
function grouped(rows, split, measure) {
  const groups = new Map();
  for (const row of rows) {
    const name = row[split] ?? "(none)";
    const group = groups.get(name) ?? { name, days: new Map(), shown: 0, rows: [] };
    group.days.set(row.day, drawn(String(row[measure])));
    group.shown += drawn(String(row[measure]));
    group.rows.push(row);
    groups.set(name, group);
  }
  return [...groups.values()].sort((one, other) => other.shown - one.shown);
}

function days(groups, since, tomorrow) {
  if (!groups.some((group) => group.shown > 0)) return h("p", { class: "empty" }, "Nothing on these days.");
  const times = [];
  for (let day = since; day < tomorrow; day += DAY) times.push(day + DAY / 2);
  const line = (group) => times.map((time) => group.days.get(dayOf(time)) ?? 0);
  const series = groups.slice(0, GROUPS_MAX).map((group) => ({ name: group.name, values: line(group) }));
  const rest = groups.slice(GROUPS_MAX).map(line);
  if (rest.length) {
    series.push({ name: `${rest.length} others`, values: times.map((_, at) => rest.reduce((sum, values) => sum + values[at], 0)) });
  }
  return stacked("Spend day by day", times, series, { step: DAY, bounds: [since, tomorrow], days: true });
}

/** Exact sums of decimal texts: nano-units as whole numbers of any size. */
function exact(rows, name) {
  const nanos = rows.reduce((sum, row) => {
    const [units, rest = ""] = row[name].replace("-", "").split(".");
    const own = BigInt(units + rest.padEnd(9, "0"));
    return sum + (row[name].startsWith("-") ? -own : own);
  }, 0n);
  const digits = (nanos < 0n ? -nanos : nanos).toString().padStart(10, "0");
  const rest = digits.slice(-9).replace(/0+$/, "");
  return money(`${nanos < 0n ? "-" : ""}${digits.slice(0, -9)}${rest ? `.${rest}` : ""}`);
}

const heading = (split) => SPLITS.find(([name]) => name === split)?.[1] ?? split.replace(/^label:/, "Label ");

function totals(groups, split) {
  const sum = (rows, name) => count(rows.reduce((all, row) => all + row[name], 0));
  const swatch = (group) => {
    const at = groups.indexOf(group);
    return at < GROUPS_MAX ? h("span", { class: `swatch ${colourOf(at)}` }) : null;
  };
  return table(`Sums by ${split}`, [
    [heading(split), "text", (group) => h("span", { class: "group" }, swatch(group), group.name)],
    ["Requests", "number", (group) => sum(group.rows, "requests")],
    ["Pictures", "number", (group) => sum(group.rows, "images")],
    ["Credits charged", "number", (group) => exact(group.rows, "charged")],
    ["Vendor cost, $", "number", (group) => exact(group.rows, "cost_dollars")],
    ["Outcome unknown", "number", (group) => {
      const unknown = group.rows.reduce((all, row) => all + row.outcome_unknown, 0);
      return unknown ? badge(count(unknown), "warn") : "0";
    }],
  ], groups, "Nothing was asked on these days.");
}
