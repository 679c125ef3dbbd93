// The pages Delivery and Audit, and the check of a URL: schemes of other services, rules, who fetched what.
import assert from "node:assert/strict";
import { createHmac, createSign, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { BASE, until } from "./visit.mjs";

const soon = () => Math.floor(Date.now() / 1000) + 3600;

/** A URL signed as CloudFront's documentation says, by a canned policy. */
function cloudFront(url, keyPairId, privateKey, expires = soon()) {
  const policy = JSON.stringify({ Statement: [{ Resource: url, Condition: { DateLessThan: { "AWS:EpochTime": expires } } }] });
  const raw = createSign("RSA-SHA1").update(policy).sign(privateKey, "base64");
  const signature = raw.replaceAll("+", "-").replaceAll("=", "_").replaceAll("/", "~");
  return `${url}?Expires=${expires}&Signature=${signature}&Key-Pair-Id=${keyPairId}`;
}

/** A native URL with any constraints. */
function native(path, secret, constraints) {
  const query = new URLSearchParams({ exp: soon(), ...constraints }).toString().replaceAll("%3A", ":").replaceAll("%40", "@");
  const signature = createHmac("sha256", secret).update(`${path}?${query}`).digest("hex");
  return `${BASE}${path}?${query}&sig=${signature}`;
}

/** A picture of a dialog that has come to rest. */
async function shotOfDialog(visit, name) {
  await visit.page.waitForFunction(() => document.getAnimations().length === 0);
  await visit.shot(name);
}

const menu = (page, name) => page.getByRole("navigation", { name: "Main" }).getByRole("link", { name }).click();
const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

async function openDelivery(page) {
  await menu(page, "Delivery");
  await heading(page, "Delivery");
}

async function openScheme(page, title) {
  await openDelivery(page);
  await page.getByRole("link", { name: title, exact: true }).click();
  await heading(page, title);
}

async function changeMode(page, mode) {
  await page.getByRole("radio", { name: mode }).check();
  await page.getByRole("button", { name: "Change mode" }).click();
}

/** Switches a scheme on step by step: report, what it found, enforce; and its key off again. */
export async function schemes(visit) {
  const { page } = visit;
  visit.expects(403, 422);
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { path } = await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600, private: true });
  const url = cloudFront(`${BASE}${path}public`, "K2JCJMDEHXQW5F", privateKey);
  await visit.signIn("mira");
  await openScheme(page, "CloudFront");
  await page.getByText("No key yet, so no signature of CloudFront can be right.").waitFor();

  await page.getByRole("link", { name: "Add key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("old-cdn");
  await dialog.getByLabel("Key pair ID").fill("K2JCJMDEHXQW5F");
  await dialog.getByLabel("Public key").fill(privateKey.export({ type: "pkcs8", format: "pem" }));
  await dialog.getByRole("button", { name: "Add key" }).click();
  await dialog.locator("[aria-invalid=true]").waitFor();
  await dialog.getByText(/private key/).first().waitFor();
  await shotOfDialog(visit, "verifying-key-wrong");
  await dialog.getByLabel("Public key").fill(publicKey.export({ type: "spki", format: "pem" }));
  await dialog.getByRole("button", { name: "Add key" }).click();
  await page.getByText("Key added.").waitFor();
  await page.getByRole("row", { name: /old-cdn/ }).getByText("Never").waitFor();
  assert.equal(await visit.status(url), 403, "the scheme is off");

  await changeMode(page, "Report");
  await page.getByText("Signing scheme reports").waitFor();
  await page.getByText("Nothing in the last 7 days.").waitFor();
  for (let i = 0; i < 3; i++) assert.equal(await visit.status(url), 403, "report opens nothing");
  assert.equal(await visit.status(url.replace("Signature=", "Signature=A")), 403);
  await openScheme(page, "CloudFront");
  await page.getByRole("row", { name: /Would be accepted 3 3/ }).waitFor();
  await page.getByRole("row", { name: /bad_signature|malformed_signature/ }).waitFor();
  await visit.shot("scheme-report");

  await changeMode(page, "Enforce");
  const asked = page.getByRole("dialog", { name: "Let CloudFront open private images?" });
  await asked.getByRole("row", { name: /Would be accepted 3/ }).waitFor();
  await shotOfDialog(visit, "scheme-enforce-dialog");
  await visit.accessible();
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Cancel", "the focus is on what is safe");
  await asked.getByRole("button", { name: "Enforce" }).click();
  await page.getByText("Signing scheme enforced").waitFor();
  for (let i = 0; i < 2; i++) assert.equal(await visit.status(url), 200, "enforce opens");

  await openScheme(page, "CloudFront");
  const row = page.getByRole("row", { name: /old-cdn/ });
  await row.getByText("2 in 24 hours").waitFor();
  await row.getByText("2 in 7 days").waitFor();
  await row.getByText(/^public · 127\.0\.0\.1$/).waitFor();
  await visit.shot("scheme-enforced");
  await menu(page, "Signing keys");
  await page.getByRole("region", { name: "Keys of other services" }).getByRole("row", { name: /old-cdn.*CloudFront/ }).waitFor();
  await visit.shot("keys-foreign");

  await openScheme(page, "CloudFront");
  await page.getByRole("link", { name: "Revoke old-cdn" }).click();
  const revoke = page.getByRole("dialog", { name: "Revoke the key old-cdn?" });
  await revoke.getByText("about 2 requests a day will fail").waitFor();
  await shotOfDialog(visit, "verifying-key-revoke");
  await revoke.getByLabel("Type old-cdn to confirm").fill("old");
  await revoke.getByRole("button", { name: "Revoke now" }).click();
  await revoke.getByText("Type old-cdn to confirm.").waitFor();
  assert.equal(await visit.status(url), 200, "nothing was revoked");
  await revoke.getByLabel("Type old-cdn to confirm").fill("old-cdn");
  await revoke.getByRole("button", { name: "Revoke now" }).click();
  await page.getByText("Key revoked.").waitFor();
  assert.equal(await visit.status(url), 403);
  const acts = (await visit.harness("audit")).map(({ act }) => act);
  assert.ok(["verifying_key.add", "scheme.set", "verifying_key.revoke"].every((act) => acts.includes(act)), acts.join());
}

/** The check of a URL that is bound to an address, a page and a session; of one with a foreign scheme; never a secret. */
export async function checks(visit) {
  const { page } = visit;
  visit.expects(403, 422);
  const { path } = await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600, private: true });
  const secret = await visit.harness("secret", { name: "default" });
  const url = native(`${path}public`, secret, { "s-ip": "203.0.113.0/24", "s-ref": "*.shop.example", "s-sub": "ada@shop.example" });
  await visit.signIn("ada");
  await menu(page, "Check a URL");
  const verdict = page.locator("#verdict");
  const check = () => page.getByRole("button", { name: "Check" }).click();
  await page.getByRole("textbox", { name: "Delivery URL" }).fill(url);
  await check();
  await verdict.getByText("ip_mismatch").waitFor();
  await verdict.getByText("No address was given to judge it by").waitFor();

  await page.getByText("Who asks, and how").click();
  await page.getByRole("textbox", { name: "Address" }).fill("203.0.113.300");
  await check();
  await page.locator(".error-summary").getByText(/Type an address/).waitFor();
  await page.getByRole("textbox", { name: "Address" }).fill("203.0.113.24");
  await page.getByRole("textbox", { name: "Referer" }).fill("https://www.shop.example/page");
  await check();
  await verdict.getByRole("heading", { name: /^Valid until/ }).waitFor();
  for (const told of ["Native", "default", "ada@shop.example", "public"]) await verdict.getByText(told, { exact: true }).first().waitFor();
  await verdict.getByText(/^\/.*public\?exp=/).waitFor();
  await visit.shot("check-valid", page, { fullPage: true });
  await visit.accessible();

  await page.getByRole("textbox", { name: "Referer" }).fill("https://elsewhere.example/");
  await check();
  await verdict.getByText("referer_not_allowed").waitFor();
  await page.getByRole("textbox", { name: "Delivery URL" }).fill(url.replace("public?", "card?"));
  await check();
  await verdict.getByText("bad_signature").waitFor();
  await visit.shot("check-refused", page, { fullPage: true });
  await page.getByRole("textbox", { name: "Delivery URL" }).fill(`${BASE}/v7/somewhere/cat.jpg?w=100&ci_sign=0123456789abcdef01`);
  await check();
  await verdict.getByText("No account of this server has the mount /v7.").waitFor();
  assert.ok(!(await page.content()).includes(secret), "the page never holds the secret");
}

