/**
 * @file Rewrites sums of many large terms so that they can be accumulated in one buffer, each term right after it is made.
 *
 *     (c + b) + a               a, b and c made in this order: (a + b) + c
 *     sum of stack(a, b, c)     a + b + c
 *     sum over b of x{bij} y{bjk}     one product, in which b is summed over as well
 */
import { sizeOf } from "../base/shape.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { dot, words } from "../ops/contract.ts";
import { instructionOf, madeBy } from "../ops/made-by.ts";
import { concat } from "../ops/movement.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { sum } from "../ops/reduce.ts";
import type { Tensor } from "../ops/tensor.ts";
import { findSums, type Sum } from "../tape/sums.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** A sum is reordered if more terms and partial sums than this would have to be kept at the same time. */
const MOST_WAITING = 3;

export function accumulate(region: Region, { caches }: Target = WASM): Region {
  // Smaller sums save nothing, since every buffer takes at least one cache line.
  const least = caches.line;
  const parts = rewriteRegion(region, (inner) => sumsOfParts(inner, least));
  return rewriteRegion(parts, (inner) => inOrder(inner, least));
}

/** Rewrites the sum of a stack, or of a product, that nothing else reads, so that the stack or product is not made. */
function sumsOfParts(region: Region, least: number): Rule {
  const readers = new Map<Tensor, number>();
  const count = (x: Tensor): unknown => readers.set(x, (readers.get(x) ?? 0) + 1);
  for (const instruction of tapeOfRegion(region)) instruction.operands.forEach(count);
  region.outputs.forEach(count);
  return (instruction, [x], original) => {
    const total = instructionOf(instruction, sum);
    if (!total || readers.get(original.operands[0]!) !== 1 || sizeOf(total.results[0]!.shape) < least) return undefined;
    const made = sumOfStack(x!, total.params.axes) ?? sumOfDot(x!, total.params.axes);
    return made && [made];
  };
}

/** For a stack of values summed along its stacking axis: the sum of the values. */
function sumOfStack(x: Tensor, axes: readonly number[]): Tensor | undefined {
  const stack = madeBy(x, concat);
  if (!stack) return undefined;
  const { axis } = stack.params;
  const parts = stack.operands;
  if (axes.length !== 1 || axes[0] !== axis || parts.some((t) => t.shape[axis] !== 1)) return undefined;
  return parts.map((t) => t.reshape(t.shape.toSpliced(axis, 1))).reduce((a, b) => a.add(b));
}

/** For an Einstein sum that is summed over letters of both operands: the product that sums these letters too. */
function sumOfDot(x: Tensor, axes: readonly number[]): Tensor | undefined {
  const product = madeBy(x, dot);
  if (!product) return undefined;
  const { spec } = product.params;
  const [xs, ys, out] = words(spec);
  const dropped = axes.map((axis) => out[axis]!);
  if (dropped.some((c) => !xs.includes(c) || !ys.includes(c))) return undefined;
  const rest = [...out].filter((c) => !dropped.includes(c)).join("");
  return x.bind(dot, product.operands, { spec: `${xs},${ys}->${rest}` });
}

/** Adds terms in the order in which they are made, if the given order would keep more of them at the same time. */
function inOrder(region: Region, least: number): Rule {
  const list = tapeOfRegion(region);
  const made = new Map<Instruction, number>(list.map((instruction, at) => [instruction, at]));
  const sums = findSums(list, region.outputs, { subtract: false }).filter(
    (s) => sizeOf(s.root.results[0]!.shape) >= least && waiting(s, made) > MOST_WAITING,
  );
  const roots = new Map(sums.map((s) => [s.root, s]));
  const images = new Map<Tensor, Tensor>();
  const terms = new Set(sums.flatMap((s) => s.terms));
  for (const x of terms) images.set(x, x);
  return (instruction, _, original) => {
    original.results.forEach((y, i) => {
      if (terms.has(y)) images.set(y, instruction.results[i]!);
    });
    const own = roots.get(original);
    if (!own) return undefined;
    const ordered = [...own.terms].sort((a, b) => (made.get(a.source) ?? -1) - (made.get(b.source) ?? -1));
    return [ordered.map((x) => images.get(x)!).reduce((a, b) => a.add(b))];
  };
}

/** The most terms and partial sums that exist at the same time if every addition is done as early as possible. */
function waiting({ additions, terms }: Sum<Tensor>, made: ReadonlyMap<Instruction, number>): number {
  const ready = new Map<Tensor, number>(terms.map((x) => [x, made.get(x.source) ?? -1]));
  const events = [...ready.values()].map((at) => [at, 1]);
  for (const { operands, results } of additions) {
    const at = Math.max(...operands.map((x) => ready.get(x)!));
    ready.set(results[0]!, at);
    events.push([at + 0.5, -1]);
  }
  events.sort((a, b) => a[0]! - b[0]!);
  let [now, most] = [0, 0];
  for (const [, by] of events) {
    now += by!;
    most = Math.max(most, now);
  }
  return most;
}
