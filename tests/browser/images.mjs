// D-18, D-21 and what scripts make quicker on the pages of images and keys.
import assert from "node:assert/strict";
import { BASE, PASSWORD, until } from "./visit.mjs";

const deliveryUrl = async (page) => (await page.locator("#delivery-url").textContent()).trim();
const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Opens an image's page from the gallery. */
async function openImage(page, name) {
  await page.locator("#grid").getByRole("link", { name: new RegExp(name) }).first().click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

/** Copies the signed URL that the page shows now. */
async function copySigned(page) {
  await page.getByRole("button", { name: "Copy signed URL" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  return clipboard(page);
}

export async function d18(visit) {
  const { page } = visit;
  visit.expects(403);
  await visit.harness("image", { name: "alpine.jpg", width: 1800, height: 1200, private: true });
  await visit.signIn("ada");
  await openImage(page, "alpine.jpg");
  const expiry = page.getByLabel("Expires in");
  assert.equal(await expiry.inputValue(), "86400", "1 day is chosen");
  assert.doesNotMatch((await expiry.locator("option").allTextContents()).join(), /never/i);

  await page.getByRole("radio", { name: /^card/ }).check();
  await until("the URL is of card", async () => /\/card\?/.test(await deliveryUrl(page)));
  await page.getByLabel("Expires in").selectOption("3600");
  const seconds = async () => Number(new URL(await deliveryUrl(page)).searchParams.get("exp")) - Date.now() / 1000;
  await until("the URL is good for an hour", async () => (await seconds()) < 3700);
  assert.ok(await page.getByRole("radio", { name: /^card/ }).isChecked());
  await visit.shot("image-signed");
  const url = await copySigned(page);

  assert.equal(await visit.status(url), 200);
  assert.equal(await visit.status(url.replace(/&sig=.*/, "")), 403);
  assert.equal(await visit.status(url.replace("/card?", "/public?")), 403);
  const secret = await visit.harness("secret", { name: "default" });
  const html = await page.content();
  assert.ok(!html.includes(secret), "the page never holds the signing key");
  for (const src of await page.locator("script[src]").evaluateAll((all) => all.map((script) => script.src)))
    assert.ok(!(await (await fetch(src)).text()).includes(secret));

  await visit.harness("advance", { seconds: 3601 });
  assert.equal(await visit.status(url), 403);
}

export async function d21(visit) {
  const { page } = visit;
  visit.expects(403, 422);
  await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600, private: true });
  await visit.signIn("mira");
  await openImage(page, "alpine.jpg");
  await page.getByLabel("Expires in").selectOption("604800");
  const days = async () => (Number(new URL(await deliveryUrl(page)).searchParams.get("exp")) - Date.now() / 1000) / 86400;
  await until("the URL is good for a week", async () => (await days()) > 6);
  const old = await copySigned(page);
  assert.equal(await visit.status(old), 200);

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Signing keys" }).click();
  await page.getByRole("heading", { level: 1, name: "Signing keys" }).waitFor();
  await page.getByRole("link", { name: "Rotate default" }).click();
  const dialog = page.getByRole("dialog");
  const name = dialog.getByLabel("Name of the new signing key");
  assert.equal(await name.inputValue(), "default-2");
  await name.fill("web2");
  await dialog.getByRole("radio", { name: "1 hour" }).check();
  await visit.shot("rotate-dialog");
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("web2").first().waitFor();
  await page.getByText("Rotation in progress: default is retired").waitFor();
  await visit.shot("keys-rotation");

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Images" }).click();
  await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();
  await openImage(page, "alpine.jpg");
  const key = page.getByLabel("Signing key");
  assert.match(await key.locator("option:checked").textContent(), /web2/);
  await page.getByLabel("Expires in").selectOption("604800");
  await until("the URL is good for a week", async () => (await days()) > 6);
  const fresh = await copySigned(page);
  assert.notEqual(fresh, old);
  assert.deepEqual([await visit.status(old), await visit.status(fresh)], [200, 200]);

  await visit.harness("advance", { seconds: 3601 });
  await until("the old one is refused", async () => (await visit.status(old)) === 403);
  assert.equal(await visit.status(fresh), 200);
  await page.goto(`${BASE}${new URL(page.url()).pathname.replace(/\/image$/, "/keys")}`);
  await page.getByText("Retired").first().waitFor();
}

/** What scripts make quicker: dialogs, filters while typing, rows of metadata, keys of the keyboard, copies. */
export async function acts(visit) {
  const { page } = visit;
  visit.expects(401, 422);
  await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600 });
  await visit.harness("image", { name: "harbour.jpg", width: 900, height: 600, private: true });
  await visit.signIn("mira");
  await page.evaluate(() => (window.sameDocument = true));
  await filtersWhileTyping(page);
  await focusInADialog(visit);
  await metadataInPlace(visit);
  await keysInDialogs(visit);
  await deletesInADialog(page);
  assert.equal(await page.evaluate(() => window.sameDocument), true, "all of it on one document");
}

