// Uses the console in Chromium as people do. Its arguments: which part, the browser's path, the console's origin, an operator's
// token, and what the part needs beside them. Exits 0 when nothing was wrong.

import assert from "node:assert/strict";
import { enter, go, launch, screens, shown } from "./tab.mjs";

const [part, chromium, origin, operator, ...more] = process.argv.slice(2);
const browser = await launch(chromium);

const button = (page, name) => page.getByRole("button", { name, exact: true });

/** What everyone can be told by a tab: nothing is kept but the token, for as long as the tab lives. */
async function keepsNothing(page, token) {
  const kept = await page.evaluate(() => ({
    cookies: document.cookie, local: localStorage.length, session: Object.values({ ...sessionStorage }), address: location.href,
  }));
  assert.deepEqual(kept.session, token ? [token] : []);
  assert.deepEqual([kept.cookies, kept.local], ["", 0]);
  assert.ok(!kept.address.includes("pgadm_"), kept.address);
}

const parts = {
  /** Keys, grants, offerings and files, by the keyboard alone. */
  async deeds(workspace) {
    const { context, page } = await enter(browser, origin, operator);
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
    await keepsNothing(page, operator);

    // The first stop of the keyboard leads past the screens to the content, and can be seen.
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("Tab");
    const first = await page.evaluate(() => {
      const own = document.activeElement;
      return { says: own.textContent, left: own.getBoundingClientRect().left, outline: getComputedStyle(own).outlineStyle };
    });
    assert.deepEqual(first, { says: "To the content", left: 8, outline: "solid" });
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");

    await go(page, "#/offerings");
    await button(page, "Drain paint/painter").press("Enter");
    await page.getByLabel("Why").fill("high error rate");
    await page.keyboard.press("Enter");
    await button(page, "Resume paint/painter").waitFor();
    assert.ok((await page.innerText("main")).includes("high error rate"));
    await button(page, "Resume paint/painter").press("Enter");
    await button(page, "Drain paint/painter").waitFor();

    await go(page, "#/spend");
    const waiting = page.waitForEvent("download");
    await button(page, "Download These days in all as CSV").press("Enter");
    assert.match((await waiting).suggestedFilename(), /^usage-by-day\.csv$/);

    await go(page, `#/workspaces/${workspace}/grants`);
    const [grant, take] = ["Add credits", "Take credits back"].map((title) => page.locator("section", { hasText: title }).last());
    await grant.getByLabel("Credits").fill("5");
    await grant.getByLabel("Memo").fill("invoice 7");
    await page.keyboard.press("Enter");
    await page.getByText("Granted. 14 credits are available.").waitFor();
    await page.getByRole("cell", { name: "invoice 7" }).waitFor();
    await take.getByLabel("Credits").fill("2");
    await take.getByLabel("Why").fill("charged twice");
    await page.keyboard.press("Enter");
    await page.getByText("Take back 2 credits?").waitFor();
    // What ends something is not the first choice, and Escape leaves it.
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Leave it");
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await button(page, "Take back").press("Enter");
    await button(page, "Take them back").press("Enter");
    await page.getByText("Taken back. 12 credits are available.").waitFor();

    await go(page, `#/workspaces/${workspace}/credits`);
    assert.ok((await page.innerText("main")).includes("charged twice"), "the ledger says why");
    const file = page.waitForEvent("download");
    await button(page, "Download Ledger, newest first as CSV").press("Enter");
    const { readFileSync } = await import("node:fs");
    const ledger = readFileSync(await (await file).path(), "utf8");
    assert.match(ledger, /^#,Time,What,From → to,Amount,Available after,Held after,Memo,Request\r\n\d+,[^\n]*,adjust,available → expired,2,12,0,charged twice,/);

    await go(page, `#/workspaces/${workspace}/keys`);
    await page.getByLabel("Name").fill("shop front");
    await button(page, "Make key").press("Enter");
    const secret = await page.locator("dialog code").textContent();
    assert.match(secret, /^pg_live_/);
    await button(page, "Copy").press("Enter");
    await page.getByText("Copied.").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.getByRole("cell", { name: "shop front", exact: true }).waitFor();
    assert.ok(!(await page.content()).includes(secret), "a secret is shown once");
    await button(page, "Rotate shop front").press("Enter");
    await button(page, "Make the new key").press("Enter");
    assert.notEqual(await page.locator("dialog code").textContent(), secret);
    await button(page, "I have kept it").press("Enter");
    await page.getByText("until ").first().waitFor();
    await button(page, "Revoke shop front").first().press("Enter");
    await button(page, "Revoke it").press("Enter");
    await page.getByText("revoked").first().waitFor();

    await keepsNothing(page, operator);
    await button(page, "Sign out").press("Enter");
    await shown(page, "sign-in");
    await keepsNothing(page, null);
    await context.close();
  },

  /** A job that waits is ended. */
  async job(id) {
    const { context, page } = await enter(browser, origin, operator);
    await go(page, "#/jobs");
    await button(page, `Cancel ${id}`).press("Enter");
    await button(page, "Cancel the job").press("Enter");
    await page.locator("td .badge", { hasText: /^cancelled$/ }).waitFor();
    await context.close();
  },

  /** Whoever may only look is told so, and whoever made up a token gets nowhere. */
  async roles(viewer, finance, workspace) {
    const { context, page } = await enter(browser, origin, viewer);
    const names = () => page.evaluate(() => [...document.querySelectorAll("#nav a")].map((link) => link.textContent));
    assert.deepEqual(await names(), ["Overview", "Workspaces", "Offerings", "Jobs", "Policy"]);
    for (const screen of ["spend", "budgets", "audit"]) {
      await go(page, `#/${screen}`);
      const said = await page.getByRole("alert").innerText();
      assert.equal(said, "This screen needs the role finance; your token has the role viewer.");
    }
    await go(page, `#/workspaces/${workspace}/grants`);
    const said = await page.innerText("main");
    assert.ok(!said.includes("Grant credits") && !said.includes("Make key") && !said.includes("Suspend"), said);
    // What is not shown is not served either.
    const status = await page.evaluate(async (path) => {
      const headers = { authorization: `Bearer ${Object.values({ ...sessionStorage })[0]}` };
      return (await fetch(path, { method: "POST", headers, body: "{}" })).status;
    }, `/admin/v1/workspaces/${workspace}/grants`);
    assert.equal(status, 403);
    await context.close();

    const money = await enter(browser, origin, finance);
    await go(money.page, `#/workspaces/${workspace}/grants`);
    await button(money.page, "Grant credits").waitFor();
    const tabs = await money.page.evaluate(() => [...document.querySelectorAll(".tabs a")].map((link) => link.textContent));
    assert.deepEqual(tabs, ["Credits", "Keys", "Grants"], "pictures are for operators");
    await money.context.close();

    const forged = await browser.newPage();
    await forged.goto(`${origin}/console/`);
    await shown(forged, "sign-in");
    await forged.keyboard.type(`${operator.slice(0, -1)}!`);
    await forged.keyboard.press("Enter");
    assert.match(await forged.getByRole("alert").innerText(), /token/);
    await keepsNothing(forged, null);
    assert.equal(await forged.locator("#bar").isVisible(), false);
    await forged.close();
  },

  /** Markup in names, labels, memos and models is shown as it was written, and does nothing. */
  async markup(workspace, markup) {
    const { context, page, complaints, asked } = await enter(browser, origin, operator);
    const must = async (hash) => {
      await go(page, hash);
      const said = await page.evaluate(() => ({ text: document.querySelector("main").innerText, hit: window.wasHit, images: document.querySelectorAll("main img:not([src^='blob:']), main script, main b").length }));
      assert.ok(said.text.includes(markup), `${hash}: ${said.text}`);
      assert.deepEqual([said.hit, said.images], [undefined, 0], hash);
    };
    for (const hash of ["#/", "#/workspaces", "#/spend", "#/budgets", "#/audit", `#/workspaces/${workspace}/credits`, `#/workspaces/${workspace}/keys`, `#/workspaces/${workspace}/grants`]) await must(hash);
    await page.getByRole("link", { name: "Spend" }).click();
    await page.getByLabel("Split by").selectOption("label");
    await page.locator("main .group", { hasText: markup }).waitFor();
    assert.equal(await page.evaluate(() => window.wasHit), undefined);
    assert.deepEqual(complaints, []);
    assert.deepEqual([...asked], [origin], "nothing is asked elsewhere");
    await context.close();
  },

  /** Whoever has just bought pictures sees what they came to. */
  async spend(model, charged) {
    const { context, page, complaints } = await enter(browser, origin, operator);
    await page.getByRole("link", { name: "Spend" }).click();
    await page.getByLabel("Split by").selectOption("model");
    await page.getByRole("row", { name: model }).getByRole("cell", { name: charged, exact: true }).first().waitFor();
    // What is drawn is no empty canvas.
    const drawn = await page.locator(".chart canvas").evaluate((canvas) =>
      new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size);
    assert.ok(drawn > 3, `${drawn} colours`);
    assert.deepEqual(complaints, []);
    await context.close();
  },

  /** A gateway that nobody has used yet says on each screen what to do. */
  async empty(workspace) {
    const { context, page, complaints } = await enter(browser, origin, operator);
    const says = {
      overview: "No request was answered in the last 15 minutes. Send one",
      spend: "Pictures that apps buy are here within seconds",
      budgets: "Policy names no budgets. Write one",
      "workspace-pictures": "keeps no pictures",
      jobs: "There are no jobs yet. A request with",
      "workspace-credits": "Nothing was spent in the last 14 days",
    };
    for (const [name, hash] of screens(workspace)) {
      await go(page, hash);
      if (says[name]) assert.ok((await page.innerText("main")).includes(says[name]), `${name}: ${await page.innerText("main")}`);
    }
    assert.deepEqual(complaints, []);
    await context.close();
  },
};

await parts[part](...more);
await browser.close();
console.log("all good");
