// D-25, the budgets of the pages, and every act without JavaScript.
import assert from "node:assert/strict";
import { BASE, until } from "./visit.mjs";

/** The account's id, from the address of the gallery. */
const account = (page) => new URL(page.url()).pathname.split("/")[2];

/** Every page that exists, by a short name; `id` is an image's. */
function pages(a, id) {
  const own = `/dashboard/${a}`;
  const image = encodeURIComponent(id);
  return {
    images: `${own}/images`,
    filtered: `${own}/images?access=signed`,
    nothing: `${own}/images?q=nothing-begins-like-this`,
    upload: `${own}/images/upload`,
    image: `${own}/image?id=${image}`,
    "image-options": `${own}/image?id=${image}&variant=%3D&width=600&height=600&fit=cover&blur=3`,
    edit: `${own}/image/edit?id=${image}`,
    privacy: `${own}/image/privacy?id=${image}`,
    focus: `${own}/image/focus?id=${image}`,
    delete: `${own}/image/delete?id=${image}`,
    variants: `${own}/variants`,
    "variants-new": `${own}/variants/new`,
    variant: `${own}/variants/public`,
    keys: `${own}/keys`,
    "keys-new": `${own}/keys/new`,
    "keys-rotate": `${own}/keys/default/rotate`,
    "keys-revoke": `${own}/keys/default/revoke`,
    check: `${own}/check`,
    delivery: `${own}/delivery`,
    scheme: `${own}/delivery/schemes/edgeauth`,
    "scheme-key-new": `${own}/delivery/schemes/gcs/keys/new`,
    audit: `${own}/audit`,
    "audit-fetches": `${own}/audit/fetches`,
    "audit-nothing": `${own}/audit?act=nothing`,
    "api-docs": "/api/docs",
    missing: `${own}/image?id=nothing-here`,
  };
}

/** Everything that one can hit, with its size; links within a sentence have the size of their text (WCAG 2.5.8). */
const smallTargets = (page, least) =>
  page.evaluate((least) => {
    const inSentence = (e) => e.matches("a") && getComputedStyle(e).display === "inline" && e.parentElement.matches("p, dd, td, li, label, span");
    const hit = (e) => (e.matches("input[type=radio], input[type=checkbox]") && e.labels[0]) || e;
    const found = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")];
    return found
      .filter((e) => !inSentence(e) && !e.matches(".skip-link, .visually-hidden") && e.checkVisibility({ visibilityProperty: true }))
      .map((e) => [hit(e).getBoundingClientRect(), e])
      .filter(([box]) => box.width > 1 && (box.height < least - 0.5 || box.width < least - 0.5))
      .map(([box, e]) => `${Math.round(box.width)}×${Math.round(box.height)} ${e.outerHTML.slice(0, 140)}`);
  }, least);

