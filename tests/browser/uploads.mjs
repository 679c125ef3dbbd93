// D-05 to D-11 and the tray: how files come in.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BASE, PASSWORD, until } from "./visit.mjs";

const FORMATS = "JPEG, PNG, WebP, AVIF, GIF, JPEG XL or SVG";
const row = (page, name) => page.locator("#tray li").filter({ hasText: name });
const heading = (page, text) => page.locator("#tray").getByRole("heading", { name: text });

async function choose(page, files) {
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("link", { name: "Upload", exact: true }).first().click();
  await (await chooser).setFiles(files.map(({ name, buffer, type = "image/jpeg" }) => ({ name, buffer, mimeType: type })));
}

const clients = new WeakMap();

/** Slows the line for what is sent; 0 lets it go. One session a page: each one's wishes hold for as long as it is. */
async function slow(page, megabitsPerS, offline = false) {
  const client = clients.get(page) ?? (await page.context().newCDPSession(page));
  clients.set(page, client);
  await client.send("Network.enable");
  const throughput = megabitsPerS ? (megabitsPerS * 1e6) / 8 : -1;
  await client.send("Network.emulateNetworkConditions", {
    offline, latency: 5, uploadThroughput: throughput, downloadThroughput: -1,
  });
}

/** Notes, from now on, all that the tray shows: progress by row, how many send at once, titles, what was said. */
async function watch(page) {
  await page.evaluate(() => {
    const seen = (window.seen = { progress: {}, atOnce: 0, titles: new Set(), totals: new Set(), said: [] });
    const look = () => {
      const rows = [...document.querySelectorAll("#tray li")];
      seen.atOnce = Math.max(seen.atOnce, rows.filter((row) => /sending|processing/.test(row.dataset.state)).length);
      for (const row of rows) {
        const name = row.querySelector("[data-row=name]").textContent;
        (seen.progress[name] ??= new Set()).add(row.querySelector("progress").value);
      }
      seen.titles.add(document.title);
      seen.totals.add(document.querySelector("[data-tray=total]")?.value);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, attributes: true, childList: true, characterData: true });
    new MutationObserver((changes) => {
      for (const change of changes) for (const node of change.addedNodes) seen.said.push(node.textContent);
    }).observe(document.getElementById("live"), { childList: true });
  });
}

const seen = (page) =>
  page.evaluate(() => ({
    ...window.seen,
    progress: Object.fromEntries(Object.entries(window.seen.progress).map(([name, values]) => [name, [...values]])),
    titles: [...window.seen.titles],
    totals: [...window.seen.totals],
  }));

const tiles = (page) => page.locator("#grid > li");

export async function d05(visit) {
  const { page } = visit;
  for (const name of ["old-1.jpg", "old-2.jpg"]) await visit.harness("image", { name, width: 300, height: 200 });
  await visit.signIn("ada");
  await page.evaluate(() => (window.sameDocument = true));
  await watch(page);
  await slow(page, 4);
  const files = [];
  for (let i = 1; i <= 9; i++) files.push({ name: `many-${i}.jpg`, buffer: await visit.jpeg({ bytes: 1_000_000 }) });
  await choose(page, files);
  await heading(page, "Uploading").waitFor();
  await visit.shot("tray-uploading");
  await heading(page, "9 of 9 uploaded").waitFor({ timeout: 120_000 });
  await until("the nine stand first", async () => {
    const names = await tiles(page).evaluateAll((all) => all.slice(0, 9).map((tile) => tile.textContent));
    return names.length === 9 && names.every((name) => /many-\d\.jpg/.test(name));
  });
  assert.equal(await tiles(page).count(), 11);
  assert.equal(await page.evaluate(() => window.sameDocument), true, "the page was not loaded anew");
  const saw = await seen(page);
  assert.ok(saw.atOnce >= 2 && saw.atOnce <= 3, `${saw.atOnce} were sending at once`);
  for (const { name } of files) {
    const values = saw.progress[name];
    assert.ok(new Set(values).size >= 4, `the progress of ${name} rose three times: ${values}`);
    assert.deepEqual(values, [...values].sort((a, b) => a - b), `the progress of ${name} only rises`);
  }
  assert.ok(saw.totals.length >= 4, `the total follows: ${saw.totals}`);
  assert.ok(saw.titles.filter((title) => /^\(\d+%\) Images/.test(title)).length >= 4, `the title follows: ${saw.titles}`);
  assert.doesNotMatch(await page.title(), /%/);
  const said = saw.said.join("\n");
  assert.match(said, /9 files added/);
  assert.match(said, /50% uploaded/);
  assert.match(said, /^9 uploaded$/m);
  assert.ok(saw.said.filter((line) => /%/.test(line)).length <= 3, `not each percent is said: ${said}`);
}

