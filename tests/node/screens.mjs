// Looks at every screen of the console in Chromium: at the size of a desk and of a pocket, light and dark. Its arguments: the
// browser's path, a folder for the pictures, the console's origin, an operator's token, and a workspace.

import assert from "node:assert/strict";
import { join } from "node:path";
import { enter, go, launch, mustFit, screens, shown } from "./tab.mjs";

const [chromium, folder, origin, operator, workspace] = process.argv.slice(2);
const browser = await launch(chromium);

/** Rows of a table in a picture of the manual. */
const ROWS_OF_MANUAL = 10;

const SIZES = [["desk", 1280, 800], ["pocket", 420, 900]];

for (const [size, width, height] of SIZES) {
  for (const colorScheme of ["light", "dark"]) {
    const { context, page, complaints, asked } = await enter(browser, origin, operator, { colorScheme, width, height });
    for (const [name, hash, says] of screens(workspace)) {
      await go(page, hash);
      assert.ok((await page.innerText("main")).includes(says), `${name} does not say “${says}”`);
      await page.waitForFunction(() => [...document.querySelectorAll("main img")].every((image) => image.complete && image.naturalWidth > 0));
      await mustFit(page, `${name}, ${size}, ${colorScheme}`);
      await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: true });
      if (size !== "desk") continue;
      // The manual has the beginning of long tables.
      await page.evaluate((most) => document.querySelectorAll(`tbody tr:nth-child(n + ${most + 1})`).forEach((row) => { row.hidden = true; }), ROWS_OF_MANUAL);
      await page.screenshot({ path: join(folder, `manual-${name}-${colorScheme}.png`), fullPage: true });
    }
    assert.deepEqual(complaints, []);
    assert.deepEqual([...asked].filter((one) => !one.startsWith("blob:") && one !== "null"), [origin], "nothing is asked elsewhere");
    await page.getByRole("button", { name: "Sign out" }).click();
    await shown(page, "sign-in");
    await mustFit(page, `sign-in, ${size}, ${colorScheme}`);
    await page.screenshot({ path: join(folder, `sign-in-${size}-${colorScheme}.png`) });
    if (size === "desk") await page.screenshot({ path: join(folder, `manual-sign-in-${colorScheme}.png`), clip: { x: 320, y: 0, width: 640, height: 420 } });
    await context.close();
  }
}

await browser.close();
console.log("all good");
