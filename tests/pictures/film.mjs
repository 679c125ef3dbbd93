// Two animations side by side, read by an image tool of other people. Arguments: the original, and what was made of it.
// Prints JSON: how often and how long each is played, and how far the pictures are apart that are seen at the same
// moments (mean of all channels on white, of 255; the original is scaled to the size of the other by the same tool).
import sharp from "sharp";

const [original, made] = process.argv.slice(2);

async function film(file, size) {
  const { pages = 1, loop = 0, delay = [0], width, pageHeight, height } = await sharp(file, { animated: true }).metadata();
  const frames = [];
  for (let page = 0; page < pages; page++) {
    let frame = sharp(file, { page }).flatten({ background: "white" });
    if (size) frame = frame.resize({ ...size, fit: "fill" });
    frames.push(await frame.removeAlpha().raw().toBuffer());
  }
  return { pages, loop, delay, frames, size: { width, height: pageHeight ?? height } };
}

/** The frame that is seen at a moment. */
function seen({ delay, frames }, ms) {
  let index = 0;
  for (let left = ms; index < frames.length - 1 && left >= delay[index]; index++) left -= delay[index];
  return frames[index];
}

function far(a, b) {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += Math.abs(a[at] - b[at]);
  return sum / a.length;
}

const ours = await film(made);
const theirs = await film(original, ours.size);
let begins = 0;
const distances = theirs.delay.map((delay) => {
  const moment = begins + delay / 2;
  begins += delay;
  return far(seen(theirs, moment), seen(ours, moment));
});
const total = ({ delay }) => delay.reduce((sum, one) => sum + one, 0);
const told = (film) => ({ pages: film.pages, loop: film.loop, ms: total(film), ...film.size });
console.log(JSON.stringify({ original: told(theirs), made: told(ours), farthest: Math.max(...distances) }));
