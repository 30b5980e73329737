/**
 * @file `npm run test:zoo [names...]`: every network of the zoo trains. Each runs in a process of its own; records go to docs/zoo.json, from which
 * `npm run docs` makes a part of docs/models.md. Then the golden group of whole networks, unless names are given.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, buildIsStale, install, vitest } from "./setup.mjs";

await install();
if (buildIsStale() && (await build()) !== 0) process.exit(1);
const { zoo } = await import("../dist/models/index.js");
const file = fileURLToPath(new URL("../docs/zoo.json", import.meta.url));
const script = fileURLToPath(new URL("zoo-run.mjs", import.meta.url));
const records = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
const LIMIT = 3_600_000;

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(zoo, name));
if (unknown) {
  console.error(`test:zoo: there is no network ${unknown}`);
  process.exit(2);
}
let failed = 0;
for (const name of chosen.length > 0 ? chosen : Object.keys(zoo)) {
  const parts = ["small", "native"].map((part) => spawnSync(process.execPath, [script, name, part], { encoding: "utf8", timeout: LIMIT }));
  const broken = parts.find(({ status }) => status !== 0);
  if (broken) {
    failed++;
    const line = broken.stderr.split("\n").find((text) => /Error/.test(text));
    console.log(`FAILED ${name}: ${line?.trim() ?? `no result after ${LIMIT / 1000} s`}`);
    continue;
  }
  const { name: _, ...record } = Object.assign({}, ...parts.map(({ stdout }) => JSON.parse(stdout.trim().split("\n").at(-1))));
  const ok = record.falls && record.deterministic;
  if (!ok) failed++;
  records[name] = record;
  const sorted = Object.fromEntries(
    Object.keys(zoo)
      .filter((key) => records[key])
      .map((key) => [key, records[key]]),
  );
  writeFileSync(file, `${JSON.stringify(sorted, (_, v) => (typeof v === "number" ? Number(v.toPrecision(4)) : v), 2)}\n`);
  console.log(`${ok ? "ok" : "FAILED"} ${name}: ${JSON.stringify(record)}`);
}
if (chosen.length === 0 && (await vitest("run", "--project", "zoo")) !== 0) failed++;
console.log(failed === 0 ? "all passed" : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
