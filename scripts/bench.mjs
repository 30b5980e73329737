/** @file `npm run bench -- [options]`: set-up, then the built benchmark entry, or its page, with the given options. `bench/peer` skips the set-up. */
import { join } from "node:path";
import { root, run, setUpBench } from "./setup.mjs";

await setUpBench();
const args = process.argv.slice(2);
if (args.includes("--browser") || args.includes("--page")) {
  const { benchInPage } = await import("./bench-page.mjs");
  await benchInPage(args).catch((error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
} else if (args.includes("--target")) {
  const { benchTarget } = await import("./bench-target.mjs");
  await benchTarget(args).catch((error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
} else if (args.includes("--watcher")) {
  const { benchWatcher } = await import("./bench-watcher.mjs");
  await benchWatcher(args).catch((error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
} else process.exitCode = await run(process.execPath, [join(root, "bench/dist/main.js"), ...args]);
