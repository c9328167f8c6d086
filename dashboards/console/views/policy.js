// The policy in force and its plans, and reading it again.

import { get, post } from "../api.js";
import { badge, card, count, fill, h, money, table, tile } from "../dom.js";

export function policy(desk, content) {
  const [tiles, warnings, plans] = [h("div", { class: "tiles" }), h("div"), h("div")];
  const again = h("button", { type: "button" }, "Read again");
  fill(content, h("div", { class: "head" }, h("h1", null, "Policy"), desk.may("operator") ? again : null), tiles, warnings, card("Plans", plans));
  const show = async () => {
    const [own, all] = await Promise.all([get("policy"), get("plans")]);
    if (desk.signal.aborted) return;
    fill(tiles, tile("Version in force", own.version), tile("Vendors", count(own.vendors.length)), tile("Models", count(own.models.length)), tile("Plans", count(own.plans.length)));
    fill(warnings, own.warnings.length ? card("Notes", h("ul", null, own.warnings.map((text) => h("li", null, text)))) : null);
    fill(plans, shown(all.items));
  };
  again.addEventListener("click", () => desk.attempt(again, async () => {
    const { version_before: before, policy: own } = await post("policy/reload");
    desk.tell(before === own.version ? "Nothing has changed." : `Version ${own.version} is in force.`);
    await show();
  }));
  desk.every(15, tiles, show);
}

const UNITS = { credits: 1e9, megapixels: 1e6 };
const most = (row) => `${count(row.most / (UNITS[row.unit] ?? 1))} ${row.unit}`;

function shown(plans) {
  return table("Plans", [
    ["Plan", "text", (plan) => h("strong", null, plan.title)],
    ["Models", "text", (plan) => (plan.models ? plan.models.join(", ") : "all")],
    ["Limits", "text", (plan) => plan.limits.map((row) => h("div", null, `${most(row)} in ${row.window_seconds} s, each ${row.of} `, row.shadow ? badge("shadow", "warn") : null))],
    ["Quotas", "text", (plan) => plan.quotas.map((row) => h("div", null, `${most(row)} a ${row.per}, each ${row.of}`))],
    ["At once", "number", (plan) => (plan.concurrency_max === null ? "–" : count(plan.concurrency_max))],
    ["Credits a month", "number", (plan) => money(plan.monthly_credits)],
  ], plans, "Policy names no plans.");
}
