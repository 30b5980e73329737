/**
 * @file Sparse gradients of max pooling. The gradient is 0 except at the maxima: one element of a cell of 2 × 2 receives anything. So elementwise ops on the
 * gradient are moved to the values at the maxima, before these are spread over the cells; sums of the gradient are sums of these values; and the gradient of
 * the weights of a convolution below multiplies only them, in loops over cells that look up the position of the maximum.
 *
 *     select (0 < y) (spread g) 0     =     spread (select (0 < max y) g 0)
 */

import { sameShape, sizeOf } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { convWeight, convWeightAt } from "../ops/convolution.ts";
import { copy, eq, mul, select } from "../ops/elementwise.ts";
import { full, iota } from "../ops/indexing.ts";
import { instructionOf, isOf, type Known, madeBy } from "../ops/made-by.ts";
import { broadcast, foldWindows, reshape, type Windows, windows } from "../ops/movement.ts";
import type { Region } from "../ops/op.ts";
import { maxWithIndex, sum } from "../ops/reduce.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** A value that is 0 except at the maximum of each cell of `y`. */
interface Spread {
  readonly y: Tensor;
  /** Each of shape [.., cells]: the maxima, their positions within their cells, and the values at the maxima. */
  readonly maxima: Tensor;
  readonly which: Tensor;
  readonly value: Tensor;
  readonly kernel: readonly number[];
  /** The same with other values at the maxima. */
  with(value: Tensor): Tensor;
}

const isZero = (x: Tensor): boolean => madeBy(x, full)?.params.value === 0;

/** The broadcast that makes `x`, if it only repeats along a new last axis. */
function repeatedLast(x: Tensor): Known<1, { axes: readonly number[] }> | undefined {
  const made = madeBy(x, broadcast);
  return made?.params.axes.length === x.shape.length - 1 ? made : undefined;
}

/** Takes `x` apart if it is the gradient of a max pooling whose cells do not overlap; undefined for other values. */
function spreadOf(x: Tensor): Spread | undefined {
  const fold = madeBy(x, foldWindows);
  if (!fold) return undefined;
  if (overlaps(fold.params)) return undefined;
  const picked = madeBy(fold.operands[0], reshape)?.operands[0];
  const choice = madeBy(picked, select);
  if (!picked || !choice) return undefined;
  const [hit, chosen, otherwise] = choice.operands;
  const [index, position] = madeBy(hit, eq)?.operands ?? [];
  if (!index || !isZero(otherwise) || madeBy(position, iota)?.params.axis !== picked.rank - 1) return undefined;
  const [spread, repeated] = [repeatedLast(chosen), repeatedLast(index)];
  if (!spread || !repeated) return undefined;
  const [which] = repeated.operands;
  const pool = pooled(which, fold.params);
  if (!pool || !sameShape(pool.y.shape, x.shape)) return undefined;
  const again = (value: Tensor): Tensor => {
    const wide = value.broadcastInDim(picked.shape, spread.params.axes);
    return x.bind(foldWindows, [hit.where(wide, otherwise).reshape(fold.operands[0].shape)], fold.params);
  };
  return { ...pool, which, value: spread.operands[0], kernel: fold.params.kernel, with: again };
}

const overlaps = ({ kernel, stride, dilation }: Windows): boolean => kernel.some((f, i) => f !== stride[i] || dilation[i] !== 1);

/** The value that was pooled with these windows, and its maxima, if `which` are the indices of the maxima; otherwise undefined. */
function pooled(which: Tensor, { kernel, stride, dilation }: Windows): { y: Tensor; maxima: Tensor } | undefined {
  const extremum = which.index === 1 ? madeBy(which, maxWithIndex) : undefined;
  const cells = madeBy(madeBy(extremum?.operands[0], reshape)?.operands[0], windows);
  if (!extremum || !cells || JSON.stringify(cells.params) !== JSON.stringify({ kernel, stride, dilation })) return undefined;
  return { y: cells.operands[0], maxima: extremum.results[0]! };
}

/** The most ops of an activation that are moved to the maxima. */
const MOST_STEPS = 16;

