// How every offering is doing, and taking one out of use.

import { get, post } from "../api.js";
import { badge, card, count, dateOf, fill, h, table } from "../dom.js";

const STATES = { closed: ["serving", "good"], open: ["resting", "bad"], half_open: ["on trial", "warn"], drained: ["drained", "bad"] };

export function offerings(desk, content) {
  const [list, note] = [h("div"), h("p", { class: "faint" })];
  const all = h("input", { type: "checkbox", name: "all" });
  fill(content, h("div", { class: "head" }, h("h1", null, "Offerings"),
    h("label", { class: "check" }, all, "Show those without a credential")), card(null, list), note);
  const show = async () => {
    const { items } = await get("offerings");
    if (desk.signal.aborted) return;
    const rows = all.checked ? items : items.filter((row) => row.connected || row.drain);
    fill(list, shown(desk, rows, show));
    const hidden = items.length - rows.length;
    fill(note, hidden ? `${count(hidden)} without a credential are not shown.` : null);
  };
  all.addEventListener("change", () => show().catch((error) => desk.tell(error.message)));
  desk.every(5, list, show);
}

function shown(desk, items, done) {
  return table("Offerings", [
    ["Offering", "text", (row) => h("strong", null, row.offering)],
    ["Vendor's model", "text", (row) => row.vendor_model],
    ["State", "", state],
    ["Time to a picture", "number", (row) => (row.expected_ms === null ? "–" : `${count(row.expected_ms)} ms`)],
    ["Failing", "number", (row) => (row.failing_percent >= 20 ? badge(`${row.failing_percent} %`, "bad") : `${row.failing_percent} %`)],
    ["Under way", "number", (row) => count(row.in_flight)],
    ["Note", "text", note],
    ...(desk.may("operator") ? [["", "", (row) => turning(desk, row, done)]] : []),
  ], items, "Policy names no offerings.");
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
  return row.for_tests ? "test keys" : "";
}

function turning(desk, row, done) {
  const is_drained = row.state === "drained";
  const button = h("button", { type: "button", "aria-label": `${is_drained ? "Resume" : "Drain"} ${row.offering}` }, is_drained ? "Resume" : "Drain");
  button.addEventListener("click", () => {
    const reason = is_drained ? "" : prompt(`Give ${row.offering} no new requests. Why?`, "");
    if (reason === null) return;
    desk.attempt(button, async () => {
      const said = is_drained ? { offering: row.offering } : { offering: row.offering, reason };
      await post(`offerings/${is_drained ? "resume" : "drain"}`, said);
      await done();
    });
  });
  return button;
}
