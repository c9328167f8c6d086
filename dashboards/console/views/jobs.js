// Jobs of every workspace, and ending one.

import { post } from "../api.js";
import { badge, card, dateOf, field, fill, h, money, select, table } from "../dom.js";
import { paged } from "./paged.js";

const STATES = ["queued", "begun", "placed", "completed", "failed", "cancelled"];
const KINDS = { completed: "good", failed: "bad", cancelled: "warn" };
const ENDED = ["completed", "failed", "cancelled"];

export function jobs(desk, content) {
  const list = h("div");
  const state = select([["", "any"], ...STATES.map((name) => [name, name])], "", { name: "state" });
  let rows = paged("jobs");
  fill(content, h("h1", null, "Jobs"), card(null, h("form", { class: "row" }, field("State", state))), card(null, list));
  const show = async () => {
    await rows.again();
    if (!desk.signal.aborted) draw();
  };
  const draw = () => fill(list, table("Jobs", [
    ["Accepted", "time", (row) => dateOf(row.created_at)],
    ["State", "", (row) => badge(row.unwanted && !ENDED.includes(row.state) ? "being cancelled" : row.state, KINDS[row.state])],
    ["Model", "text", (row) => row.model],
    ["Workspace", "id", (row) => h("a", { href: `#/workspaces/${encodeURIComponent(row.workspace)}` }, row.workspace)],
    ["Pictures", "number", (row) => String(row.images)],
    ["Quote", "number", (row) => money(row.quote)],
    ["Charged", "number", (row) => money(row.charged)],
    ["Failure", "text", (row) => row.failure],
    ["Id", "id", (row) => row.id],
    ...(desk.may("operator") ? [["", "", (row) => ending(desk, row, show)]] : []),
  ], rows.items, "There are no such jobs."), rows.more(desk, draw));
  state.addEventListener("change", () => {
    rows = paged("jobs", { state: state.value });
    show().catch((error) => desk.tell(error.message));
  });
  desk.every(5, list, show);
}

function ending(desk, row, done) {
  if (ENDED.includes(row.state) || row.unwanted) return null;
  const button = h("button", { type: "button" }, "Cancel");
  button.addEventListener("click", () => {
    if (!confirm("Cancel this job? A picture that its vendor still delivers is paid for.")) return;
    desk.attempt(button, async () => {
      await post(`jobs/${encodeURIComponent(row.id)}/cancel`);
      await done();
    });
  });
  return button;
}
