// A visit of a person with a browser: pages that are watched for what must never happen, and the harness's address.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

export const BASE = process.env.DARKROOM_URL;
export const PASSWORD = "correct horse battery";
export const SHOTS = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));

/** How pages look depends on no set-up: it is judged on the first one alone. */
const judgesLooks = (process.env.TEST_SETUP || "sqlite-disk") === "sqlite-disk";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export class Visit {
  /** A browser with one page; the harness waits at HARNESS_URL. */
  static async begin(name) {
    assert.ok(process.env.CHROMIUM, "CHROMIUM must name the browser's program: `make test` installs and names it");
    assert.ok(Number(process.versions.node.split(".")[0]) >= 20, `Node 20 or newer is needed, not ${process.version}`);
    mkdirSync(SHOTS, { recursive: true });
    const visit = new Visit();
    visit.name = name;
    visit.problems = [];
    visit.expected = [];
    visit.contexts = [];
    visit.browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
    visit.context = await visit.person();
    visit.page = await visit.tab();
    return visit;
  }

  /** Somebody else, with cookies of their own. */
  async person(options = {}) {
    const viewport = { width: 1440, height: 900 };
    const context = await this.browser.newContext({ viewport, acceptDownloads: true, ...options });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: BASE });
    this.contexts.push(context);
    return context;
  }

  /** A page that is watched. */
  async tab(context = this.context) {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.addInitScript(() =>
      addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)),
    );
    page.on("console", (line) => {
      if (line.type() !== "error" && !/violat|Refused to/.test(line.text())) return;
      this.problems.push(`console: ${line.text()} (${line.location().url})`);
    });
    page.on("pageerror", (error) => {
      // A browser without time gives up fading one page into the next, and says so where nobody asked.
      if (/^Transition was (aborted|skipped)/.test(error.message)) return;
      this.problems.push(`error: ${error.stack || `${error.name} ${error.message}`}`);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!/^(data|blob|about):/.test(url) && new URL(url).origin !== BASE) this.problems.push(`foreign host: ${url}`);
    });
    return page;
  }

  /** Answers of these statuses belong to the scenario, so the browser's own notes of them are no fault. */
  expects(...statuses) {
    this.expected.push(...statuses.map(String));
  }

  /** Asks the harness. */
  async harness(act, rest = {}) {
    const response = await fetch(process.env.HARNESS_URL, { method: "POST", body: JSON.stringify({ act, ...rest }) });
    return response.json();
  }

  /** A drawn JPEG, made as long as asked by comments in it; each one has bytes of its own. */
  async jpeg({ width = 1200, height = 800, quality = 80, bytes = 0 } = {}) {
    const key = `${width}x${height}q${quality}`;
    this.drawn ??= {};
    const plain = (this.drawn[key] ??= Buffer.from(await this.harness("photo", { width, height, quality }), "base64"));
    return padded(plain, Math.max(bytes, plain.length + 40));
  }

  /** Signs somebody in and goes to the gallery. */
  async signIn(who = "ada", page = this.page) {
    await page.goto(`${BASE}/dashboard/login`);
    await page.getByLabel("E-mail").fill(`${who}@fernhill.example`);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();
  }

  /** Goes on where a page without JavaScript stands, because what ends every scenario needs it. */
  async withScript(page) {
    const cookies = await page.context().cookies();
    await this.context.addCookies(cookies);
    this.page = this.context.pages()[0];
    await this.page.goto(page.url());
    await page.context().close();
  }

  /** What a status of this URL is for a stranger. */
  async status(url, headers = {}) {
    return (await this.answer(url, headers)).status;
  }

  async answer(url, headers = {}) {
    const response = await fetch(url, { headers: { accept: "image/webp,image/*;q=0.8", ...headers }, redirect: "manual" });
    return { status: response.status, type: response.headers.get("content-type"), body: Buffer.from(await response.arrayBuffer()) };
  }

  /** Keeps a picture of the page. */
  async shot(name, page = this.page, options = {}) {
    if (!judgesLooks && !name.startsWith("failed-")) return;
    await page.screenshot({ path: join(SHOTS, `${name}.png`), ...options });
  }

  folder() {
    const folder = join(tmpdir(), `darkroom-${process.pid}-${Math.random().toString(36).slice(2)}`);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** What every scenario promises at its end. */
  async end() {
    if (judgesLooks) {
      await this.fits();
      await this.accessible();
    }
    assert.deepEqual(this.faults(), [], "console, policy and hosts");
  }

  faults() {
    return this.problems.filter((problem) => {
      const status = problem.match(/^console: Failed to load resource: .*status of (\d+)/)?.[1];
      const offline = /^console: Failed to load resource: net::ERR/.test(problem);
      return !(status && this.expected.includes(status)) && !(offline && this.expected.includes("offline"));
    });
  }

  /** Nothing scrolls sideways, from a wide screen to 320 pixels. */
  async fits(page = this.page, widths = [1440, 768, 390, 320]) {
    const before = page.viewportSize();
    for (const width of widths) {
      await page.setViewportSize({ width, height: 800 });
      const over = await page.evaluate(() => {
        const root = document.documentElement;
        if (root.scrollWidth <= root.clientWidth) return "";
        const scrolls = (e) => e.parentElement && (getComputedStyle(e.parentElement).overflowX !== "visible" || scrolls(e.parentElement));
        const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !scrolls(e));
        const shown = wide.slice(0, 5).map((e) => e.outerHTML.slice(0, 120)).join("\n");
        return `${root.scrollWidth} > ${root.clientWidth}: ${shown}`;
      });
      assert.equal(over, "", `${page.url()} scrolls sideways at ${width}`);
    }
    await page.setViewportSize(before);
  }

  /** axe finds nothing serious, in either theme. */
  async accessible(page = this.page) {
    const set = (theme) => page.evaluate((theme) => (document.documentElement.dataset.theme = theme), theme);
    const before = await page.evaluate(() => document.documentElement.dataset.theme);
    for (const theme of ["light", "dark"]) {
      await set(theme);
      await page.waitForTimeout(160); // Colours change within 120 ms, and axe reads what is painted.
      const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      const shown = serious.map((rule) => `${rule.id}: ${rule.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("\n")}`);
      assert.deepEqual(shown, [], `axe on ${page.url()} (${theme})`);
    }
    await set(before);
  }

  /** For a failed run: where the page is, what it shows, what went wrong behind it. */
  async report() {
    const text = await this.page.evaluate(() => document.body.innerText.slice(0, 3000)).catch(() => "");
    await this.shot(`failed-${this.name}`).catch(() => {});
    return `at ${this.page.url()}\n${text}\n--- problems:\n${this.problems.join("\n")}`;
  }

  async close() {
    await this.browser.close();
  }
}

/** A JPEG with comment segments after its first marker, filled by bytes that no other file has. */
export function padded(jpeg, bytes) {
  const segments = [];
  for (let left = bytes - jpeg.length; left > 4; ) {
    const length = Math.min(left, 65_000);
    const segment = Buffer.alloc(length, Math.random().toString(36));
    segment.writeUInt16BE(0xfffe, 0);
    segment.writeUInt16BE(length - 2, 2);
    segments.push(segment);
    left -= length;
  }
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

/** Waits until a question is answered by yes. */
export async function until(what, ask, within = 30_000) {
  const end = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what} did not happen within ${within} ms`);
    await new Promise((done) => setTimeout(done, 25));
  }
}
