/**
 * @file Layouts of buffers. A value is stored row by row, or with one axis in the lanes of vectors: as many elements of that axis as a vector holds are
 * contiguous, and the other axes go around them. With vectors of four:
 *
 *     [N, C, H, W] with lanes on axis 0:   [N/4][C][H][W][4 images]        convolution multiplies vectors of four images by splat weights
 *                  with lanes on axis 1:   [N][C/4][H][W][4 channels]      four channels of one image, vectors of weights
 *
 * The layout is a property of the plan alone: every access goes through {@link position}, so every choice gives the same results, and only the speed
 * depends on it. `optimize/layout.ts` marks the convolutions and copies that want lanes (`Instruction.lanes`); this file spreads the layout from there to
 * the values that are computed from them and for them at the same index.
 */
import { type Shape, sizeOf, stridesOf } from "../base/shape.ts";
import { Index } from "../kernel/index-algebra.ts";
import type { Target } from "../kernel/target.ts";
import { conv, convWeight } from "../ops/convolution.ts";
import { contracts, counters, probe } from "../ops/lowering.ts";
import { flatten } from "../ops/movement.ts";
import type { Instruction } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";

/** The axis whose elements are in lanes; undefined for row by row. */
export type Lanes = number | undefined;

/** A counter of a loop nest: it steps `by` elements along `axis`. */
export interface Counter {
  readonly axis: number;
  readonly by: number;
  readonly extent: number;
  /** True if the loop is unrolled in full. */
  readonly apart?: boolean;
}

const steps = (shape: Shape): Counter[] => shape.map((extent, axis) => ({ axis, by: 1, extent }));

/** How many elements of an axis in lanes are contiguous: the length of a vector of f32. */
const widthOf = (target: Target): number => target.lanes.f32;

/** Counters in the order of elements in memory. */
export function memoryOrder(shape: Shape, lanes: Lanes, target: Target): Counter[] {
  return lanes === undefined ? steps(shape) : lanesLast(shape, [lanes], target);
}

/** Counters of which those for the lanes of the given axes come last, so that they are innermost. */
export function lanesLast(shape: Shape, axes: readonly number[], target: Target): Counter[] {
  const width = widthOf(target);
  const outer = steps(shape).map((s) => (axes.includes(s.axis) ? { axis: s.axis, by: width, extent: s.extent / width } : s));
  return [...outer, ...axes.map((axis) => ({ axis, by: 1, extent: width }))];
}

/** Counters in row-major order; each of the given axes is split in two, vectors and lanes. */
export function splitAxes(shape: Shape, axes: readonly number[], target: Target): Counter[] {
  const width = widthOf(target);
  return steps(shape).flatMap((s) =>
    axes.includes(s.axis)
      ? [
          { ...s, by: width, extent: s.extent / width },
          { ...s, extent: width },
        ]
      : [s],
  );
}

/** The index along each axis that counters stand for. */
export function indexOf(order: readonly Counter[], rank: number, counters: readonly Index[]): Index[] {
  const at = Array.from({ length: rank }, () => Index.constant(0));
  order.forEach(({ axis, by }, i) => {
    at[axis] = at[axis]!.plus(counters[i]!.times(by));
  });
  return at;
}

/** The flat position of the element `at` of a value of `shape` in its buffer. */
export function position(at: readonly Index[], shape: Shape, lanes: Lanes, target: Target): Index {
  if (lanes === undefined) return flatten(at, shape);
  const width = widthOf(target);
  const vectors = vectorStrides(shape, lanes, target);
  const outer = at.map((i, axis) => (axis === lanes ? i.div(width) : i));
  return outer
    .reduce((sum, i, axis) => sum.plus(i.times(vectors[axis]!)), Index.constant(0))
    .times(width)
    .plus(at[lanes]!.mod(width));
}

/** The size of a buffer in elements, padding between planes included. */
export function storedSize(shape: Shape, lanes: Lanes, target: Target): number {
  if (lanes === undefined || sizeOf(shape) === 0) return sizeOf(shape);
  const outer = outerExtents(shape, lanes, target);
  return widthOf(target) * outer[0]! * vectorStrides(shape, lanes, target)[0]!;
}

const outerExtents = (shape: Shape, lanes: number, target: Target): number[] =>
  shape.map((d, axis) => (axis === lanes ? d / widthOf(target) : d));