/** Rules, flexible variants in numbers, revocations. */
export async function rules(visit) {
  const { page } = visit;
  visit.expects(403, 422);
  const { path } = await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600 });
  const secret = await visit.harness("secret", { name: "default" });
  const hidden = await visit.harness("image", { name: "hidden.jpg", width: 900, height: 600, private: true });
  await visit.signIn("mira");
  await openDelivery(page);

  // Where objects lie on a disk nothing can be fetched from a bucket, and the field says so.
  const lent = page.getByLabel("Large files from the bucket");
  if (await lent.isDisabled()) await page.getByText("only a bucket can hand them out itself").waitFor();
  else await page.getByText("fetched from the bucket itself, by a redirect").waitFor();
  await page.getByLabel("Browser TTL", { exact: true }).fill("0");
  await page.getByLabel("Leeway").fill("61");
  await page.getByRole("button", { name: "Save rules" }).click();
  const summary = page.locator("#rules .error-summary");
  await summary.getByText("Type a time from 1 hour to 365 days.").waitFor();
  assert.ok(await summary.evaluate((it) => it === document.activeElement), "the focus is on what is wrong");
  await visit.shot("delivery-wrong", page, { fullPage: true });
  assert.equal(await page.getByLabel("Leeway").inputValue(), "61", "what was typed is kept");
  await page.getByLabel("Browser TTL", { exact: true }).fill("30");
  await page.getByLabel("Leeway").fill("5");
  await page.getByLabel("Parameters to ignore").fill("utm_*, fbclid");
  await page.getByRole("switch", { name: "Signed URLs must expire" }).uncheck();
  await page.getByRole("button", { name: "Save rules" }).click();
  await page.getByText("Rules saved.").waitFor();
  const answer = await fetch(`${BASE}${path}public`);
  assert.match(answer.headers.get("cache-control"), /max-age=2592000/);
  const changed = (await visit.harness("audit", { of: "account.set" })).map(({ target }) => target).sort();
  assert.deepEqual(changed, ["browser_ttl=2592000", "ignore_params=utm_*,fbclid", "leeway=5", "require_exp=false"]);

  const flexible = `${BASE}${path}w=100`;
  assert.equal(await visit.status(flexible), 403);
  await page.getByRole("radio", { name: /Open to everyone/ }).check();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const opens = page.getByRole("dialog", { name: "Open flexible variants to everyone?" });
  await opens.getByText("Private images still need a signature.").waitFor();
  await shotOfDialog(visit, "flexible-open-dialog");
  await opens.getByRole("button", { name: "Open to everyone" }).click();
  await page.getByText("Flexible variants changed.").waitFor();
  for (let i = 0; i < 3; i++) assert.equal(await visit.status(flexible), 200);
  await page.getByRole("radio", { name: "Signed Options" }).check();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  const closes = page.getByRole("dialog", { name: "Require a signature for options in the URL?" });
  await closes.getByText("Up to 3 requests in the last 24 hours used them unsigned and will answer 403.").waitFor();
  await shotOfDialog(visit, "flexible-signed-dialog");
  await closes.getByRole("button", { name: "Require signatures" }).click();
  await closes.waitFor({ state: "detached" });
  assert.equal(await visit.status(flexible), 403);

  const signed = native(`${hidden.path}public`, secret, { "s-sub": "ada@shop.example", "s-jti": "leaked-token" });
  assert.equal(await visit.status(signed), 200);
  await page.getByLabel("Token IDs").fill("leaked-token");
  await page.getByRole("button", { name: "Save revocations" }).click();
  await page.getByText("Revocations saved.").waitFor();
  assert.equal(await visit.status(signed), 403, "a revoked token opens nothing");
  await page.getByLabel("Token IDs").fill("");
  await page.getByLabel("Issued before (UTC)").fill("2026-11-14T10:40");
  await page.getByRole("button", { name: "Save revocations" }).click();
  const marks = page.getByRole("dialog", { name: "Refuse URLs by their time?" });
  await marks.getByText(/1 request.* in the last 24 hours/).waitFor();
  await shotOfDialog(visit, "revoked-dialog");
  await marks.getByRole("button", { name: "Refuse them" }).click();
  await marks.waitFor({ state: "detached" });
  assert.equal(await visit.status(signed), 403, "it does not say when it was issued");
}

