/** @file `npm run build`: compiles src to dist (JavaScript modules and their types; nothing is bundled or copied). */
import { build, install } from "./setup.mjs";

await install();
process.exitCode = await build();
