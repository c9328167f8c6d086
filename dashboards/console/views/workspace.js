// One workspace: where its credits are, its ledger with the balance after each entry, its keys and grants.

import { get, post } from "../api.js";
import { steps } from "../charts.js";
import { badge, card, dateOf, drawn, field, fill, h, money, select, table, tile } from "../dom.js";
import { paged } from "./paged.js";

export function workspace(desk, content, [id]) {
  const own = `workspaces/${encodeURIComponent(id)}`;
  const [head, tiles, secret, line, ledger, keys, grants] = Array.from({ length: 7 }, () => h("div"));
  tiles.className = "tiles";
  const sees = desk.may("finance");
  fill(content, head, sees ? tiles : null, secret,
    sees ? card("Available credits, over the entries below", line) : null,
    sees ? card("Ledger, newest first", ledger) : null,
    card("Keys", keys), sees ? card("Grants", grants) : null);
  const entries = paged(`${own}/entries`);
  const [keyList, grantList] = [paged("keys", { workspace: id }), paged(`${own}/grants`)];

  const show = async () => {
    const known = await get(own);
    await keyList.again();
    let balance = null;
    let plans = { items: [] };
    if (desk.may("operator")) plans = await get("plans");
    if (sees) {
      balance = await get(`${own}/balance`);
      await Promise.all([entries.again(), grantList.again()]);
    }
    if (desk.signal.aborted) return;
    document.title = `${known.name} – Pixelgate`;
    fill(head, heading(desk, known, own, show));
    drawKeys(plans.items.map((plan) => plan.name));
    if (!sees) return;
    fill(tiles, tile("Available", money(balance.available), "credits"), tile("Held", money(balance.held), "for requests under way"),
      tile("Spent", money(balance.spent)), tile("Expired", money(balance.expired)), tile("Granted", money(balance.granted), "in all"));
    drawLedger();
    drawGrants();
  };
  const drawLedger = () => {
    const oldest = [...entries.items].reverse();
    fill(line, oldest.length < 2 ? h("p", { class: "empty" }, "There are too few entries for a line.")
      : steps("Available credits after each entry", oldest.map((row) => Date.parse(row.at) / 1000), oldest.map((row) => drawn(row.available_after))));
    fill(ledger, table("Ledger", [
      ["#", "number", (row) => String(row.number)],
      ["Time", "time", (row) => dateOf(row.at)],
      ["What", "", (row) => badge(row.kind, row.to === "spent" ? "warn" : row.from === "issued" ? "good" : "")],
      ["From → to", "", (row) => `${row.from} → ${row.to}`],
      ["Amount", "number", (row) => money(row.amount)],
      ["Available after", "number", (row) => money(row.available_after)],
      ["Held after", "number", (row) => money(row.held_after)],
      ["Request", "id", (row) => row.request],
    ], entries.items, "Nothing has moved yet."), entries.more(desk, drawLedger));
  };
  // Forms are made once: what somebody types is not lost when the figures are read again.
  const grantForm = sees ? granting(desk, own, () => show()) : null;
  let keyForm = null;
  const drawGrants = () => fill(grants, grantForm, table("Grants", [
    ["Amount", "number", (row) => money(row.amount)],
    ["Left", "number", (row) => money(row.left)],
    ["From", "", (row) => row.source],
    ["Until", "time", (row) => (row.expires_at ? dateOf(row.expires_at) : "for good")],
    ["Id", "id", (row) => row.id],
  ], grantList.items, "Nothing was granted yet."), grantList.more(desk, drawGrants));
  const drawKeys = (plans) => fill(keys, keyForm ??= desk.may("operator") ? creating(desk, id, plans, (made) => told(made)) : null, table("Keys", [
    ["Name", "text", (row) => row.name || "–"],
    ["State", "", stateOf],
    ["Mode", "", (row) => (row.test ? "test" : "live")],
    ["Plan", "", (row) => row.plan],
    ["Scopes", "text", (row) => row.scopes.join(", ")],
    ["Last used", "time", (row) => dateOf(row.last_used_at)],
    ["Id", "id", (row) => row.id],
    ...(desk.may("operator") ? [["", "", (row) => acting(desk, row, told)]] : []),
  ], keyList.items, "There are no keys yet."), keyList.more(desk, () => drawKeys(plans)));
  /** A secret is shown until the screen is left. */
  const told = async (made) => {
    if (made?.secret) {
      fill(secret, h("div", { class: "secret", role: "alert" }, "The key, shown now and never again:", h("code", null, made.secret)));
      secret.scrollIntoView({ block: "nearest" });
    }
    await show();
  };
  desk.every(30, tiles.isConnected ? tiles : secret, show);
}

