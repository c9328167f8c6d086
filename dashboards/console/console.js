// The console: which screen is shown, and who looks at it.

import { Refused, get, includes, token } from "./api.js";
import { card, field, fill, h } from "./dom.js";
import { audit } from "./views/audit.js";
import { jobs } from "./views/jobs.js";
import { offerings } from "./views/offerings.js";
import { overview } from "./views/overview.js";
import { policy } from "./views/policy.js";
import { spend } from "./views/spend.js";
import { workspace } from "./views/workspace.js";
import { workspaces } from "./views/workspaces.js";

/** The screens: where, what they are called, the least role, what shows them. */
const SCREENS = [
  ["", "Overview", "viewer", overview],
  ["spend", "Spend", "finance", spend],
  ["workspaces", "Workspaces", "viewer", workspaces],
  ["offerings", "Offerings", "viewer", offerings],
  ["jobs", "Jobs", "viewer", jobs],
  ["policy", "Policy", "viewer", policy],
  ["audit", "Audit log", "finance", audit],
];

const [bar, nav, who, leave, main, say] = ["bar", "nav", "who", "leave", "main", "say"].map((id) => document.getElementById(id));

let me = null;
/** Ends what the screen before has left running. */
let stop = () => {};

/** What a screen gets: who looks, where to show, and how to keep itself up to date. */
function desk(signal) {
  return {
    me,
    signal,
    may: (role) => includes(me.role, role),
    tell(text) {
      say.textContent = text;
      setTimeout(() => { if (say.textContent === text) say.textContent = ""; }, 6_000);
    },
    /** Does it now and again until the screen is left; what fails is shown above what was there. */
    async every(seconds, place, show) {
      const problem = h("div", { role: "alert" });
      place.before(problem);
      while (!signal.aborted) {
        try {
          await show();
          fill(problem);
        } catch (error) {
          if (!(error instanceof Refused)) console.error(error);
          if (error.status === 401) return signOut(error.message);
          fill(problem, h("p", { class: "problem" }, error.message));
        }
        document.body.dataset.shown = location.hash || "#/";
        await new Promise((done) => {
          setTimeout(done, seconds * 1000);
          signal.addEventListener("abort", done, { once: true });
        });
      }
    },
    /** Does what a button asks; what fails is told. */
    async attempt(button, act) {
      button.disabled = true;
      try {
        await act();
      } catch (error) {
        if (error.status === 401) return signOut(error.message);
        this.tell(error.message);
      } finally {
        button.disabled = false;
      }
    },
  };
}

function signOut(why) {
  token.forget();
  me = null;
  stop();
  signIn(why);
}

function signIn(why) {
  bar.hidden = true;
  const input = h("input", { type: "password", name: "token", autocomplete: "off", required: true, placeholder: "pgadm_…", spellcheck: "false" });
  const form = h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      token.set(input.value.trim());
      await begin();
    },
  }, field("Admin token", input), h("button", { class: "main", type: "submit" }, "Sign in"),
  h("p", { class: "faint" }, "Made with ", h("code", null, "pixelgate admin token create"), ". It stays in this tab alone."));
  fill(main, h("div", { class: "sign" }, h("h1", null, "Pixelgate console"),
    why ? h("p", { class: "problem", role: "alert" }, why) : null, card(null, form)));
  document.title = "Sign in – Pixelgate";
  document.body.dataset.shown = "sign-in";
  input.focus();
}

/** Shows the screen of the address. */
function show() {
  if (!me) return;
  stop();
  delete document.body.dataset.shown;
  const [place, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [name, title, role, screen] = SCREENS.find(([own]) => own === place) ?? SCREENS[0];
  for (const link of nav.children) {
    if (link.dataset.screen === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${title} – Pixelgate`;
  const ending = new AbortController();
  stop = () => ending.abort();
  const content = h("div");
  fill(main, content);
  window.scrollTo(0, 0);
  if (!includes(me.role, role)) {
    fill(content, h("h1", null, title), h("p", { class: "problem" }, `This screen needs the role ${role}; your token has the role ${me.role}.`));
    document.body.dataset.shown = location.hash;
    return;
  }
  const shown = name === "workspaces" && rest[0] ? workspace : screen;
  shown(desk(ending.signal), content, rest);
}

async function begin() {
  if (!token.get()) return signIn();
  try {
    me = await get("me");
  } catch (error) {
    if (error.status === 401 || error.status === 429) token.forget();
    return signIn(error.message);
  }
  who.textContent = `${me.name} (${me.role})`;
  fill(nav, SCREENS.filter(([, , role]) => includes(me.role, role)).map(([name, title]) =>
    h("a", { href: `#/${name}`, "data-screen": name }, title)));
  bar.hidden = false;
  show();
}

leave.addEventListener("click", () => signOut("Signed out."));
window.addEventListener("hashchange", () => { show(); main.focus({ preventScroll: true }); });
begin();
