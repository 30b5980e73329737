/**
 * @file The passes from a recorded list to the list that is scheduled, as tables. `dump.ts` prints what each makes.
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

/** Simplifications. Nothing is expanded, so that the list reads as the user wrote it. Each runs twice, since merging makes more to simplify. */
const TIDY: TapePasses = [
  ["simplify", simplify],
  ["merge", merge],
  ["simplify", simplify],
  ["merge", merge],
];

/** From recorded ops to primitives that have kernels or steps of their own. */
const PRIMITIVES: TapePasses = [
  ...TIDY,
  ["crop", crop],
  ["sparsify", sparsify],
  ["expand", expand],
  ["crop", crop],
  ["accumulate", accumulate],
  ...TIDY,
];

/** Passes that only loops need. `loops.ts` installs them together with the op, so that a bundle without loops does not contain them. */
export const loopPasses: { fission?: (region: Region, ofOps: Walks, target: Target) => Region } = {};

/** Takes instructions out of loops that need not be in them. */
const FISSION: TapePasses = [["fission", (region, target) => loopPasses.fission?.(region, walks, target) ?? region]];

/** Passes that only ranks need; `ranks.ts` installs them. */
export const rankPasses: { buckets?: (region: Region) => Region } = {};

/** Arranges operands and results in memory as loop nests need them, cuts long sums for threads, and large sums over ranks for sending. */
const ARRANGEMENT: TapePasses = [
  ["pack", pack],
  ["layout", layout],
  ["split-sums", splitSums],
  ["split-concats", splitConcats],
  ["buckets", (region) => rankPasses.buckets?.(region) ?? region],
];

/** All passes on the tape, by stages, in the order in which they run. Recomputation (`budget.ts`) runs before the stage "arrangement". */
export const TAPE_PASSES: readonly { readonly stage: string; readonly passes: TapePasses }[] = [
  { stage: "primitives", passes: PRIMITIVES },
  { stage: "loops", passes: [...FISSION, ...TIDY] },
  { stage: "arrangement", passes: ARRANGEMENT },
];

/** The target that a list is compiled for, and the function that is called after each pass. */
export interface Setting {
  /** Default: WebAssembly. */
  readonly target?: Target;
  readonly watch?: Watch<Made> | undefined;
}

const run = (passes: TapePasses, region: Region, { target = WASM, watch }: Setting): Region => runPasses(passes, region, target, watch);

/** Runs the passes TIDY: the list stays in the user's ops. */
export function tidy(region: Region, setting: Setting = {}): Region {
  return run(TIDY, region, setting);
}

/** Runs the stage "primitives". */
export function primitives(region: Region, setting: Setting = {}): Region {
  return run(PRIMITIVES, region, setting);
}

/** Runs the stage "loops"; without a loop that becomes shorter the list is returned as it is. */
export function shortenLoops(region: Region, setting: Setting = {}): Region {
  const shorter = run(FISSION, region, setting);
  return shorter === region ? region : tidy(shorter, setting);
}

/** Runs the stage "arrangement", whose result is scheduled. */
export function arrange(region: Region, setting: Setting = {}): Region {
  return run(ARRANGEMENT, region, setting);
}

/** Runs all stages. */
export function optimize(region: Region, setting: Setting = {}): Region {
  return arrange(shortenLoops(primitives(region, setting), setting), setting);
}

/** What a pass makes: a list, a scheduled program, one kernel, or code. */
export type Made = Region | Program | Kernel | Uint8Array;

/** What to do after passes: a text lists the passes whose result is printed to stderr ("simplify,schedule", or "all"); a function receives all results. */
export type Dump = string | ((pass: string, text: string) => void);

/** Watchers of the passes of a compilation: `dump.ts` installs the first, `verification.ts` the second. */
export const watching: {
  watcher?: (dump: Dump | undefined) => Watch<Made> | undefined;
  verify?: Watch<Made> | undefined;
} = {};
