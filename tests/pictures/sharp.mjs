// Makes, with an image tool of other people, the pictures that drawing cannot make, and says how each should look.
// Environment: FOLDER; SOURCE (a PNG to make pictures from); MORE (paths of pictures to render only, a line each);
// WIDTH of the renditions. Prints a JSON list of {name, file, wanted}.
import path from 'node:path';
import sharp from 'sharp';

const { FOLDER, SOURCE, MORE, WIDTH } = process.env;
const width = Number(WIDTH);
const source = () => sharp(SOURCE);

const made = {
  'plain.jpg': source().jpeg({ quality: 92 }),
  'rotated.jpg': source().jpeg({ quality: 92 }).withMetadata({ orientation: 6 }),
  'mirrored.jpg': source().jpeg({ quality: 92 }).withMetadata({ orientation: 5 }),
  'cmyk.jpg': source().toColourspace('cmyk').withIccProfile('cmyk').jpeg({ quality: 95 }),
  'wide-gamut.jpg': source().withIccProfile('p3').jpeg({ quality: 95, chromaSubsampling: '4:4:4' }),
  'grey.jpg': source().toColourspace('b-w').jpeg({ quality: 92 }),
  'progressive.jpg': source().jpeg({ quality: 92, progressive: true }),
  '16-bit.png': source().toColourspace('rgb16').png(),
  'wide-gamut-16-bit.png': source().toColourspace('rgb16').withIccProfile('p3').png(),
  'palette.png': source().png({ palette: true, colours: 256, dither: 1 }),
  'grey-alpha.png': source().toColourspace('b-w').ensureAlpha(0.5).png(),
  'alpha.png': source().composite([{ input: disc(), blend: 'dest-in' }]).png(),
  'alpha.webp': source().composite([{ input: disc(), blend: 'dest-in' }]).webp({ quality: 92 }),
};

// A disc with a soft edge, to cut a picture out by.
function disc() {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="600"><circle cx="450" cy="300" r="260"/></svg>';
  return Buffer.from(svg);
}

// How another tool renders it: upright, resized in linear light as we do, in sRGB, without a loss.
async function wanted(name, file) {
  const picture = path.join(FOLDER, `${name}.wanted.png`);
  // In two goes: with a profile or a turn the linear pipeline of this tool goes wrong.
  const upright = await sharp(file).rotate().toColourspace('rgb16').png({ compressionLevel: 0 }).toBuffer();
  const linear = sharp(upright).pipelineColourspace('scrgb').resize({ width, withoutEnlargement: true });
  await linear.toColourspace('srgb').png().toFile(picture);
  return { name, file, wanted: picture };
}

// This tool forgets the profile of a 16-bit picture when it reads one: the same without a profile shows what it is.
const shownBy = { 'wide-gamut-16-bit.png': '16-bit.png' };

const list = [];
for (const [name, picture] of Object.entries(made)) await picture.toFile(path.join(FOLDER, name));
for (const name of Object.keys(made)) {
  const shown = await wanted(name, path.join(FOLDER, shownBy[name] ?? name));
  list.push({ ...shown, file: path.join(FOLDER, name) });
}
for (const file of (MORE ?? '').split('\n').filter(Boolean)) list.push(await wanted(path.basename(file), file));
console.log(JSON.stringify(list));