export async function d25(visit) {
  visit.expects(404);
  for (const name of ["alpine-ridge.jpg", "harbour-evening.jpg", "citrus-set-03.jpg"])
    await visit.harness("image", { name, width: 1200, height: 800, private: name.startsWith("harbour") });
  const [{ id }] = await visit.harness("images");
  const modes = [
    { name: "1440", viewport: { width: 1440, height: 900 } },
    { name: "390", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  ];
  const headings = {};
  const wrong = []; // All pages are looked at before the first fault stops the test.
  const note = (look) => look.catch((fault) => wrong.push(fault.message));
  for (const { name: width, ...options } of modes) {
    for (const theme of ["light", "dark"]) {
      const context = await visit.person({ ...options, reducedMotion: "reduce" });
      const page = await visit.tab(context);
      await page.goto(`${BASE}/dashboard/login`);
      await visit.shot(`login-${width}-${theme}`, page);
      await context.addCookies([{ name: "theme", value: theme, url: BASE }]);
      await visit.signIn("mira", page);
      for (const [name, path] of Object.entries(pages(account(page), id))) {
        const answer = await page.goto(BASE + path);
        assert.match(await answer.text(), new RegExp(`<html[^>]*data-theme="${theme}"`), "the first paint has the theme");
        await until("pictures are there", () =>
          page.evaluate(() => [...document.images].every((image) => image.complete || image.loading === "lazy")));
        await visit.shot(`${name}-${width}-${theme}`, page);
        assert.deepEqual(await page.evaluate(() => document.getAnimations().length), 0, `nothing moves on ${path}`);
        assert.equal(await page.locator("h1").count(), 1, `one heading on ${path}`);
        headings[name] = await page.locator("h1").textContent();
        if (theme === "light") {
          const small = await smallTargets(page, width === "390" ? 44 : 24);
          if (small.length) wrong.push(`targets on ${path} at ${width}:\n${small.join("\n")}`);
          await note(visit.fits(page, width === "390" ? [390, 320] : [1440, 768]));
        }
        if (width === "1440" && theme === "light") await note(visit.accessible(page));
      }
      await context.close();
    }
  }

  assert.equal(wrong.join("\n\n"), "");

  // The theme of a person who has chosen none is the system's; the toggle holds.
  const context = await visit.person({ colorScheme: "dark" });
  const page = await visit.tab(context);
  await visit.signIn("mira", page);
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  assert.equal(await ground(), "rgb(19, 19, 18)", "system: dark");
  await page.getByRole("button", { name: /^Theme/ }).click();
  await until("the theme is another", async () => (await page.evaluate(() => document.documentElement.dataset.theme)) !== "system");
  const chosen = await page.evaluate(() => document.documentElement.dataset.theme);
  await until("the cookie holds it", async () => (await context.cookies()).some(({ name, value }) => name === "theme" && value === chosen));
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), chosen);
  await context.close();

  const plain = await visit.person({ javaScriptEnabled: false });
  const still = await visit.tab(plain);
  await visit.signIn("mira", still);
  for (const [name, path] of Object.entries(pages(account(still), id))) {
    await still.goto(BASE + path);
    assert.equal(await still.locator("h1").textContent(), headings[name], `${path} without JavaScript`);
    assert.ok((await still.locator("main").innerText()).length > 30, `${path} shows its content without JavaScript`);
  }
  await visit.withScript(still);
}

