/**
 * @file What a function costs, counted from its tape, so that the counts hold for whatever a user writes, reused layers included. Nothing is
 * computed: inputs and cells are placeholders, and initial weights stay undrawn.
 */
import { fn as aFunction, check, checkFields, expectation, listOf, object } from "../base/check.ts";
import { type Shape, sizeOf, type Type } from "../base/shape.ts";
import { capture } from "../function/capture.ts";
import { checkModule, type Module } from "../nn/module.ts";
import { Parameter } from "../nn/parameter.ts";
import { dot as matrixProduct } from "../ops/contract.ts";
import { isTensor } from "../ops/create.ts";
import { contracts, multiplyAddsOf, repetitionsOf } from "../ops/lowering.ts";
import type { Instruction } from "../ops/op.ts";
import { placeholderOf } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Cell, pendingCells } from "../runtime/cell.ts";
import { dependents, tapeOf, tapeOfRegion } from "../tape/tape.ts";

/**
 * The model (or optimizer) that `make` builds, as a plan: its initial weights are drawn when someone reads them, but not together with whatever
 * else is read first, as those of a model in use are. So hundreds of millions of parameters can be counted and forgotten.
 */
export function blueprint<T>(make: () => T): T {
  check("blueprint: make", make, aFunction);
  const before = new Set(pendingCells);
  const made = make();
  for (const cell of pendingCells) if (!before.has(cell)) pendingCells.delete(cell);
  return made;
}

const aType = expectation(
  "a shape, or { shape, dtype }",
  (type) => Array.isArray(type) || (object.holds(type) && Array.isArray((type as Partial<Type>).shape) && "dtype" in (type as object)),
);
const instructions = expectation(
  "a list of instructions, as recordOn gives it",
  (list) => Array.isArray(list) && list.every((each) => object.holds(each) && "op" in each && "operands" in each),
);

/** A function as recorded on placeholders. */
export interface Recorded {
  /** Instructions that the results depend on, operands first. */
  readonly list: readonly Instruction[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** What each cell that was read stands for in the list. */
  readonly cells: ReadonlyMap<Cell, Tensor>;
}

/** Records `fn` on placeholders of the given types, f32 where only a shape is given. Writes to cells do not happen. */
export function recordOn(fn: (...inputs: Tensor[]) => unknown, types: readonly (Type | Shape)[]): Recorded {
  check("recordOn: fn", fn, aFunction);
  check("recordOn: types", types, listOf(aType));
  const inputs = types.map((type) => placeholderOf("shape" in type ? type : { shape: type, dtype: "f32" }));
  const cells = new Map<Cell, Tensor>();
  const read = (cell: Cell): Tensor => {
    const inside = placeholderOf(cell, cell.label);
    cells.set(cell, inside);
    return inside;
  };
  const { outputs } = capture("cost", () => fn(...inputs), { read });
  return { list: tapeOf(outputs), inputs, outputs, cells };
}

/** Multiply-accumulates, by what computes them: one is a multiplication and an addition, so two FLOPs. */
export interface Macs {
  /** Of convolutions and their transposes. */
  readonly conv: number;
  /** Of matrix products and other Einstein sums: dense layers, attention. */
  readonly dot: number;
  readonly total: number;
}

/** The multiply-accumulates of a list; loops count as often as they run, one whose end depends on values once. */
export function macsOf(list: readonly Instruction[]): Macs {
  check("macsOf: list", list, instructions);
  let [conv, dot] = [0, 0];
  for (const instruction of list) {
    const { op, regions } = instruction;
    for (const inner of regions) {
      const times = repetitionsOf(instruction);
      const within = macsOf(tapeOfRegion(inner));
      conv += times * within.conv;
      dot += times * within.dot;
    }
    const macs = multiplyAddsOf(instruction);
    if (op === matrixProduct) dot += macs;
    else conv += macs;
  }
  return { conv, dot, total: conv + dot };
}

/** Layers with weights on the longest way from inputs to outputs: ResNet-50 has 50. */
export function depthOf(recorded: Recorded): number {
  checkFields("depthOf", recorded, { list: instructions, inputs: listOf(expectation("a tensor", isTensor)) });
  const { list, inputs } = recorded;
  const signals = dependents(list, inputs);
  const depths = new Map<Tensor, number>();
  let deepest = 0;
  for (const instruction of list) {
    const { operands, results } = instruction;
    const before = Math.max(0, ...operands.map((x) => depths.get(x) ?? 0));
    // One operand is the signal, the other a weight; products of two signals (attention) are no layer.
    const layer = contracts(instruction) && operands.some((x) => signals.has(x)) && !operands.every((x) => signals.has(x));
    const depth = before + (layer ? 1 : 0);
    for (const y of results) depths.set(y, depth);
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Numbers that are trained, each cell once. */
export function parameterCount(model: Module): number {
  checkModule("parameterCount: model", model);
  return model.parameters().reduce((n, { shape }) => n + sizeOf(shape), 0);
}

/** Numbers that are kept but not trained: running statistics and the like, counters left out. */
export function bufferCount(model: Module): number {
  checkModule("bufferCount: model", model);
  const buffers = [...model.stateDict()].filter(([name, cell]) => !(cell instanceof Parameter) && !name.endsWith("num_batches_tracked"));
  return buffers.reduce((n, [, { shape }]) => n + sizeOf(shape), 0);
}
