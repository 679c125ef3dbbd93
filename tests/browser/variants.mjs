// D-17, D-20: options tried on an image, and variants made, used and deleted.
import assert from "node:assert/strict";
import { BASE, until } from "./visit.mjs";

const deliveryUrl = async (page) => (await page.locator("#delivery-url").textContent()).trim();
const account = (page) => new URL(page.url()).pathname.split("/")[2];
const size = (page, url, headers = {}) =>
  page.evaluate(
    async ([url, headers]) => {
      const answer = await fetch(url, { headers });
      const picture = await createImageBitmap(await answer.blob());
      return [picture.width, picture.height];
    },
    [url, headers],
  );

export async function d17(visit) {
  const { page } = visit;
  visit.expects(403);
  await visit.harness("image", { name: "ridge.jpg", width: 3000, height: 2000 });
  await visit.signIn("mira");
  await page.locator("#grid").getByRole("link", { name: /ridge/ }).first().click();
  await page.getByRole("radio", { name: /^Options/ }).check();
  await page.getByText("Options in the URL need a signature in this account.").waitFor();
  await page.getByLabel("Width", { exact: true }).fill("600");
  await page.getByLabel("Height", { exact: true }).fill("600");
  await page.getByLabel("Quality", { exact: true }).fill("60");
  await page.getByLabel("Fit", { exact: true }).selectOption("cover");
  const all = ["w=600", "h=600", "fit=cover", "quality=60"];
  await until("the URL has every option", async () => {
    const url = await deliveryUrl(page);
    return all.every((option) => url.includes(option));
  });
  await page.getByText("600 × 600").first().waitFor();
  const shown = page.locator("#stage img");
  assert.deepEqual(await shown.evaluate((image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])), [600, 600]);
  await visit.shot("image-options");
  await page.getByRole("button", { name: "Copy signed URL" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const url = await page.evaluate(() => navigator.clipboard.readText());
  assert.deepEqual(await size(page, url, { Accept: "image/webp" }), [600, 600]);
  assert.equal(await visit.status(url.replace(/\?.*/, "")), 403);
  await page.goto(page.url());
  assert.ok(await page.getByRole("radio", { name: /^Options/ }).isChecked(), "the address opens the same state");
  assert.equal(await page.getByLabel("Width", { exact: true }).inputValue(), "600");

  await page.getByLabel("Width", { exact: true }).fill("wide");
  await page.getByText("Fix the options to get a URL.").waitFor();
  await page.getByText(/Width must be a whole number/).first().waitFor();
  await page.getByLabel("Width", { exact: true }).fill("500");
  await until("the URL is back", async () => (await page.locator("#delivery-url").count()) === 1);
  await page.locator("#save-as").click();
  await page.getByRole("heading", { level: 1, name: "Create a variant" }).waitFor();
  assert.equal(await page.getByLabel("Width", { exact: true }).inputValue(), "500");
}

export async function d20(visit) {
  const { page } = visit;
  visit.expects(403, 422);
  await visit.harness("image", { name: "ridge.jpg", width: 3000, height: 2000 });
  await visit.signIn("mira");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Variants" }).click();
  await page.getByRole("heading", { level: 1, name: "Variants" }).waitFor();
  const create = async (name) => {
    await page.goto(`${BASE}/dashboard/${account(page)}/variants/new`);
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("Width", { exact: true }).fill("1600");
    await page.getByLabel("Height", { exact: true }).fill("900");
    await page.getByLabel("Fit", { exact: true }).selectOption("crop");
    await page.getByRole("button", { name: "Create variant" }).click();
  };
  await create("hero");
  await page.getByText("Variant created.").waitFor();
  await page.getByRole("row", { name: /hero/ }).getByText("1600 × 900, crop").waitFor();
  await create("hero");
  await page.getByText("There is a variant of this name.").first().waitFor();
  assert.equal(await page.getByLabel("Width", { exact: true }).inputValue(), "1600", "nothing typed is lost");
  await create("a=b");
  await page.getByText(/letters/).first().waitFor();
  await visit.shot("variant-refused");

  const [{ id }] = await visit.harness("images");
  await page.goto(`${BASE}/dashboard/${account(page)}/image?id=${encodeURIComponent(id)}&variant=hero`);
  const url = await deliveryUrl(page);
  for (let i = 0; i < 5; i++) assert.equal(await visit.status(url), 200);
  assert.deepEqual(await size(page, url), [1600, 900]);
  await page.goto(`${BASE}/dashboard/${account(page)}/variants`);
  assert.equal(await page.getByRole("link", { name: "Delete public" }).count(), 0);
  await page.getByRole("link", { name: "Delete hero" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/[56] requests in the last 30 days/).waitFor();
  await dialog.getByRole("button", { name: "Delete variant" }).click();
  await dialog.getByLabel("Type hero to confirm").fill("hero");
  await visit.shot("variant-delete");
  await dialog.getByRole("button", { name: "Delete variant" }).click();
  await page.getByText("Variant deleted.").waitFor();
  assert.equal(await visit.status(url), 403);
}
