// Pages that ask something, shown over the page that they were asked from; and the password asked in place.

import { byId, find, loadPatiently, make, read, renewToken, visit } from "./swap.js";

let asking;

/** Opens a page that holds `#dialog`; any other page is visited as usual. */
export async function open(url, opener) {
  const answer = await loadPatiently(url);
  const section = answer?.page.getElementById("dialog");
  if (section && answer.status < 400) show(section, opener);
  else if (answer) await visit(url);
}

/** Shows a section in the dialog that is open, or in a new one; the focus goes back to `opener` at the end. */
export function show(section, opener, dialog = find("dialog[open]")) {
  if (!dialog) {
    dialog = make("dialog", { className: "dialog" });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
    });
    document.body.append(dialog);
  }
  const heading = find("h1", section);
  if (heading) {
    dialog.setAttribute("aria-labelledby", heading.id);
    heading.replaceWith(make("h2", { id: heading.id, className: heading.className }, ...heading.childNodes));
  }
  dialog.replaceChildren(section);
  if (!dialog.open) dialog.showModal();
  read(dialog);
  const first = [".error-summary", "[aria-invalid=true]", "[autofocus]", "[data-close]"];
  first.map((selector) => find(selector, dialog)).find(Boolean)?.focus();
  return dialog;
}

/** Asks for the password, once for all who wait. True when the session is alive again. */
export function signIn() {
  asking ??= ask().finally(() => (asking = undefined));
  return asking;
}

function ask() {
  const template = byId("sign-in-template");
  if (!template) {
    location.assign("/dashboard/login");
    return Promise.resolve(false);
  }
  const section = template.content.cloneNode(true).firstElementChild;
  return new Promise((done) => {
    const before = document.activeElement;
    const dialog = show(section, before, null);
    dialog.addEventListener("close", () => done(false));
    dialog.addEventListener("submit", async (event) => {
      event.preventDefault();
      const refusal = await check(event.target);
      if (!refusal) {
        done(true);
        dialog.close();
      } else {
        const [line, field] = [find(".error-text", section), find("[type=password]", section)];
        Object.assign(line, { textContent: refusal, hidden: false, role: "alert" });
        field.setAttribute("aria-invalid", true);
        field.setAttribute("aria-describedby", line.id);
        field.select();
      }
    });
  });
}

/** Sends the password; nothing where it was right, else the words to show. */
async function check(form) {
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch("/dashboard/login", { method: "POST", body, headers: { Accept: "application/json" } });
    const { ok, csrf, error } = await response.json();
    if (ok) renewToken(csrf);
    return ok ? "" : error;
  } catch {
    return "The server does not answer. Try again.";
  }
}
