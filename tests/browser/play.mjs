// Plays one scenario by its name: `node play.mjs d05`. The addresses come from the environment; Chromium's from
// CHROMIUM.
import * as delivery from "./delivery.mjs";
import * as firstRun from "./first_run.mjs";
import * as images from "./images.mjs";
import * as pages from "./pages.mjs";
import * as uploads from "./uploads.mjs";
import * as variants from "./variants.mjs";
import { Visit } from "./visit.mjs";

const scenarios = { ...delivery, ...firstRun, ...images, ...pages, ...uploads, ...variants };
const name = process.argv[2];
const scenario = scenarios[name];
if (!scenario) throw new Error(`there is no scenario ${name}`);

const visit = await Visit.begin(name);
try {
  await scenario(visit);
  await visit.end();
} catch (problem) {
  // What went wrong stands first: whoever prints a part of this prints the head.
  console.log(`${problem.stack}\n\n${await visit.report()}`);
  process.exitCode = 1;
} finally {
  await visit.close();
}
