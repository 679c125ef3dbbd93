// sharp as a server for the bench: a JSON line in, {file, out, width, quality}; a JSON line out, {ms}.
// The file is read before the clock starts and its cache is off, as every picture is cold on the other side too.
import fs from 'node:fs';
import readline from 'node:readline';
import sharp from 'sharp';

sharp.cache(false);
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { file, out, width, quality } = JSON.parse(line);
  const bytes = fs.readFileSync(file);
  const began = performance.now();
  const webp = await sharp(bytes).rotate().resize({ width }).webp({ quality }).toBuffer();
  const ms = performance.now() - began;
  fs.writeFileSync(out, webp);
  console.log(JSON.stringify({ ms }));
}
