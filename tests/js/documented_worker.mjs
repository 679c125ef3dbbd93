// Runs the worker of a document, unchanged but for host and key, as its platform would:
//   node documented_worker.mjs DOCUMENT ORIGIN KEY PATH...
// prints what it answers to each URL, a line each. The document is read from where it lies and never kept.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [path, origin, key, ...paths] = process.argv.slice(2);
const DOCUMENTED = "imagedelivery.net";
const host = origin.slice(origin.indexOf("//") + 2);
const scheme = origin.slice(0, origin.indexOf("//"));

const listeners = [];
globalThis.addEventListener = (name, listener) => listeners.push({ name, listener });
const worker = await load(adapted(code(await readFile(path, "utf8"))));

for (const target of paths) {
  const request = new Request(`https://worker.example/${origin}${target}`);
  console.log(await (await answer(request)).text());
}

// The code stands in a fence, or begins at its first constant and ends with the text.
function code(document) {
  const fenced = document.match(/```javascript\n([\s\S]*?)\n```/);
  if (fenced) return fenced[1];
  const start = document.search(/^const /m);
  const end = document.lastIndexOf("};");
  if (start < 0 || end < start) throw new Error(`${path} holds no code`);
  return document.slice(start, end + 2);
}

function adapted(documented) {
  const here = documented
    .replaceAll(`https://${DOCUMENTED}`, `${scheme}//${host}`)
    .replaceAll(`https:/${DOCUMENTED}`, `${scheme}/${host}`)
    .replaceAll("YOUR_KEY_FROM_IMAGES_DASHBOARD", key);
  if (here === documented) throw new Error(`${path} names no host`);
  return here;
}

async function load(text) {
  const folder = await mkdtemp(join(tmpdir(), "worker-"));
  try {
    const file = join(folder, "worker.mjs");
    await writeFile(file, text);
    return await import(pathToFileURL(file));
  } finally {
    await rm(folder, { recursive: true });
  }
}

// A worker exports `fetch`, or listens for the event of that name.
function answer(request) {
  if (worker.default) return worker.default.fetch(request, { IMAGES_SIGNING_KEY: key }, {});
  return new Promise((resolve) => {
    for (const { name, listener } of listeners) {
      if (name === "fetch") listener({ request, respondWith: resolve });
    }
  });
}
