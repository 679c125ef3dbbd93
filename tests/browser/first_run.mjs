// The first walk of a newcomer, and D-01 to D-03: setting up and signing in.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BASE, PASSWORD, until } from "./visit.mjs";

const setupAddress = async (visit) => {
  const lines = await visit.harness("announced");
  return lines.map((line) => line.match(/http\S+\/dashboard\/setup\?code=\S+/)?.[0]).filter(Boolean);
};

async function fillSetup(page) {
  await page.getByLabel("Your name").fill("Mira Köhler");
  await page.getByLabel("E-mail").fill("mira@fernhill.example");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Account name").fill("Fernhill");
}

const deliveryUrl = async (page) => (await page.locator("#delivery-url").textContent()).trim();
const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

/** What a browser shows of a URL that somebody pastes into its address bar. */
async function shown(visit, url) {
  const context = await visit.person();
  const page = await context.newPage();
  const response = await page.goto(url);
  const size = await page.evaluate(() => {
    const image = document.querySelector("img");
    return image && [image.naturalWidth, image.naturalHeight];
  });
  return { context, page, status: response.status(), type: response.headers()["content-type"], size };
}

/** The first paragraph of what Darkroom promises, walked with a photograph. */
export async function walk(visit) {
  const { page } = visit;
  visit.expects(403);
  const [address] = await setupAddress(visit);
  await page.goto(address);
  await visit.shot("walk-1-setup");
  await fillSetup(page);
  await page.getByRole("button", { name: "Create admin and continue" }).click();
  await page.getByText("Add your first image").waitFor();
  await visit.shot("walk-2-empty");

  const photo = join(visit.folder(), "alpine-ridge.jpg");
  writeFileSync(photo, await visit.jpeg({ width: 3000, height: 2000, quality: 85 }));
  const client = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"])
    await client.send("Input.dispatchDragEvent", {
      type, x: 700, y: 450, data: { items: [], files: [photo], dragOperationsMask: 1 },
    });
  await page.getByRole("heading", { level: 1, name: "alpine-ridge.jpg" }).waitFor();
  await page.getByText("Your first image is live.").waitFor();
  const selected = await page.evaluate(() => getSelection().toString() || document.activeElement.value);
  assert.equal(selected.trim(), await deliveryUrl(page), "the delivery URL is selected");
  await stageShows(page);
  await visit.shot("walk-3-image");

  await page.getByRole("button", { name: "Copy URL" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const url = await clipboard(page);
  assert.equal(url, await deliveryUrl(page));
  const open = await shown(visit, url);
  assertDelivered(open, [1152, 768]);
  await visit.shot("walk-4-delivered", open.page);

  await page.getByRole("switch", { name: "Require signed URLs" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Require signed URLs" }).click();
  await page.getByRole("button", { name: "Copy signed URL" }).waitFor();
  await visit.shot("walk-5-private");
  assert.equal((await shown(visit, url)).status, 403);
  const refused = await shown(visit, url);
  await visit.shot("walk-6-refused", refused.page);

  await page.getByRole("button", { name: "Copy signed URL" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const signed = await clipboard(page);
  assert.match(signed, /[?&]exp=\d+&sig=[0-9a-f]{64}$/);
  const again = await shown(visit, signed);
  assertDelivered(again, [1152, 768]);
  await visit.shot("walk-7-signed", again.page);
}

// A browser that takes AVIF gets WebP until the AVIF, made in the background, is there.
function assertDelivered({ status, type, size }, expected) {
  assert.deepEqual([status, size], [200, expected]);
  assert.match(type, /^image\/(webp|avif)$/);
}

async function stageShows(page) {
  const image = page.locator("#stage img");
  await until("the picture is there", () => image.evaluate((picture) => picture.complete && picture.naturalWidth > 0));
}

export async function d01(visit) {
  const { page } = visit;
  visit.expects(404);
  let clicks = 0;
  let typed = 0;
  const click = async (target) => (clicks++, await target.click());
  const type = async (label, text) => (typed++, await page.getByLabel(label, { exact: true }).fill(text));
  let serverMs = 0;
  page.on("requestfinished", (request) => {
    const { requestStart, responseStart } = request.timing();
    serverMs += Math.max(0, responseStart - requestStart);
  });
  const [address] = await setupAddress(visit);
  await page.goto(address);
  await page.getByText(`Images will be served from ${BASE}`).waitFor();
  await type("Your name", "Mira Köhler");
  await type("E-mail", "mira@fernhill.example");
  await type("Password", PASSWORD);
  await type("Account name", "Fernhill");
  await click(page.getByRole("button", { name: "Create admin and continue" }));
  const chooser = page.waitForEvent("filechooser");
  await click(page.locator("main").getByRole("link", { name: "Choose files" }));
  const buffer = await visit.jpeg({ width: 2000, height: 1500, bytes: 2_000_000 });
  await (await chooser).setFiles([{ name: "first.jpg", mimeType: "image/jpeg", buffer }]);
  await page.getByRole("heading", { level: 1, name: "first.jpg" }).waitFor();
  await stageShows(page);
  const answer = await visit.answer(await deliveryUrl(page));
  assert.equal(answer.status, 200);
  assert.match(answer.type, /^image\//);
  assert.ok(clicks <= 5 && typed <= 4, `${clicks} clicks, ${typed} fields`);
  console.log(`D-01: ${clicks} clicks, ${typed} typed fields, server ${Math.round(serverMs)} ms (goal: below 3000)`);
  assert.equal(await visit.status(`${BASE}/dashboard/setup`), 404);
  assert.equal(await visit.status(address), 404);
}

export async function d02(visit) {
  const { page } = visit;
  visit.expects(403, 422, 429);
  const [address] = await setupAddress(visit);
  await page.goto(`${BASE}/dashboard/setup`);
  const code = page.getByLabel(/code/i);
  await code.waitFor();
  await page.getByText(/print/i).first().waitFor();
  assert.equal(await visit.harness("has_people"), false);
  const said = [];
  for (let i = 0; i < 6; i++) {
    await page.goto(`${BASE}/dashboard/setup`);
    await code.fill(`WR0N-G${i}23`);
    await page.getByRole("button", { name: "Continue" }).click();
    said.push(await page.locator("main").textContent());
  }
  assert.match(said.at(-1), /\d+ s|\d+ seconds?|minute/i, "further tries wait, and the page says how long");
  await visit.shot("setup-wait");
  assert.equal(await visit.harness("has_people"), false, "no admin was made");

  await visit.harness("advance", { seconds: 31 * 60 });
  await page.goto(address);
  await code.waitFor();
  assert.equal(await page.getByLabel("Your name").count(), 0, "the old code is refused");
  const printed = await setupAddress(visit);
  assert.ok(printed.length >= 2 && printed.at(-1) !== address, `a new code was printed: ${printed}`);
  await visit.harness("advance", { seconds: 60 }); // The old code was one more wrong try.
  await page.goto(printed.at(-1));
  await page.getByLabel("Your name").waitFor();
}

export async function d03(visit) {
  const { page } = visit;
  visit.expects(422, 429);
  const attempt = async (email) => {
    await page.goto(`${BASE}/dashboard/login`);
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password", { exact: true }).fill("certainly not this one");
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === "POST"),
      page.getByRole("button", { name: "Sign in" }).click(),
    ]);
    const summary = page.locator(".error-summary");
    await summary.waitFor();
    const waits = (await summary.locator("[data-wait-s]").count()) > 0;
    assert.equal(answer.status(), waits ? 429 : 422);
    assert.equal(await page.getByLabel("E-mail").inputValue(), email, "the e-mail stays in its field");
    assert.ok(await summary.evaluate((element) => element.contains(document.activeElement)), "focus is on the summary");
    return (await summary.textContent()).replace(/\s+/g, " ").trim();
  };
  const forMira = await attempt("mira@fernhill.example");
  assert.equal(await attempt("nobody@fernhill.example"), forMira, "both are told the same");
  await visit.shot("login-refused");
  let said = forMira;
  for (let i = 0; i < 5 && !/\d+ s/.test(said); i++) said = await attempt("mira@fernhill.example");
  assert.match(said, /\d+ s(econds)?/, "the page shows the seconds to wait");
  const failures = (await visit.harness("audit", { of: "session.start" })).filter(({ result }) => result === "refused");
  assert.equal(failures.filter(({ target }) => target === "person:mira@fernhill.example").length, 5, JSON.stringify(failures));
  assert.equal(failures.filter(({ target }) => target === "person:nobody@fernhill.example").length, 1);

  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".error-summary").waitFor();
  await visit.harness("unlock", { email: "mira@fernhill.example" });
  await visit.signIn("mira");
}