async function filtersWhileTyping(page) {
  const tiles = page.locator("#grid > li");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.type("alp");
  await until("one tile is left", async () => (await tiles.count()) === 1);
  assert.match(page.url(), /q=alp/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "search", "the focus stays in the field");
  await page.locator("#live").getByText("1 of 2 images").waitFor();
  await page.keyboard.type("zzz");
  await page.getByText("No image matches these filters.").waitFor();
  await page.getByRole("link", { name: "Clear filters" }).last().click();
  await until("both are back", async () => (await tiles.count()) === 2);
  await page.getByLabel("Access", { exact: true }).selectOption("signed");
  await until("one is private", async () => (await tiles.count()) === 1);
  await page.goBack();
  await until("Back takes the filter away", async () => (await tiles.count()) === 2);
}

/** The pointer and the arrow keys put the focal point, the numbers follow, and crops obey. */
async function focusInADialog(visit) {
  const { page } = visit;
  await openImage(page, "alpine.jpg");
  await page.locator("#focus").click();
  const dialog = page.getByRole("dialog");
  const stage = dialog.locator("#focus-stage");
  const { width, height } = await stage.boundingBox();
  await stage.click({ position: { x: width / 4, y: height / 2 } });
  const point = () => Promise.all(["#focus-x", "#focus-y"].map(async (id) => Number(await dialog.locator(id).inputValue())));
  const near = ([x, y], left, top) => Math.abs(x - left) < 1 && Math.abs(y - top) < 1;
  assert.ok(near(await point(), 25, 50), `${await point()}`);
  await stage.press("ArrowRight");
  await stage.press("ArrowUp");
  assert.ok(near(await point(), 26, 49), `${await point()}`);
  assert.match(await dialog.locator("#focus-stage path").getAttribute("d"), /^M26/);
  await dialog.locator("#focus-x").fill("30");
  assert.match(await dialog.locator("#focus-stage path").getAttribute("d"), /^M30 /, "the cross follows the numbers");
  await visit.shot("image-focus");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText(/^30% from the left, 4\d/).waitFor();
  await page.getByRole("link", { name: "Images" }).first().click();
  await page.locator("#grid").waitFor();
}

async function metadataInPlace(visit) {
  const { page } = visit;
  await openImage(page, "alpine.jpg");
  await page.getByRole("button", { name: "Add" }).click();
  await page.keyboard.type("product");
  await page.keyboard.press("Tab");
  await page.keyboard.type("SKU-1");
  await page.getByText("19 of 1,024 bytes").waitFor();
  let asked = "";
  page.once("dialog", (dialog) => ((asked = dialog.message()), dialog.dismiss()));
  await page.getByRole("link", { name: "Images" }).first().click();
  assert.match(asked, /Leave this page/, "leaving a changed form asks");
  assert.equal(await page.getByLabel("Value").inputValue(), "SKU-1");

  await visit.context.clearCookies({ name: "darkroom_session" });
  await page.getByLabel("Value").press("Enter");
  const again = page.getByRole("dialog");
  await again.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await again.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Metadata saved.").waitFor();
  assert.equal(await page.getByLabel("Value").inputValue(), "SKU-1", "what was typed is saved after signing in again");

  await page.getByRole("button", { name: "Remove" }).click();
  assert.equal(await page.getByLabel("Value").count(), 0);
  await page.getByRole("button", { name: "Add" }).click();
  await page.keyboard.type("long");
  await page.keyboard.press("Tab");
  await page.keyboard.type("x".repeat(1100));
  await page.getByText(/bytes, \d+ too many/).waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".error-summary").getByText(/too many/).waitFor();
  assert.equal((await page.getByLabel("Value").inputValue()).length, 1100, "nothing typed is lost");
  page.once("dialog", (dialog) => dialog.accept());
}

