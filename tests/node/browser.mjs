// Opens pages in Chromium, one after the other: its path, a folder for screenshots, and for each page a name and an
// address. Says of each page what it came to, as one line of JSON, and exits 0 when all have been opened.

import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");

const [executablePath, folder, ...visits] = process.argv.slice(2);

// Its profile is a new and empty one. Nothing but what the pages ask for is to go over the network.
const args = ["--disable-gpu", "--disable-quic", "--disable-sync"];
args.push("--disable-background-networking", "--disable-component-update", "--no-first-run");
const browser = await chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args });

async function visit(name, url) {
  // A context of its own: nothing that another page was answered is remembered.
  const context = await browser.newContext({ viewport: { width: 560, height: 560 } });
  const page = await context.newPage();
  let is_blocked = false;
  page.on("console", (line) => (is_blocked ||= line.text().includes("blocked by CORS policy")));
  const preflights = [];
  const watch = await context.newCDPSession(page);
  watch.on("Network.requestWillBeSent", ({ request: { method, url } }) => {
    if (method === "OPTIONS") preflights.push(`${method} ${new URL(url).pathname}`);
  });
  await watch.send("Network.enable");
  await page.goto(url);
  await page.waitForFunction(() => document.body.dataset.ended, undefined, { timeout: 60_000 });
  await page.screenshot({ path: join(folder, `${name}.png`) });
  const came_to = await page.evaluate(() => {
    const { naturalWidth, naturalHeight, src } = document.querySelector("img");
    return { pixels: [naturalWidth, naturalHeight], src, said: { ...document.body.dataset } };
  });
  await context.close();
  return { name, is_blocked, preflights, ...came_to };
}

for (let at = 0; at < visits.length; at += 2) {
  console.log(JSON.stringify(await visit(visits[at], visits[at + 1])));
}
await browser.close();
console.log("all good");
