// Replaces what a page shows by what another page of ours shows, so that what stands around it (the upload tray, the
// live region) lives on. The only file that turns text into HTML. Who clicks and submits is app.js.

const policy = globalThis.trustedTypes?.createPolicy("app", { createHTML: (text) => text });
const readers = [];
let newest = 0;
let mark = "";
let title = document.title;

/** What app.js lends: asks for the password in place, true once the session is alive again. */
export const lent = { signIn: async () => false };

export const find = (selector, root = document) => root.querySelector(selector);
export const byId = (id) => document.getElementById(id);
export const token = () => find('meta[name="csrf-token"]')?.content ?? "";

/** Calls `reader` with the document now, and with each region that is put in later. */
export function onPage(reader) {
  readers.push(reader);
  reader(document);
}

export function read(root) {
  for (const reader of readers) reader(root);
}

/** An element with properties and children. */
export function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Shows a message for 5 seconds, longer under the pointer or the focus. */
export function toast(text, className = "toast") {
  const line = make("p", { className, textContent: text });
  let timer;
  const start = () => (timer = setTimeout(() => line.remove(), 5000));
  for (const event of ["pointerenter", "focusin"]) line.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) line.addEventListener(event, start);
  start();
  byId("live")?.append(line);
}

/** Says something to screen readers only. */
export const say = (text) => toast(text, "visually-hidden");

/** Puts a mark before the title, as "(61%) ". */
export function markTitle(text) {
  mark = text;
  document.title = mark + title;
}

export function renewToken(fresh) {
  if (!fresh) return;
  find('meta[name="csrf-token"]')?.setAttribute("content", fresh);
  for (const input of document.querySelectorAll("input[name=csrf]")) input.value = fresh;
}

/** Fetches a page of ours; fails as `fetch` does where the server does not answer. */
export async function load(url, init = {}) {
  const bar = setTimeout(() => busy(true), 400);
  try {
    const response = await fetch(url, { ...init, headers: { Accept: "text/html", "X-Swap": "1" } });
    const ours = new URL(response.url).origin === location.origin;
    const html = ours && response.headers.get("content-type")?.startsWith("text/html");
    const text = html ? await response.text() : "";
    // Only answers of our own origin get here, and the server has escaped what people typed.
    const page = new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
    return { url: response.url, status: response.status, redirected: response.redirected, page, html };
  } finally {
    clearTimeout(bar);
    busy(false);
  }
}

function busy(on) {
  document.documentElement.toggleAttribute("data-busy", on);
  byId("main")?.setAttribute("aria-busy", on);
}

/** The same, but waits for a server that is gone and for a session that has ended. Nothing when somebody moved on. */
export async function loadPatiently(url) {
  const mine = ++newest;
  for (;;) {
    const answer = await load(url).catch(() => undefined);
    if (mine !== newest) return undefined;
    if (answer?.status === 401) {
      if (!(await lent.signIn())) return undefined;
    } else if (answer) return answer;
    else await countdown(() => mine === newest);
  }
}

async function countdown(waits) {
  const bar = make("div", { className: "banner warn", role: "alert" });
  byId("alerts")?.append(bar);
  for (let left = 5; left && waits(); left--) {
    bar.textContent = `The server does not answer. Trying again in ${left} s.`;
    await new Promise((done) => setTimeout(done, 1000));
  }
  bar.remove();
}

/** Goes to a page of the dashboard. `keep`: focus and scroll stay; `replace`: Back leads past this page. */
export async function visit(url, options = {}) {
  const answer = await loadPatiently(url);
  if (!answer) return;
  if (!answer.html || !find("#main", answer.page)) location.assign(url);
  else {
    if (options.replace) history.replaceState({ scroll: scrollY }, "", answer.url);
    else if (options.push !== false) push(answer.url);
    place(answer.page, options);
  }
}

export function push(url) {
  remember();
  if (url === location.href) history.replaceState({ scroll: 0 }, "");
  else history.pushState({ scroll: 0 }, "", url);
}

export const remember = () => history.replaceState({ scroll: scrollY }, "");

/** Puts a fetched page in the place of this one. */
export function place(page, { scroll = 0, keep = false } = {}) {
  const [focused, top] = [handle(document.activeElement), scrollY];
  const popover = keep && find("#main :popover-open")?.id;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const id of ["main", "menu", "topbar"]) {
    const fresh = page.getElementById(id);
    if (fresh) byId(id)?.replaceChildren(...fresh.childNodes);
  }
  if (find("#menu:popover-open")) byId("menu").hidePopover();
  for (const name in document.body.dataset) delete document.body.dataset[name];
  Object.assign(document.body.dataset, page.body.dataset);
  renewToken(find('meta[name="csrf-token"]', page)?.content);
  title = page.title;
  markTitle(mark);
  read(byId("main"));
  if (popover) byId(popover)?.showPopover();
  if (keep) stay(focused, top);
  else arrive(scroll);
  for (const line of page.querySelectorAll("#live .toast")) toast(line.textContent);
}

/** How to find a field again on the same page. */
function handle({ id, name, type, value }) {
  if (id) return `#${CSS.escape(id)}`;
  const which = type === "radio" ? `[value="${CSS.escape(value)}"]` : "";
  return name ? `#main [name="${CSS.escape(name)}"]${which}` : "";
}

function stay(focused, top) {
  const field = focused ? find(focused) : null;
  field?.focus({ preventScroll: true });
  scrollTo(0, top);
  if (field?.selectionEnd === 0) field.setSelectionRange(field.value.length, field.value.length);
  const news = byId("verdict-title") ?? byId("result");
  if (news) say(news.textContent.trim());
}

/** The focus goes to what is wrong, to what is to be used first, or to where reading begins. */
function arrive(scroll) {
  const main = byId("main");
  const wrong = find(".error-summary", main);
  const target = wrong ?? find("[autofocus], [data-select]", main) ?? find("h1", main) ?? main;
  if (target.tabIndex < 0) target.tabIndex = -1;
  target.focus({ preventScroll: true });
  scrollTo(0, scroll);
  wrong?.scrollIntoView({ block: "nearest" });
}
