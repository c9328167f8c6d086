// What people call workspaces, so that nobody has to read ids.

import { get, query } from "./api.js";
import { h } from "./dom.js";

/** Pages of 500 that are read; whoever has more workspaces sees the ids of the rest. */
const PAGES_MAX = 4;

const FRESH_MS = 60_000;

let known = new Map();
let read_at = 0;

/** Reads the names, unless that was just done. */
export async function learn() {
  if (Date.now() - read_at < FRESH_MS) return;
  const found = new Map();
  let cursor = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, next } = await get(`workspaces${query({ cursor, limit: 500 })}`);
    for (const { id, name } of items) found.set(id, name);
    if (!next) break;
    cursor = next;
  }
  [known, read_at] = [found, Date.now()];
}

/** Somebody else has signed in, or a workspace was made. */
export function forget() {
  [known, read_at] = [new Map(), 0];
}

export const nameOf = (id) => known.get(id) ?? id;

/** A link to a workspace, by its name. */
export function linkTo(id) {
  return id ? h("a", { href: `#/workspaces/${encodeURIComponent(id)}`, "data-csv": id }, nameOf(id)) : null;
}

/** Whom a budget counts, such as `label:team=red`, as people say it. */
export function countedBy(of) {
  if (!of) return "everyone together";
  return of.split(",").map((part) => {
    const [kind, ...rest] = part.split("=");
    const value = rest.join("=");
    if (kind === "workspace") return nameOf(value);
    return kind.startsWith("label:") ? `${kind.slice(6)} ${value}` : `${kind} ${value}`;
  }).join(", ");
}
