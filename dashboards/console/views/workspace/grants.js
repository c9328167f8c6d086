// The grants of a workspace: credits that were added, and taking back what is still available.

import { post } from "../../api.js";
import { ask } from "../../dialogs.js";
import { card, dateOf, field, fill, h, money, select } from "../../dom.js";
import { sheet } from "../../sheets.js";
import { paged } from "../paged.js";

const AMOUNT = { name: "amount", required: true, inputmode: "decimal", pattern: "[0-9]+([.][0-9]{1,9})?", size: 10, autocomplete: "off", title: "Credits, such as 500 or 12.5" };

export function grants(desk, content, { own, about }) {
  const rows = paged(`${own}/grants`);
  const list = sheet(desk, "Grants", "grants", { all: () => rows.all() });
  const show = async () => {
    await Promise.all([rows.again(), about()]);
    if (!desk.signal.aborted) draw();
  };
  fill(content, list, h("div", { class: "two" }, granting(desk, own, show), taking(desk, own, show)));
  const draw = () => list.draw(COLUMNS, rows.items, "Nothing was granted yet. Without credits every picture is refused.", rows.more(desk, draw));
  desk.every(30, list, show);
}

const COLUMNS = [
  ["Amount", "number", (row) => money(row.amount)],
  ["Left", "number", (row) => money(row.left)],
  ["From", "", (row) => row.source],
  ["Memo", "text", (row) => row.memo || "–"],
  ["Until", "time", (row) => (row.expires_at ? dateOf(row.expires_at) : "for good")],
  ["Id", "id", (row) => row.id],
];

/** One name for one wish: a click that is repeated is done once. */
const newId = (begins) => `${begins}${crypto.getRandomValues(new BigUint64Array(2)).join("-")}`;

function granting(desk, own, done) {
  const amount = h("input", AMOUNT);
  const source = select(["manual", "pack", "refund", "promo"].map((word) => [word, word]), "manual", { name: "source" });
  const memo = h("input", { name: "memo", maxlength: 200, autocomplete: "off", placeholder: "invoice 4711" });
  const give = h("button", { type: "submit", class: "main" }, "Grant credits");
  let id = newId("grant_");
  return card("Add credits", h("form", {
    class: "row",
    onsubmit: (event) => {
      event.preventDefault();
      desk.attempt(give, async () => {
        const { balance } = await post(`${own}/grants`, { id, amount: amount.value, source: source.value, memo: memo.value });
        desk.tell(`Granted. ${money(balance.available)} credits are available.`);
        id = newId("grant_");
        [amount.value, memo.value] = ["", ""];
        await done();
      });
    },
  }, field("Credits", amount), field("From", source), field("Memo", memo), give));
}

function taking(desk, own, done) {
  const amount = h("input", AMOUNT);
  const memo = h("input", { name: "memo", maxlength: 200, required: true, autocomplete: "off", placeholder: "charged twice" });
  const take = h("button", { type: "submit", class: "danger" }, "Take back");
  let id = newId("adj_");
  return card("Take credits back", h("form", {
    class: "row",
    onsubmit: async (event) => {
      event.preventDefault();
      const text = `What is held for requests under way and what is spent stays. Why: ${memo.value}`;
      if (await ask(`Take back ${money(amount.value)} credits?`, text, { does: "Take them back", danger: true }) === null) return;
      desk.attempt(take, async () => {
        const { balance } = await post(`${own}/adjustments`, { id, amount: amount.value, memo: memo.value });
        desk.tell(`Taken back. ${money(balance.available)} credits are available.`);
        id = newId("adj_");
        [amount.value, memo.value] = ["", ""];
        await done();
      });
    },
  }, field("Credits", amount), field("Why", memo), take));
}
