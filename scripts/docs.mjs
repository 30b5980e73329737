/**
 * @file `npm run docs`: set-up, build, then the pages that are made from the code.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build, buildIsStale, install } from "./setup.mjs";

await install();
if (buildIsStale() && (await build()) !== 0) process.exit(1);
const { opTable } = await import("../dist/inspect/op-table.js");
mkdirSync(new URL("../docs", import.meta.url), { recursive: true });
writeFileSync(new URL("../docs/ops.md", import.meta.url), opTable());
console.log("docs/ops.md");
const { modelTable } = await import("../dist/inspect/model-table.js");
const records = JSON.parse(readFileSync(new URL("../docs/zoo.json", import.meta.url), "utf8"));
writeFileSync(new URL("../docs/models.md", import.meta.url), modelTable(records));
console.log("docs/models.md");
