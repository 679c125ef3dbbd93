// Signs delivery URLs by the algorithm of contract 7.1, with nothing of Darkroom's own code:
//   node signer.mjs KEY LIFE_S URL...
// prints a signed URL a line. Path and query are written as a URL type writes them, as any client would.
import { createHmac } from "node:crypto";

const [key, life, ...urls] = process.argv.slice(2);

for (const text of urls) {
  const url = new URL(text);
  url.searchParams.set("exp", String(Math.floor(Date.now() / 1000) + Number(life)));
  const signed = `${url.pathname}?${url.searchParams}`;
  url.searchParams.append("sig", createHmac("sha256", key).update(signed).digest("hex"));
  console.log(url.href);
}
