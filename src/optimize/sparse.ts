/**
 * @file The gradient of max pooling is 0 but at the maxima: of a cell of 2 × 2 elements one receives anything. So what happens to it element by element happens to what the
 * maxima receive, before it is spread over the cells; its sums are theirs; and the gradient of the weights of a convolution below multiplies only them, in loops over the
 * cells that look up where the maximum was.
 *
 *     select (0 < y) (spread g) 0     =     spread (select (0 < max y) g 0)
 */
import { sizeOf } from "../base/shape.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { type Conv, convWeight, convWeightAt } from "../ops/contract.ts";
import { inBuffer } from "../ops/elementwise.ts";
import { full } from "../ops/indexing.ts";
import { foldWindows, windows } from "../ops/movement.ts";
import { maxWithIndex, sum } from "../ops/reduce.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Region, Value } from "../tape/node.ts";
import { opOf, type Rule, rewriteRegion } from "./rewrite.ts";

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** A value that is 0 but at the maximum of each cell of `y`. */
interface Spread {
  readonly y: Tensor;
  /** [.., cells]: the maxima, which elements of their cells they are, and what stands there. */
  readonly maxima: Tensor;
  readonly which: Tensor;
  readonly value: Tensor;
  readonly kernel: readonly number[];
  /** The same with another value at the maxima. */
  with(value: Tensor): Tensor;
}

const operandOf = (x: Value, name: string): Tensor | undefined =>
  x.source.op.name === name ? (x.source.operands[0] as Tensor) : undefined;
const isZero = (x: Value): boolean => x.source.op === full && (x.source.params as { value: number }).value === 0;
/** Every axis but the last as it was. */
const repeatsLast = (x: Value): boolean =>
  x.source.op.name === "broadcast" && (x.source.params as { axes: readonly number[] }).axes.length === x.shape.length - 1;

/** What max pooling of `y` in cells that do not overlap gives back, if `x` is that. */
function spreadOf(x: Tensor): Spread | undefined {
  if (x.source.op !== foldWindows) return undefined;
  const { kernel, stride, dilation } = x.source.params as Windows;
  if (kernel.some((f, i) => f !== stride[i] || dilation[i] !== 1)) return undefined;
  const picked = operandOf(x.source.operands[0]!, "reshape");
  if (picked?.source.op.name !== "select") return undefined;
  const [hit, spread, otherwise] = picked.source.operands as [Tensor, Tensor, Tensor];
  const [index, position] = hit.source.operands as Tensor[];
  if (!isZero(otherwise) || hit.source.op.name !== "eq" || position!.source.op.name !== "iota") return undefined;
  if (!repeatsLast(spread) || !repeatsLast(index!) || (position!.source.params as { axis: number }).axis !== picked.rank - 1)
    return undefined;
  const which = index!.source.operands[0] as Tensor;
  const cells = which.source.op === maxWithIndex && which.index === 1 ? operandOf(which.source.operands[0]!, "reshape") : undefined;
  if (cells?.source.op !== windows || JSON.stringify(cells.source.params) !== JSON.stringify({ kernel, stride, dilation }))
    return undefined;
  const y = cells.source.operands[0] as Tensor;
  if (y.rank !== x.rank || y.shape.some((d, i) => d !== x.shape[i])) return undefined;
  const again = (value: Tensor): Tensor => {
    const wide = value.broadcastInDim(picked.shape, (spread.source.params as { axes: readonly number[] }).axes);
    const folded = x.source.operands[0] as Tensor;
    return x.bind(foldWindows, [hit.where(wide, otherwise).reshape(folded.shape)], x.source.params as never);
  };
  const value = spread.source.operands[0] as Tensor;
  return { y, maxima: which.source.results[0] as Tensor, which, value, kernel, with: again };
}

/** Activations are no longer than this. */
const MOST_STEPS = 16;

/** What is computed from `y` element by element, computed from the maxima. */
function atMaxima(x: Tensor, { y, maxima }: Spread): Tensor | undefined {
  const made = new Map<Value, Tensor>([[y, maxima]]);
  let steps = 0;
  const make = (z: Tensor): Tensor | undefined => {
    const known = made.get(z);
    if (known || steps++ > MOST_STEPS) return known;
    const { op, params, operands } = z.source;
    const { lower } = opOf(z.source);
    if (op === full) return z.bind(full, [], { ...(params as object), shape: maxima.shape } as never);
    if (lower.kind !== "pointwise" || !lower.inPlace || operands.length === 0) return undefined;
    const own = operands.map((operand) => make(operand as Tensor));
    if (own.includes(undefined)) return undefined;
    const result = z.bindAll(opOf(z.source), own as Tensor[], params)[z.index]!;
    made.set(z, result);
    return result;
  };
  return make(x);
}