/** Drags a file or a folder over the page until it shows `welcome`, and lets it go there. */
async function drop(visit, path, welcome) {
  const { page } = visit;
  const client = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  const drag = (type) => client.send("Input.dispatchDragEvent", { type, x: 700, y: 500, data });
  await page.evaluate(() => {
    window.dragged = [];
    for (const type of ["dragenter", "dragleave", "drop"])
      document.addEventListener(type, ({ target }) => window.dragged.push(`${type} ${target.nodeName}`), { capture: true });
  });
  await drag("dragEnter");
  await until("the page welcomes files", async () => {
    await drag("dragOver"); // A hand that holds something is never still.
    return welcome.isVisible();
  });
  await visit.shot("drop-overlay");
  await drag("drop");
  const dragged = await page.evaluate(() => window.dragged.join(", "));
  assert.match(dragged, /drop \w+$/, "the browser gives the page what was let go");
  await welcome.waitFor({ state: "detached" });
}

/**
 * Files that cross from something which is then taken away, as the picture that fades one page into the next is, and
 * leave: whether they were welcome where they came to, the welcomes that stood, and those that stand now.
 */
function hover(page) {
  return page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["x"], "x.jpg", { type: "image/jpeg" }));
    const tell = (type, target) => target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    const shown = () => document.querySelectorAll(".drop-overlay").length;
    const passing = document.getElementById("main").appendChild(document.createElement("p"));
    tell("dragenter", passing);
    passing.remove();
    const welcome = !tell("dragenter", document.body);
    const before = shown();
    tell("dragleave", document.body);
    return `${welcome} ${before} ${shown()}`;
  });
}

export async function d06(visit) {
  const { page } = visit;
  visit.expects(415);
  await visit.harness("image", { name: "old.jpg", width: 300, height: 200 });
  await visit.signIn("ada");
  const folder = join(visit.folder(), "holiday");
  mkdirSync(join(folder, "day-2"), { recursive: true });
  for (const name of ["one.jpg", "two.jpg", "day-2/three.jpg"]) writeFileSync(join(folder, name), await visit.jpeg());
  writeFileSync(join(folder, "notes.txt"), "nothing to see here");
  await until("files are welcome until they leave", async () => (await hover(page)) === "true 1 0");
  await drop(visit, folder, page.getByText("Drop to upload to Fernhill"));
  await heading(page, "3 of 4 uploaded").waitFor();
  assert.match(await row(page, "notes.txt").textContent(), new RegExp(`is not accepted\\. Use ${FORMATS}`));
  await until("three tiles are new", async () => (await tiles(page).count()) === 4);

  const bytes = (await visit.jpeg()).toString("base64");
  await page.evaluate((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], "image.png", { type: "image/png" }));
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
  }, bytes);
  await until("the pasted image is a tile", async () => (await tiles(page).count()) === 5);
  const names = (await visit.harness("images")).map(({ name }) => name).sort();
  assert.deepEqual(names, ["old.jpg", "one.jpg", "pasted-1.png", "three.jpg", "two.jpg"]);
}

