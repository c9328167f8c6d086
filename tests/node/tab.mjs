// A tab of Chromium with the console in it, for the scripts beside this one.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");

const ARGS = [
  "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-background-networking", "--disable-component-update", "--no-first-run",
];

export const launch = (executablePath) => chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args: ARGS });

/** Waits until the screen at this address has shown what it has to show. */
export const shown = (page, hash) =>
  page.waitForFunction((own) => document.body.dataset.shown === own, hash, { timeout: 60_000 });

/** Goes to a screen, and waits until it is there. */
export async function go(page, hash) {
  await page.evaluate((own) => {
    delete document.body.dataset.shown;
    location.hash = "#/nowhere";
    location.hash = own;
  }, hash);
  await shown(page, hash);
}

/** A tab of its own, in which somebody has signed in; whatever the browser complains of is kept. */
export async function enter(browser, origin, token, { colorScheme = "light", width = 1280, height = 800 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (line) => { if (["error", "warning"].includes(line.type())) complaints.push(line.text()); });
  page.on("pageerror", (error) => complaints.push(error.message));
  const asked = new Set();
  page.on("request", (request) => asked.add(new URL(request.url()).origin));
  await page.goto(`${origin}/console/`);
  await shown(page, "sign-in");
  await page.keyboard.type(token);
  await page.keyboard.press("Enter");
  await shown(page, "#/");
  return { context, page, complaints, asked };
}

/** Every screen: its name, its address, and what must be on it. */
export const screens = (workspace) => [
  ["overview", "#/", "Requests by outcome"],
  ["spend", "#/spend", "Day by day"],
  ["budgets", "#/budgets", "Budgets"],
  ["workspaces", "#/workspaces", "All workspaces"],
  ["workspace-credits", `#/workspaces/${workspace}/credits`, "Ledger, newest first"],
  ["workspace-keys", `#/workspaces/${workspace}/keys`, "New key"],
  ["workspace-grants", `#/workspaces/${workspace}/grants`, "Take credits back"],
  ["workspace-pictures", `#/workspaces/${workspace}/pictures`, "Kept pictures"],
  ["offerings", "#/offerings", "By model"],
  ["jobs", "#/jobs", "Newest first"],
  ["policy", "#/policy", "Plans"],
  ["audit", "#/audit", "Changes, newest first"],
];

/** Fails when something on the screen is wider than its place, lies upon something else, or tells of a problem. */
export async function mustFit(page, name) {
  const wrong = await page.evaluate(() => {
    const found = [];
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide > 0) found.push(`the page is ${wide} pixels too wide`);
    for (const one of document.querySelectorAll(".problem")) found.push(`a problem: ${one.textContent}`);
    const says = (one) => [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    const all = [...document.querySelectorAll("body *")].filter((one) => says(one) && one.checkVisibility() && !one.closest(".skip, .scroll table"));
    for (const one of all) {
      if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && getComputedStyle(one).overflowX === "hidden") found.push(`cut off: ${one.textContent}`);
      const box = one.getBoundingClientRect();
      const scrolls = one.closest(".scroll, pre, header nav");
      if (!scrolls && (box.left < -1 || box.right > innerWidth + 1)) found.push(`outside: ${one.textContent}`);
    }
    const leaves = all.filter((one) => one.children.length === 0);
    for (const [at, one] of leaves.entries()) {
      const own = [...one.getClientRects()];
      for (const other of leaves.slice(at + 1)) {
        if (one.closest("header nav") || other.closest("header nav") || one.closest("#say") || other.closest("#say")) continue;
        const meets = (own, their) => Math.min(own.right, their.right) - Math.max(own.left, their.left) > 2
          && Math.min(own.bottom, their.bottom) - Math.max(own.top, their.top) > 2;
        if (own.some((part) => [...other.getClientRects()].some((their) => meets(part, their)))) found.push(`“${one.textContent}” lies upon “${other.textContent}”`);
      }
    }
    return found;
  });
  assert.deepEqual(wrong, [], name);
}
