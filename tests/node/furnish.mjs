// Fills a gateway with what a small company would have in it: workspaces, keys, grants, requests of several teams, refusals,
// jobs and kept pictures. Its arguments: the public and the admin origin, and an operator's token.

const [publicOrigin, adminOrigin, token] = process.argv.slice(2);

async function admin(path, body) {
  const reply = await fetch(`${adminOrigin}/admin/v1/${path}`, { method: "POST", headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(body) });
  const said = await reply.json();
  if (!reply.ok) throw new Error(`${path}: ${JSON.stringify(said)}`);
  return said;
}

/** A picture, or whatever comes of asking for it. */
async function paint(key, body, headers = {}) {
  const reply = await fetch(`${publicOrigin}${body.at ?? "/v1/images/generations"}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ prompt: "a lighthouse at dusk", size: "96x96", ...body, at: undefined }),
  });
  await reply.arrayBuffer();
  return reply.status;
}

const COMPANY = [
  ["Acme Storefront", "studio", "900", "storefront"],
  ["Blue Harbor Travel", "studio", "650", "brochures"],
  ["Kite Games", "studio", "500", "game assets"],
  ["Nordlys Magazine", "studio", "300", "covers"],
  ["Playground", "trial", "40", "first steps"],
];

const keys = {};
const places = {};
for (const [name, plan, credits, title] of COMPANY) {
  const { id } = await admin("workspaces", { name });
  await admin(`workspaces/${id}/grants`, { amount: credits, source: name === "Playground" ? "promo" : "pack", memo: name === "Playground" ? "trial credits" : "invoice 2026-1107" });
  const made = await admin("keys", { workspace: id, plan, name: title });
  [keys[name], places[name]] = [made.secret, { id, key: made.id }];
}
const test = await admin("keys", { workspace: places["Acme Storefront"].id, plan: "studio", name: "staging", test: true });
const old = await admin("keys", { workspace: places["Acme Storefront"].id, plan: "studio", name: "before the move" });
await admin(`keys/${old.id}/revoke`, {});
await admin(`keys/${places["Acme Storefront"].key}/rotate`, {});
await admin(`workspaces/${places["Kite Games"].id}/adjustments`, { amount: "25", memo: "invoice 2026-1098 was charged twice" });
await admin(`workspaces/${places["Nordlys Magazine"].id}/grants`, { amount: "18", source: "refund", memo: "pictures of the outage on Monday" });

const MIX = [
  ["Acme Storefront", "portrait-2", "team=catalog", 9],
  ["Acme Storefront", "landscape-xl", "team=campaign", 11],
  ["Blue Harbor Travel", "landscape-xl", "team=brochure", 9],
  ["Blue Harbor Travel", "sketch-fast", "team=web", 12],
  ["Kite Games", "portrait-2", "team=characters", 20],
  ["Kite Games", "logo-maker", "team=store", 6],
  ["Nordlys Magazine", "landscape-xl", "team=covers", 4],
  ["Nordlys Magazine", "sketch-fast", "team=web", 9],
  ["Playground", "sketch-fast", "team=try", 10],
];
for (const [name, model, labels, times] of MIX) {
  for (let at = 0; at < times; at += 1) await paint(keys[name], { model }, { "pixelgate-labels": labels });
}
// Kept pictures, a job, a test, and every kind of no.
for (const [model, size] of [["portrait-2", "3:4"], ["landscape-xl", "16:9"], ["logo-maker", "1:1"], ["sketch-fast", "4:3"]]) {
  for (const name of ["Acme Storefront", "Kite Games"]) {
    await paint(keys[name], { at: "/v1/ai/generate-image", model, aspect_ratio: size, size: undefined }, { "pixelgate-labels": "team=catalog" });
  }
}
for (let at = 0; at < 3; at += 1) await paint(keys["Acme Storefront"], { model: "landscape-xl" }, { prefer: "respond-async" });
await paint(keys["Kite Games"], { model: "film-still", size: "1024x1024" }, { prefer: "respond-async" });
await paint(test.secret, { model: "portrait-2" });
for (let at = 0; at < 3; at += 1) await paint(keys["Kite Games"], { model: "film-still", size: "1024x1024" });
await paint(keys["Blue Harbor Travel"], { model: "portrait-9" });
await paint(keys["Nordlys Magazine"], { model: "landscape-xl", n: 40 });
await paint(keys["Playground"], { model: "landscape-xl" });
for (let at = 0; at < 4; at += 1) await paint(keys["Blue Harbor Travel"], { model: "seascape-1" });
console.log(places["Acme Storefront"].id);
console.log("all good");
