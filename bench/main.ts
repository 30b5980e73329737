/**
 * @file `bench/peer [--only GROUP[,GROUP...]] [--backend B] [--threads N] [--jsonl]`: times workloads of the built package, one JSON line
 * each. Without --only all groups run but `cold`, which prints the word STEP when its first training step is done and is timed from outside.
 */
import { parseArgs } from "node:util";
import { setBackend, setThreads } from "nabla";
import { Harness } from "./harness.ts";
import { groups } from "./workloads.ts";

const USAGE = `usage: bench [--only GROUP[,GROUP...]] [--backend wasm|interpreter|x64] [--threads N] [--profile WORKLOAD] [--jsonl]
       bench --browser [--only GROUP[,GROUP...]] [--threads N] [--jsonl]   in Chromium without a window (npm run bench)
       bench --target [CONSTANT ...] [--sec S]                             the constants of the target, measured beside stored (npm run bench)
       bench --page [--port N]                                             serves the page, to be opened in any browser (npm run bench)`;

function main(): void {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      backend: { type: "string", default: "wasm" },
      threads: { type: "string", default: "1" },
      profile: { type: "string" },
      jsonl: { type: "boolean", default: false }, // the only form of output there is; the harness asks for it
      help: { type: "boolean", default: false },
    },
  });
  const known = Object.keys(groups);
  if (values.help) {
    console.log(`${USAGE}\ngroups: ${known.join(", ")}`);
    return;
  }
  const wanted = values.only === undefined ? known.filter((name) => name !== "cold") : values.only.split(",");
  const unknown = wanted.find((name) => !Object.hasOwn(groups, name));
  if (unknown !== undefined) throw new Error(`unknown group "${unknown}" (known: ${known.join(", ")})`);
  const threads = Number(values.threads);
  if (!Number.isInteger(threads) || threads < 1) throw new Error(`--threads: want a positive integer, got "${values.threads}"`);
  const harness = new Harness(`nabla-${values.backend}`, threads, { profiled: values.profile });
  for (const name of wanted) runGroup(harness, name, values.backend, threads);
}

function runGroup(harness: Harness, name: string, backend: string, threads: number): void {
  try {
    setThreads(threads);
    setBackend(backend as Parameters<typeof setBackend>[0]);
    groups[name](harness);
  } catch (error) {
    harness.fail(name, error);
  }
}

try {
  main();
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
