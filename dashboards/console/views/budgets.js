// Budgets: how full each is in this period, whom it counts, and what was told.

import { get } from "../api.js";
import { badge, card, count, dateOf, drawn, fill, h, meter, money, tile } from "../dom.js";
import { countedBy, learn, linkTo } from "../names.js";
import { sheet } from "../sheets.js";
import { paged } from "./paged.js";

/** Counters of one budget that are shown before somebody asks for more. */
const SHOWN = 8;

const STATES = { told: ["told", "good"], waiting: ["on its way", "warn"], dead: ["webhook failed", "bad"] };

export function budgets(desk, content) {
  const [tiles, list] = [h("div", { class: "tiles" }), h("div")];
  const alerts = paged("budget-alerts");
  const told = sheet(desk, "Alerts, newest first", "budget-alerts", { all: () => alerts.all() });
  const open = new Set();
  fill(content, h("h1", null, "Budgets"), tiles, list, told);
  const drawAlerts = () => told.draw(ALERTS, alerts.items, "No part of a budget was spent yet that is worth telling.", alerts.more(desk, drawAlerts));
  desk.every(15, tiles, async () => {
    const [{ items }] = await Promise.all([get("budgets"), learn(), alerts.again()]);
    if (desk.signal.aborted) return;
    fill(tiles, items.length ? figures(items) : null);
    fill(list, items.length ? items.map((budget) => shown(budget, open)) : none());
    told.hidden = items.length === 0 && alerts.items.length === 0;
    drawAlerts();
  });
}

const ALERTS = [
  ["Time", "time", (row) => dateOf(row.at)],
  ["Budget", "text", (row) => row.budget],
  ["Of", "text", (row) => countedBy(row.of)],
  ["Reached", "number", (row) => badge(`${row.percent} %`, row.percent >= 100 ? "bad" : "warn")],
  ["Spent", "number", (row) => money(row.spent)],
  ["Limit", "number", (row) => `${money(row.limit)} a ${row.per}`],
  ["By a request of", "text", (row) => linkTo(row.workspace)],
  ["Told", "", (row) => badge(...(STATES[row.state] ?? [row.state]))],
];

const fullness = (budget, counter) => drawn(counter.spent) / drawn(budget.limit);

function figures(items) {
  const all = items.flatMap((budget) => budget.fullest.map((counter) => fullness(budget, counter)));
  const spent = all.filter((share) => share >= 1).length;
  const near = all.filter((share) => share >= 0.8 && share < 1).length;
  return [
    tile("Budgets in force", count(items.length), stopping(items.filter((budget) => budget.stops).length)),
    tile("Spent whole", count(spent), spent ? "requests against those that stop are refused" : "none"),
    tile("Above 80 %", count(near), near ? "and not spent whole" : "none"),
  ];
}

const stopping = (number) => (number === 1 ? "1 of them stops what would go beyond it" : `${count(number)} of them stop what would go beyond them`);

function none() {
  return card(null, h("p", { class: "empty" }, "Policy names no budgets. Write one into ", h("code", null, "budgets.toml"), " in the policy folder; it is in force within a second:"),
    h("pre", { tabindex: "0" }, "[budgets.red-team]\nlabel = \"team=red\"      # or workspace, or key; \"*\" counts each by itself\ncredits = 500\nper = \"month\"           # or \"day\"\nalert_at = [50, 80, 100]\nstop = true"));
}

function shown(budget, open) {
  const counters = budget.fullest.length ? budget.fullest : [{ of: null, spent: "0", held: "0", told_percent: null }];
  const most = open.has(budget.name) ? counters.length : SHOWN;
  const whole = card(null,
    h("div", { class: "head" }, h("h2", null, budget.name, " ", budget.stops ? badge("stops", "warn") : badge("only tells")),
      h("span", { class: "faint" }, `${money(budget.limit)} credits a ${budget.per}, ${whose(budget)}; begins anew ${dateOf(budget.ends_at)}`)),
    h("ul", { class: "meters" }, counters.slice(0, most).map((counter) => line(budget, counter))));
  if (counters.length > most) {
    const more = h("button", { type: "button", class: "after" }, `Show ${counters.length - most} more`);
    more.addEventListener("click", () => {
      open.add(budget.name);
      whole.replaceWith(shown(budget, open));
    });
    whole.append(more);
  } else if (budget.has_more) {
    whole.append(h("p", { class: "faint" }, "The fullest are shown; the admin API lists all."));
  }
  return whole;
}

function whose({ workspace, key, label }) {
  const parts = [];
  const one = (value, kind) => (value === "*" ? `each ${kind} by itself` : `${kind} ${value}`);
  if (workspace) parts.push(workspace === "*" ? one(workspace, "workspace") : countedBy(`workspace=${workspace}`));
  if (key) parts.push(one(key, "key"));
  if (label) {
    const [name, ...rest] = label.split("=");
    parts.push(one(rest.join("="), name));
  }
  return parts.join(", ") || "everyone together";
}

function line(budget, counter) {
  const share = fullness(budget, counter);
  const held = drawn(counter.held) / drawn(budget.limit);
  const percent = `${count(Math.floor(share * 100))} %`;
  const kind = share >= 1 ? "bad" : share >= 0.8 ? "warn" : "good";
  const name = counter.of === null ? "nothing is spent yet" : countedBy(counter.of);
  const label = `${name}: ${percent} of ${money(budget.limit)} credits spent`;
  return h("li", null,
    h("span", { class: "whom" }, name),
    meter(label, [[share, `fill-${kind}`], [held, "fill-held"]], budget.alert_at.map((part) => part / 100)),
    h("span", { class: "much" }, `${money(counter.spent)} (${percent})`, drawn(counter.held) > 0 ? h("span", { class: "faint" }, ` + ${money(counter.held)} held`) : null));
}
