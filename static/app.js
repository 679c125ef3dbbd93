// The entry of every page: follows links and sends forms of the dashboard by swapping, and loads the rest.
// Each of them works as plain HTML too.

import { byId, find, lent, load, onPage, place, push, remember, renewToken, visit } from "./swap.js";
import "./controls.js";

const running = new WeakSet();
const changed = new Set();
let shown = location.href;
let typing;

lent.signIn = async () => (await import("./dialog.js")).signIn();

const inside = (url) => url.origin === location.origin && url.pathname.startsWith("/dashboard/");
const posts = (form) => form.getAttribute("method")?.toLowerCase() === "post";

/** The page that may not be swapped: signing in and out change who is there, downloads are no pages. */
const plain = (element, url) =>
  !inside(url) ||
  !byId("menu") ||
  /^\/dashboard\/(log|setup)/.test(url.pathname) ||
  element.matches("[data-noswap], [download], [target]");

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[href]");
  const special = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || special || event.defaultPrevented) return;
  const url = new URL(link.href);
  if (link.matches("dialog [data-close]")) {
    event.preventDefault();
    link.closest("dialog").close();
  } else if (!plain(link, url) && !(url.hash && url.href.split("#")[0] === location.href.split("#")[0])) {
    event.preventDefault();
    if (link.matches("[data-dialog]")) (await import("./dialog.js")).open(url.href, link);
    else if (mayLeave()) await visit(url.href);
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const from = event.submitter;
  if (event.defaultPrevented || form.method === "dialog") return;
  if (running.has(form)) return event.preventDefault(); // A second submit while one runs is ignored.
  const url = new URL(from?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", location.href);
  if (plain(form, url)) {
    running.add(form);
    changed.clear();
    return;
  }
  event.preventDefault();
  running.add(form);
  try {
    if (posts(form)) await post(form, from, url);
    else await get(form, from, url);
  } finally {
    running.delete(form);
  }
});

async function get(form, from, url) {
  url.search = new URLSearchParams([...new FormData(form, from)].filter(([, value]) => value !== ""));
  if (form.matches("[data-dialog]")) (await import("./dialog.js")).open(url.href, from);
  else await visit(url.href, form.matches("[data-live]") ? { keep: true, replace: form.typed } : {});
}

async function post(form, from, url) {
  try {
    const answer = await load(url, { method: "POST", body: new URLSearchParams(new FormData(form, from)) });
    if (answer.status !== 401) await take(form, from, answer);
    else if (await lent.signIn()) await post(form, from, url);
  } catch {
    refuse(form, "The server does not answer. What you typed is still here: try again.");
  }
}

/** What the server made of a form: a page, a question over this one, the form with its errors, or a refusal. */
async function take(form, from, { url, status, redirected, page, html }) {
  const section = page.getElementById("dialog");
  // Whoever has to wait for the next try gets the form as well.
  const isForm = status === 422 || (status === 429 && find(".error-summary", page));
  if (!html || (status >= 400 && !isForm)) {
    const words = find("#main .lead", page)?.textContent.trim();
    refuse(form, words || `The server answered ${status}. Nothing was changed.`);
  } else if (section && (form.closest("dialog") || form.matches("[data-dialog]"))) {
    (await import("./dialog.js")).show(section, from);
    renewToken(find('meta[name="csrf-token"]', page)?.content);
  } else {
    changed.clear();
    const keep = form.matches("[data-swap]") && status < 400 && new URL(url).pathname === location.pathname;
    if (redirected || new URL(url).pathname !== location.pathname) push(url);
    place(page, { keep });
  }
}

function refuse(form, words) {
  find(".form-problem", form)?.remove();
  const line = Object.assign(document.createElement("p"), { className: "banner danger form-problem", role: "alert" });
  line.textContent = words;
  form.prepend(line);
}

// Filters and the builder answer while they are used.
for (const kind of ["change", "input"])
  document.addEventListener(kind, (event) => {
    const field = event.target;
    const form = field.form;
    if (form?.matches("[data-guard]")) changed.add(form);
    const typed = field.matches("[type=search], [type=text]");
    if (!form?.matches("[data-live]") || (kind === "input") !== typed) return;
    form.typed = typed; // Each letter is no step that Back should undo.
    clearTimeout(typing);
    typing = setTimeout(() => form.isConnected && form.requestSubmit(), typed ? 250 : 0);
  });

/** Leaving a changed form asks. */
function mayLeave() {
  const asks = [...changed].some((form) => form.isConnected);
  if (asks && !confirm("Leave this page? What you changed is not saved.")) return false;
  changed.clear();
  return true;
}

addEventListener("beforeunload", (event) => {
  if ([...changed].some((form) => form.isConnected)) event.preventDefault();
});
addEventListener("pageshow", () => {
  for (const form of document.forms) running.delete(form);
});

history.scrollRestoration = "manual";
if (history.state?.scroll) scrollTo(0, history.state.scroll);
addEventListener("scrollend", remember);
addEventListener("pagehide", remember);
addEventListener("popstate", async (event) => {
  if (location.href.split("#")[0] === shown.split("#")[0]) return;
  if (mayLeave()) await visit(location.href, { push: false, scroll: event.state?.scroll });
  else history.pushState({ scroll: scrollY }, "", shown);
});

onPage(async () => {
  shown = location.href;
  const { page, uploadUrl } = document.body.dataset;
  if (uploadUrl) await import("./intake.js");
  if (page === "image") (await import("./image.js")).start();
});
