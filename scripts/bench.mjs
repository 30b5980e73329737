/** @file `npm run bench -- [options]`: set-up, then the built benchmark entry, or its page, with the given options. `bench/peer` skips the set-up. */
import { join } from "node:path";
import { root, run, setUpBench } from "./setup.mjs";

/** What has a script of its own, by its flag. */
const APART = {
  "--browser": async () => (await import("./bench-page.mjs")).benchInPage,
  "--page": async () => (await import("./bench-page.mjs")).benchInPage,
  "--target": async () => (await import("./bench-target.mjs")).benchTarget,
  "--onnx": async () => (await import("./bench-onnx.mjs")).benchOnnx,
  "--watcher": async () => (await import("./bench-watcher.mjs")).benchWatcher,
};

await setUpBench();
const args = process.argv.slice(2);
const flag = Object.keys(APART).find((name) => args.includes(name));
if (flag) {
  const bench = await APART[flag]();
  await bench(args).catch((error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
} else process.exitCode = await run(process.execPath, [join(root, "bench/dist/main.js"), ...args]);