/** The page about the API: for everybody, found from the menu, with every operation one click away. */
export async function apiDocs(visit) {
  const { page } = visit;
  await page.goto(`${BASE}/api/docs`);
  await heading(page, "API");
  assert.equal(await page.getByRole("button", { name: "Sign out" }).count(), 0, "nobody is signed in");
  await menu(page, /^Signed URLs/);
  await until("the address names the group", () => page.url().endsWith("#signed-urls"));
  const sign = page.locator("#sign");
  await sign.locator("summary").click();
  await sign.getByRole("row", { name: /expires_in_s/ }).first().getByText("Seconds from now").waitFor();
  await sign.getByText("urls:sign").waitFor();
  await visit.shot("api-docs-open", page, { fullPage: true });
  await visit.accessible();
  await page.locator("#getOriginal summary").click();
  await page.locator("#getOriginal").getByText("/storage/{account}/{image_id}").waitFor();
  await visit.signIn("mira");
  await menu(page, "API");
  await heading(page, "API");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  const before = await theme();
  await page.getByRole("button", { name: /^Theme/ }).click();
  await until("the theme is another", async () => (await theme()) !== before);
  assert.ok(page.url().includes("/api/docs"), "and the page is the same");
  await menu(page, "Dashboard");
  await heading(page, "Images");
}

