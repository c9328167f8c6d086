// Usage day by day, in groups: the largest have a colour of their own, the others share one.

import { stacked } from "../charts.js";
import { drawn, h } from "../dom.js";

/** Groups that have a colour of their own. */
export const GROUPS_MAX = 6;

export const DAY = 86_400;

export const MEASURES = { charged: "credits", cost_dollars: "dollars", images: "pictures", requests: "requests" };

export const dayOf = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** Midnight, UTC, after today, in seconds. */
export const tomorrow = () => Math.floor(Date.now() / 1000 / DAY) * DAY + DAY;

/** A group as people read it: keys by their names. */
const shownName = (name) => /^(.+) \(key_\w+(\w{4})\)$/.exec(name ?? "")?.slice(1).join(" …") ?? name;

const none = (split) => (split.startsWith("label:") ? `without a ${split.slice(6)}` : split === "vendor" || split === "model" ? `no ${split} was reached` : "unknown");

/** Rows by group, the largest first. */
export function grouped(rows, split, measure) {
  const groups = new Map();
  for (const row of rows) {
    const name = row[split] ?? null;
    const group = groups.get(name) ?? { name: name === null ? none(split) : shownName(name), days: new Map(), shown: 0, rows: [] };
    const value = drawn(String(row[measure]));
    group.days.set(row.day, (group.days.get(row.day) ?? 0) + value);
    group.shown += value;
    group.rows.push(row);
    groups.set(name, group);
  }
  return [...groups.values()].sort((one, other) => other.shown - one.shown);
}

/** Stacked bars of groups, from a day until the day after the last. */
export function daily(title, groups, [since, until], measure, empty) {
  const shown = groups.filter((group) => group.shown > 0);
  if (shown.length === 0) return h("p", { class: "empty" }, empty);
  const times = [];
  for (let day = since; day < until; day += DAY) times.push(day + DAY / 2);
  const line = (group) => times.map((time) => group.days.get(dayOf(time)) ?? 0);
  const series = shown.slice(0, GROUPS_MAX).map((group) => ({ name: group.name, values: line(group) }));
  const rest = shown.slice(GROUPS_MAX).map(line);
  if (rest.length) {
    const name = rest.length === 1 ? "1 other" : `${rest.length} others`;
    series.push({ name, values: times.map((_, at) => rest.reduce((sum, values) => sum + values[at], 0)) });
  }
  return stacked(title, times, series, { step: DAY, bounds: [since, until], days: true, unit: `${MEASURES[measure]} a day` });
}
