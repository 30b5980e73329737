/**
 * @file Receptive fields (CNN-6): the pixels that a unit can see. A box of indices of the unit is taken back along the tape; each op says by its
 * lowering rule which elements it reads, and ranges of indices do the rest, so that any net of primitives has receptive fields.
 */
import type { Shape } from "../base/shape.ts";
import { checkIntegers } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { Index } from "../kernel/index-algebra.ts";
import type { Layer } from "../nn/module.ts";
import { checkModule } from "../nn/module.ts";
import { probe } from "../ops/lowering.ts";
import { instructionOf } from "../ops/made-by.ts";
import type { Instruction } from "../ops/op.ts";
import { maxWithIndex, minWithIndex } from "../ops/reduce.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Recorded, recordOn } from "./cost.ts";

/** Least and largest index along each axis. */
export type Box = readonly (readonly [min: number, max: number])[];

export interface ReceptiveField {
  /** Pixels along each spatial axis, those of padding included. */
  readonly size: readonly number[];
  /** Pixels between the fields of neighbouring units; 0 where there is one unit. */
  readonly stride: readonly number[];
  /** First pixel of the field of unit 0; below 0 in the padding. */
  readonly offset: readonly number[];
}

const whole = (shape: Shape): Box => shape.map((d) => [0, d - 1]);
const union = (a: Box | undefined, b: Box): Box => a?.map(([min, max], i) => [Math.min(min, b[i][0]), Math.max(max, b[i][1])]) ?? b;
const within = ([min, max]: readonly [number, number]): Index => Index.of(k.variable("i32"), min, max);

/** Boxes of the operands that a box of the results reads; nothing of an operand that is not read. Ops without a rule for elements read everything. */
export function readBy(instruction: Instruction, box: Box): (Box | undefined)[] {
  const { operands } = instruction;
  const read: (Box | undefined)[] = operands.map(() => undefined);
  const probed = probe(instruction, box.map(within), (i, index) => {
    read[i] = union(
      read[i],
      index.map(({ min, max }) => [min, max]),
    );
  });
  if (probed) return read;
  const extremum = instructionOf(instruction, maxWithIndex) ?? instructionOf(instruction, minWithIndex);
  if (extremum) {
    const { axis } = extremum.params;
    return [box.toSpliced(axis, 0, [0, operands[0]!.shape[axis]! - 1])];
  }
  return operands.map((x) => whole(x.shape));
}

/** What a box of `y` sees of `x`, or nothing. */
function seen(list: readonly Instruction[], y: Tensor, box: Box, x: Tensor): Box | undefined {
  const boxes = new Map<Tensor, Box>([[y, box]]);
  for (const instruction of list.toReversed()) {
    for (const result of instruction.results) {
      const wanted = boxes.get(result);
      if (!wanted) continue;
      readBy(instruction, wanted).forEach((part, i) => {
        const operand = instruction.operands[i]!;
        if (part) boxes.set(operand, union(boxes.get(operand), part));
      });
    }
  }
  return boxes.get(x);
}

/** The field of the units of `y` [N, C, ...size] in the recorded input [N, C, ...size]; nothing if it does not depend on it. */
export function receptiveFieldOf({ list, inputs }: Recorded, y: Tensor): ReceptiveField | undefined {
  const [x] = inputs as readonly [Tensor];
  // A unit in the middle, away from where indices would leave the image, and its neighbour.
  const middle = y.shape.slice(2).map((d) => Math.floor((d - 1) / 2));
  const boxAt = (unit: readonly number[]): Box | undefined =>
    seen(list, y, [[0, 0], [0, y.shape[1]! - 1], ...unit.map((i) => [i, i] as const)], x)?.slice(2);
  const here = boxAt(middle);
  const next = boxAt(middle.map((i, axis) => Math.min(i + 1, y.shape[axis + 2]! - 1)));
  if (!here || !next || y.rank < 3) return undefined;
  const stride = here.map(([min], i) => next[i][0] - min);
  return {
    size: here.map(([min, max]) => max - min + 1),
    stride,
    offset: here.map(([min], i) => min - stride[i] * (middle[i] ?? 0)),
  };
}

/** The field of the units that a model gives, for images [channels, height, width]. */
export function receptiveField(model: Layer, shape: Shape): ReceptiveField | undefined {
  checkModule("receptiveField: model", model);
  checkIntegers("receptiveField: shape", shape);
  const recorded = recordOn((x) => model.forward(x), [[1, ...shape]]);
  return receptiveFieldOf(recorded, recorded.outputs[0]!);
}
