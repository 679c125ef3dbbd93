// How files come in: chosen, dropped, pasted. The queue that sends them is loaded with the first of them.

import { byId, toast } from "./swap.js";

let overlay;
let over;
let pastes = 0;

const here = () => document.body.dataset;

/** Before the links' own turn, which would go to the page that uploads without this file. */
const choose = (event) => {
  if (!here().uploadUrl || !event.target.closest?.("[data-choose]")) return;
  event.preventDefault();
  byId("file-input").click();
};
document.addEventListener("click", choose, { capture: true });

document.addEventListener("change", (event) => {
  if (event.target.id !== "file-input") return;
  add([...event.target.files].map((file) => [file, file.name]));
  event.target.value = "";
});

async function add(pairs) {
  if (!pairs.length) return;
  try {
    (await import("./upload.js")).add(pairs);
  } catch {
    toast("The server could not be reached. Check your connection, then choose the files again.");
  }
}

const hasFiles = (event) => here().uploadUrl && event.dataTransfer?.types.includes("Files");

function shade(on) {
  overlay?.remove();
  overlay = on ? byId("drop-template").content.cloneNode(true).firstElementChild : undefined;
  if (overlay) document.body.append(overlay);
}

/** Files over the page are welcome wherever they are, from the moment that they cross into something. */
function welcome(event) {
  if (!hasFiles(event)) return;
  event.preventDefault();
  over = event.target;
  if (!overlay) shade(true);
}
document.addEventListener("dragenter", welcome);
document.addEventListener("dragover", welcome);
// What was entered last is left last; counting both would never end where a swap takes away what was entered.
document.addEventListener("dragleave", (event) => {
  if (event.target === over) shade(false);
});
document.addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  shade(false);
  // Entries are there only until this handler first waits, so all are taken before any is walked.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  add(found);
});

/** Files of a folder and of those in it, with their path as name; hidden ones stay out. */
async function walk(entry, found) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done()));
    if (file) found.push([file, entry.fullPath.slice(1)]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([]))); // At most 100 a call.
    if (!some.length) return;
    for (const inner of some) await walk(inner, found);
  }
}

document.addEventListener("paste", (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
  if (!here().uploadUrl || !pasted.length) return;
  event.preventDefault();
  add(pasted.map((file) => [file, file.name === "image.png" ? `pasted-${++pastes}.png` : file.name]));
});
