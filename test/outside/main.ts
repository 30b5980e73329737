/**
 * @file Samples of PyTorch against this library: `main.js FOLDER [--only NAME] [--all]`. Prints a table of counts and a line for each sample that is not right.
 * Exit code 1 if one is wrong.
 */
import { parseArgs } from "node:util";
import { type Outcome, runSample, SampleFile, type Verdict } from "./run.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: "string", default: "" } } });
const file = new SampleFile(positionals[0]!);
const outcomes: Outcome[] = file.samples.filter((s) => s.name.includes(values.only)).map((s) => runSample(file, s));

const VERDICTS: readonly Verdict[] = ["right", "wrong", "differs", "not covered", "refused"];
const count = (list: readonly Outcome[], of: "value" | "gradient", verdict: Verdict): number =>
  list.filter((o) => o[of] === verdict).length;
console.log(`torch ${file.torch}`.padEnd(24) + VERDICTS.map((v) => v.padStart(12)).join(""));
for (const kind of ["operator", "module", "optimizer"] as const) {
  const own = outcomes.filter((o) => o.sample.kind === kind);
  for (const of of ["value", "gradient"] as const)
    console.log(`${kind}: ${of}s`.padEnd(24) + VERDICTS.map((v) => String(count(own, of, v)).padStart(12)).join(""));
}
const lines = new Map<string, number>();
for (const o of outcomes) {
  const verdict = o.value !== "right" ? o.value : o.gradient && o.gradient !== "right" ? `gradient ${o.gradient}` : undefined;
  if (!verdict) continue;
  const line = `${verdict}: ${o.sample.name}${o.sample.variant ? `.${o.sample.variant}` : ""}: ${o.why}`;
  lines.set(line, (lines.get(line) ?? 0) + 1);
}
for (const [line, n] of [...lines].sort()) console.log(`${line}${n > 1 ? ` (${n} times)` : ""}`);
process.exitCode = outcomes.some((o) => o.value === "wrong" || o.gradient === "wrong") ? 1 : 0;
