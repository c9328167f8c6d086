// Looks at every screen of the console in Chromium, light and dark: its path, a folder for screenshots, the console's
// origin, tokens of an operator and of a viewer, and a workspace. Exits 0 when nothing on them was wrong.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");

const [executablePath, folder, origin, operator, viewer, workspace] = process.argv.slice(2);

const args = ["--disable-gpu", "--disable-quic", "--disable-sync"];
args.push("--disable-background-networking", "--disable-component-update", "--no-first-run");
const browser = await chromium.launch({ executablePath, headless: true, chromiumSandbox: false, args });

const shown = (page, hash) =>
  page.waitForFunction((own) => document.body.dataset.shown === own, hash, { timeout: 60_000 });

/** A tab of its own, in which somebody has signed in; whatever the browser complains of is kept. */
async function enter(token, colorScheme) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, colorScheme });
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

const SCREENS = ["#/", "#/spend", "#/workspaces", `#/workspaces/${workspace}`, "#/offerings", "#/jobs", "#/policy", "#/audit"];
const NAMES = ["overview", "spend", "workspaces", "workspace", "offerings", "jobs", "policy", "audit"];

for (const scheme of ["light", "dark"]) {
  const { context, page, complaints, asked } = await enter(operator, scheme);
  for (const [at, hash] of SCREENS.entries()) {
    await page.evaluate((own) => { delete document.body.dataset.shown; location.hash = "#/nowhere"; location.hash = own; }, hash);
    await shown(page, hash);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${NAMES[at]} is ${wide} pixels too wide`);
    await page.screenshot({ path: join(folder, `${NAMES[at]}-${scheme}.png`), fullPage: true });
    assert.equal(await page.evaluate(() => document.querySelectorAll(".problem").length), 0, NAMES[at]);
  }
  await page.evaluate(() => { location.hash = "#/"; });
  await shown(page, "#/");
  // A model's name that is markup is shown as it was written, and does nothing.
  const text = await page.evaluate(() => document.querySelector("main").innerText);
  assert.ok(text.includes("<img src=x onerror="), text);
  assert.equal(await page.evaluate(() => document.querySelectorAll("main img").length), 0);
  assert.equal(await page.evaluate(() => window.wasHit), undefined);
  assert.deepEqual(complaints, []);
  assert.deepEqual([...asked], [origin], "nothing is asked elsewhere");
  assert.equal(await page.evaluate(() => document.cookie + JSON.stringify(localStorage)), "{}");
  await context.close();
}

{
  const { context, page } = await enter(operator, "light");
  await page.evaluate(() => { location.hash = "#/offerings"; });
  await shown(page, "#/offerings");
  page.on("dialog", (dialog) => dialog.accept("high error rate"));
  // By the keyboard alone.
  await page.getByRole("button", { name: "Drain paint/painter" }).focus();
  await page.keyboard.press("Enter");
  const resume = page.getByRole("button", { name: "Resume paint/painter" });
  await resume.waitFor();
  assert.ok((await page.innerText("main")).includes("high error rate"));
  await resume.press("Enter");
  await page.getByRole("button", { name: "Drain paint/painter" }).waitFor();

  await page.evaluate(() => { location.hash = "#/spend"; });
  await shown(page, "#/spend");
  const waiting = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download CSV" }).press("Enter");
  assert.match((await waiting).suggestedFilename(), /^usage-by-workspace-.*\.csv$/);

  await page.evaluate((own) => { location.hash = own; }, `#/workspaces/${workspace}`);
  await shown(page, `#/workspaces/${workspace}`);
  await page.getByLabel("Amount").fill("5");
  await page.keyboard.press("Enter");
  await page.getByText("14", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "New key" }).press("Enter");
  await page.getByText("shown now and never again").waitFor();
  await page.getByRole("button", { name: "Sign out" }).press("Enter");
  await shown(page, "sign-in");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await context.close();
}

{
  const { context, page } = await enter(viewer, "light");
  const names = await page.evaluate(() => [...document.querySelectorAll("nav a")].map((link) => link.textContent));
  assert.deepEqual(names, ["Overview", "Workspaces", "Offerings", "Jobs", "Policy"]);
  await page.evaluate(() => { location.hash = "#/spend"; });
  await shown(page, "#/spend");
  assert.ok((await page.innerText("main")).includes("needs the role finance"));
  await context.close();
}

await browser.close();
console.log("all good");
