// sharp as a server for the bench: a JSON line in, {file, out, width, height?, format?, quality, fit?, effort?}; a JSON
// line out, {ms}. The file is read before the clock starts and its cache is off, as every picture is cold on the other
// side too. format "crop" cuts {left, top, width, height} at full size, which makes pictures for the bench.
import fs from 'node:fs';
import readline from 'node:readline';
import sharp from 'sharp';

sharp.cache(false);

const encode = (picture, { format = 'webp', quality, effort }) => {
  switch (format) {
    case 'jpeg':
    case 'crop':
      return picture.jpeg({ quality });
    case 'png':
      return picture.png();
    case 'avif':
      return picture.avif({ quality, ...(effort === undefined ? {} : { effort }) });
    default:
      return picture.webp({ quality });
  }
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const wish = JSON.parse(line);
  const { file, out, width, height, left, top, format } = wish;
  const bytes = fs.readFileSync(file);
  const began = performance.now();
  const picture = sharp(bytes).rotate();
  const sized =
    format === 'crop' ? picture.extract({ left, top, width, height }) : picture.resize({ width, height, fit: wish.fit ?? 'inside' });
  const made = await encode(sized, wish).toBuffer();
  const ms = performance.now() - began;
  fs.writeFileSync(out, made);
  console.log(JSON.stringify({ ms }));
}
