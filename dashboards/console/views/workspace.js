// One workspace, on pages of its own: its credits and ledger, keys, grants, and the pictures that it keeps.

import { get, post } from "../api.js";
import { ask } from "../dialogs.js";
import { badge, fill, h } from "../dom.js";
import { credits } from "./workspace/credits.js";
import { grants } from "./workspace/grants.js";
import { keys } from "./workspace/keys.js";
import { pictures } from "./workspace/pictures.js";

/** Its pages: where, what they are called, the least role, what shows them. */
const PAGES = [
  ["credits", "Credits", "finance", credits],
  ["keys", "Keys", "viewer", keys],
  ["grants", "Grants", "finance", grants],
  ["pictures", "Pictures", "operator", pictures],
];

export function workspace(desk, content, [id, wanted]) {
  const own = `workspaces/${encodeURIComponent(id)}`;
  const [head, body] = [h("div"), h("div")];
  const allowed = PAGES.filter(([, , role]) => desk.may(role));
  const [name, , , page] = allowed.find(([place]) => place === wanted) ?? allowed[0];
  const tabs = h("nav", { class: "tabs", "aria-label": "Pages of this workspace" }, allowed.map(([place, title]) =>
    h("a", { href: `#/${own}/${place}`, "aria-current": place === name ? "page" : null }, title)));
  fill(content, head, tabs, body);
  const about = async () => {
    const known = await get(own);
    if (desk.signal.aborted) return;
    document.title = `${known.name} – Pixelgate`;
    fill(head, heading(desk, known, own, about));
  };
  page(desk, body, { id, own, about });
}

function heading(desk, known, own, done) {
  const does = known.suspended ? "Resume" : "Suspend";
  const turn = h("button", { type: "button" }, does);
  turn.addEventListener("click", async () => {
    const text = "All its keys are refused until it is resumed. Requests under way are finished.";
    if (!known.suspended && await ask(`Suspend ${known.name}?`, text, { does, danger: true }) === null) return;
    desk.attempt(turn, async () => {
      await post(`${own}/${does.toLowerCase()}`);
      await done();
    });
  });
  return h("div", { class: "head" }, h("h1", null, known.name, " ", known.suspended ? badge("suspended", "bad") : null),
    h("div", { class: "group" }, h("code", { class: "faint" }, known.id), desk.may("operator") ? turn : null));
}