/** Activations below a pool: their derivatives at the maxima are all that counts. */
const passOn: Rule = ({ op }, [a, b, c]) => {
  const through = (spread: Spread | undefined, by: Tensor, join: (by: Tensor, value: Tensor) => Tensor): Tensor[] | undefined => {
    const own = spread && atMaxima(by, spread);
    return own && [spread.with(join(own, spread.value))];
  };
  if (op.name === "select" && isZero(c!)) return through(spreadOf(b!), a!, (kept, value) => kept.where(value, value.like(0)));
  if (op.name === "mul") return through(spreadOf(a!), b!, (by, x) => x.mul(by)) ?? through(spreadOf(b!), a!, (by, x) => x.mul(by));
  return undefined;
};

const sumFew: Rule = ({ op, params }, [x]) => {
  if (op !== sum) return undefined;
  const { axes } = params as { axes: readonly number[] };
  const spread = spreadOf(x!);
  return spread?.kernel.every((_, i) => axes.includes(x!.rank - 1 - i)) ? [spread.value.sum(axes)] : undefined;
};

/** Cycles of a vector of products in a dense kernel, and here, where each has a load and a look-up serves a few; and of an element that is put in another order. */
const CYCLES = { dense: 0.5, few: 0.9, moved: 2 } as const;
/** Elements of an image of which a few stay in the first cache. */
const SMALL = 3072;

const weightsOfFew = ({ op, params }: Parameters<Rule>[0], operands: Parameters<Rule>[1], { lanes }: Target): ReturnType<Rule> => {
  if (op !== convWeight) return undefined;
  const { stride, dilation, groups, kernel } = params as Conv & { readonly kernel: readonly number[] };
  const [x, ct] = operands as [Tensor, Tensor];
  const spread = x.dtype === "f32" && x.rank === 4 && groups === 1 && dilation.every((d) => d === 1) ? spreadOf(ct) : undefined;
  if (!spread) return undefined;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [rows, columns] = kernel as [number, number];
  const width = Math.ceil((columns * c) / lanes.f32) * lanes.f32;
  const dense = (CYCLES.dense * sizeOf(spread.kernel) * rows * columns * c) / lanes.f32;
  const few = (CYCLES.few * rows * width) / lanes.f32 + (CYCLES.moved * n * c * h * w) / sizeOf(spread.value.shape);
  if (few > dense || c * h * w > SMALL) return undefined;
  // Rows long enough for whole vectors.
  const room = w + Math.ceil((width - columns * c) / c);
  const images = x.transpose([0, 2, 3, 1]).pad([0, 0, 0, 0], [0, 0, room - w, 0]);
  const inRows = inBuffer(images).reshape([n, h * room * c]);
  const { value, kernel: cell } = spread;
  const step = [stride[0]! * room * c, stride[1]! * c] as const;
  const from = [0, 1].reduce((sum, axis) => sum.add(value.iotaLike(axis + 2).mul(cell[axis]! * step[axis]!)), inCell(spread, step));
  const dw = x.bind(convWeightAt, [inRows, from, value], { rows, pitch: room * c, width });
  const taps = dw.slice([0, 0, 0], [ct.shape[1]!, rows, columns * c]).reshape([ct.shape[1]!, rows, columns, c]);
  return [taps.transpose([0, 3, 1, 2])];
};

/** How far the maximum of each cell lies from the first element, in steps along columns and rows: without a division, of which there are no vectors. */
function inCell({ which, kernel }: Spread, [down, right]: readonly [number, number]): Tensor {
  const [rows, columns] = kernel as [number, number];
  let distance = which.mul(right);
  for (let row = 1; row < rows; row++)
    distance = distance.add(which.ge(row * columns).where(which.like(down - columns * right), which.like(0)));
  return distance;
}

export function multiplyFew(region: Region, target: Target = WASM): Region {
  return rewriteRegion(
    rewriteRegion(region, () => passOn),
    () => (instruction, operands, original) => sumFew(instruction, operands, original) ?? weightsOfFew(instruction, operands, target),
  );
}
