// The pictures that a workspace keeps, the newest first. What was asked for them is kept nowhere.

import { bytes } from "../../api.js";
import { card, count, dateOf, fill, h } from "../../dom.js";
import { paged } from "../paged.js";

/** Pictures that are fetched at once. */
const AT_ONCE = 2;

export function pictures(desk, content, { own, about }) {
  const rows = paged(`${own}/pictures`);
  const list = h("div");
  fill(content, card("Kept pictures, newest first", list));
  const made = new Map();
  desk.signal.addEventListener("abort", () => {
    for (const { address } of made.values()) if (address) URL.revokeObjectURL(address);
  });
  const draw = () => {
    if (rows.items.length === 0) {
      fill(list, h("p", { class: "empty" }, "This workspace keeps no pictures. A plan with ", h("code", null, "storage = true"), " keeps what its keys ask for as an address."));
      return;
    }
    for (const row of rows.items) if (!made.has(row.id)) made.set(row.id, tileOf(row));
    fill(list, h("ul", { class: "pictures" }, rows.items.map((row) => made.get(row.id).place)), rows.more(desk, draw));
    load(desk, made);
  };
  desk.every(30, list, async () => {
    await Promise.all([rows.again(), about()]);
    if (!desk.signal.aborted) draw();
  });
}

function tileOf(row) {
  const image = h("img", { alt: `Picture by ${row.model}, ${dateOf(row.created_at)}`, width: 160, height: 160 });
  const size = row.width ? `${row.width}×${row.height}` : row.format;
  const place = h("li", null, image, h("div", { class: "model" }, row.model),
    h("div", { class: "faint" }, `${size}, ${count(Math.max(1, Math.round(row.bytes / 1024)))} KiB`), h("div", { class: "faint" }, dateOf(row.created_at)));
  return { row, image, place, address: null, begun: false };
}

/** Fetches what is not there yet, a few at a time: browsers send no token with an address. */
function load(desk, made) {
  const waiting = [...made.values()].filter((one) => !one.begun);
  for (const one of waiting) one.begun = true;
  const next = async () => {
    for (let one = waiting.shift(); one && !desk.signal.aborted; one = waiting.shift()) {
      try {
        one.address = URL.createObjectURL(await bytes(`pictures/${encodeURIComponent(one.row.id)}`));
        one.image.src = one.address;
      } catch (error) {
        one.image.alt = error.message;
      }
    }
  };
  for (let at = 0; at < AT_ONCE; at += 1) next();
}