export async function d07(visit) {
  const { page } = visit;
  visit.expects(413, 415, 422, 400);
  await visit.signIn("ada");
  const whole = await visit.jpeg({ width: 1600, height: 1200 });
  const tiff = Buffer.concat([Buffer.from("49492a0008000000", "hex"), Buffer.alloc(4000, 7)]);
  await choose(page, [
    { name: "large.jpg", buffer: await visit.jpeg({ bytes: 6_000_000 }) },
    { name: "scan.tiff", buffer: tiff, type: "image/tiff" },
    { name: "empty.jpg", buffer: Buffer.alloc(0) },
    { name: "half.jpg", buffer: whole.subarray(0, whole.length / 2) },
    { name: "good-1.jpg", buffer: await visit.jpeg() },
    { name: "good-2.jpg", buffer: await visit.jpeg() },
  ]);
  await heading(page, "2 of 6 uploaded").waitFor();
  const reasons = {
    "large.jpg": /This file is 6 MB\. The limit is 5 MB\./,
    "scan.tiff": new RegExp(`TIFF is not accepted\\. Use ${FORMATS}\\.`),
    "empty.jpg": /This file is empty\./,
    "half.jpg": /This file is damaged: ./,
  };
  for (const [name, reason] of Object.entries(reasons)) {
    assert.match(await row(page, name).textContent(), reason);
    assert.equal(await row(page, name).getByRole("button", { name: /retry/i }).count(), 0, `${name} offers no retry`);
  }
  await page.getByText("4 files were not uploaded").waitFor();
  assert.equal(await page.getByRole("button", { name: "Retry all failed" }).count(), 0);
  await visit.shot("tray-errors");
  // What the server itself says of a large and of an empty file, to whoever asks without the page.
  await page.getByRole("button", { name: "Clear finished" }).click();
  await page.locator("#tray").waitFor({ state: "detached" });
  assert.deepEqual((await visit.harness("images")).map(({ name }) => name).sort(), ["good-1.jpg", "good-2.jpg"]);
}

export async function d08(visit) {
  const { page } = visit;
  visit.expects("offline");
  await visit.harness("image", { name: "old.jpg", width: 300, height: 200 });
  await visit.signIn("ada");
  await slow(page, 2);
  const files = [];
  for (let i = 1; i <= 6; i++) files.push({ name: `slow-${i}.jpg`, buffer: await visit.jpeg({ bytes: 600_000 }) });
  await choose(page, files);
  await until("something is sent", async () => (await row(page, "slow-1").locator("progress").evaluate((bar) => bar.value)) > 0);

  await page.getByRole("button", { name: "Pause all" }).click();
  await heading(page, "Paused").waitFor();
  const states = () => page.locator("#tray li").evaluateAll((rows) => rows.map((row) => row.dataset.state));
  assert.deepEqual(await states(), Array(6).fill("paused"));
  await page.waitForTimeout(300); // What the kernel had taken already may still arrive.
  const before = (await visit.harness("line", { is: "" })).sent_bytes;
  await page.waitForTimeout(700);
  assert.equal((await visit.harness("line", { is: "" })).sent_bytes, before, "nothing is sent while paused");

  await page.getByRole("button", { name: "Resume" }).click();
  await until("three are sending", async () => (await states()).filter((state) => state === "sending").length === 3);
  await page.getByRole("button", { name: "Cancel slow-6.jpg" }).click();
  await until("two are sending", async () => (await states()).filter((state) => state === "sending").length >= 2);
  await slow(page, 2, true);
  await until("lost ones say so", async () => (await row(page, "Connection lost. Retrying").count()) >= 2);
  await page.waitForTimeout(5000); // The line comes back after 5 s: that is the scenario.
  await slow(page, 0);
  await heading(page, "5 of 5 uploaded").waitFor({ timeout: 40_000 });
  const names = (await visit.harness("images")).map(({ name }) => name).sort();
  assert.deepEqual(names, ["old.jpg", ...[1, 2, 3, 4, 5].map((i) => `slow-${i}.jpg`)]);
}

