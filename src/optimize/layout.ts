/**
 * @file The layout of convolutions. With the batch in the lanes, a convolution multiplies a vector of images by one weight, whatever the number of channels. If
 * the images do not fill vectors, or the target prefers channels, output channels are in the lanes instead, and the weights are vectors. The pass notes the axis on the instructions of
 * convolutions and copies operands that could not be computed in that order; `schedule/lanes.ts` does the rest.
 */

import { sizeOf } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { type Conv, conv, convWeight } from "../ops/convolution.ts";
import { copy, identity } from "../ops/elementwise.ts";
import { isOf, madeBy } from "../ops/made-by.ts";
import { concat, pad, slice } from "../ops/movement.ts";
import type { Instruction, Op, Region } from "../ops/op.ts";
import { record, type Tensor } from "../ops/tensor.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** Axis of the images and of the channels. */
const IMAGES = 0;
const CHANNELS = 1;

export function layout(region: Region, target: Target = WASM): Region {
  return rewriteRegion(region, (inner) => laying(inner, target));
}

/** The rule that notes the axis in lanes on convolutions and copies operands where needed. */
function laying(region: Region, target: Target): Rule {
  const fixed = fixedValues(region);
  const laneAxis = laneAxes(region, target);
  const rows = leftInRows(region, fixed, laneAxis, target);
  const copied = copier();
  return (instruction, operands, original) => {
    const lanes = laneAxis(instruction);
    if (lanes === undefined || rows.has(original)) return undefined;
    const [x, y] = tuple(operands, 2);
    const isFixed = original.results.some((value) => fixed.has(value));
    if (isOf(instruction, convWeight)) {
      const images = lanes === IMAGES ? inLanes(x, lanes, copied) : x;
      const gradient = bindIn(lanes, convWeight, [images, inLanes(y, lanes, copied)], { ...instruction.params, zeros: undefined });
      // It is added up in vectors of output channels, part by part.
      return [isFixed && lanes === CHANNELS && target.laying.prefersChannels ? x.bind(copy, [gradient]) : gradient];
    }
    if (!isOf(instruction, conv)) return undefined;
    const own = lanes === IMAGES ? [inLanes(x, lanes, copied), inRows(y, copied)] : [x, copied(y, 0)];
    const result = bindIn(lanes, conv, own, { ...instruction.params, zeros: zerosOf(x, y, target) });
    return [isFixed ? x.bind(copy, [result]) : result];
  };
}

/** For a padded input of which many taps are padding: how many zeros each spatial axis begins and ends with. Undefined for others. */
function zerosOf(x: Tensor, w: Tensor, { laying }: Target): Conv["zeros"] {
  const padded = madeBy(x, pad);
  if (!padded) return undefined;
  const { low, high } = padded.params;
  // Counted for a stride of 1, where windows begin at every element.
  const useful = x.shape.slice(2).reduce((n, d, i) => n * shareOfTaps(d, w.shape[i + 2]!, low[i + 2]!, high[i + 2]!), 1);
  return useful > 1 - laying.zeros ? undefined : { low: low.slice(2), high: high.slice(2) };
}

/** The share of the taps of all windows over an axis that is not on padding. */
function shareOfTaps(size: number, taps: number, low: number, high: number): number {
  const windows = size - taps + 1;
  let useful = 0;
  for (let i = low; i < size - high; i++) useful += Math.min(i, taps - 1, windows - 1, size - 1 - i) + 1;
  return useful / (windows * taps);
}

/** Values that must be stored row by row: outputs, and operands of loops, branches and host calls. */
function fixedValues(region: Region): ReadonlySet<Tensor> {
  const readers = tapeOfRegion(region).filter((i) => i.regions.length > 0 || ["control", "host"].includes(i.op.lower.kind));
  return new Set([...region.outputs, ...readers.flatMap((i) => i.operands)]);
}

/** The axis that carries the vectors of a convolution, if one does. */
type LaneAxis = (instruction: Instruction) => number | undefined;

/** Chooses the axes of a region's convolutions: images if they fill vectors, else channels; or the other way round if the target wants that and the channels of all of them do. */
function laneAxes(region: Region, { lanes: width, laying }: Target): LaneAxis {
  const fills = (n: number): boolean => n % width.f32 === 0;
  const axes = (instruction: Instruction): number[] => {
    const convolves = isOf(instruction, conv) || isOf(instruction, convWeight);
    if (!convolves || instruction.results[0]!.dtype !== "f32" || instruction.lanes !== undefined) return [];
    const [x, y] = instruction.operands;
    const channels = instruction.op === conv ? y.shape[0]! : y.shape[1]!;
    return [...(fills(x.shape[0]!) ? [IMAGES] : []), ...(instruction.params.groups === 1 && fills(channels) ? [CHANNELS] : [])];
  };
  const all = tapeOfRegion(region)
    .map(axes)
    .filter((list) => list.length > 0);
  const [first, second] = laying.prefersChannels && all.every((list) => list.includes(CHANNELS)) ? [CHANNELS, IMAGES] : [IMAGES, CHANNELS];
  return (instruction) => {
    const own = axes(instruction);
    return own.includes(first) ? first : own.includes(second) ? second : undefined;
  };
}

/**
 * Convolutions that stay row by row because a change of layout does not pay: those that vectorize along rows as well, if more values would have to be copied
 * to and from lanes than there are convolutions between them.
 */
