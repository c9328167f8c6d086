// The way to the admin API: the token is typed once and lives as long as this tab.

const PLACE = "pixelgate-admin-token";

export class Refused extends Error {
  constructor(status, { code, message, remedy }) {
    super(remedy ? `${message} – ${remedy}` : message);
    this.status = status;
    this.code = code;
  }
}

export const token = {
  get: () => sessionStorage.getItem(PLACE),
  set: (text) => sessionStorage.setItem(PLACE, text),
  forget: () => sessionStorage.removeItem(PLACE),
};

async function ask(path, options = {}) {
  const headers = { authorization: `Bearer ${token.get() ?? ""}` };
  if (options.body) headers["content-type"] = "application/json";
  let reply;
  try {
    reply = await fetch(`/admin/v1/${path}`, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Refused(0, { code: "unreachable", message: "The gateway cannot be reached", remedy: "look whether it runs" });
  }
  if (reply.ok) return reply;
  const said = await reply.json().catch(() => ({}));
  throw new Refused(reply.status, said.error ?? { code: "unknown", message: `The gateway answered ${reply.status}` });
}

export const get = async (path) => (await ask(path)).json();

export const post = async (path, body = {}) =>
  (await ask(path, { method: "POST", body: JSON.stringify(body) })).json();

/** Saves what a path answers as a file. */
export async function save(path, name) {
  const address = URL.createObjectURL(await (await ask(path)).blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** The query of these words; those without a value are left out. */
export function query(words) {
  const said = Object.entries(words).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return said.length ? `?${new URLSearchParams(said)}` : "";
}

const STEPS = ["viewer", "finance", "operator"];

/** Whether a role may do what needs another. */
export const includes = (role, least) => STEPS.indexOf(role) >= STEPS.indexOf(least);
