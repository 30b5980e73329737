/**
 * @file Makes and transforms regions: the closed sub-lists that scan, cond, checkpoint and custom rules own, and that `compile` lowers.
 */
import type { Type } from "../base/shape.ts";
import { nextSerial } from "../tape/node.ts";
import { dependents, tapeOf, tapeOfRegion } from "../tape/tape.ts";
import { identity } from "./elementwise.ts";
import { data, placeholder } from "./leaves.ts";
import type { Instruction, Region } from "./op.ts";
import { record, type Tensor } from "./tensor.ts";

/** A fresh placeholder. */
export function placeholderOf(type: Type, label?: string): Tensor {
  const value = record(placeholder, [], { shape: type.shape, dtype: type.dtype }, [])[0]!;
  value.label = label;
  return value;
}

/** Records `fn` on fresh inputs. Outside values that it uses become further inputs of the region; `free` lists the values to pass for them. */
export function region(types: readonly Type[], fn: (inputs: Tensor[]) => readonly Tensor[]): { region: Region; free: Tensor[] } {
  const since = nextSerial();
  const inputs = types.map((t) => placeholderOf(t));
  return closeRegion(inputs, fn([...inputs]), since);
}

/** Records a rule as a region. @throws {TypeError} if it uses values from outside. */
export function closedRegion(types: readonly Type[], fn: (inputs: Tensor[]) => readonly Tensor[]): Region {
  const { region: made, free } = region(types, fn);
  if (free.length === 0) return made;
  throw new TypeError(
    `a custom derivative rule inside scan or cond uses ${free.length} value(s) from outside; pass them as arguments of the function`,
  );
}

/** Closes a recorded list: values older than `since`, and data, become inputs. */
export function closeRegion(inputs: readonly Tensor[], outputs: readonly Tensor[], since: number): { region: Region; free: Tensor[] } {
  const free = freeValues(inputs, outputs, since);
  if (free.length === 0) return { region: { inputs, outputs }, free };
  const bound = free.map((x) => placeholderOf(x, x.label));
  return { region: { inputs: [...inputs, ...bound], outputs: substitute(outputs, new Map(free.map((x, i) => [x, bound[i]!]))) }, free };
}

/** The values outside the list that began at `since` to which `outputs` refer. */
export function freeValues(inputs: readonly Tensor[], outputs: readonly Tensor[], since: number): Tensor[] {
  const own = new Set<Tensor>(inputs);
  const seen = new Set<Tensor>();
  const free: Tensor[] = [];
  const todo: Tensor[] = [...outputs];
  for (let x = todo.pop(); x !== undefined; x = todo.pop()) {
    if (own.has(x) || seen.has(x)) continue;
    seen.add(x);
    const { op, operands, serial } = x.source;
    const outside = serial < since && !x.isFixed;
    if (op === placeholder || op === data || outside) free.push(x);
    else todo.push(...operands);
  }
  return free.sort((a, b) => a.source.serial - b.source.serial || a.index - b.index);
}

/** Records an instruction again with other operands; the results get the same labels. */
export function rebind(instruction: Instruction, operands: readonly Tensor[], regions: readonly Region[] = instruction.regions): Tensor[] {
  const results = record(instruction.op, operands, instruction.params, regions, instruction);
  results.forEach((y, i) => {
    y.label = instruction.results[i]!.label;
  });
  return results;
}

/**
 * Replaces some values wherever `outputs` depend on them. Instructions that depend on none of them are shared, not copied. Instructions older than `since` are known not
 * to depend on them.
 */
export function substitute(outputs: readonly Tensor[], replace: ReadonlyMap<Tensor, Tensor>, since = 0): Tensor[] {
  const image = new Map<Tensor, Tensor>(replace);
  for (const instruction of tapeOf(outputs, new Set(replace.keys()), since)) {
    if (!instruction.operands.some((x) => image.has(x))) continue;
    const results = rebind(
      instruction,
      instruction.operands.map((x) => image.get(x) ?? x),
    );
    instruction.results.forEach((y, i) => {
      image.set(y, results[i]!);
    });
  }
  return outputs.map((y) => image.get(y) ?? y);
}

/** Records the instructions of a region on given operands, and returns the outputs. */
export function inlineRegion({ inputs, outputs }: Region, operands: readonly Tensor[]): Tensor[] {
  if (inputs.length !== operands.length)
    throw new Error(`internal: a region of ${inputs.length} inputs was given ${operands.length} operands`);
  const results = substitute(outputs, new Map(inputs.map((x, i) => [x, operands[i]!])));
  // A constant of the region gets a fresh name, so that reading it never changes the region.
  return results.map((y, i) => (y === outputs[i] ? y.identity() : y));
}

/** A region of primal and tangent computation, split into the part that is linear in the tangents and the rest. */
export interface Partition {
  /** From the primal inputs to the primal outputs, followed by the residuals. */
  readonly known: Region;
  /** From the residuals, followed by the tangent inputs, to the tangent outputs. */
  readonly linear: Region;
  /** For each residual the position of the primal input that it equals, or -1 if the known part computes it. */
  readonly fromInput: readonly number[];
}

/**
 * Returns true if a few cheap instructions compute the results from values that are kept anyway. For a sigmoid its value y is kept, and not its derivative y(1 - y).
 */
function followsFrom({ op, operands }: Instruction, kept: ReadonlySet<Tensor>, depth = 3): boolean {
  if (!op.traits?.cheap || depth === 0) return false;
  return operands.every((x) => kept.has(x) || x.isFixed || followsFrom(x.source, kept, depth - 1));
}

/** The value behind identities. */
function passedOn(x: Tensor): Tensor {
  return x.source.op === identity ? passedOn(x.source.operands[0]!) : x;
}

/**
 * Splits a region whose first `primals` inputs and first `results` outputs are primal and the others tangents. Primal values that the tangents need become residuals.
 */
export function partition(joint: Region, primals: number, results: number): Partition {
  const list = tapeOfRegion(joint);
  const tangents = joint.inputs.slice(primals);
  const linear = dependents(list, tangents);
  const residuals = new Set<Tensor>();
  const note = (x: Tensor): void => {
    if (!linear.has(x) && !x.isFixed) residuals.add(x);
  };
  for (const instruction of list) if (instruction.results.some((y) => linear.has(y))) instruction.operands.forEach(note);
  const [y, dy] = [joint.outputs.slice(0, results), joint.outputs.slice(results)];
  dy.forEach(note);
  for (const x of [...residuals].sort((a, b) => b.source.serial - a.source.serial))
    if (x.source.op !== placeholder && followsFrom(x.source, residuals)) residuals.delete(x);
  const bound = new Map([...residuals].map(passedOn).map((x) => [x, placeholderOf(x, x.label)]));
  const kept = [...bound.keys()];
  const image = new Map<Tensor, Tensor>([...residuals].map((x) => [x, bound.get(passedOn(x))!]));
  return {
    known: { inputs: joint.inputs.slice(0, primals), outputs: [...y, ...kept] },
    linear: { inputs: [...bound.values(), ...tangents], outputs: substitute(dy, image) },
    fromInput: kept.map((x) => joint.inputs.indexOf(x)),
  };
}
