/**
 * @file `npm run bench -- --target [NAME ...] [--sec S]`: derives the constants of the target machine again (`src/kernel/target.ts`). Each says with which
 * workload it is measured; that workload is compiled with the stored value, with half and with twice as much, and timed in turns. A line for each constant:
 * the stored value, the best one of those tried, and the times relative to the stored value's.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { root } from "./setup.mjs";

/** A difference that noise makes too. */
const NOISE = 0.03;

/** The constants that name a workload: from the text of `target.ts`, where a comment stands before one or several of them. */
export function constantsIn(text) {
  const sections = [...text.matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)];
  return sections.flatMap(([, section, body]) => {
    let workload;
    return body.split(/\n(?= {2}(?:\/\*\*|readonly))/).flatMap((part) => {
      if (part.trimStart().startsWith("/**")) workload = /Measure with[\s*]+`(\w+)`/.exec(part)?.[1];
      const name = /readonly (\w+): number/.exec(part)?.[1];
      return name && workload ? [{ section: section === "Target" ? "" : section.toLowerCase(), name, workload }] : [];
    });
  });
}

/** The engine in pieces and the workloads over it, as one module. */
async function engine() {
  const modules = join(root, "dist/modules");
  const entry = join(root, "bench/dist/target-entry.mjs");
  const from = (path) => JSON.stringify(join(root, path));
  mkdirSync(join(root, "bench/dist"), { recursive: true });
  writeFileSync(
    entry,
    `export { groups } from ${from("bench/workloads.ts")};\nexport { BACKENDS } from ${from("dist/modules/runtime/backends.js")};\nexport { setBackend } from ${from("dist/modules/runtime/set-backend.js")};\nexport { hashKernel } from ${from("dist/modules/kernel/hash.js")};\n`,
  );
  const made = await rolldown({
    input: entry,
    platform: "node",
    resolve: { alias: { nabla: join(modules, "index.js") } },
    logLevel: "silent",
  });
  const file = join(root, "bench/dist/target.mjs");
  await made.write({ file, format: "esm", codeSplitting: false });
  await made.close();
  return import(file);
}

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

function timeOf(fn) {
  const start = performance.now();
  fn();
  return performance.now() - start;
}

/** Median milliseconds of some functions, in turns for so many seconds. */
function inTurns(fns, seconds) {
  for (const fn of fns) for (let i = 0; i < 3; i++) fn();
  const calls = Math.max(1, Math.ceil(0.5 / timeOf(fns[0])));
  const times = fns.map(() => []);
  const end = performance.now() + 1e3 * seconds;
  for (let turn = 0; turn < 5 || performance.now() < end; turn++) {
    for (const [i, fn] of fns.entries()) {
      times[i].push(timeOf(() => { for (let k = 0; k < calls; k++) fn(); }) / calls); // biome-ignore format: one thought
    }
  }
  return times.map(median);
}

/** The target with another value of a constant. */
function changed(target, { section, name }, value) {
  return section === "" ? { ...target, [name]: value } : { ...target, [section]: { ...target[section], [name]: value } };
}

export async function benchTarget(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { target: { type: "boolean" }, sec: { type: "string", default: "2" } },
  });
  const seconds = Number(values.sec);
  if (!(seconds > 0)) throw new Error(`--sec: want seconds above 0, got "${values.sec}"`);
  const all = constantsIn(readFileSync(join(root, "src/kernel/target.ts"), "utf8"));
  const unknown = positionals.find((name) => !all.some((constant) => constant.name === name));
  if (unknown !== undefined) throw new Error(`unknown constant "${unknown}" (known: ${all.map(({ name }) => name).join(", ")})`);
  const { groups, BACKENDS, setBackend, hashKernel } = await engine();
  const backend = BACKENDS.get("wasm");
  const makers = new Map();
  const collector = { bench: (w, make) => makers.set(w, make), out() {}, fail() {}, rss() {} };
  for (const [name, group] of Object.entries(groups)) if (name !== "cold") group(collector);
  for (const constant of all) {
    if (positionals.length > 0 && !positionals.includes(constant.name)) continue;
    const { section, name, workload } = constant;
    const stored = section === "" ? backend.target[name] : backend.target[section][name];
    const make = makers.get(workload);
    if (!make) throw new Error(`${name} is measured with ${workload}, which is no workload`);
    const others = [stored / 2, stored * 2].map((value) => (Number.isInteger(stored) ? Math.max(1, Math.round(value)) : value));
    const tried = [stored, ...new Set(others)].map((value) => {
      const programs = createHash("sha256");
      const load = (program, ...rest) => {
        programs.update(JSON.stringify([program.kernels.map(hashKernel), program.steps]));
        return backend.load(program, ...rest);
      };
      // A name of its own, so that no plan is taken from another's.
      const target = { ...changed(backend.target, constant, value), name: `wasm, ${name} ${value}` };
      BACKENDS.set("wasm", { ...backend, target, load });
      setBackend("wasm");
      const fn = make();
      fn();
      return { value, fn, programs: programs.digest("hex") };
    });
    // Where the code is the same, there is nothing to be measured.
    const different = tried.filter(({ programs }, i) => i === 0 || programs !== tried[0].programs);
    const times = different.length > 1 ? inTurns(different.map(({ fn }) => fn), seconds) : [1]; // biome-ignore format: one thought
    const ratios = tried.map((one) => times[different.indexOf(one)] / times[0]);
    const best = ratios.reduce((found, ratio, i) => (ratio < Math.min(ratios[found], 1 - NOISE) ? i : found), 0);
    const said = tried.slice(1).map(({ value }, i) => `${value}: ${Number.isNaN(ratios[i + 1]) ? "same code" : ratios[i + 1].toFixed(3)}`);
    const path = [section, name].filter(Boolean).join(".").padEnd(24);
    const measured = different.length > 1 ? tried[best].value : "nothing";
    console.log(`${path} stored ${stored}, measured ${measured} with ${workload} (${said.join(", ")})`);
  }
  BACKENDS.set("wasm", backend);
}
