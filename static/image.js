// The image page: rows of metadata come and go in place, and the meter follows what is typed.

import { byId, find, onPage } from "./swap.js";

const bytes = new TextEncoder();
let started = false;

/** Begins once; swaps of the page are followed from then on. */
export function start() {
  if (started) return;
  started = true;
  document.addEventListener("click", edit);
  document.addEventListener("input", (event) => event.target.form?.id === "metadata-form" && measure());
  onPage(() => byId("metadata-form") && measure());
}

function edit(event) {
  const button = event.target.closest?.("#meta-add, .meta-remove");
  if (!button) return;
  event.preventDefault();
  if (button.id === "meta-add") {
    byId("meta-rows").append(byId("meta-row-template").content.cloneNode(true));
    find(".meta-row:last-child input", byId("meta-rows")).focus();
  } else {
    button.closest(".meta-row").remove();
    byId("meta-add").focus();
  }
  byId("meta-add").dispatchEvent(new Event("input", { bubbles: true }));
}

function measure() {
  const form = byId("metadata-form");
  const values = [...form.querySelectorAll("[name=meta_value]")].map((field) => field.value);
  const keys = [...form.querySelectorAll("[name=meta_key]")].map((field) => field.value.trim());
  const pairs = keys.map((key, i) => [key, values[i]]).filter(([key]) => key);
  const size = pairs.length ? bytes.encode(JSON.stringify(Object.fromEntries(pairs))).length : 0;
  const meter = byId("metadata-meter");
  if (!meter) return;
  meter.value = size;
  const over = size - meter.max;
  byId("metadata-size").textContent =
    `${size.toLocaleString("en")} of ${meter.max.toLocaleString("en")} bytes` +
    (over > 0 ? `, ${over.toLocaleString("en")} too many` : "");
}