/** Creates a key, and a URL that it signed. */
async function signedBySecond(visit) {
  const { page } = visit;
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Signing keys" }).click();
  await page.getByRole("link", { name: "Create signing key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("second");
  await dialog.getByRole("button", { name: "Create signing key" }).click();
  await page.getByText("Signing key created.").waitFor();
  await page.getByRole("row", { name: /second/ }).getByText("Never").waitFor();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Images" }).click();
  await openImage(page, "alpine.jpg");
  const before = await deliveryUrl(page);
  await page.getByLabel("Signing key").selectOption("second");
  await until("the second key signs", async () => (await deliveryUrl(page)) !== before);
  return copySigned(page);
}

export async function d22(visit) {
  const { page } = visit;
  visit.expects(403, 422);
  await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600, private: true });
  await visit.signIn("mira");
  const url = await signedBySecond(visit);
  for (let i = 0; i < 12; i++) assert.equal(await visit.status(url), 200);

  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Signing keys" }).click();
  const row = page.getByRole("row", { name: /second/ });
  await row.getByText("12 in 24 hours").waitFor();
  await row.getByRole("cell", { name: /just now/ }).waitFor();
  await row.getByText(/^public · 127\.0\.0\.1$/).waitFor();
  await visit.shot("keys-used");
  await page.getByLabel("More for second").click();
  await page.getByRole("link", { name: "Revoke" }).click();
  const dialog = page.getByRole("dialog", { name: "Revoke the signing key second?" });
  await dialog.locator("div", { hasText: "Last used" }).getByText("just now").first().waitFor();
  await dialog.locator("div", { hasText: "Requests, last 24 h" }).getByText("12", { exact: true }).first().waitFor();
  await dialog.getByText("about 12 requests a day will fail").waitFor();
  await visit.shot("revoke-dialog");
  await dialog.getByRole("link", { name: "Rotate instead" }).click();
  await page.getByRole("dialog", { name: "Rotate second" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await page.getByLabel("More for second").click();
  await page.getByRole("link", { name: "Revoke" }).click();
  const name = dialog.getByLabel("Type second to confirm");
  await name.fill("secnod");
  await dialog.getByRole("button", { name: "Revoke now" }).click();
  await dialog.locator("[aria-invalid=true]").waitFor();
  await dialog.getByText("Type second to confirm.").waitFor();
  assert.equal(await name.inputValue(), "secnod", "what was typed is kept");
  assert.equal(await visit.status(url), 200, "nothing was revoked");
  await visit.shot("revoke-dialog-wrong");
  await name.fill("second");
  await dialog.getByRole("button", { name: "Revoke now" }).click();
  await page.getByRole("row", { name: /second/ }).getByText("Revoked").waitFor();
  assert.equal(await visit.status(url), 403);
  const [line] = await visit.harness("audit", { of: "key.revoke" });
  assert.deepEqual(line, { actor: "person:mira@fernhill.example", act: "key.revoke", target: "key:second", result: "done" });
}

async function keysInDialogs(visit) {
  const { page } = visit;
  const dialog = page.getByRole("dialog");
  const secret = await visit.harness("secret", { name: "default" });
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Signing keys" }).click();
  await page.getByRole("button", { name: "Show default" }).click();
  await dialog.getByText(secret).waitFor();
  await dialog.getByRole("link", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
  // The value goes with its dialog.
  await page.waitForFunction((secret) => !document.documentElement.outerHTML.includes(secret), secret);
  await page.getByRole("button", { name: "Copy default" }).click();
  await page.locator("#live").getByText("Copied").waitFor();
  assert.equal(await clipboard(page), secret);
  const acts = (await visit.harness("audit")).map(({ act }) => act);
  assert.ok(acts.includes("key.reveal") && acts.includes("key.copy"), acts.join());

  await visit.harness("advance", { seconds: 11 * 60 });
  await page.getByRole("button", { name: "Copy default" }).click();
  await dialog.getByLabel("Your password").fill("not the password");
  await dialog.getByRole("button", { name: "Show value" }).click();
  await dialog.getByText("This password is wrong.").waitFor();
  await dialog.getByLabel("Your password").fill(PASSWORD);
  await dialog.getByRole("button", { name: "Show value" }).click();
  await dialog.getByText(secret).waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  await page.getByRole("link", { name: "Create signing key" }).click();
  await dialog.getByLabel("Name").fill("default");
  await dialog.getByRole("button", { name: "Create signing key" }).click();
  await dialog.locator("[aria-invalid=true]").waitFor();
  await dialog.getByLabel("Name").fill("second");
  await dialog.getByRole("button", { name: "Create signing key" }).click();
  await page.getByText("Signing key created.").waitFor();
  await page.getByLabel("More for second").click();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Make default" }).waitFor({ state: "hidden" });
  await page.getByLabel("More for second").click();
  await page.getByRole("link", { name: "Revoke" }).click();
  await dialog.getByText("No requests in the last 24 hours").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Cancel", "the focus is on what is safe");
  await dialog.getByRole("button", { name: "Revoke now" }).click();
  await page.getByRole("row", { name: /second/ }).getByText("Revoked").waitFor();
}

async function deletesInADialog(page) {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Images" }).click();
  await openImage(page, "harbour.jpg");
  await page.keyboard.press("ArrowRight");
  await page.getByRole("heading", { level: 1, name: "alpine.jpg" }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("heading", { level: 1, name: "harbour.jpg" }).waitFor();
  const remove = page.getByRole("link", { name: "Delete" });
  await remove.click();
  const dialog = page.getByRole("dialog", { name: "Delete harbour.jpg?" });
  await dialog.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Cancel", "the focus is on what is safe");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.ok(await remove.evaluate((link) => link === document.activeElement), "the focus is back");
  await remove.click();
  await dialog.getByRole("button", { name: "Delete image" }).click();
  await page.getByText("Image deleted.").waitFor();
  await until("one tile is left", async () => (await page.locator("#grid > li").count()) === 1);
}
