/**
 * @file Random programs over the Tensor API, and how a failing one is made small.
 */
import { type Dtype, isFloat, type TypedArray } from "../../src/base/dtype.ts";
import { sizeOf, type Type } from "../../src/base/shape.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Random } from "./random.ts";
import { draw, type Known, MOST_ELEMENTS, randomStep, type Step } from "./steps.ts";

/** A value: given, or made by a step. With `value`, what the reference computed: one instruction at a time on the interpreter. */
export interface Node {
  readonly step: Step | undefined;
  readonly type: Type;
  readonly value: TypedArray;
}

export interface Program {
  readonly seed: number;
  readonly nodes: readonly Node[];
  readonly outputs: readonly number[];
}

// Values beyond this would turn rounding into differences that mean nothing.
const LARGEST = 30;

/** Makes a program; every step is computed at once by itself, which is the reference of all comparisons. */
export function randomProgram(seed: number): Program {
  const random = new Random(seed);
  const nodes: Node[] = [];
  const pool: Known[] = [];
  const add = (node: Node, exact: boolean): void => {
    pool.push({ ...node.type, id: nodes.length, exact });
    nodes.push(node);
  };
  for (const type of inputTypes(random)) add({ step: undefined, type, value: draw(random, type).dataSync() }, true);
  const wanted = random.int(3, 14);
  for (let tries = 0; tries < 6 * wanted && nodes.length < wanted + 4; tries++) {
    const step = randomStep(random, pool);
    if (!step) continue;
    const { type, value } = alone(step, nodes);
    const bounded = value.every((v) => Math.abs(v) <= LARGEST);
    if (sizeOf(type.shape) <= MOST_ELEMENTS && type.shape.length <= 5 && bounded) add({ step, type, value }, step.exact);
  }
  const last = nodes.length - 1;
  const outputs = new Set([last, ...random.list(random.int(0, 3), () => random.int(0, last))]);
  return { seed, nodes, outputs: [...outputs] };
}

function inputTypes(random: Random): Type[] {
  const main: Dtype = random.chance(0.6) ? "f32" : "f64";
  // Few sizes, so that shapes meet; some beyond the width of vectors and register tiles, with a rest.
  const sizes = random.list(3, () => (random.chance(0.25) ? random.int(6, 18) : random.int(1, 5)));
  const shape = (): number[] => {
    const axes = random.list(random.int(0, 3), () => (random.chance(0.1) ? 1 : random.pick(sizes)));
    return sizeOf(axes) <= MOST_ELEMENTS / 2 ? axes : axes.slice(1);
  };
  const types: Type[] = random.list(random.int(2, 3), () => ({ shape: shape(), dtype: main }));
  if (random.chance(0.3)) types.push({ shape: shape(), dtype: main === "f32" ? "f64" : "f32" });
  if (random.chance(0.6)) types.push({ shape: shape(), dtype: "i32" });
  return types;
}

/** The result of one step, computed alone from values in memory. */
export function alone(step: Step, nodes: readonly Node[]): { type: Type; value: TypedArray } {
  const y = step.apply(step.args.map((id) => leaf(nodes[id]!)));
  return { type: { shape: y.shape, dtype: y.dtype }, value: y.dataSync() };
}

export const leaf = ({ value, type }: Node): Tensor => fromArray(value.slice(), type);

/** The given values that the outputs depend on. */
export function inputsOf({ nodes, outputs }: Program): number[] {
  const seen = new Set<number>();
  const visit = (id: number): void => {
    if (seen.has(id)) return;
    seen.add(id);
    nodes[id]!.step?.args.forEach(visit);
  };
  outputs.forEach(visit);
  return [...seen].filter((id) => !nodes[id]!.step).sort((a, b) => a - b);
}

/** The outputs, recorded on the given values of the inputs. */
export function record(program: Program, inputs: readonly Tensor[]): Tensor[] {
  const values = new Map(inputsOf(program).map((id, i) => [id, inputs[i]!]));
  const get = (id: number): Tensor => {
    let value = values.get(id);
    if (!value) {
      const { apply, args } = program.nodes[id]!.step!;
      value = apply(args.map(get));
      values.set(id, value);
    }
    return value;
  };
  return program.outputs.map(get);
}

/** The reference values of the outputs. */
export const expected = ({ nodes, outputs }: Program): TypedArray[] => outputs.map((id) => nodes[id]!.value);

/** A smaller program that still fails: fewer outputs, and steps replaced by the values they gave. */
export function shrink(program: Program, fails: (p: Program) => boolean): Program {
  let best = program;
  for (const output of program.outputs) {
    const single = { ...program, outputs: [output] };
    if (!fails(single)) continue;
    best = single;
    break;
  }
  for (let again = true; again; ) {
    again = false;
    for (let id = best.nodes.length - 1; id >= 0; id--) {
      const node = best.nodes[id]!;
      if (!node.step) continue;
      const smaller = { ...best, nodes: best.nodes.with(id, { ...node, step: undefined }) };
      const inputs = inputsOf(best);
      if (best.outputs.includes(id) || String(inputsOf(smaller)) === String(inputs) || !fails(smaller)) continue;
      best = smaller;
      again = true;
    }
  }
  return best;
}

/** The steps of a program, one per line. */
export function describeProgram(program: Program): string {
  const used = new Set<number>();
  const visit = (id: number): void => {
    used.add(id);
    program.nodes[id]!.step?.args.forEach(visit);
  };
  program.outputs.forEach(visit);
  const lines = [...used]
    .sort((a, b) => a - b)
    .map((id) => {
      const { step, type, value } = program.nodes[id]!;
      const head = `v${id}: ${type.dtype}[${type.shape}]`;
      const given = value.length <= 12 ? `[${value}]` : `${value.length} values`;
      return step ? `${head} = ${step.name} ${step.args.map((a) => `v${a}`).join(" ")}` : `${head} = ${given}`;
    });
  return [`program ${program.seed}`, ...lines, `return ${program.outputs.map((id) => `v${id}`).join(", ")}`].join("\n");
}

/** Largest difference that rounding explains, for values of a dtype. */
export function tolerance(dtype: Dtype, lowest: Dtype): number {
  if (!isFloat(dtype)) return 0;
  return dtype === "f32" || lowest === "f32" ? 2e-3 : 1e-9;
}
