// Small things that pages have in common: copy buttons, times, placeholders, passwords, theme, shortcuts.

import { byId, find, onPage, say, toast, token, visit } from "./swap.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button");
  if (!button) return;
  const { copy, copyFrom, copySecret, showPassword } = button.dataset;
  if (copyFrom) await give(button, textOf(byId(copyFrom)), byId(copyFrom));
  else if (copy) await give(button, copy);
  else if (copySecret) await copyHidden(button, copySecret);
  else if (showPassword) toggle(button, byId(showPassword));
});

const textOf = (element) => (element.value ?? element.textContent).trim();

/** Copies, and says so in place for 2 seconds; where the clipboard is refused, selects the text instead. */
async function give(button, text, element) {
  let words = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (element) select(element);
    words = element ? "Press Ctrl+C to copy" : "Copying is not allowed here";
  }
  const label = find("[data-label]", button);
  if (!label) return toast(words);
  say(words);
  label.dataset.before ??= label.textContent;
  label.textContent = words;
  clearTimeout(button.timer);
  button.timer = setTimeout(() => (label.textContent = label.dataset.before), 2000);
}

function select(element) {
  if (element.select) element.select();
  else getSelection().selectAllChildren(element);
}

/** A signing key goes from the server to the clipboard without being shown; where it needs the password, it asks. */
async function copyHidden(button, address) {
  const body = new URLSearchParams({ csrf: token(), copy: "1" });
  const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json", "X-Swap": "1" } })
    .then((response) => response.json())
    .catch(() => ({ error: "The server does not answer." }));
  if (answer.ok) await give(button, answer.value);
  else if (answer.code === "password") find("form", button.parentElement)?.requestSubmit();
  else toast(answer.error);
}

function toggle(button, field) {
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", !shown);
  button.textContent = shown ? "Show" : "Hide";
}

// Times: what was within 24 hours is told relatively, all else in the browser's zone.
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function tell(element) {
  const at = new Date(element.dateTime);
  if (isNaN(at)) return;
  const ago = (Date.now() - at) / 1000;
  const [unit, length] = ago < 3600 ? ["minute", 60] : ["hour", 3600];
  element.title = absolute.format(at);
  if (ago < 0 || ago > 86400) element.textContent = element.title;
  else element.textContent = ago < 45 ? "just now" : relative.format(-Math.round(ago / length), unit);
}

const tellAll = (root) => root.querySelectorAll("time[data-local]").forEach(tell);
setInterval(() => tellAll(document), 60_000);
onPage(tellAll);

// Placeholders stand behind pictures that have not come yet.
onPage(async (root) => {
  const waiting = [...root.querySelectorAll("img[data-thumbhash]")].filter((image) => !image.complete);
  if (!waiting.length) return;
  const { thumbHashToDataURL } = await import("./vendor/thumbhash.js");
  for (const image of waiting) {
    if (image.complete || !image.dataset.thumbhash) continue;
    const hash = Uint8Array.from(atob(image.dataset.thumbhash), (letter) => letter.charCodeAt(0));
    image.style.backgroundImage = `url(${thumbHashToDataURL(hash)})`;
    image.style.backgroundSize = "cover";
    image.addEventListener("load", () => (image.style.backgroundImage = ""), { once: true });
  }
});

// A revealed secret goes after its seconds; a wait counts down.
onPage((root) => {
  const secret = find("[data-hide-after]", root);
  if (secret) setTimeout(() => hide(secret), secret.dataset.hideAfter * 1000);
  const wait = find("[data-wait-s]", root);
  const timer = wait && setInterval(() => {
    const left = Math.max(0, (parseInt(wait.textContent) || 0) - 1);
    wait.textContent = left;
    if (!left || !wait.isConnected) clearInterval(timer);
  }, 1000);
});

function hide(secret) {
  if (!secret.isConnected) return;
  const dialog = secret.closest("dialog");
  if (dialog) dialog.close();
  else void visit(location.href);
}

onPage(() => {
  const field = find("#main [data-select]");
  if (field) select(field);
});

const THEMES = { system: ["light", "sun-moon"], light: ["dark", "sun"], dark: ["system", "moon"] };

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]")) return;
  event.preventDefault();
  const button = find("button", form);
  const theme = button.value;
  const [next, icon] = THEMES[theme];
  const body = new URLSearchParams(new FormData(form, button));
  void fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
  document.documentElement.dataset.theme = theme;
  button.value = next;
  button.setAttribute("aria-label", `Theme: ${theme}. Switch to ${next}`);
  find("use", button).setAttribute("href", `${document.body.dataset.icons}#${icon}`);
  say(`Theme: ${theme}`);
});

// A menu closes when the focus or the pointer goes elsewhere, and on Escape.
function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]"))
    if (event.key === "Escape" || (!event.key && !menu.contains(event.target))) menu.open = false;
}
for (const kind of ["click", "focusin", "keydown"]) document.addEventListener(kind, closeMenus);

document.addEventListener("keydown", (event) => {
  const special = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
  if (special || event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
  const keys = { "/": "#search", u: "[data-choose]", ArrowLeft: "#newer", ArrowRight: "#older", Escape: "#back" };
  const target = find(keys[event.key] ?? "no-key");
  if (!target) return;
  event.preventDefault();
  if (event.key === "/") target.focus();
  else target.click();
});