function heading(desk, known, own, done) {
  const turn = h("button", { type: "button" }, known.suspended ? "Resume" : "Suspend");
  turn.addEventListener("click", () => {
    const does = known.suspended ? "resume" : "suspend";
    if (does === "suspend" && !confirm(`Shut out all keys of ${known.name}?`)) return;
    desk.attempt(turn, async () => {
      await post(`${own}/${does}`);
      await done();
    });
  });
  return h("div", { class: "head" }, h("h1", null, known.name, " ", known.suspended ? badge("suspended", "bad") : null),
    h("div", null, h("code", { class: "faint" }, known.id), " ", desk.may("operator") ? turn : null));
}

function stateOf(key) {
  if (key.status !== "active") return badge(key.status, "bad");
  if (!key.expires_at) return badge("active", "good");
  return Date.parse(key.expires_at) <= Date.now() ? badge("expired", "bad") : badge(`until ${dateOf(key.expires_at)}`, "warn");
}

function acting(desk, key, done) {
  if (key.status === "revoked") return null;
  const rotate = h("button", { type: "button" }, "Rotate");
  const revoke = h("button", { type: "button" }, "Revoke");
  const path = `keys/${encodeURIComponent(key.id)}`;
  rotate.addEventListener("click", () => {
    if (confirm("Make a new key? This one stays good for a day.")) desk.attempt(rotate, async () => done(await post(`${path}/rotate`)));
  });
  revoke.addEventListener("click", () => {
    if (confirm("End this key at once and for good?")) desk.attempt(revoke, async () => done(await post(`${path}/revoke`)));
  });
  return h("span", { class: "acts" }, rotate, revoke);
}

function creating(desk, workspace, plans, done) {
  const name = h("input", { name: "name", maxlength: 100 });
  const plan = select(plans.map((own) => [own, own]), plans[0], { name: "plan" });
  const test = select([["", "live"], ["test", "test"]], "", { name: "mode" });
  const make = h("button", { type: "submit" }, "New key");
  return h("form", {
    class: "row",
    onsubmit: (event) => {
      event.preventDefault();
      desk.attempt(make, async () => done(await post("keys", { workspace, plan: plan.value, name: name.value, test: test.value === "test" })));
    },
  }, field("Name", name), field("Plan", plan), field("Mode", test), make);
}

function granting(desk, own, done) {
  const amount = h("input", { name: "amount", required: true, inputmode: "decimal", pattern: "[0-9]+([.][0-9]{1,9})?", size: 10 });
  const source = select(["manual", "pack", "refund", "promo"].map((word) => [word, word]), "manual", { name: "source" });
  const give = h("button", { type: "submit" }, "Grant credits");
  // One name for one wish: a click that is repeated grants once.
  let id = `grant_${crypto.getRandomValues(new BigUint64Array(2)).join("-")}`;
  return h("form", {
    class: "row",
    onsubmit: (event) => {
      event.preventDefault();
      desk.attempt(give, async () => {
        await post(`${own}/grants`, { id, amount: amount.value, source: source.value });
        id = `grant_${crypto.getRandomValues(new BigUint64Array(2)).join("-")}`;
        amount.value = "";
        await done();
      });
    },
  }, field("Amount", amount), field("From", source), give);
}
