// Live traffic and refusals: the last fifteen minutes of the process that is asked.

import { get } from "../api.js";
import { stacked } from "../charts.js";
import { badge, card, count, fill, h, meter, tile, timeOf } from "../dom.js";
import { learn, linkTo } from "../names.js";
import { sheet } from "../sheets.js";

/** Codes that have a colour of their own; what is rarer goes together. */
const CODES_MAX = 6;

/** Whose failure it is, as people say it, and how it is coloured. */
const BLAMES = { caller: ["caller", "none"], budget: ["limits and credits", "warn"], vendor: ["vendor", "bad"], us: ["this gateway", "bad"] };

const blameOf = (name) => BLAMES[name] ?? [name, "none"];

export function overview(desk, content) {
  const [tiles, chart, why] = [h("div", { class: "tiles" }), h("div"), h("div")];
  const refusals = sheet(desk, "Last refusals", "refusals");
  fill(content, h("h1", null, "Overview"), tiles, h("div", { class: "wide-narrow" },
    card("Requests by outcome, last 15 minutes", chart), card("Refusals by blame and code", why)), refusals);
  desk.every(5, tiles, async () => {
    const [live] = await Promise.all([get("live"), learn()]);
    if (desk.signal.aborted) return;
    fill(tiles, figures(live));
    fill(chart, outcomes(live));
    fill(why, blamed(live));
    refusals.draw(REFUSALS, live.refusals.slice(0, 50), "Nothing was refused since this process started.");
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
    tile("Mean time to answer", all ? `${count(mean)} ms` : "–", all ? `${count(vendor)} ms of it at vendors` : "no requests"),
    tile("Under way", `${count(live.holds_open)}`, `requests that hold credits; ${count(live.jobs_open)} jobs unfinished`),
  ];
}

function totalsOf(live) {
  const totals = new Map();
  for (const span of live.spans) {
    for (const [code, number] of Object.entries(span.outcomes)) totals.set(code, (totals.get(code) ?? 0) + number);
  }
  return totals;
}

function outcomes(live) {
  const now = Date.parse(live.now) / 1000;
  const totals = totalsOf(live);
  if (totals.size === 0) {
    return h("p", { class: "empty" }, "No request was answered in the last 15 minutes. Send one with a key of a workspace, and it is here within seconds; ",
      h("code", null, "pixelgate demo"), " prints lines to paste.");
  }
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
  const named = (name, number) => `${name === "ok" ? "served" : name} (${count(number)})`;
  const series = shown.map((code) => ({ name: named(code, totals.get(code)), values: valuesOf([code]) }));
  if (rest.length) {
    series.push({ name: named("other", rest.reduce((sum, code) => sum + totals.get(code), 0)), values: valuesOf(rest) });
  }
  return stacked("Requests by outcome over the last 15 minutes", times, series, { step, bounds: [first, now], unit: "requests in 15 s" });
}

/** How often each code was said, under whose failure it is. */
function blamed(live) {
  const groups = new Map();
  for (const [code, number] of totalsOf(live)) {
    if (code === "ok") continue;
    const blame = live.blames[code] ?? "us";
    groups.set(blame, [...(groups.get(blame) ?? []), [code, number]]);
  }
  if (groups.size === 0) return h("p", { class: "empty" }, "Nothing was refused in the last 15 minutes.");
  const most = Math.max(...[...groups.values()].flat().map(([, number]) => number));
  return Object.keys(BLAMES).filter((blame) => groups.has(blame)).map((blame) => {
    const codes = groups.get(blame).sort(([, one], [, other]) => other - one);
    const [text, kind] = blameOf(blame);
    return h("div", null, h("h3", null, badge(text, kind)), h("ul", { class: "counts" }, codes.map(([code, number]) =>
      h("li", null, h("span", null, code), meter(`${code}: ${count(number)}`, [[number / most, `fill-${kind}`]], []), h("span", { class: "much" }, count(number))))));
  });
}

const REFUSALS = [
  ["Time", "time", (row) => timeOf(row.at)],
  ["Code", "", (row) => badge(row.code, blameOf(row.blame)[1])],
  ["Blame", "nowrap", (row) => blameOf(row.blame)[0]],
  ["Status", "number", (row) => String(row.status)],
  ["Workspace", "text", (row) => linkTo(row.workspace)],
  ["Model", "text", (row) => row.model],
  ["Message", "text wide", (row) => row.message],
];
