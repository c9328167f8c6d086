// A list that is read page by page, as far as somebody wants to look.

import { get, query } from "../api.js";
import { h } from "../dom.js";

/** Rows of a path; `again` reads the first page anew, `more` is the button for the next one. */
export function paged(path, words = {}) {
  const list = {
    items: [],
    next: null,
    pages: 1,
    /** Reads as many pages anew as were shown. */
    async again() {
      let [items, next] = [[], null];
      for (let page = 0; page < list.pages; page += 1) {
        const read = await get(path + query({ ...words, cursor: next, limit: 50 }));
        items = items.concat(read.items);
        next = read.next;
        if (!next) break;
      }
      list.items = items;
      list.next = next;
    },
    more(desk, draw) {
      if (!list.next) return null;
      const button = h("button", { type: "button" }, "Show more");
      button.addEventListener("click", () => desk.attempt(button, async () => {
        const read = await get(path + query({ ...words, cursor: list.next, limit: 50 }));
        list.items = list.items.concat(read.items);
        list.next = read.next;
        list.pages += 1;
        draw();
      }));
      return button;
    },
  };
  return list;
}
