/**
 * @file The passes from a recorded list to the list that is scheduled, as tables, and what can be seen of them: the list after any pass, its
 * verification, the time of each.
 */
import { describe } from "../base/describe.ts";
import { environment } from "../base/host.ts";
import { type Pass, runPasses, type Watch } from "../base/passes.ts";
import type { Kernel, Program } from "../kernel/kernel.ts";
import { LOWERING, ORDERING } from "../kernel/lower.ts";
import { printKernel } from "../kernel/print.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { accumulate } from "../optimize/accumulate.ts";
import { crop } from "../optimize/crop.ts";
import { expand } from "../optimize/expand.ts";
import { fission } from "../optimize/fission.ts";
import { layout } from "../optimize/layout.ts";
import { merge } from "../optimize/merge.ts";
import { pack } from "../optimize/pack.ts";
import { simplify } from "../optimize/simplify.ts";
import { sparsify } from "../optimize/sparsify.ts";
import { splitConcats } from "../optimize/split-concats.ts";
import { splitSums } from "../optimize/split-sums.ts";
import type { Region } from "../tape/node.ts";
import { printRegion } from "../tape/print.ts";
import { verifyRegion } from "../tape/verify.ts";
import { walks } from "../transform/walks.ts";

type TapePasses = readonly Pass<Region, Target>[];

/** Less of the same. Nothing is expanded, so that the list reads as the user wrote it. */
const TIDY: TapePasses = [
  ["simplify", simplify],
  ["merge", merge],
  ["simplify", simplify],
  ["merge", merge],
];

/** To primitives with kernels or steps of their own. */
const PRIMITIVES: TapePasses = [
  ...TIDY,
  ["crop", crop],
  ["sparsify", sparsify],
  ["expand", expand],
  ["crop", crop],
  ["accumulate", accumulate],
  ...TIDY,
];

/** Loops without what needs no loop. */
const FISSION: TapePasses = [["fission", (region, target) => fission(region, walks, target)]];

/** Operands and results lie as loops want them, and long sums are cut as threads want them. */
const ARRANGEMENT: TapePasses = [
  ["pack", pack],
  ["layout", layout],
  ["split-sums", splitSums],
  ["split-concats", splitConcats],
];

/** The table of the tape: its stages, in the order in which they run. Recomputation (`fit.ts`) comes between them. */
export const TAPE_PASSES: readonly { readonly stage: string; readonly passes: TapePasses }[] = [
  { stage: "primitives", passes: PRIMITIVES },
  { stage: "loops", passes: [...FISSION, ...TIDY] },
  { stage: "arrangement", passes: ARRANGEMENT },
];

/** What a list is compiled for, and who is told of its passes. */
export interface Setting {
  /** Default: WebAssembly. */
  readonly target?: Target;
  readonly watch?: Watch<Made> | undefined;
}

const run = (passes: TapePasses, region: Region, { target = WASM, watch }: Setting): Region => runPasses(passes, region, target, watch);

/** Less of the same, as the user wrote it. */
export function tidy(region: Region, setting: Setting = {}): Region {
  return run(TIDY, region, setting);
}

/** The list in primitives. */
export function primitives(region: Region, setting: Setting = {}): Region {
  return run(PRIMITIVES, region, setting);
}

/** The list with shorter loops; tidied only if there were any to shorten. */
export function shortenLoops(region: Region, setting: Setting = {}): Region {
  const shorter = run(FISSION, region, setting);
  return shorter === region ? region : tidy(shorter, setting);
}

/** The list as it is scheduled. */
export function arrange(region: Region, setting: Setting = {}): Region {
  return run(ARRANGEMENT, region, setting);
}

/** All stages. */
export function optimize(region: Region, setting: Setting = {}): Region {
  return arrange(shortenLoops(primitives(region, setting), setting), setting);
}

/** What a pass makes: a list, kernels in their order, one kernel on its way to code, or the code. */
export type Made = Region | Program | Kernel | Uint8Array;

/** Where lists go after a pass. A text names passes, such as "simplify,schedule", or "all", and prints to the error output. */
export type Dump = string | ((pass: string, text: string) => void);

/** While it is set, each list and kernel is verified after each pass. Tests set it. */
export const verification: { on: boolean } = { on: false };

let times: Map<string, number> | undefined;

/** Runs `fn`; gives the milliseconds that each pass has taken in it, in the order in which they first ran. */
export function timePasses<T>(fn: () => T): { result: T; times: ReadonlyMap<string, number> } {
  const outer = times;
  const own = new Map<string, number>();
  times = own;
  try {
    return { result: fn(), times: own };
  } finally {
    times = outer;
  }
}

/** What is to be told of the passes of one compilation; undefined if nobody wants to know. */
export function watcher(asked: Dump | undefined): Watch<Made> | undefined {
  const dump = asked ?? environment("NABLA_DUMP");
  checkDump(dump, asked ? "compile: dump" : "NABLA_DUMP");

  const all: Watch<Made>[] = [];
  const own = times;
  if (own) all.push((pass, _, ms) => own.set(pass, (own.get(pass) ?? 0) + ms));
  if (verification.on) all.push(verify);
  if (dump) all.push(dumper(dump));
  return all.length === 0
    ? undefined
    : (...told) => {
        for (const watch of all) watch(...told);
      };
}

function verify(pass: string, made: Made): void {
  try {
    if ("body" in made) verifyKernel(made);
    else if ("outputs" in made) verifyRegion(made);
    else if ("kernels" in made) for (const kernel of made.kernels) verifyKernel(kernel);
  } catch (error) {
    throw new Error(`internal: after the pass ${pass}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** All that can be dumped, in the order in which it is made. */
export const PASS_NAMES: readonly string[] = [
  ...new Set([
    ...TAPE_PASSES.flatMap(({ passes }) => passes.map(([name]) => name)),
    "stretch",
    "recompute",
    ...ORDERING.map(([name]) => name),
    "schedule",
    ...LOWERING.map(([name]) => name),
    "code",
  ]),
];

/** @throws {RangeError} for a name that no pass has. @throws {TypeError} for what is neither names nor a function. */
export function checkDump(dump: unknown, what = "compile: dump"): asserts dump is Dump | undefined {
  if (dump === undefined || typeof dump === "function") return;
  const choice = `"all", or names out of ${PASS_NAMES.join(", ")}`;
  if (typeof dump !== "string")
    throw new TypeError(`${what} wants ${choice}, with commas between them, or a function of name and text; got ${describe(dump)}`);
  const unknown = namesIn(dump).find((name) => name !== "all" && !PASS_NAMES.includes(name));
  if (unknown !== undefined) throw new RangeError(`${what} has no pass "${unknown}"; it takes ${choice}`);
}

const namesIn = (dump: string): string[] => dump.split(",").map((name) => name.trim());

function dumper(dump: Dump): Watch<Made> {
  if (typeof dump === "function") return (pass, made) => dump(pass, print(pass, made));
  const names = namesIn(dump);
  return (pass, made) => {
    if (names.includes("all") || names.includes(pass)) console.error(`after ${pass}:\n${print(pass, made)}\n`);
  };
}

function print(pass: string, made: Made): string {
  if ("body" in made) return printKernel(made);
  if ("outputs" in made) return printRegion(made, pass);
  return "kernels" in made ? made.kernels.map(printKernel).join("\n\n") : `${made.length} bytes`;
}