function leftInRows(region: Region, fixed: ReadonlySet<Tensor>, laneAxis: LaneAxis, target: Target): ReadonlySet<Instruction> {
  const left = new Set<Instruction>();
  for (const { members, copies } of islands(region, fixed)) {
    const convolutions = members.filter((i) => laneAxis(i) !== undefined);
    if (copies > convolutions.length && convolutions.every((i) => vectorizesInRows(i, target))) for (const i of convolutions) left.add(i);
  }
  return left;
}

/** Instructions that would share a layout, since they pass images to each other; `copies` counts the values that enter or leave. */
interface Island {
  readonly members: readonly Instruction[];
  readonly copies: number;
}

/** Finds the sets of instructions that would share a layout. */
function islands(region: Region, fixed: ReadonlySet<Tensor>): Island[] {
  const list = tapeOfRegion(region).filter((i) => imagesOf(i).length > 0);
  const inside = new Set(list);
  const found = new Map<Instruction, { members: Instruction[]; borders: Set<Tensor> }>();
  for (const instruction of list) {
    const own = { members: [instruction], borders: new Set(instruction.results.filter((y) => fixed.has(y))) };
    found.set(instruction, own);
    let island = own;
    for (const x of imagesOf(instruction)) {
      const other = inside.has(x.source) && !fixed.has(x) ? found.get(x.source)! : undefined;
      if (!other) island.borders.add(x);
      else if (other !== island) island = joined(island, other, found);
    }
  }
  return [...new Set(found.values())].map(({ members, borders }) => ({ members, copies: borders.size }));
}

/** The operands whose layout an instruction shares: images of convolutions, and operands with as many images as the result. */
function imagesOf({ op, operands, results }: Instruction): readonly Tensor[] {
  if (op === conv) return operands.slice(0, 1);
  if (op === convWeight) return operands;
  const { kind } = op.lower;
  if ((kind !== "pointwise" && kind !== "reduce") || op.cost === "compute") return [];
  return operands.filter((x) => x.shape.length > 1 && x.shape[0] === results[0]!.shape[0]);
}

/** Joins two islands by adding the smaller to the larger. */
function joined<T extends { members: Instruction[]; borders: Set<Tensor> }>(a: T, b: T, found: Map<Instruction, T>): T {
  const [small, large] = a.members.length < b.members.length ? [a, b] : [b, a];
  for (const i of small.members) {
    large.members.push(i);
    found.set(i, large);
  }
  for (const x of small.borders) large.borders.add(x);
  return large;
}

/** Returns true for convolutions that are as fast with vectors along the rows of images: depthwise ones, and 1x1 as a product [O, C] · [C, pixels]. */
function vectorizesInRows(instruction: Instruction, { lanes, caches, laying: { leastVectors } }: Target): boolean {
  if (!isOf(instruction, conv) && !isOf(instruction, convWeight)) return false;
  const leastWidth = leastVectors * lanes.f32;
  const { stride, groups } = instruction.params;
  const [x, y] = instruction.operands;
  const { results } = instruction;
  const [out, w] = instruction.op === conv ? [results[0]!, y] : [y, results[0]!];
  if (stride.some((s) => s !== 1)) return false;
  if (groups > 1 && groups === x.shape[1]) return out.shape.at(-1)! >= leastWidth;
  const pixels = sizeOf(out.shape.slice(2));
  return groups === 1 && w.shape.slice(2).every((n) => n === 1) && pixels >= leastWidth && (4 * pixels) % caches.badPitch !== 0;
}

/** Records an op with one result and the wish for an axis in the lanes of vectors. */
const bindIn = <P>(lanes: number | undefined, op: Op<number, P>, operands: readonly Tensor[], params: P): Tensor =>
  record(op, operands, params, [], { lanes })[0]!;

/** Returns a copy of a value with an axis in lanes, or row by row: the same copy for all readers that want it so. */
type Copier = (x: Tensor, lanes: number | undefined) => Tensor;

function copier(): Copier {
  const copies = new Map<Tensor, Map<number | undefined, Tensor>>();
  return (x, lanes) => {
    const own = copies.get(x) ?? new Map<number | undefined, Tensor>();
    const made = own.get(lanes) ?? bindIn(lanes, copy, [x], undefined);
    copies.set(x, own.set(lanes, made));
    return made;
  };
}

/** The value itself if its kernel can write it in lanes, otherwise a copy in lanes. */
function inLanes(x: Tensor, lanes: number, copied: Copier): Tensor {
  const [whole] = x.source.operands;
  const isPart = x.source.op === slice && whole !== undefined && isComputed(whole.source);
  return isComputed(x.source) || isPart ? x : copied(x, lanes);
}

/** Weights in a buffer of their own if they are only moved elements of another value (flipped for the input gradient), whose addresses would jump. */
function inRows(w: Tensor, copied: Copier): Tensor {
  const moves = w.source.op.lower.kind === "pointwise" && w.source.operands.length === 1 && !isComputed(w.source);
  return moves ? copied(w, undefined) : w;
}

/** Returns true if a kernel computes the results element by element, so that it can write them in any order. */
function isComputed(instruction: Instruction): boolean {
  const { op } = instruction;
  const { lower, cost } = op;
  if (op === conv || op === pad || op === concat) return true;
  if (lower.kind === "pointwise") return lower.inPlace === true && op !== identity;
  return lower.kind === "reduce" && cost === "memory";
}
