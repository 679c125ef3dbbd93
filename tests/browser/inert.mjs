// Shows every SVG of FOLDER to a browser that is allowed everything: as a page of its own without any policy, and in a
// page. Whatever one of them asks for, runs or says is a fault. Prints how many there were.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { FOLDER, CHROMIUM } = process.env;
assert.ok(CHROMIUM, "CHROMIUM must name the browser's program: `make test` installs and names it");
const names = readdirSync(FOLDER).filter((name) => name.endsWith(".svg")).sort();
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 400, height: 300 } });
const faults = [];

const page = await context.newPage();
let name, bytes;
const note = (what) => faults.push(`${name}: ${what}`);
page.on("dialog", (dialog) => { note(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
page.on("popup", () => note("a window"));
page.on("worker", () => note("a worker"));
await page.route("**/*", (route) => {
  const url = route.request().url();
  if (url === "http://inert.test/it.svg") return route.fulfill({ body: bytes, contentType: "image/svg+xml" });
  if (url === "http://inert.test/page") return route.fulfill({ body: '<img src="it.svg">', contentType: "text/html" });
  if (url !== "http://inert.test/favicon.ico") note(`a request: ${url}`);
  return route.abort();
});

/** What the document holds that it must not, once it is shown. */
const held = () => {
  const all = [...document.querySelectorAll("*")];
  const handlers = all.flatMap((e) => [...e.attributes].filter((a) => /^on/i.test(a.name)).map((a) => `${e.tagName} ${a.name}`));
  const foreign = all.filter((e) => e.namespaceURI !== "http://www.w3.org/2000/svg").map((e) => e.tagName);
  return { root: document.documentElement.tagName, scripts: document.scripts?.length ?? 0, found: [...handlers, ...foreign] };
};

for (name of names) {
  bytes = readFileSync(join(FOLDER, name));
  await page.goto("http://inert.test/it.svg", { waitUntil: "load", timeout: 60_000 });
  const { root, scripts, found } = await page.evaluate(held);
  if (root !== "svg") note(`its root is ${root}`);
  if (scripts > 0) note(`${scripts} scripts`);
  found.forEach(note);
  // Whatever waits for a hand gets one.
  await page.mouse.click(100, 100);
  await page.goto("http://inert.test/page", { waitUntil: "load", timeout: 60_000 });
  if (await page.evaluate(() => !document.images[0].complete)) note("no image");
}
await browser.close();
assert.deepEqual(faults, []);
console.log(`${names.length} SVGs in a browser: 0 requests, 0 scripts, 0 dialogs`);
