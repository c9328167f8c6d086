// Live traffic and refusals: the last fifteen minutes of the process that is asked.

import { get } from "../api.js";
import { stacked } from "../charts.js";
import { badge, card, count, fill, h, table, tile, timeOf } from "../dom.js";

/** Codes that have a colour of their own; what is rarer goes together. */
const CODES_MAX = 6;

export function overview(desk, content) {
  const [tiles, chart, refusals] = [h("div", { class: "tiles" }), h("div"), h("div")];
  fill(content, h("h1", null, "Overview"), tiles, card("Requests by outcome, last 15 minutes", chart), card("Last refusals", refusals));
  desk.every(5, tiles, async () => {
    const live = await get("live");
    if (desk.signal.aborted) return;
    fill(tiles, figures(live));
    fill(chart, outcomes(live));
    fill(refusals, refused(live.refusals.slice(0, 25)));
  });
}

function figures(live) {
  const minute = live.spans.filter((span) => Date.parse(live.now) - Date.parse(span.at) < 60_000);
  const sum = (spans, read) => spans.reduce((all, span) => all + read(span), 0);
  const all = sum(live.spans, (span) => span.requests);
  const served = sum(live.spans, (span) => span.outcomes.ok ?? 0);
  const mean = sum(live.spans, (span) => span.mean_ms * span.requests) / (all || 1);
  const vendor = sum(live.spans, (span) => span.vendor_mean_ms * span.requests) / (all || 1);
  return [
    tile("Requests in the last minute", count(sum(minute, (span) => span.requests)), `${count(all)} in 15 minutes`),
    tile("Served", all ? `${((served / all) * 100).toFixed(1)} %` : "–", `${count(all - served)} not served`),
    tile("Pictures", count(sum(live.spans, (span) => span.images)), "in 15 minutes"),
    tile("Mean time to answer", all ? `${count(mean)} ms` : "–", all ? `${count(vendor)} ms of it at vendors` : null),
    tile("Under way", `${count(live.holds_open)}`, `holds open; ${count(live.jobs_open)} jobs unfinished`),
  ];
}

function outcomes(live) {
  const now = Date.parse(live.now) / 1000;
  const totals = new Map();
  for (const span of live.spans) {
    for (const [code, number] of Object.entries(span.outcomes)) totals.set(code, (totals.get(code) ?? 0) + number);
  }
  if (totals.size === 0) return h("p", { class: "empty" }, "No request was answered in the last 15 minutes.");
  const codes = [...totals.keys()].sort((one, other) => (other === "ok") - (one === "ok") || totals.get(other) - totals.get(one));
  const shown = codes.slice(0, CODES_MAX);
  const rest = codes.slice(CODES_MAX);
  // Spans of five seconds are added up to bars of fifteen: enough to see, wide enough to look at.
  const step = live.span_seconds * 3;
  const first = Math.floor((now - 900) / step) * step;
  const times = Array.from({ length: Math.ceil((now - first) / step) }, (_, at) => first + at * step + step / 2);
  const place = (span) => Math.floor((Date.parse(span.at) / 1000 - first) / step);
  const valuesOf = (some) => {
    const values = times.map(() => 0);
    for (const span of live.spans) {
      const at = place(span);
      if (at >= 0 && at < values.length) for (const code of some) values[at] += span.outcomes[code] ?? 0;
    }
    return values;
  };
  const named = (name, number) => `${name} (${count(number)})`;
  const series = shown.map((code) => ({ name: named(code, totals.get(code)), values: valuesOf([code]) }));
  if (rest.length) {
    series.push({ name: named("other", rest.reduce((sum, code) => sum + totals.get(code), 0)), values: valuesOf(rest) });
  }
  return stacked("Requests by outcome over the last 15 minutes", times, series, { step, bounds: [first, now] });
}

function refused(refusals) {
  const blame = { caller: "warn", budget: "warn", vendor: "bad", us: "bad" };
  return table("Last refusals", [
    ["Time", "time", (row) => timeOf(row.at)],
    ["Code", "", (row) => badge(row.code, blame[row.blame])],
    ["Whose", "", (row) => row.blame],
    ["Status", "number", (row) => String(row.status)],
    ["Workspace", "id", (row) => row.workspace && h("a", { href: `#/workspaces/${encodeURIComponent(row.workspace)}` }, row.workspace)],
    ["Model", "text", (row) => row.model],
    ["Message", "text", (row) => row.message],
  ], refusals, "Nothing was refused since this process started.");
}
