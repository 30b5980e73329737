/**
 * @file The passes from a recorded list to the list that is scheduled, as tables. What can be seen of them is in `dump.ts`.
 */
import { type Pass, runPasses, type Watch } from "../base/passes.ts";
import type { Kernel, Program } from "../kernel/kernel.ts";
import { type Target, WASM } from "../kernel/target.ts";
import type { Region, Walks } from "../ops/op.ts";
import { accumulate } from "../optimize/accumulate.ts";
import { crop } from "../optimize/crop.ts";
import { expand } from "../optimize/expand.ts";
import { layout } from "../optimize/layout.ts";
import { merge } from "../optimize/merge.ts";
import { pack } from "../optimize/pack.ts";
import { simplify } from "../optimize/simplify.ts";
import { sparsify } from "../optimize/sparsify.ts";
import { splitConcats } from "../optimize/split-concats.ts";
import { splitSums } from "../optimize/split-sums.ts";
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

/** Passes that only loops need: `loops.ts` brings them with the op, so that a page without a loop does not carry them. */
export const loopPasses: { fission?: (region: Region, ofOps: Walks, target: Target) => Region } = {};

/** Loops without what needs no loop. */
const FISSION: TapePasses = [["fission", (region, target) => loopPasses.fission?.(region, walks, target) ?? region]];

/** Operands and results lie as loops want them, and long sums are cut as threads want them. */
const ARRANGEMENT: TapePasses = [
  ["pack", pack],
  ["layout", layout],
  ["split-sums", splitSums],
  ["split-concats", splitConcats],
];

/** The table of the tape: its stages, in the order in which they run. Recomputation (`budget.ts`) comes between them. */
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

/** Who is to be told of the passes of a compilation: `dump.ts` brings the first, `verification.ts` the second. */
export const watching: {
  watcher?: (dump: Dump | undefined) => Watch<Made> | undefined;
  verify?: Watch<Made> | undefined;
} = {};
