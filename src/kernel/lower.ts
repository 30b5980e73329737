/**
 * @file Lowering: the passes on a kernel before a code generator emits code, as tables in the order in which they run. Passes that serve one engine alone are
 * in the folder of its code generator.
 */
import { type Pass, runPasses, type Watch } from "../base/passes.ts";
import * as k from "./build.ts";
import { divide, iterationsOf, type Line, weigh } from "./division.ts";
import type { Expr, Kernel, Stmt } from "./kernel.ts";
import { fuseMarkedLoops } from "./loop-fusion.ts";
import { expandMath } from "./math.ts";
import { hoist, share } from "./motion.ts";
import { blockSums } from "./sums.ts";
import type { Target } from "./target.ts";
import { mapBlocks, mapOperands, rewrite } from "./walk.ts";

type KernelPass = Pass<Kernel, Target>;

const onBody =
  (pass: (body: readonly Stmt[]) => readonly Stmt[]): KernelPass[1] =>
  (kernel) => ({ ...kernel, body: pass(kernel.body) });

/**
 * The passes that decide in which order numbers are added. The scheduler runs them on each kernel that it writes, so that the interpreter, which runs kernels
 * as they are scheduled, adds in the same order.
 */
export const ORDERING: readonly KernelPass[] = [
  ["fuse-loops", fuseMarkedLoops],
  ["block-sums", onBody(blockSums)],
];

/** Runs the passes ORDERING on a kernel that the scheduler wrote. `watch` is called with the kernel after each pass. */
export function orderSums(kernel: Kernel, target: Target, watch?: Watch<Kernel>): Kernel {
  return runPasses(ORDERING, kernel, target, watch);
}

/** The passes that every code generator runs. */
export const LOWERING: readonly KernelPass[] = [
  ["guard-accesses", (kernel, target) => target.guardAccesses?.(kernel) ?? kernel],
  ["split-masked-stores", (kernel, target) => (target.tails === "mask" ? kernel : splitMaskedStores(kernel))],
  ["expand-math", expandMath],
  ["split-multiply-adds", (kernel, target) => (target.fma === "separate" ? splitMultiplyAdds(kernel) : kernel)],
  ["hoist", onBody(hoist)],
  ["share", onBody(share)],
];

/** Runs the passes LOWERING on a scheduled kernel; the result is what code generators emit. `watch` is called with the kernel after each pass. */
export function lower(kernel: Kernel, target: Target, watch?: Watch<Kernel>): Kernel {
  return runPasses(LOWERING, kernel, target, watch);
}

/** Replaces stores under a mask by one branch per lane, for machines without masked stores. */
export function splitMaskedStores(kernel: Kernel): Kernel {
  const split = (s: Stmt): Stmt[] => {
    if (s.kind !== "store" || !s.mask) return [mapBlocks(s, (block) => block.flatMap(split))];
    const { buffer, index, value, mask } = s;
    if (value.lanes === 1) return [k.ifThen(mask, [k.store(buffer, index, value)])];
    const [v, m] = [k.bind(value), k.bind(mask)];
    const stores = Array.from({ length: value.lanes }, (_, i) => {
      const at = index.lanes > 1 ? k.lane(index, i) : k.add(index, k.int(i));
      return k.ifThen(k.lane(m.variable, i), [k.store(buffer, at, k.lane(v.variable, i))]);
    });
    return [v.statement, m.statement, ...stores];
  };
  return { ...kernel, body: kernel.body.flatMap(split) };
}

/** Replaces multiply-adds by a multiplication and an addition, each rounded, for machines without fused ones. */
export function splitMultiplyAdds(kernel: Kernel): Kernel {
  const memo = new Map<Expr, Expr>();
  const change = (x: Expr): Expr => (x.op === "fma" ? k.add(k.mul(x.args[0]!, x.args[1]!), x.args[2]!) : x);
  const split = (s: Stmt): Stmt =>
    mapBlocks(
      mapOperands(s, (x) => rewrite(x, change, memo)),
      (block) => block.map(split),
    );
  return { ...kernel, body: kernel.body.map(split) };
}

/** An upper estimate of the operations of a statement, for a first cheap test of a kernel's work. */
const OPERATIONS_PER_STATEMENT = 64;

/** How the work of kernels is divided among threads. */
export interface DivisionOptions {
  /** Kernels with at least this much work (see `weigh`) are divided. */
  readonly leastWork: number;
  /** The most parts of a kernel, and the most buffers that a divided kernel may have. */
  readonly mostParts: number;
  readonly mostBuffers: number;
  /** Returns true for operations that only the main thread can do. Kernels with one of them are not divided. */
  readonly isOfMainThread: (x: Expr) => boolean;
}

/** The line of work of a lowered kernel and the number of parts that it is worth; undefined if the main thread should do the kernel alone. */
export function divideWork(kernel: Kernel, options: DivisionOptions): { readonly line: Line; readonly parts: number } | undefined {
  const { leastWork, mostParts, mostBuffers, isOfMainThread } = options;
  const { body, buffers } = kernel;
  if (iterationsOf(body) * OPERATIONS_PER_STATEMENT < leastWork || buffers.length > mostBuffers) return undefined;
  const work = weigh(body, isOfMainThread);
  const line = work.total < leastWork || work.marked ? undefined : divide(body, work);
  return line && { line, parts: Math.min(mostParts, Math.max(2, Math.floor((2 * work.total) / leastWork))) };
}
