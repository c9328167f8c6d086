// Questions before something is done, and secrets that are shown once. The browser keeps the keyboard inside, and Escape leaves.

import { h } from "./dom.js";

function open(title, body, buttons, leave) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const box = h("dialog", { "aria-labelledby": "dialog-title" }, heading, body, h("div", { class: "acts" }, buttons));
  const before = document.activeElement;
  box.addEventListener("close", () => {
    box.remove();
    if (before?.isConnected) before.focus();
    leave();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Asks before it is done: resolves to the text that was given (empty where none is asked for), or null where it is not to be.
 * `danger` makes leaving the first choice.
 */
export function ask(title, text, { does, asks = null, danger = false }) {
  return new Promise((resolve) => {
    let answer = null;
    const input = asks ? h("input", { name: "answer", maxlength: 200, autocomplete: "off" }) : null;
    const yes = h("button", { type: "submit", class: danger ? "danger" : "main" }, does);
    const no = h("button", { type: "button", autofocus: danger && !input }, "Leave it");
    const form = h("form", { class: "ask" }, h("p", null, text), input ? h("label", null, asks, input) : null, h("div", { class: "acts" }, yes, no));
    const box = open(title, form, [], () => resolve(answer));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer = input?.value.trim() ?? "";
      box.close();
    });
    no.addEventListener("click", () => box.close());
    (input ?? (danger ? no : yes)).focus();
  });
}

/** Shows a secret until it is put away; it is nowhere else. */
export function secret(title, text, note) {
  return new Promise((resolve) => {
    const own = h("code", { tabindex: "0", class: "once" }, text);
    const said = h("span", { role: "status", class: "faint" });
    const copy = h("button", { type: "button", class: "main" }, "Copy");
    const done = h("button", { type: "button" }, "I have kept it");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        said.textContent = "Copied.";
      } catch {
        getSelection().selectAllChildren(own);
        said.textContent = "Selected: copy it with the keyboard.";
      }
    });
    const box = open(title, h("div", null, h("p", null, note), own, said), [copy, done], resolve);
    done.addEventListener("click", () => box.close());
    copy.focus();
  });
}
