// The keys of a workspace: made, rotated with an overlap, revoked.

import { get, post } from "../../api.js";
import { ask, secret } from "../../dialogs.js";
import { badge, card, dateOf, field, fill, h, select } from "../../dom.js";
import { sheet } from "../../sheets.js";
import { paged } from "../paged.js";

const ONCE = "It is shown now and never again. Put it where the app keeps its secrets.";

export function keys(desk, content, { id, about }) {
  const rows = paged("keys", { workspace: id });
  const list = sheet(desk, "Keys", "keys", { all: () => rows.all() });
  const form = h("div");
  fill(content, list, form);
  const told = async (title, made) => {
    if (made?.secret) await secret(title, made.secret, ONCE);
    await show();
  };
  const columns = [
    ["Name", "text", (row) => row.name || "–"],
    ["State", "", stateOf],
    ["Mode", "", (row) => (row.test ? badge("test") : "live")],
    ["Plan", "", (row) => row.plan],
    ["Scopes", "text", (row) => (row.scopes.length === 1 && row.scopes[0] === "*" ? "all" : row.scopes.join(", "))],
    ["Last used", "time", (row) => (row.last_used_at ? dateOf(row.last_used_at) : "never")],
    ["Id", "id", (row) => row.id],
    ...(desk.may("operator") ? [["", "", (row) => acting(desk, row, told)]] : []),
  ];
  const draw = () => list.draw(columns, rows.items, "There are no keys yet. An app shows one with each request.", rows.more(desk, draw));
  const show = async () => {
    await Promise.all([rows.again(), about()]);
    if (desk.signal.aborted) return;
    // The form is made once: what somebody types is not lost when the list is read again.
    if (desk.may("operator") && !form.firstChild) {
      const plans = await get("plans");
      fill(form, creating(desk, id, plans.items, told));
    }
    draw();
  };
  desk.every(30, list, show);
}

function stateOf(key) {
  if (key.status !== "active") return badge(key.status, "bad");
  if (!key.expires_at) return badge("active", "good");
  return Date.parse(key.expires_at) <= Date.now() ? badge("expired", "bad") : badge(`until ${dateOf(key.expires_at)}`, "warn");
}

function acting(desk, key, done) {
  if (key.status === "revoked") return "";
  const called = key.name || key.id;
  const rotate = h("button", { type: "button", "aria-label": `Rotate ${called}` }, "Rotate");
  const revoke = h("button", { type: "button", class: "danger", "aria-label": `Revoke ${called}` }, "Revoke");
  const path = `keys/${encodeURIComponent(key.id)}`;
  rotate.addEventListener("click", async () => {
    const text = "A new key is made that may do the same. This one stays good for a day, so that apps can change over.";
    if (await ask(`Rotate ${called}?`, text, { does: "Make the new key" }) === null) return;
    desk.attempt(rotate, async () => done("The new key", await post(`${path}/rotate`)));
  });
  revoke.addEventListener("click", async () => {
    const text = "It is refused from this moment, on every node, and cannot be put back.";
    if (await ask(`Revoke ${called}?`, text, { does: "Revoke it", danger: true }) === null) return;
    desk.attempt(revoke, async () => done("", await post(`${path}/revoke`)));
  });
  return h("span", { class: "acts" }, rotate, revoke);
}

function creating(desk, workspace, plans, done) {
  const name = h("input", { name: "name", maxlength: 100, autocomplete: "off", placeholder: "shop front" });
  const plan = select(plans.map((own) => [own.name, own.title]), plans[0]?.name, { name: "plan" });
  const test = select([["", "live"], ["test", "test: painted, never charged"]], "", { name: "mode" });
  const make = h("button", { type: "submit", class: "main" }, "Make key");
  return card("New key", h("form", {
    class: "row",
    onsubmit: (event) => {
      event.preventDefault();
      desk.attempt(make, async () => {
        const made = await post("keys", { workspace, plan: plan.value, name: name.value, test: test.value === "test" });
        name.value = "";
        await done("The new key", made);
      });
    },
  }, field("Name", name), field("Plan", plan), field("Mode", test), make));
}