export async function d09(visit) {
  const { page } = visit;
  visit.expects("offline");
  await visit.harness("image", { name: "old.jpg", width: 300, height: 200 });
  await visit.signIn("ada");
  await visit.harness("line", { is: "losing uploads" });
  await choose(page, [{ name: "once.jpg", buffer: await visit.jpeg() }]);
  await row(page, "once.jpg").getByText("Connection lost. Retrying in").waitFor();
  assert.ok((await visit.harness("line", { is: "mended" })).lost_answers >= 1);
  assert.equal((await visit.harness("images")).length, 2, "the server had accepted it");
  await heading(page, "1 of 1 uploaded").waitFor();
  const images = await visit.harness("images");
  assert.deepEqual(images.map(({ name }) => name), ["once.jpg", "old.jpg"]);
  await row(page, "once.jpg").getByRole("link", { name: "once.jpg" }).click();
  await page.getByRole("heading", { level: 1, name: "once.jpg" }).waitFor();
}

export async function d11(visit) {
  const page = await visit.tab(await visit.person({ javaScriptEnabled: false }));
  visit.page = page;
  visit.expects(422);
  await visit.signIn("ada");
  await page.getByRole("link", { name: "Upload", exact: true }).first().click();
  const good = async (name) => ({ name, mimeType: "image/jpeg", buffer: await visit.jpeg() });
  await page.locator("main input[type=file]").setInputFiles([await good("first.jpg"), await good("second.jpg")]);
  await page.locator("main").getByRole("button", { name: /^Upload/ }).click();
  for (const name of ["first.jpg", "second.jpg"]) await page.getByRole("link", { name }).waitFor();
  assert.equal((await visit.harness("images")).length, 2);

  await page.goto(`${new URL(page.url()).origin}${await uploadPath(page)}`);
  await page.locator("main input[type=file]").setInputFiles([{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no") }]);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    page.locator("main").getByRole("button", { name: /^Upload/ }).click(),
  ]);
  assert.equal(answer.status(), 422);
  await page.getByText(`is not accepted. Use ${FORMATS}.`).waitFor();
  await page.getByRole("link", { name: "Images" }).first().click();
  await page.getByRole("link", { name: /first\.jpg/ }).click();
  await page.getByRole("heading", { level: 1, name: "first.jpg" }).waitFor();
  await visit.withScript(page);
}

const uploadPath = async (page) => `${new URL(page.url()).pathname.split("/images")[0]}/images/upload`;

/** While files are on their way: pages change around the tray, a session ends and is renewed in place. */
export async function tray(visit) {
  const { page, context } = visit;
  visit.expects(401, 422);
  await visit.harness("image", { name: "old.jpg", width: 300, height: 200 });
  await visit.signIn("ada");
  await page.evaluate(() => (window.sameDocument = true));
  await slow(page, 0.25); // Slow enough for a busy browser to get through the pages before the second batch begins.
  const files = [];
  for (let i = 1; i <= 4; i++) files.push({ name: `walk-${i}.jpg`, buffer: await visit.jpeg({ bytes: 500_000 }) });
  await choose(page, files);
  await heading(page, "Uploading").waitFor();

  await tiles(page).first().getByRole("link").first().click();
  await page.getByRole("heading", { level: 1, name: "old.jpg" }).waitFor();
  assert.ok(await page.locator("#tray").isVisible(), "the tray is there on the image's page");
  assert.match(await page.title(), /^\(\d+%\) old\.jpg/);
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();
  assert.equal(await page.evaluate(() => window.sameDocument), true, "the document lived on");

  await page.getByRole("button", { name: "Minimise" }).click();
  assert.ok(!(await row(page, "walk-1").isVisible()), "a minimised tray hides its rows");
  await page.getByRole("button", { name: /Minimise|Expand|Show/ }).first().click();

  await context.clearCookies();
  await slow(page, 4);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Password", { exact: true }).fill("not the password");
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await dialog.waitFor({ state: "detached" });
  await slow(page, 0);
  await heading(page, "4 of 4 uploaded").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.locator("#tray").waitFor({ state: "detached" });
  assert.equal((await visit.harness("images")).length, 5);
  assert.equal(page.url().startsWith(BASE), true);
}