export async function plain(visit) {
  const context = await visit.person({ javaScriptEnabled: false });
  const page = await visit.tab(context);
  visit.page = page;
  visit.expects(403, 404, 422);
  for (let i = 1; i <= 62; i++) await visit.harness("image", { name: `page-${i}.jpg`, width: 60, height: 40, private: i === 5 });
  await visit.signIn("mira");

  await page.getByRole("link", { name: "Upload", exact: true }).first().click();
  await page.locator("main input[type=file]").setInputFiles({ name: "plain.jpg", mimeType: "image/jpeg", buffer: await visit.jpeg() });
  await page.locator("main").getByRole("button", { name: /^Upload/ }).click();
  await page.getByRole("link", { name: "plain.jpg" }).waitFor();

  const gallery = `${BASE}/dashboard/${account(page)}/images`;
  const names = () => page.locator("#grid > li").allTextContents();
  const shows = (number) => until(`${number} tiles are there`, async () => (await names()).length === number);
  await page.goto(gallery);
  await shows(60);
  await page.getByRole("link", { name: /Older/ }).click();
  await shows(3);
  await page.getByRole("link", { name: /Newer/ }).click();
  await shows(60);
  assert.match((await names())[0], /plain\.jpg/);

  await page.getByRole("searchbox").fill("page-6");
  await page.getByRole("button", { name: /Search|Filter|Apply/ }).first().click();
  await shows(4); // page-6, page-60, page-61, page-62
  await page.goto(`${gallery}?access=signed`);
  await shows(1);

  await page.goto(`${gallery}?q=plain`);
  await page.getByRole("link", { name: /plain\.jpg/ }).click();
  const url = (await page.locator("#delivery-url").textContent()).trim();
  assert.equal(await visit.status(url), 200);
  await page.getByRole("button", { name: /Add/ }).click();
  await page.locator("[name=meta_key]").last().fill("product");
  await page.locator("[name=meta_value]").last().fill("SKU-1");
  await page.locator("#metadata-form").getByRole("button", { name: "Save" }).click();
  await page.getByText("Metadata saved.").waitFor();
  assert.equal(await page.locator("[name=meta_value]").first().inputValue(), "SKU-1");

  await page.getByRole("link", { name: "Edit" }).first().click();
  await page.getByLabel(/^(File )?name/i).fill("renamed.jpg");
  await page.locator("main").getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { level: 1, name: "renamed.jpg" }).waitFor();

  await page.locator("#focus").click();
  await page.getByLabel(/From the left/).fill("30");
  await page.getByLabel(/From the top/).fill("45.5");
  await page.locator("main").getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("30% from the left, 45.5% from the top.").waitFor();
  await page.locator("#focus").click();
  await page.locator("main").getByRole("button", { name: "Remove" }).click();
  await page.getByText("None: crops keep the middle in view.").waitFor();

  await page.getByRole("switch", { name: "Require signed URLs" }).click();
  await page.locator("main").getByRole("button", { name: "Require signed URLs" }).click();
  await page.getByText("The image is private.").waitFor();
  assert.equal(await visit.status(url), 403, "private holds on the next request");
  const signed = (await page.locator("#delivery-url").textContent()).trim();
  assert.equal(await visit.status(signed), 200);

  await page.getByRole("link", { name: "Delete" }).first().click();
  await page.locator("main").getByRole("button", { name: "Delete image" }).click();
  await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();
  await page.getByText("Image deleted.").waitFor();
  assert.equal(await visit.status(signed), 404);

  await page.goto(`${BASE}/dashboard/${account(page)}/keys/new`);
  await page.locator("main").getByLabel(/name/i).fill("second");
  await page.locator("main").getByRole("button", { name: /Create/ }).click();
  await page.getByText("second").first().waitFor();
  await page.goto(`${BASE}/dashboard/${account(page)}/keys/second/revoke`);
  await page.getByText("No requests in the last 24 hours").waitFor();
  await page.getByRole("button", { name: "Revoke now" }).click();
  await page.getByRole("heading", { level: 1, name: "Signing keys" }).waitFor();
  await page.getByRole("row", { name: /second/ }).getByText("Revoked").waitFor();

  await page.goto(`${BASE}/dashboard/${account(page)}/variants/new`);
  await page.getByLabel("Name", { exact: true }).fill("hero");
  await page.getByLabel("Width", { exact: true }).fill("1600");
  await page.getByText("Light and colour").click();
  await page.getByLabel("Blur", { exact: true }).fill("3");
  await page.getByRole("button", { name: "Create variant" }).click();
  await page.getByText("Variant created.").waitFor();
  await page.getByRole("link", { name: "Edit hero" }).click();
  assert.equal(await page.getByLabel("Blur", { exact: true }).inputValue(), "3");
  await page.getByLabel("Width", { exact: true }).fill("0");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/Width must be/).first().waitFor();
  await page.goto(`${BASE}/dashboard/${account(page)}/variants/hero/delete`);
  await page.getByRole("button", { name: "Delete variant" }).click();
  await page.getByText("Variant deleted.").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  const answer = await page.goto(gallery);
  assert.match(answer.url(), /\/dashboard\/login/);

  await visit.withScript(page);
}

/** A page loaded by somebody who has nothing in the cache: bytes on the line, requests, layout shift. */
async function weigh(page, path) {
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  const requests = new Map();
  client.on("Network.responseReceived", ({ requestId, response, type }) => {
    requests.set(requestId, { url: response.url, type, bytes: 0, cached: response.fromDiskCache });
  });
  client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (requests.has(requestId)) requests.get(requestId).bytes = encodedDataLength;
  });
  await page.goto(BASE + path, { waitUntil: "networkidle" });
  const shift = await page.evaluate(
    () =>
      new Promise((done) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value))).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done(sum), 100);
      }),
  );
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  await client.detach();
  const all = [...requests.values()].filter(({ url }) => url.startsWith("http"));
  const bytes = all.reduce((sum, request) => sum + request.bytes, 0);
  return { all, bytes, shift, paint };
}

