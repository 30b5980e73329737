/** @file `npm run golden -- <folder> [options]`: set-up, then the library against a folder of stored results; see test/golden/main.ts. */
import { join } from "node:path";
import { root, run, setUpGolden } from "./setup.mjs";

await setUpGolden();
// Paths among the arguments count from where the command was typed.
const cwd = process.env.INIT_CWD ?? process.cwd();
process.exitCode = await run(process.execPath, [join(root, "test/golden/dist/main.js"), ...process.argv.slice(2)], { cwd });