/** Both lists of the audit log: filters in the address, what was fetched with which token, files. */
export async function audit(visit) {
  const { page } = visit;
  visit.expects(403, 422);
  const { path } = await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600, private: true });
  const secret = await visit.harness("secret", { name: "default" });
  const fine = native(`${path}public`, secret, { "s-sub": "ada@shop.example", "s-jti": "album-token" });
  for (let i = 0; i < 2; i++) assert.equal(await visit.status(fine), 200);
  assert.equal(await visit.status(fine.replace("album", "other")), 403);
  await visit.signIn("mira");
  await menu(page, "Signing keys");
  await page.getByRole("link", { name: "Create signing key" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("second");
  await page.getByRole("dialog").getByRole("button", { name: "Create signing key" }).click();
  await page.getByText("Signing key created.").waitFor();

  await menu(page, "Audit log");
  await heading(page, "Audit log");
  await page.getByRole("row", { name: /Signing key created.*key:second/ }).getByText("mira@fernhill.example").waitFor();
  await visit.shot("audit", page, { fullPage: true });
  await page.getByLabel("Act", { exact: true }).selectOption("key.create");
  await until("the address holds the filter", () => /act=key\.create/.test(page.url()));
  await until("one line is left", async () => (await page.locator(".table.log tbody tr").count()) === 1);
  await page.reload();
  assert.equal(await page.getByLabel("Act", { exact: true }).inputValue(), "key.create");
  await page.getByLabel("Person or API token").fill("nobody");
  await page.getByRole("heading", { name: "Nothing recorded in this period." }).waitFor();
  await page.getByRole("link", { name: "Clear filters" }).click();
  await until("all lines are back", async () => (await page.locator(".table.log tbody tr").count()) > 1);

  await page.getByRole("navigation", { name: "Lists" }).getByRole("link", { name: "Fetches" }).click();
  const fetched = page.getByRole("row", { name: /album-token/ });
  await fetched.getByText("Accepted").waitFor();
  assert.match(await fetched.innerText(), /default[\s\S]*Native[\s\S]*ada@shop\.example[\s\S]*\b2\b[\s\S]*127\.0\.0\.1/);
  await visit.shot("audit-fetches", page, { fullPage: true });
  await page.getByLabel("Verdict").selectOption("refused");
  await until("only refusals are left", async () => (await page.getByRole("row", { name: /album-token/ }).count()) === 0);
  await page.getByText("bad_signature").waitFor();
  await page.getByRole("link", { name: "Clear filters" }).click();
  await page.getByRole("link", { name: "album-token" }).click();
  await until("the address holds the token", () => /token_id=album-token/.test(page.url()));

  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
  assert.equal(file.suggestedFilename(), "fetches.csv");
  const lines = readFileSync(await file.path(), "utf8").trim().split("\r\n");
  assert.match(lines[0], /^last,image,variant,scheme,key,subject,token_id,verdict,requests,last_address$/);
  assert.match(lines[1], /,public,native,default,ada@shop\.example,album-token,ok,2,127\.0\.0\.1$/);
  assert.equal(lines.length, 2, "the file has the filters of the page");
}

/** All of it without JavaScript. */
export async function plainDelivery(visit) {
  const context = await visit.person({ javaScriptEnabled: false });
  const page = await visit.tab(context);
  visit.page = page;
  visit.expects(403, 422);
  const { path } = await visit.harness("image", { name: "alpine.jpg", width: 900, height: 600, private: true });
  const secret = await visit.harness("secret", { name: "default" });
  await visit.signIn("mira", page);
  await openDelivery(page);
  await page.getByLabel("Smallest prefix").fill("17");
  await page.getByRole("button", { name: "Save rules" }).click();
  await page.getByText("Nothing was saved yet:").waitFor();
  await page.getByLabel("Smallest prefix").fill("2");
  await page.getByRole("button", { name: "Save rules" }).click();
  await page.getByText("Rules saved.").waitFor();
  await page.getByRole("radio", { name: /^Off/ }).check();
  await page.getByRole("button", { name: "Change", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Switch flexible variants off?" }).waitFor();
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("Flexible variants changed.").waitFor();

  await openScheme(page, "thumbor");
  await page.getByRole("link", { name: "Add key" }).click();
  await page.getByLabel("Name").fill("moved");
  await page.getByLabel("Security key").fill("a secret of thumbor");
  await page.getByRole("button", { name: "Add key" }).click();
  await page.getByText("Key added.").waitFor();
  assert.ok(!(await page.content()).includes("a secret of thumbor"), "a secret is not shown again");
  await changeMode(page, "Enforce");
  await page.getByRole("heading", { level: 1, name: "Let thumbor open private images?" }).waitFor();
  await page.getByRole("button", { name: "Enforce" }).click();
  await page.getByText("Signing scheme enforced").waitFor();
  await page.getByRole("link", { name: "Retire moved" }).click();
  await page.getByRole("radio", { name: "1 day" }).check();
  await page.getByRole("button", { name: "Retire" }).click();
  await page.getByRole("row", { name: /moved Retiring in/ }).waitFor();
  await page.getByRole("link", { name: "Revoke moved" }).click();
  await page.getByRole("button", { name: "Revoke now" }).click();
  await page.getByRole("row", { name: /moved Revoked/ }).waitFor();

  await menu(page, "Check a URL");
  await page.getByRole("textbox", { name: "Delivery URL" }).fill(native(`${path}public`, secret, { "s-ip": "203.0.113.7" }));
  await page.getByText("Who asks, and how").click();
  await page.getByRole("textbox", { name: "Address" }).fill("203.0.113.7");
  await page.getByRole("button", { name: "Check" }).click();
  await page.getByRole("heading", { name: /^Valid until/ }).waitFor();

  await menu(page, "Audit log");
  await page.getByLabel("Act", { exact: true }).selectOption("verifying_key.revoke");
  await page.getByRole("button", { name: "Filter" }).click();
  await until("the address holds the filter", () => /act=verifying_key\.revoke/.test(page.url()));
  await page.getByRole("row", { name: /Key of another service revoked/ }).waitFor();
  await visit.withScript(page);
}
