// Charts over time. Each also says its figures in a table or legend beside it, for those who do not see it.

import uPlot from "./vendor/uPlot.esm.js";
import { h } from "./dom.js";

const COLOURS = 8;

/** Seconds that may lie between two ticks: never less than one. */
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The class of the colour of a series. */
export const colourOf = (index) => `k${index % COLOURS}`;

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** A moment on an axis, as closely as the ticks lie. */
function moments(chart, ticks) {
  const gap = ticks.length > 1 ? ticks[1] - ticks[0] : 60;
  const shown = gap < 60 ? "{HH}:{mm}:{ss}" : gap < 86_400 ? "{HH}:{mm}" : "{D} {MMM}";
  const format = uPlot.fmtDate(shown);
  const day = uPlot.fmtDate("{D} {MMM}");
  let before = null;
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    const own = day(date);
    // A day is said once, under its first tick, where the ticks are times of day.
    const says = gap < 86_400 && own !== before ? `${format(date)}\n${own}` : format(date);
    before = own;
    return says;
  });
}

function axes() {
  const line = { stroke: css("--line"), width: 1 };
  const both = { stroke: css("--faint"), grid: line, ticks: line, font: "12px system-ui, sans-serif" };
  return [
    { ...both, grid: { show: false }, values: moments, space: 70, incrs: TICKS },
    { ...both, size: 58, values: (_, ticks) => ticks.map((tick) => compact.format(tick)) },
  ];
}

/** Draws whatever `options` says, as wide as its place, again when the place or the colours change. */
function draw(label, points, options) {
  const place = h("div", { class: "chart", role: "img", "aria-label": label });
  let chart = null;
  const width = () => Math.max(place.clientWidth, 200);
  const again = () => {
    chart?.destroy();
    chart = null;
    if (place.isConnected) chart = new uPlot({ width: width(), height: 260, legend: { show: false }, ...options() }, points, place);
  };
  const watch = new ResizeObserver(() => {
    if (!place.isConnected) {
      watch.disconnect();
      dark.removeEventListener("change", again);
    } else if (chart === null) again();
    else chart.setSize({ width: width(), height: 260 });
  });
  watch.observe(place);
  dark.addEventListener("change", again);
  return place;
}

/**
 * Bars over time, one colour a series, stacked. `times` in seconds; `series` is `[{name, values}]`.
 * `step` is the seconds of one bar, `bounds` the first and last moment shown.
 */
export function stacked(label, times, series, { step, bounds, days }) {
  const sums = [];
  let below = times.map(() => 0);
  for (const { values } of series) {
    below = below.map((sum, at) => sum + (values[at] ?? 0));
    sums.push(below);
  }
  // The tallest is drawn first, so that each shows above the one that covers it.
  const order = series.map((_, index) => index).reverse();
  const top = Math.max(...(sums.at(-1) ?? [0]), 0);
  const chart = draw(label, [times, ...order.map((index) => sums[index])], () => ({
    axes: axes().map((axis, at) => (at === 0 && days ? { ...axis, values: "{D} {MMM}", space: 60 } : axis)),
    scales: { x: { time: true, range: bounds }, y: { range: [0, top > 0 ? top * 1.08 : 1] } },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    tzDate: days ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC") : undefined,
    series: [{}, ...order.map((index) => ({
      label: series[index].name,
      fill: css(`--c${index % COLOURS}`),
      width: 0,
      points: { show: false },
      paths: bars(step),
    }))],
  }));
  return h("div", null, chart, legend(series.map(({ name }) => name)));
}

/** Bars of a length in time: as wide as a step is on the screen, less a gap. */
function bars(step) {
  return (chart, index) => {
    const fill = new Path2D();
    const base = chart.valToPos(0, "y", true);
    const width = Math.max(1, Math.abs(chart.valToPos(step, "x", true) - chart.valToPos(0, "x", true)) * 0.82);
    const [times, values] = [chart.data[0], chart.data[index]];
    times.forEach((time, at) => {
      if (!values[at]) return;
      const above = chart.valToPos(values[at], "y", true);
      fill.rect(chart.valToPos(time, "x", true) - width / 2, above, width, base - above);
    });
    return { stroke: null, fill, clip: null, flags: 3 };
  };
}

/** A line that keeps its value until it changes. */
export function steps(label, times, values) {
  const top = Math.max(...values, 0);
  const bottom = Math.min(...values, 0);
  return draw(label, [times, values], () => ({
    axes: axes(),
    scales: { x: { time: true }, y: { range: [bottom, top > bottom ? top + (top - bottom) * 0.08 : bottom + 1] } },
    cursor: { drag: { x: false, y: false } },
    series: [{}, {
      stroke: css("--c0"), width: 2, points: { show: false }, fill: `${css("--c0")}22`, paths: uPlot.paths.stepped({ align: 1 }),
    }],
  }));
}

function legend(names) {
  return h("ul", { class: "legend" }, names.map((name, index) =>
    h("li", null, h("span", { class: `swatch ${colourOf(index)}` }), name)));
}
