/** @file `npm run build`: compiles src to dist: the entries over the chunks that they share, and all types. */
import { build, install } from "./setup.mjs";

await install();
process.exitCode = await build();
