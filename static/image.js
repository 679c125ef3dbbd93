// The image page: rows of metadata come and go in place, the meter follows what is typed, and the focal point follows
// the pointer and the arrow keys.

import { byId, find, onPage } from "./swap.js";

const bytes = new TextEncoder();
let started = false;

/** Begins once; swaps of the page are followed from then on. */
export function start() {
  if (started) return;
  started = true;
  document.addEventListener("click", edit);
  document.addEventListener("input", (event) => event.target.form?.id === "metadata-form" && measure());
  document.addEventListener("input", (event) => event.target.form?.id === "focus-form" && drawCross());
  document.addEventListener("click", point);
  document.addEventListener("keydown", nudge);
  onPage(() => byId("metadata-form") && measure());
  onPage(() => byId("focus-stage") && prepare(byId("focus-stage")));
}

/** The picture takes part in the order of keys only where keys do something. */
function prepare(stage) {
  stage.tabIndex = 0;
  stage.setAttribute("role", "application");
  stage.setAttribute("aria-label", "Focal point: arrow keys move it by one per cent");
}

function point(event) {
  const stage = event.target.closest?.("#focus-stage");
  if (!stage) return;
  const box = stage.getBoundingClientRect();
  place((100 * (event.clientX - box.left)) / box.width, (100 * (event.clientY - box.top)) / box.height);
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function nudge(event) {
  const step = event.target.id === "focus-stage" && !event.altKey && !event.ctrlKey && !event.metaKey && STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  place(Number(byId("focus-x").value) + step[0], Number(byId("focus-y").value) + step[1]);
}

/** Puts the point there, in hundredths with one decimal, and tells the form that it has changed. */
function place(x, y) {
  const within = (value) => Math.round(10 * Math.min(100, Math.max(0, value))) / 10;
  byId("focus-x").value = within(x);
  byId("focus-y").value = within(y);
  byId("focus-y").dispatchEvent(new Event("input", { bubbles: true }));
}

function drawCross() {
  const [x, y] = ["focus-x", "focus-y"].map((id) => Math.min(100, Math.max(0, Number(byId(id).value))));
  find("path", byId("focus-stage")).setAttribute("d", `M${x} 0V100M0 ${y}H100`);
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
