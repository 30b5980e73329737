/**
 * @file How elements lie in their buffers. A value is stored row by row, or with one axis in the lanes of vectors: as many elements of that axis as a vector
 * has side by side, everything else around them. With vectors of four:
 *
 *     [N, C, H, W] with lanes on axis 0:   [N/4][C][H][W][4 images]        convolution multiplies vectors of four images by splat weights
 *                  with lanes on axis 1:   [N][C/4][H][W][4 channels]      four channels of one image, vectors of weights
 *
 * Layout is a property of the plan alone: every access goes through {@link position}, so any choice is right and only speed depends on it.
 * Convolutions ask for lanes (`optimize/layout.ts`); from there they spread to the values that are computed from and for them.
 */
import { type Shape, sizeOf, stridesOf } from "../base/shape.ts";
import { Index } from "../kernel/index-algebra.ts";
import type { Target } from "../kernel/target.ts";
import { conv, convWeight } from "../ops/convolution.ts";
import { contracts, counters, probe } from "../ops/lowering.ts";
import { flatten } from "../ops/movement.ts";
import type { Instruction } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";

/** The axis whose elements lie in lanes; undefined for rows. */
export type Lanes = number | undefined;

/** A counter of a loop nest: it steps `by` elements along `axis`. */
export interface Counter {
  readonly axis: number;
  readonly by: number;
  readonly extent: number;
  /** Its values are written out instead of being counted through. */
  readonly apart?: boolean;
}

const steps = (shape: Shape): Counter[] => shape.map((extent, axis) => ({ axis, by: 1, extent }));

/** Elements of an axis that lie side by side: those of a vector of numbers of four bytes. */
const widthOf = (target: Target): number => target.lanes.f32;

/** Counters in the order in which elements lie in memory. */
export function memoryOrder(shape: Shape, lanes: Lanes, target: Target): Counter[] {
  return lanes === undefined ? steps(shape) : lanesLast(shape, [lanes], target);
}

/** Counters of which those for the lanes of some axes come last. */
export function lanesLast(shape: Shape, axes: readonly number[], target: Target): Counter[] {
  const width = widthOf(target);
  const outer = steps(shape).map((s) => (axes.includes(s.axis) ? { axis: s.axis, by: width, extent: s.extent / width } : s));
  return [...outer, ...axes.map((axis) => ({ axis, by: 1, extent: width }))];
}

/** Counters in row-major order, some axes split in two. */
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

/** Where the element `at` of a value of `shape` lies in its buffer. */
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

/** Elements that a buffer holds, gaps included. */
export function storedSize(shape: Shape, lanes: Lanes, target: Target): number {
  if (lanes === undefined || sizeOf(shape) === 0) return sizeOf(shape);
  const outer = outerExtents(shape, lanes, target);
  return widthOf(target) * outer[0]! * vectorStrides(shape, lanes, target)[0]!;
}

const outerExtents = (shape: Shape, lanes: number, target: Target): number[] =>
  shape.map((d, axis) => (axis === lanes ? d / widthOf(target) : d));

/**
 * Steps along the axes in vectors. Planes of many channels are an odd number of cache lines apart: else the same element of all channels would lie in
 * a few sets of the cache, and a sum over channels would push out what the next one reads again.
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

/** Values with an axis in lanes. `rows` are those that must lie row by row: others know where their elements are. */
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

/** The gradient of weights is computed in vectors of output channels: its own first axis. */
function chooseForWeights(asking: readonly Instruction[], may: (y: Tensor) => boolean, chosen: Map<Tensor, number>): void {
  for (const { op, lanes, results } of asking) if (op === convWeight && lanes === 1) for (const y of results) if (may(y)) chosen.set(y, 0);
}

const divides = (shape: Shape, axis: number, width: number): boolean =>
  shape.length > axis && sizeOf(shape) > 0 && shape[axis]! % width === 0;

/** Values that an instruction wants with lanes on `axis`. */
function wanted(instruction: Instruction, axis: number): readonly Tensor[] {
  const { op, lanes, operands, results } = instruction;
  if (lanes !== axis) return [];
  if (op === convWeight) return axis === 0 ? operands : operands.slice(1);
  return op === conv ? [...results, operands[0]!] : results;
}

/** Values that lie like `x` if anything does: what is computed from it or for it at the same index along the axis. */
function neighbours(x: Tensor, axis: number, readers: readonly Instruction[]): Tensor[] {
  const forwards = readers.filter((i) => keeps(i, x, axis)).flatMap((i) => i.results);
  const backwards = x.source.operands.filter((operand) => keeps(x.source, operand, axis));
  return [...forwards, ...backwards];
}

/** True if element i along the axis of each result comes from element i of the operand. */
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
