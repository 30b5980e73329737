/**
 * @file `npm run docs`: set-up, build, then the pages that are made from the code.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build, buildIsStale, install } from "./setup.mjs";

await install();
if (buildIsStale() && (await build()) !== 0) process.exit(1);
const { opTable } = await import("../dist/inspect/op-table.js");
const { coverageTable } = await import("../dist/inspect/coverage.js");
const { lecturesPage } = await import("../dist/demo/page.js");
const { configSchema } = await import("../dist/cli/settings.js");
const { onnxPage } = await import("../dist/onnx/page.js");
const docs = new URL("../docs/", import.meta.url);
const schema = new URL("../schema/", import.meta.url);
for (const folder of [docs, schema]) mkdirSync(folder, { recursive: true });
writeFileSync(new URL("ops.md", docs), opTable());
writeFileSync(new URL("onnx.md", docs), onnxPage());
writeFileSync(new URL("lectures.md", docs), lecturesPage());
writeFileSync(new URL("coverage.md", docs), coverageTable());
writeFileSync(new URL("train.schema.json", schema), `${JSON.stringify(configSchema(), null, 2)}\n`);
// Pages of what is no longer there go.
rmSync(new URL("reference/", docs), { recursive: true, force: true });
mkdirSync(new URL("reference/", docs), { recursive: true });
const { reference } = await import("./reference.mjs");
for (const [name, text] of reference().pages) writeFileSync(new URL(`reference/${name}.md`, docs), text);
const { modelTable } = await import("../dist/inspect/model-table.js");
writeFileSync(new URL("models.md", docs), modelTable(JSON.parse(readFileSync(new URL("zoo.json", docs), "utf8"))));
console.log("docs/ops.md, docs/onnx.md, docs/coverage.md, docs/lectures.md, docs/models.md, docs/reference, schema/train.schema.json");