/**
 * Strides of the axes, in vectors. With many channels their planes are padded to an odd number of cache lines. Otherwise the same element of all channels
 * would map to a few sets of the cache, and a sum over channels would evict what the next sum reads again.
 */
function vectorStrides(shape: Shape, lanes: number, target: Target): number[] {
  const extents = outerExtents(shape, lanes, target);
  const strides = stridesOf(extents);
  const { line, manyPlanes } = target.caches;
  if (shape.length < 3 || extents[1]! < manyPlanes) return strides;
  const width = widthOf(target);
  const lines = Math.ceil((strides[1]! * width) / line);
  const plane = ((lines % 2 === 0 ? lines + 1 : lines) * line) / width;
  return strides[1]! * width < line ? strides : strides.with(1, plane).with(0, extents[1]! * plane);
}

// ---- choosing -------------------------------------------------------------------------------------------------------------------------

/** Axes that may carry lanes. */
const AXES = [0, 1];

/** Chooses the values that have an axis in lanes. `rows` tells which must be row-major because something outside the kernels reads them. */
export function chooseLanes(list: readonly Instruction[], rows: (x: Tensor) => boolean, target: Target): ReadonlyMap<Tensor, number> {
  const width = widthOf(target);
  const chosen = new Map<Tensor, number>();
  const asking = list.filter((i) => i.lanes !== undefined);
  if (asking.length === 0) return chosen;
  const readers = new Map<Tensor, Instruction[]>();
  for (const i of list) for (const x of new Set(i.operands)) readers.set(x, [...(readers.get(x) ?? []), i]);
  for (const axis of AXES) {
    const may = (x: Tensor): boolean => !rows(x) && x.dtype !== "f64" && divides(x.shape, axis, width) && !chosen.has(x);
    const queue = asking.flatMap((i) => wanted(i, axis)).filter(may);
    for (const x of queue) chosen.set(x, axis);
    for (let x = queue.pop(); x; x = queue.pop()) {
      for (const y of neighbours(x, axis, readers.get(x) ?? [])) {
        if (!may(y)) continue;
        chosen.set(y, axis);
        queue.push(y);
      }
    }
  }
  chooseForWeights(asking, (y) => !rows(y) && divides(y.shape, 0, width), chosen);
  return chosen;
}

/** The gradient of a weight is computed in vectors of output channels, its axis 0. */
function chooseForWeights(asking: readonly Instruction[], may: (y: Tensor) => boolean, chosen: Map<Tensor, number>): void {
  for (const { op, lanes, results } of asking) if (op === convWeight && lanes === 1) for (const y of results) if (may(y)) chosen.set(y, 0);
}

const divides = (shape: Shape, axis: number, width: number): boolean =>
  shape.length > axis && sizeOf(shape) > 0 && shape[axis]! % width === 0;

/** The operands and results that an instruction wants with lanes on `axis`. */
function wanted(instruction: Instruction, axis: number): readonly Tensor[] {
  const { op, lanes, operands, results } = instruction;
  if (lanes !== axis) return [];
  if (op === convWeight) return axis === 0 ? operands : operands.slice(1);
  return op === conv ? [...results, operands[0]!] : results;
}

/** The values to which the layout of `x` spreads: those computed from it, or it from them, at the same index along the axis. */
function neighbours(x: Tensor, axis: number, readers: readonly Instruction[]): Tensor[] {
  const forwards = readers.filter((i) => keeps(i, x, axis)).flatMap((i) => i.results);
  const backwards = x.source.operands.filter((operand) => keeps(x.source, operand, axis));
  return [...forwards, ...backwards];
}

/** Returns true if element i along the axis of each result is computed from element i of the operand only. */
function keeps(instruction: Instruction, operand: Tensor, axis: number): boolean {
  const lower = instruction.op.lower;
  const size = operand.shape[axis];
  if (size === undefined || instruction.results.some((y) => y.shape[axis] !== size) || contracts(instruction)) return false;
  if (lower.kind === "pointwise" && lower.inPlace) return true;
  if (lower.kind !== "pointwise" && lower.kind !== "reduce") return false;
  const at = counters(instruction.results[0]!.shape);
  let kept = true;
  probe(instruction, at, (i, index) => {
    if (instruction.operands[i] === operand) kept &&= index[axis]!.key === at[axis]!.key;
  });
  return kept;
}
