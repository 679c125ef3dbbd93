// The upload tray: a queue of files with progress, pause, retry and cancel, which lives on while pages change.
// Loaded with the first file, by intake.js.
// XMLHttpRequest, because fetch still tells no progress of what is sent.

import { byId, find, lent, load, make, markTitle, onPage, place, renewToken, say, token, visit } from "./swap.js";

const AT_ONCE = navigator.connection?.saveData ? 1 : 3;
const WAITS_S = [1, 3, 10];
const STALL_MS = 60_000;
const BIG = 5_000_000;
const OPEN = ["waiting", "sending", "processing", "retrying", "paused"];

const items = [];
let tray;
let paused = false;
let asking = false;
let said = 0;
let rate = 0;
let before = 0;
let ticking;
let refreshing;

const here = () => document.body.dataset;
const count = (...states) => items.filter((item) => states.includes(item.state)).length;
const part = (name, root = tray) => find(`[data-tray=${name}], [data-row=${name}]`, root);
const megabytes = (bytes) => `${+(bytes / 1e6).toFixed(1)} MB`;
const files = (number) => `${number} ${number === 1 ? "file" : "files"}`;

function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} KB` : megabytes(bytes);
}

/** `7.1 of 9.6 MB · 2.4 MB/s` */
function ofAll({ sent, file, started }) {
  const [some, all] = [size(sent), size(file.size)];
  const short = some.slice(-2) === all.slice(-2) ? some.slice(0, -3) : some;
  const seconds = (Date.now() - started) / 1000;
  return `${short} of ${all}${seconds > 1 ? ` · ${size(sent / seconds)}/s` : ""}`;
}

/** Takes files in: `[File, name]` each. What can never be accepted is refused at once. */
export function add(pairs) {
  if (!count(...OPEN)) {
    said = rate = before = 0;
    for (const item of items) item.counted = false;
  }
  open();
  for (const [file, name] of pairs) {
    const item = { file, name, url: here().uploadUrl, key: newKey(), sent: 0, tries: 0, counted: true };
    items.push(item);
    draw(item);
    const limit = Number(here().maxUploadBytes);
    if (!file.size) fail(item, "This file is empty.");
    else if (limit && file.size > limit)
      fail(item, `This file is ${megabytes(file.size)}. The limit is ${megabytes(limit)}.`);
    else set(item, paused ? "paused" : "waiting");
  }
  say(`${files(pairs.length)} added`);
  ticking ??= setInterval(tick, 1000);
  pump();
}

/** 32 hex digits. `crypto.randomUUID` is missing on plain http. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends as many as may be under way, and shows where all stands. */
function pump() {
  while (!paused && !asking && count("sending", "processing") < AT_ONCE) {
    const next = items.find((item) => item.state === "waiting");
    if (!next) break;
    send(next);
  }
  show();
}

function send(item) {
  const form = new FormData();
  form.append("file", item.file, item.name);
  const xhr = (item.xhr = new XMLHttpRequest());
  const mine = (run) => (event) => item.xhr === xhr && run(event);
  item.sent = 0;
  item.started = item.moved = Date.now();
  xhr.open("POST", item.url);
  xhr.setRequestHeader("Accept", "application/json");
  xhr.setRequestHeader("X-CSRF-Token", token());
  xhr.setRequestHeader("Idempotency-Key", item.key);
  xhr.upload.onprogress = mine((event) => {
    item.moved = Date.now();
    item.sent = Math.min(item.file.size, event.loaded);
    show(item);
  });
  xhr.upload.onload = mine(() => {
    item.sent = item.file.size;
    set(item, "processing");
    show();
  });
  xhr.onload = mine(() => answer(item, xhr));
  xhr.onerror = xhr.ontimeout = mine(() => lost(item));
  set(item, "sending");
  picture(item);
  xhr.send(form);
}

function answer(item, xhr) {
  let said = {};
  try {
    said = JSON.parse(xhr.responseText);
  } catch {
    // A proxy's page: the status has to do.
  }
  if (xhr.status < 300 && said.ok) finish(item, said);
  else if (xhr.status === 401) renew(item, () => lent.signIn());
  else if (said.code === "csrf" && !item.renewed) renew(item, freshToken);
  else if (xhr.status === 507) full(item, said.error);
  else if (xhr.status === 429 || xhr.status === 408 || xhr.status >= 500 || !said.error)
    lost(item, Number(xhr.getResponseHeader("Retry-After")));
  else fail(item, said.error, said.retry);
  pump();
}

function finish(item, { image, first }) {
  item.image = image;
  item.first = first && items.length === 1;
  item.sent = item.file.size;
  set(item, "done");
  refresh();
}

/** The session is renewed once for all; the queue goes on from where it stood. */
async function renew(item, how) {
  item.renewed = true;
  set(item, "waiting");
  if (asking) return;
  asking = true;
  const alive = await how();
  asking = false;
  if (!alive) pause();
  pump();
}

async function freshToken() {
  const answer = await load(location.href).catch(() => undefined);
  renewToken(answer && find('meta[name="csrf-token"]', answer.page)?.content);
  return Boolean(answer);
}

function full(item, words) {
  fail(item, words, true);
  pause();
}

/** The line broke or the server had no time: again in 1, 3 and 10 s, with the same key, so it makes one image. */
function lost(item, askedS = 0) {
  const wait = WAITS_S[item.tries++];
  item.xhr = undefined;
  if (wait === undefined) {
    item.tries = 0;
    fail(item, "The server could not be reached. Check your connection, then retry.", true);
  } else {
    item.retryAt = Date.now() + Math.max(wait, askedS) * 1000;
    set(item, "retrying");
  }
  pump();
}

function fail(item, words, retry = false) {
  item.words = words;
  item.again = retry;
  set(item, "failed");
  say(`${item.name}: ${words}`);
}

function stop(item) {
  const xhr = item.xhr;
  item.xhr = undefined;
  xhr?.abort();
}

function pause() {
  paused = true;
  for (const item of items) {
    if (!["waiting", "sending", "processing", "retrying"].includes(item.state)) continue;
    item.lostBytes = item.xhr ? item.sent : 0;
    stop(item);
    item.sent = 0;
    set(item, "paused");
  }
  pump();
}

function resume() {
  paused = false;
  for (const item of items) if (item.state === "paused") set(item, "waiting");
  pump();
}

function again(item) {
  item.tries = 0;
  item.renewed = false;
  set(item, paused ? "paused" : "waiting");
}

/** Cancels a file that is on its way; takes away the row of one that has ended. */
function cancel(item) {
  const next = item.row.nextElementSibling ?? item.row.previousElementSibling;
  stop(item);
  item.row.remove();
  items.splice(items.indexOf(item), 1);
  const target = (next && part("cancel", next)) ?? part("title");
  if (items.length) target.focus();
  else close();
  pump();
}

function clear() {
  for (const item of [...items]) if (!OPEN.includes(item.state)) cancel(item);
}

function close() {
  clear();
  if (items.length || !tray) return;
  tray.remove();
  tray = undefined;
  byId("skip-tray").hidden = true;
  byId("main").classList.remove("with-tray");
  clearInterval(ticking);
  ticking = undefined;
  find("[data-choose]")?.focus();
}

/** Once a second: times go down, what stalls is begun again. */
function tick() {
  for (const item of items) {
    if (item.state === "retrying" && Date.now() >= item.retryAt && navigator.onLine) set(item, "waiting");
    else if (item.state === "retrying") set(item, "retrying");
    if (item.state === "sending" && Date.now() - item.moved > STALL_MS) {
      stop(item);
      lost(item);
    }
  }
  const { sent } = sums();
  if (!paused) rate = rate ? rate * 0.7 + (sent - before) * 0.3 : sent - before;
  before = sent;
  pump();
}

addEventListener("online", () => {
  for (const item of items) if (item.state === "retrying") again(item);
  pump();
});

function sums() {
  const counted = items.filter((item) => item.counted && item.state !== "failed");
  const total = counted.reduce((sum, item) => sum + item.file.size, 0);
  return { total, sent: counted.reduce((sum, item) => sum + item.sent, 0) };
}

// What is seen.

function open() {
  if (tray) return;
  byId("tray-place").append(byId("tray-template").content.cloneNode(true));
  tray = byId("tray");
  byId("skip-tray").hidden = false;
  byId("main").classList.add("with-tray");
  const acts = { pause, resume, minimise, close, clear };
  acts["retry-all"] = () => {
    for (const item of items) if (item.state === "failed" && item.again) again(item);
    pump();
  };
  for (const name in acts) part(name).addEventListener("click", acts[name]);
}

function minimise() {
  const small = tray.classList.toggle("minimised");
  part("minimise").setAttribute("aria-expanded", !small);
}

function draw(item) {
  const row = byId("tray-row-template").content.cloneNode(true);
  item.row = row.firstElementChild;
  part("name", row).textContent = part("name", row).title = item.name;
  part("progress", row).setAttribute("aria-label", item.name);
  part("retry", row).setAttribute("aria-label", `Retry ${item.name}`);
  part("retry", row).addEventListener("click", () => {
    again(item);
    part("cancel", item.row).focus();
    pump();
  });
  part("cancel", row).addEventListener("click", () => cancel(item));
  part("rows").append(row);
}

/** A small picture of the local file, made only for files that are sent. */
function picture(item) {
  const place = part("picture", item.row);
  if (find("img", place) || !/^image\/(jpeg|png|webp|avif|gif|svg\+xml)$/.test(item.file.type)) return;
  const image = make("img", { alt: "", width: 36, height: 36, decoding: "async", src: URL.createObjectURL(item.file) });
  image.onload = () => URL.revokeObjectURL(image.src);
  image.onerror = () => image.remove();
  place.append(image);
}

function set(item, state) {
  item.state = state;
  const { row, file } = item;
  const left = Math.max(1, Math.ceil((item.retryAt - Date.now()) / 1000));
  const words = {
    waiting: "Waiting",
    sending: "Sending…",
    processing: "Processing…",
    done: size(file.size),
    failed: item.words,
    retrying: navigator.onLine ? `Connection lost. Retrying in ${left} s.` : "Connection lost. Retrying when it is back.",
    paused: item.lostBytes > BIG ? `Paused. ${megabytes(item.lostBytes)} will be sent again.` : "Paused",
  };
  row.dataset.state = state;
  part("progress", row).value = (item.sent / file.size) * part("progress", row).max || 0;
  part("progress", row).hidden = state === "done" || state === "failed";
  part("retry", row).hidden = !(state === "failed" && item.again);
  part("state", row).classList.toggle("error-text", state === "failed");
  if (words[state]) part("state", row).textContent = words[state];
  const ended = !OPEN.includes(state);
  part("cancel", row).setAttribute("aria-label", `${ended ? "Remove" : "Cancel"} ${item.name}`);
  if (state === "done") part("name", row).replaceChildren(make("a", { href: item.image.href, textContent: item.name }));
}

/** Shows one row's progress, and always where all of them stand. */
function show(item) {
  if (item) {
    const share = item.sent / item.file.size;
    part("progress", item.row).value = share * part("progress", item.row).max;
    part("state", item.row).textContent = `${Math.floor(share * 100)}% · ${ofAll(item)}`;
  }
  if (!tray) return;
  const open = count(...OPEN);
  const counted = items.filter((item) => item.counted);
  const done = counted.filter((item) => item.state === "done").length;
  const failed = counted.filter((item) => item.state === "failed").length;
  const { total, sent } = sums();
  const percent = total ? Math.floor((sent / total) * 100) : 0;
  const left = rate > 0 ? Math.ceil((total - sent) / rate) : 0;
  const time = left > 90 ? ` · ${Math.ceil(left / 60)} min left` : left ? ` · ${left} s left` : "";
  part("total").value = percent;
  part("title").textContent = open
    ? `${paused ? "Paused" : "Uploading"} ${Math.min(done + 1, counted.length)} of ${counted.length}`
    : `${done} of ${counted.length} uploaded`;
  part("note").textContent = open ? `${percent}%${paused ? "" : time}` : "";
  part("summary").hidden = !failed;
  part("summary").textContent = `${files(failed)} ${failed === 1 ? "was" : "were"} not uploaded`;
  part("pause").hidden = paused || !open;
  part("resume").hidden = !paused || !open;
  part("close").hidden = open > 0;
  part("foot").hidden = open === items.length;
  part("retry-all").hidden = !items.some((item) => item.state === "failed" && item.again);
  markTitle(open ? `(${percent}%) ` : "");
  announce(open, percent, done, failed);
}

/** 25, 50 and 75 % and the end are said, never each percent. */
function announce(open, percent, done, failed) {
  const quarter = Math.floor(percent / 25);
  if (open && quarter > said && quarter < 4) {
    said = quarter;
    say(`${quarter * 25}% uploaded`);
  }
  if (open || said === 5) return;
  said = 5;
  say(`${done} uploaded${failed ? `, ${failed} failed` : ""}`);
  const only = items.find((item) => item.first);
  if (!only) return;
  only.first = false;
  close();
  void visit(only.image.href);
}

/** New images show first in the gallery, without a reload. */
function refresh() {
  refreshing ??= setTimeout(async () => {
    refreshing = undefined;
    const address = location.href;
    if (here().page !== "images" || items.some((item) => item.first)) return;
    const answer = await load(address).catch(() => undefined);
    if (!answer?.html || answer.status !== 200 || location.href !== address) return;
    const [old, fresh] = [byId("grid"), answer.page.getElementById("grid")];
    if (!old || !fresh) return place(answer.page, { scroll: scrollY, keep: true });
    const known = new Set([...old.children].map((tile) => tile.dataset.id));
    old.prepend(...[...fresh.children].filter((tile) => !known.has(tile.dataset.id)));
    for (const what of ["#totals", "#totals-short", "#result", ".nav-count", ".stored"]) {
      const [shown, now] = [find(what), find(what, answer.page)];
      if (shown && now) shown.textContent = now.textContent;
    }
  }, 300);
}

// While something is on its way, a real unload asks.
addEventListener("beforeunload", (event) => {
  if (count("waiting", "sending", "processing", "retrying")) event.preventDefault();
});

onPage(() => byId("main")?.classList.toggle("with-tray", Boolean(tray)));
