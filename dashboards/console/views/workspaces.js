// Every workspace, with its credits for those who may see money.

import { get, post } from "../api.js";
import { badge, card, dateOf, field, fill, h, money, table } from "../dom.js";
import { paged } from "./paged.js";

export function workspaces(desk, content) {
  const list = h("div");
  const sees = desk.may("finance");
  const rows = paged(sees ? "balances" : "workspaces");
  fill(content, h("h1", null, "Workspaces"), desk.may("operator") ? creating(desk, () => show()) : null, card(null, list));
  const show = async () => {
    await rows.again();
    if (!desk.signal.aborted) draw();
  };
  const draw = () => fill(list, table("Workspaces", [
    ["Name", "text", (row) => h("a", { href: `#/workspaces/${encodeURIComponent(row.id)}` }, row.name)],
    ["State", "", (row) => (row.suspended ? badge("suspended", "bad") : badge("active", "good"))],
    ...(sees ? [
      ["Available", "number", (row) => money(row.balance.available)],
      ["Held", "number", (row) => money(row.balance.held)],
      ["Spent", "number", (row) => money(row.balance.spent)],
    ] : []),
    ["Made", "time", (row) => dateOf(row.created_at)],
    ["Id", "id", (row) => row.id],
  ], rows.items, "There are no workspaces yet."), rows.more(desk, draw));
  desk.every(30, list, show);
}

function creating(desk, done) {
  const name = h("input", { name: "name", required: true, maxlength: 100 });
  const make = h("button", { class: "main", type: "submit" }, "Make");
  return card("New workspace", h("form", {
    class: "row",
    onsubmit: (event) => {
      event.preventDefault();
      desk.attempt(make, async () => {
        await post("workspaces", { name: name.value });
        name.value = "";
        await done();
      });
    },
  }, field("Name", name), make));
}
