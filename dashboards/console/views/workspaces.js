// Every workspace, with its credits for those who may see money.

import { post } from "../api.js";
import { badge, card, dateOf, field, fill, h, money } from "../dom.js";
import { forget } from "../names.js";
import { sheet } from "../sheets.js";
import { paged } from "./paged.js";

export function workspaces(desk, content) {
  const sees = desk.may("finance");
  const rows = paged(sees ? "balances" : "workspaces");
  const list = sheet(desk, "All workspaces", "workspaces", { all: () => rows.all() });
  const show = async () => {
    await rows.again();
    if (!desk.signal.aborted) draw();
  };
  fill(content, h("h1", null, "Workspaces"), list, desk.may("operator") ? creating(desk, show) : null);
  const columns = [
    ["Name", "text", (row) => h("a", { href: `#/workspaces/${encodeURIComponent(row.id)}` }, row.name)],
    ["State", "", (row) => (row.suspended ? badge("suspended", "bad") : badge("active", "good"))],
    ...(sees ? [
      ["Available", "number", (row) => money(row.balance.available)],
      ["Held", "number", (row) => money(row.balance.held)],
      ["Spent", "number", (row) => money(row.balance.spent)],
    ] : []),
    ["Made", "time", (row) => dateOf(row.created_at)],
    ["Id", "id", (row) => row.id],
  ];
  const empty = desk.may("operator") ? "There are no workspaces yet. Make one below: it is who pays, and what keys belong to." : "There are no workspaces yet.";
  const draw = () => list.draw(columns, rows.items, empty, rows.more(desk, draw));
  desk.every(30, list, show);
}

function creating(desk, done) {
  const name = h("input", { name: "name", required: true, maxlength: 100, autocomplete: "off" });
  const make = h("button", { class: "main", type: "submit" }, "Make");
  return card("New workspace", h("form", {
    class: "row",
    onsubmit: (event) => {
      event.preventDefault();
      desk.attempt(make, async () => {
        const { name: made } = await post("workspaces", { name: name.value });
        name.value = "";
        forget();
        desk.tell(`${made} was made. Open it to grant credits and make a key.`);
        await done();
      });
    },
  }, field("Name", name), make));
}