/** Computes from the maxima what `x` computes from `y` element by element; undefined if `x` is not elementwise in `y`. */
function atMaxima(x: Tensor, { y, maxima }: Spread): Tensor | undefined {
  const made = new Map<Tensor, Tensor>([[y, maxima]]);
  let steps = 0;
  const make = (z: Tensor): Tensor | undefined => {
    const known = made.get(z);
    if (known || steps++ > MOST_STEPS) return known;
    const { params, operands } = z.source;
    const { lower } = z.source.op;
    const constant = madeBy(z, full);
    if (constant) return z.bind(full, [], { ...constant.params, shape: maxima.shape });
    if (lower.kind !== "pointwise" || !lower.inPlace || operands.length === 0) return undefined;
    const own = operands.map((operand) => make(operand)).filter((operand) => operand !== undefined);
    if (own.length < operands.length) return undefined;
    const result = z.bindAll(z.source.op, own, params)[z.index]!;
    made.set(z, result);
    return result;
  };
  return make(x);
}

/** The gradient of an activation below a pool: the derivative of the activation is needed at the maxima only. */
const passOn: Rule = ({ op }, [a, b, c]) => {
  const through = (spread: Spread | undefined, by: Tensor, join: (by: Tensor, value: Tensor) => Tensor): Tensor[] | undefined => {
    const own = spread && atMaxima(by, spread);
    return own && [spread.with(join(own, spread.value))];
  };
  if (op === select && isZero(c!)) return through(spreadOf(b!), a!, (kept, value) => kept.where(value, value.like(0)));
  if (op === mul) return through(spreadOf(a!), b!, (by, x) => x.mul(by)) ?? through(spreadOf(b!), a!, (by, x) => x.mul(by));
  return undefined;
};

const sumFew: Rule = (instruction) => {
  const total = instructionOf(instruction, sum);
  if (!total) return undefined;
  const { axes } = total.params;
  const [x] = total.operands;
  const spread = spreadOf(x);
  return spread?.kernel.every((_, i) => axes.includes(x.rank - 1 - i)) ? [spread.value.sum(axes)] : undefined;
};

const weightsOfFew = (
  instruction: Parameters<Rule>[0],
  operands: Parameters<Rule>[1],
  { lanes, costs, caches }: Target,
): ReturnType<Rule> => {
  if (!isOf(instruction, convWeight)) return undefined;
  const { stride, dilation, groups, kernel } = instruction.params;
  const [x, ct] = tuple(operands, 2);
  const spread = x.dtype === "f32" && x.rank === 4 && groups === 1 && dilation.every((d) => d === 1) ? spreadOf(ct) : undefined;
  if (!spread) return undefined;
  const [n, c, h, w] = tuple(x.shape, 4);
  const [rows, columns] = tuple(kernel, 2);
  const width = Math.ceil((columns * c) / lanes.f32) * lanes.f32;
  const dense = (costs.denseProduct * sizeOf(spread.kernel) * rows * columns * c) / lanes.f32;
  const few = (costs.sparseProduct * rows * width) / lanes.f32 + (costs.moved * n * c * h * w) / sizeOf(spread.value.shape);
  if (few > dense || c * h * w > caches.image) return undefined;
  // Rows are padded to whole vectors.
  const room = w + Math.ceil((width - columns * c) / c);
  const images = x.transpose([0, 2, 3, 1]).pad([0, 0, 0, 0], [0, 0, room - w, 0]);
  const inRows = images.bind(copy, [images]).reshape([n, h * room * c]);
  const { value, kernel: cell } = spread;
  const step = [stride[0]! * room * c, stride[1]! * c] as const;
  const from = [0, 1].reduce((sum, axis) => sum.add(value.iotaLike(axis + 2).mul(cell[axis]! * step[axis]!)), inCell(spread, step));
  const dw = x.bind(convWeightAt, [inRows, from, value], { rows, pitch: room * c, width });
  const taps = dw.slice([0, 0, 0], [ct.shape[1]!, rows, columns * c]).reshape([ct.shape[1]!, rows, columns, c]);
  return [taps.transpose([0, 3, 1, 2])];
};

/** The offset of each maximum from the first element of its cell, in elements. Computed by comparisons, since there is no vector division of integers. */
function inCell({ which, kernel }: Spread, [down, right]: readonly [number, number]): Tensor {
  const [rows, columns] = tuple(kernel, 2);
  let distance = which.mul(right);
  for (let row = 1; row < rows; row++)
    distance = distance.add(which.ge(row * columns).where(which.like(down - columns * right), which.like(0)));
  return distance;
}

export function sparsify(region: Region, target: Target = WASM): Region {
  return rewriteRegion(
    rewriteRegion(region, () => passOn),
    () => (instruction, operands, original) => sumFew(instruction, operands, original) ?? weightsOfFew(instruction, operands, target),
  );
}
