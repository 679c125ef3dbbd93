// Signs delivery URLs of Darkroom with nothing but Node. Copy what you need; docs/signed-urls.md explains it.
//
//   sign(url, key, expiresIn(86400))                     one image for a day
//   `${image}?${signAlbum(folder, key, expiresIn(3600))}`  any image below a folder for an hour
//   narrow(url, "s-ip=203.0.113.7")                      a signed URL for one address only; needs no key
import { createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";

/** Unix seconds so long from now. */
export const expiresIn = (seconds) => Math.floor(Date.now() / 1000) + seconds;

/** Signs a URL, already percent-encoded, until `expires`. What it demands besides stands in its query. */
export function sign(url, key, expires) {
  const text = `${url}${url.includes("?") ? "&" : "?"}exp=${expires}`;
  return `${text}&sig=${mac(key, target(text)).toString("hex")}`;
}

/** The query that opens every image below a folder such as https://images.example.org/HASH/albums/2026/ */
export function signAlbum(folder, key, expires) {
  const depth = target(folder).split("?")[0].split("/").length - 2;
  const signed = sign(`${folder}${folder.includes("?") ? "&" : "?"}s-pfx=${depth}`, key, expires);
  return signed.slice(signed.indexOf("?") + 1);
}

/** The value of `Set-Cookie` under which plain URLs below the folder open; `query` is what signAlbum gave. */
export function albumCookie(folder, query, seconds) {
  const path = target(folder).split("?")[0];
  return `imgtoken=${query}; Path=${path}; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`;
}

/** Narrows a signed URL: `demands` is like "s-ip=203.0.113.7&exp=1790000300"; it is bound to its path too. */
export function narrow(url, demands) {
  const [, text, sig] = url.match(/^(.*)&sig=([0-9a-f]{64})$/);
  const [path, query] = target(text).split(/\?(.*)/);
  const number = query.split("&").filter((pair) => pair.startsWith("s-at=")).length + 1;
  const block = `s-at=${number}${demands && "&"}${demands}`;
  return `${text}&${block}&sig=${mac(Buffer.from(sig, "hex"), `${path}?${block}`).toString("hex")}`;
}

/** Path and query: protocol and host are not signed. */
const target = (url) => url.replace(/^[a-z]+:\/\/[^/]*/, "");

const mac = (key, text) => createHmac("sha256", key).update(text).digest();

// node sign_urls.mjs day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const next = () => words.shift();
  const verbs = {
    day: () => { const key = next(); return sign(next(), key, expiresIn(86400)); },
    sign: () => { const key = next(); return sign(next(), key, next()); },
    album: () => { const key = next(); return signAlbum(next(), key, next()); },
    cookie: () => albumCookie(next(), next(), next()),
    narrow: () => narrow(next(), next()),
  };
  while (words.length) console.log(verbs[next()]());
}
