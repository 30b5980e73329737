/** @file `npm run bench -- [options]`: set-up, then the built benchmark entry with the given options. `bench/peer` skips the set-up. */
import { join } from "node:path";
import { root, run, setUpBench } from "./setup.mjs";

await setUpBench();
process.exitCode = await run(process.execPath, [join(root, "bench/dist/main.js"), ...process.argv.slice(2)]);
