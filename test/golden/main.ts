/**
 * @file `npm run golden -- <folder> [--backend wasm|interpreter] [--group G]... [--json FILE]`: this library against stored results, group
 * by group. Exit code 1 if a case fails, 2 for a wrong call.
 */
import { existsSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type BackendName, setBackend } from "nabla";
import { groups } from "./groups.ts";
import { GoldenFile, groupsIn, type Report, runGroup } from "./run.ts";

const USAGE = "usage: npm run golden -- <folder> [--backend wasm|interpreter] [--group G]... [--json FILE]";

function refuse(why: string): never {
  console.error(`golden: ${why}\n${USAGE}`);
  process.exit(2);
}

function parse(): { folder: string; backend: BackendName; chosen: string[]; json: string | undefined } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { backend: { type: "string", default: "wasm" }, group: { type: "string", multiple: true }, json: { type: "string" } },
    });
    const [folder, ...rest] = positionals;
    if (!folder || rest.length > 0) refuse("want exactly one folder");
    if (!existsSync(folder)) refuse(`${folder} is not there`);
    const backend = values.backend;
    if (backend !== "wasm" && backend !== "interpreter") refuse(`there is no backend ${backend}`);
    const present = groupsIn(folder);
    const missing = values.group?.find((name) => !present.includes(name));
    if (missing) refuse(`${folder} has no group ${missing}; it has ${present.join(", ")}`);
    return { folder, backend, chosen: values.group ?? present, json: values.json };
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const COLUMNS = ["cases", "passed", "failed", "uncovered"] as const;

function row(name: string, cells: readonly unknown[]): string {
  return name.padEnd(22) + cells.map((cell) => String(cell).padStart(11)).join("");
}

const worstText = (worst: number): string => (worst === Number.MAX_VALUE ? "inf" : worst.toFixed(3));

const { folder, backend, chosen, json } = parse();
setBackend(backend);
console.log(row("group", [...COLUMNS, "worst/tol"]));
const reports: Record<string, Omit<Report, "lines">> = {};
for (const name of chosen) {
  const { lines, ...report } = runGroup(new GoldenFile(folder, name), groups[name]);
  reports[name] = report;
  console.log(row(name, [...COLUMNS.map((key) => report[key]), worstText(report.worst)]));
  for (const line of lines.filter((text) => groups[name] || !text.startsWith("uncovered"))) console.log(`  ${line}`);
}
if (json) writeFileSync(json, `${JSON.stringify({ groups: reports }, null, 2)}\n`);
process.exitCode = Object.values(reports).some((report) => report.failed > 0) ? 1 : 0;
