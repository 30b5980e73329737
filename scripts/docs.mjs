/**
 * @file `npm run docs`: set-up, build, then the pages that are made from the code.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { build, buildIsStale, install } from "./setup.mjs";

await install();
if (buildIsStale() && (await build()) !== 0) process.exit(1);
const { opTable } = await import("../dist/inspect/op-table.js");
const { configSchema } = await import("../dist/cli/settings.js");
for (const folder of ["docs", "schema"]) mkdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true });
writeFileSync(new URL("../docs/ops.md", import.meta.url), opTable());
writeFileSync(new URL("../schema/train.schema.json", import.meta.url), `${JSON.stringify(configSchema(), null, 2)}\n`);
console.log("docs/ops.md, schema/train.schema.json");
