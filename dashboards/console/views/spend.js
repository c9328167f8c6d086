// Spend over time, split by workspace, model, vendor or label, with its table and its file.

import { get, query } from "../api.js";
import { colourOf } from "../charts.js";
import { badge, card, count, dayOfMonth, drawn, field, fill, h, money, select, tile } from "../dom.js";
import { sheet } from "../sheets.js";
import { DAY, GROUPS_MAX, daily, dayOf, grouped, tomorrow } from "./days.js";

const NOTHING = "Nothing was asked on these days. Pictures that apps buy are here within seconds.";

const SPLITS = [["workspace", "Workspace"], ["model", "Model"], ["vendor", "Vendor"], ["key", "Key"], ["plan", "Plan"], ["dialect", "Dialect"], ["label", "Label…"]];
const SPANS = [["7", "Last 7 days"], ["14", "Last 14 days"], ["30", "Last 30 days"], ["90", "Last 90 days"]];

export function spend(desk, content) {
  const by = select(SPLITS, "workspace", { name: "by" });
  const label = h("input", { name: "label", placeholder: "team", pattern: "[^,]+", size: 14 });
  const labelField = field("Label", label);
  const span = select(SPANS, "14", { name: "span" });
  const measure = select([["charged", "Credits charged"], ["cost_dollars", "Vendor cost, dollars"], ["images", "Pictures"], ["requests", "Requests"]], "charged", { name: "measure" });
  const [tiles, chart] = [h("div", { class: "tiles" }), h("div")];
  const controls = h("form", { class: "row" }, field("Split by", by), labelField, field("Days", span), field("Show", measure));
  const asked = () => {
    const until = tomorrow();
    const since = until - Number(span.value) * DAY;
    const split = by.value === "label" ? `label:${label.value.trim() || "team"}` : by.value;
    return { split, since, until, words: { by: `${split},day`, since: dayOf(since), until: dayOf(until) } };
  };
  const sums = sheet(desk, "These days in all", "usage-by-day", { path: () => `usage${query({ ...asked().words, format: "csv" })}` });
  fill(content, h("h1", null, "Spend"), card(null, controls), tiles, card("Day by day (UTC)", chart), sums);

  let turn = 0;
  const show = async () => {
    labelField.hidden = by.value !== "label";
    const own = ++turn;
    const { split, since, until, words } = asked();
    const [usage, guess] = await Promise.all([get(`usage${query(words)}`), get("forecast")]);
    if (desk.signal.aborted || own !== turn) return;
    fill(tiles, figures(usage.total, guess));
    const groups = grouped(usage.rows, split, measure.value);
    fill(chart, daily("Spend day by day", groups, [since, until], measure.value, NOTHING));
    sums.draw(totals(groups, split), groups, NOTHING);
  };
  const again = () => show().catch((error) => desk.tell(error.message));
  controls.addEventListener("change", again);
  controls.addEventListener("submit", (event) => { event.preventDefault(); again(); });
  desk.every(60, tiles, show);
}

/** A guess is no exact sum. */
const about = (text) => count(Math.round(drawn(text)));

function figures(total, { forecast, month_ends: ends }) {
  return [
    tile("Credits charged", money(total.charged)),
    tile("Vendor cost", `$${money(total.cost_dollars)}`, "as booked"),
    tile("Pictures", count(total.images), `${count(total.requests)} requests`),
    forecast
      ? tile(`Forecast until ${dayOfMonth(ends)}`, about(forecast.expected), `credits this month; ${about(forecast.low)} to ${about(forecast.high)}`)
      : tile(`Forecast until ${dayOfMonth(ends)}`, "–", "needs three whole days of spend"),
  ];
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
    return group.shown > 0 ? h("span", { class: `swatch ${colourOf(Math.min(at, GROUPS_MAX))}` }) : null;
  };
  return [
    [heading(split), "text", (group) => h("span", { class: "group" }, swatch(group), group.name)],
    ["Requests", "number", (group) => sum(group.rows, "requests")],
    ["Pictures", "number", (group) => sum(group.rows, "images")],
    ["Credits charged", "number", (group) => exact(group.rows, "charged")],
    ["Vendor cost, $", "number", (group) => exact(group.rows, "cost_dollars")],
    ["Outcome unknown", "number", (group) => {
      const unknown = group.rows.reduce((all, row) => all + row.outcome_unknown, 0);
      return unknown ? badge(count(unknown), "warn") : "0";
    }],
  ];
}