export async function budgets(visit) {
  for (let i = 1; i <= 60; i++) await visit.harness("image", { name: `budget-${i}.jpg`, width: 900, height: 600 });
  const [{ id }] = await visit.harness("images");
  await visit.signIn("mira");
  const a = account(visit.page);
  const cookies = await visit.context.cookies();
  const fresh = async () => {
    const context = await visit.person();
    await context.addCookies(cookies);
    return visit.tab(context);
  };

  const { images, upload, keys, check, delivery, scheme, audit } = pages(a, id);
  for (const path of ["/dashboard/login", upload, keys, `${keys}/new`, check, delivery, scheme, audit]) {
    const page = path === "/dashboard/login" ? await visit.tab(await visit.person()) : await fresh();
    const first = await weigh(page, path);
    const second = await weigh(page, path);
    console.log(`${path.replace(a, "{a}")}: ${first.all.length} requests, ${first.bytes} bytes, again ${second.bytes}; ` +
      `shift ${first.shift.toFixed(3)}; first paint ${Math.round(first.paint)} ms (goal: 500)`);
    assert.ok(first.bytes <= 45_000, `${path}: ${first.bytes} bytes`);
    assert.ok(first.all.length <= 8, `${path}: ${first.all.map(({ url }) => url).join(" ")}`);
    assert.ok(second.bytes <= 15_000, `${path} again: ${second.bytes} bytes`);
    assert.ok(first.shift <= 0.02, `${path}: layout shift ${first.shift}`);
    await page.context().close();
  }

  const page = await fresh();
  const gallery = await weigh(page, images);
  const of = (test) => gallery.all.filter(test);
  const sum = (list) => list.reduce((total, { bytes }) => total + bytes, 0);
  const html = of(({ type }) => type === "Document");
  const pictures = of(({ type }) => type === "Image").filter(({ url }) => !/\/static\//.test(url));
  const median = pictures.map(({ bytes }) => bytes).sort((x, y) => x - y)[Math.floor(pictures.length / 2)];
  const scripts = of(({ url }) => /\/static\/[^/]*\.js$/.test(url));
  const vendor = of(({ url }) => /\/static\/vendor\/.*\.js$/.test(url));
  const css = of(({ url }) => /\.css$/.test(url));
  const icons = of(({ url }) => /icons[^/]*\.svg$/.test(url));
  const visible = await page.evaluate(() =>
    [...document.querySelectorAll("#grid img")].filter((image) => image.getBoundingClientRect().top < innerHeight).map((image) => image.src));
  const firstView = sum(pictures.filter(({ url }) => visible.includes(url)));
  console.log(`gallery of 60: HTML ${sum(html)}, scripts ${sum(scripts)}, vendor ${sum(vendor)}, CSS ${sum(css)}, icons ${sum(icons)}, ` +
    `tile median ${median}, first view ${firstView}; shift ${gallery.shift.toFixed(3)}; first paint ${Math.round(gallery.paint)} ms (goal: 500)`);
  assert.ok(sum(html) <= 12_000, "gallery HTML for 60 images ≤ 12 KB");
  assert.ok(median <= 14_000, "thumbnails' median ≤ 14 KB");
  assert.ok(firstView <= 300_000, "pictures of the first view ≤ 300 KB");
  assert.ok(sum(css) <= 12_500, "app.css ≤ 12 KB");
  assert.ok(sum(icons) <= 4_400, "icons ≤ 4 KB");
  assert.ok(sum(scripts) <= 9_000 + 300 * scripts.length, "own JS on a page ≤ 9 KB, heads of answers apart");
  assert.ok(sum(vendor) <= 2_000 + 300, "vendored ≤ 2 KB");
  assert.ok(gallery.shift <= 0.02, `layout shift ${gallery.shift}`);
  await ownScripts(page);
}

/** All own scripts together, also those that load on demand: found by following what imports what. */
async function ownScripts(page) {
  const seen = new Map();
  const queue = await page.locator("script[src]").evaluateAll((all) => all.map((script) => script.src));
  while (queue.length) {
    const url = queue.pop();
    if (seen.has(url) || url.includes("/vendor/")) continue;
    const response = await page.request.get(url, { headers: { "accept-encoding": "gzip" } });
    const length = Number(response.headers()["content-length"]);
    const text = await response.text();
    assert.equal(response.headers()["content-encoding"], "gzip", url);
    seen.set(url, length);
    for (const [, found] of text.matchAll(/"(\/static\/[^"]+\.js)"/g)) queue.push(new URL(found, url).href);
  }
  const total = [...seen.values()].reduce((sum, length) => sum + length, 0);
  console.log(`own scripts: ${[...seen].map(([url, length]) => `${url.split("/").pop()} ${length}`).join(", ")}; ${total} in all`);
  assert.ok(total <= 16_384, `all own JS ≤ 16 KB: ${total}`);
}
