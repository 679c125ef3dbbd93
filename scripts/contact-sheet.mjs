// Contact sheets: every picture of a folder in every format, ours above and sharp's below, at 100 %. For eyes.
//
//   node scripts/contact-sheet.mjs FOLDER OUT [--width 480] [--options "fit=…"] [--formats jpeg,webp,avif,png] [--only NAME]
//
// Ours is made by `darkroom render` of the release build, or by the program that DARKROOM names. sharp comes from
// tests/node_modules.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";

const root = new URL("..", import.meta.url).pathname;
const sharp = createRequire(join(root, "tests/package.json"))("sharp");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: "string", default: "480" },
    options: { type: "string", default: "" },
    formats: { type: "string", default: "jpeg,webp,avif,png" },
    only: { type: "string", default: "" },
  },
});
const [folder, out] = positionals;
if (!folder || !out) {
  console.error("usage: contact-sheet.mjs FOLDER OUT [--width 480] [--options …] [--formats …] [--only NAME]");
  process.exit(2);
}
const darkroom = process.env.DARKROOM ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/darkroom");
const width = Number(values.width);
const formats = values.formats.split(",");
const gap = 8;
const label = 22;

/** What a program made: its bytes' count and its pixels on a checked ground; or the sentence of its failure. */
async function tile(make) {
  try {
    const bytes = await make();
    const picture = await sharp(bytes).png().toBuffer({ resolveWithObject: true });
    return { count: bytes.length, ...picture.info, pixels: picture.data };
  } catch (error) {
    const told = String(error.stderr || error.message).trim().split("\n").at(-1);
    return { told, width: 200, height: 30 };
  }
}

function ours(path, format) {
  return tile(() => {
    const made = join(tmpdir(), `contact-${process.pid}.${format}`);
    const wish = [`w=${width}`, `f=${format}`, values.options].filter(Boolean).join(",");
    execFileSync(darkroom, ["render", path, made, "--force", "--options", wish], { stdio: ["ignore", "ignore", "pipe"] });
    return readFileSync(made);
  });
}

function theirs(path, format) {
  return tile(() => {
    const picture = sharp(path, { unlimited: false }).rotate().resize({ width, withoutEnlargement: true });
    if (format === "png") return picture.png().toBuffer();
    // Its AVIF is looked at, not weighed: little effort, so that a sheet does not take minutes.
    const settings = format === "avif" ? { quality: 60, effort: 1 } : { quality: 80 };
    return picture.toFormat(format, settings).toBuffer();
  });
}

const escaped = (text) => text.replace(/[<&>]/g, (c) => `&#${c.charCodeAt(0)};`);

function words(text, wide) {
  const line = `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${label}">
    <text x="2" y="16" font-family="sans-serif" font-size="14" fill="#222">${escaped(text)}</text></svg>`;
  return Buffer.from(line);
}

/** A ground that shows what is clear. */
function ground(wide, high) {
  const checks = `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}"><defs>
    <pattern id="p" width="16" height="16" patternUnits="userSpaceOnUse"><rect width="16" height="16" fill="#fff"/>
    <rect width="8" height="8" fill="#ccc"/><rect x="8" y="8" width="8" height="8" fill="#ccc"/></pattern></defs>
    <rect width="100%" height="100%" fill="url(#p)"/></svg>`;
  return Buffer.from(checks);
}

async function sheet(path) {
  const rows = [];
  for (const [name, make] of [["ours", ours], ["sharp", theirs]]) {
    rows.push({ name, tiles: [] });
    for (const format of formats) {
      rows.at(-1).tiles.push({ ...(await make(path, format)), format });
    }
  }
  const all = rows.flatMap((row) => row.tiles);
  const [wide, high] = [Math.max(...all.map((t) => t.width)), Math.max(...all.map((t) => t.height))];
  const layers = [];
  rows.forEach((row, y) =>
    row.tiles.forEach((tile, x) => {
      const [left, top] = [gap + x * (wide + gap), gap + y * (high + label + gap)];
      const told = tile.told ?? `${tile.width}×${tile.height}, ${tile.count.toLocaleString("en")} bytes`;
      layers.push({ input: words(`${row.name} ${tile.format}: ${told}`, wide), left, top });
      if (tile.pixels) {
        layers.push({ input: ground(tile.width, tile.height), left, top: top + label });
        layers.push({ input: tile.pixels, left, top: top + label });
      }
    }),
  );
  const size = { width: gap + formats.length * (wide + gap), height: gap + rows.length * (high + label + gap) };
  const target = join(out, `${basename(path)}.png`);
  await sharp({ create: { ...size, channels: 3, background: "#eee" } }).composite(layers).png().toFile(target);
  console.log(target);
}

if (!existsSync(darkroom)) {
  console.error(`${darkroom} is missing: cargo build --release --locked -p server --bin darkroom`);
  process.exit(1);
}
mkdirSync(out, { recursive: true });
for (const name of readdirSync(folder).sort()) {
  const path = join(folder, name);
  const wanted = statSync(path).isFile() && !/\.(md|json)$/.test(name) && !/^(bad|bomb)-/.test(name);
  if (wanted && name.includes(values.only)) {
    await sheet(path);
  }
}
