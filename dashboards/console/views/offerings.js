// How every offering is doing, what it costs, and taking one out of use.

import { get, post } from "../api.js";
import { ask } from "../dialogs.js";
import { badge, count, dateOf, drawn, fill, h } from "../dom.js";
import { sheet } from "../sheets.js";

const STATES = { closed: ["serving", "good"], open: ["resting", "bad"], half_open: ["on trial", "warn"], drained: ["drained", "bad"] };

/** So many in a hundred failures are worth a colour. */
const ILL_PERCENT = 20;

export function offerings(desk, content) {
  const all = h("input", { type: "checkbox", name: "all" });
  const list = sheet(desk, "By model", "offerings");
  const note = h("p", { class: "faint" });
  fill(content, h("div", { class: "head" }, h("h1", null, "Offerings"),
    h("label", { class: "check" }, all, "Show those without a credential")), list, note);
  const show = async () => {
    const [{ items }, costs] = await Promise.all([get("offerings"), costOf(desk)]);
    if (desk.signal.aborted) return;
    const rows = all.checked ? items : items.filter((row) => row.connected || row.drain);
    list.draw(columns(desk, costs, show), rows, "No offering has a credential. Set that of a vendor in the gateway's environment, as policy names it, and start it again.");
    const hidden = items.length - rows.length;
    fill(note, hidden ? `${count(hidden)} without a credential ${hidden === 1 ? "is" : "are"} not shown.` : null);
  };
  all.addEventListener("change", () => show().catch((error) => desk.tell(error.message)));
  desk.every(5, list, show);
}

let costs = { at: 0, by: new Map() };

/** What a picture of each offering cost this month, for those who may see money; read once a minute. */
async function costOf(desk) {
  if (!desk.may("finance")) return null;
  if (Date.now() - costs.at > 60_000) {
    const { rows } = await get("usage?by=offering");
    const each = (row) => (row.images > 0 ? drawn(row.cost_dollars) / row.images : null);
    costs = { at: Date.now(), by: new Map(rows.map((row) => [row.offering, each(row)])) };
  }
  return costs.by;
}

function columns(desk, costs, done) {
  const cost = (row) => (typeof costs.get(row.offering) === "number" ? `$${costs.get(row.offering).toFixed(4)}` : "–");
  return [
    ["Offering", "text", (row) => h("strong", null, row.offering)],
    ["State", "", state],
    ["Time to a picture", "number", (row) => (row.expected_ms === null ? "–" : `${count(row.expected_ms)} ms`)],
    ["Failing", "number", (row) => (row.failing_percent >= ILL_PERCENT ? badge(`${row.failing_percent} %`, "bad") : `${row.failing_percent} %`)],
    ["Under way", "number", (row) => count(row.in_flight)],
    ...(costs ? [["Cost a picture", "number", cost]] : []),
    ["Vendor's model", "text", (row) => row.vendor_model],
    ["Note", "text", note],
    ...(desk.may("operator") ? [["", "", (row) => turning(desk, row, done)]] : []),
  ];
}

function state(row) {
  if (!row.connected) return badge("no credential", "warn");
  const [text, kind] = STATES[row.state] ?? [row.state, ""];
  return badge(text, kind);
}

function note(row) {
  if (row.drain) {
    const why = row.drain.reason ? `: ${row.drain.reason}` : "";
    return `by ${row.drain.by}, ${dateOf(row.drain.since)}${why}`;
  }
  if (row.state === "open") return `asked again in ${count(row.rests_seconds ?? 0)} s`;
  return row.for_tests ? "for test keys" : "";
}

function turning(desk, row, done) {
  const is_drained = row.state === "drained";
  const does = is_drained ? "Resume" : "Drain";
  const button = h("button", { type: "button", "aria-label": `${does} ${row.offering}` }, does);
  button.addEventListener("click", async () => {
    const text = "It gets no new requests until it is resumed, on all nodes and over restarts. What it was asked before is finished.";
    const reason = is_drained ? "" : await ask(`Drain ${row.offering}?`, text, { does: "Drain", asks: "Why (for the log)" });
    if (reason === null) return;
    desk.attempt(button, async () => {
      const said = is_drained ? { offering: row.offering } : { offering: row.offering, reason };
      await post(`offerings/${is_drained ? "resume" : "drain"}`, said);
      await done();
    });
  });
  return button;
}
