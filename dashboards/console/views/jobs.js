// Jobs of every workspace, and ending one.

import { post } from "../api.js";
import { ask } from "../dialogs.js";
import { badge, dateOf, field, fill, h, money, select } from "../dom.js";
import { learn, linkTo } from "../names.js";
import { sheet } from "../sheets.js";
import { paged } from "./paged.js";

const STATES = ["queued", "begun", "placed", "completed", "failed", "cancelled"];
const KINDS = { completed: "good", failed: "bad", cancelled: "warn" };
const ENDED = ["completed", "failed", "cancelled"];

export function jobs(desk, content) {
  const state = select([["", "any"], ...STATES.map((name) => [name, name])], "", { name: "state" });
  let rows = paged("jobs");
  const list = sheet(desk, "Newest first", "jobs", { all: () => rows.all(), before: h("form", { class: "row" }, field("State", state)) });
  fill(content, h("h1", null, "Jobs"), list);
  const show = async () => {
    const own = rows;
    await Promise.all([learn(), own.again()]);
    if (!desk.signal.aborted && own === rows) draw();
  };
  const columns = [
    ["Accepted", "time", (row) => dateOf(row.created_at)],
    ["State", "", (row) => badge(row.unwanted && !ENDED.includes(row.state) ? "being cancelled" : row.state, KINDS[row.state])],
    ["Workspace", "text", (row) => linkTo(row.workspace)],
    ["Model", "text", (row) => row.model],
    ["Pictures", "number", (row) => String(row.images)],
    ...(desk.may("finance") ? [
      ["Quote", "number", (row) => money(row.quote)],
      ["Charged", "number", (row) => money(row.charged)],
    ] : []),
    ["Failure", "text", (row) => row.failure],
    ["Id", "id", (row) => row.id],
    ...(desk.may("operator") ? [["", "", (row) => ending(desk, row, show)]] : []),
  ];
  const empty = () => (state.value ? "No job is in this state." : "There are no jobs yet. A request with the header “Prefer: respond-async” becomes one, in any dialect.");
  const draw = () => list.draw(columns, rows.items, empty(), rows.more(desk, draw));
  state.addEventListener("change", () => {
    rows = paged("jobs", { state: state.value });
    show().catch((error) => desk.tell(error.message));
  });
  desk.every(5, list, show);
}

function ending(desk, row, done) {
  if (ENDED.includes(row.state) || row.unwanted) return "";
  const button = h("button", { type: "button", "aria-label": `Cancel ${row.id}` }, "Cancel");
  button.addEventListener("click", async () => {
    const text = "It is asked to end. A picture that its vendor still delivers is paid for.";
    if (await ask("Cancel this job?", text, { does: "Cancel the job", danger: true }) === null) return;
    desk.attempt(button, async () => {
      await post(`jobs/${encodeURIComponent(row.id)}/cancel`);
      await done();
    });
  });
  return button;
}
