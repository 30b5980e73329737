/** @file `npm start`: set-up, then the main job: train the convolutional network on the embedded digits. Extra arguments go through. */
import { join } from "node:path";
import { root, run, setUp } from "./setup.mjs";

await setUp();
process.exitCode = await run(process.execPath, [
  join(root, "dist/cli/main.js"),
  "train",
  "cnn",
  "--data",
  "digits",
  ...process.argv.slice(2),
]);
