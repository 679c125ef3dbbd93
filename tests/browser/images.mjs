// D-18 and D-21: signed URLs and the keys that sign them.
import assert from "node:assert/strict";
import { BASE, until } from "./visit.mjs";

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
