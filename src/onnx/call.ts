/**
 * @file What an op sees of its node: inputs as tensors or as numbers on the host, attributes with their defaults, and the version of its operator set.
 */

import { formatShape, type Shape } from "../base/shape.ts";
import { clean } from "../formats/clean.ts";
import { ATTRIBUTE, type OnnxAttribute, type OnnxDtype, onnxDtype, onnxElements, onnxFilled } from "../formats/onnx.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import {
  axisOf,
  describeValue,
  type Given,
  isSequence,
  Known,
  knownOf,
  type Live,
  OnnxUnsupportedError,
  range,
  type Sequence,
  type Value,
  whole,
} from "./value.ts";

/** An attribute, read once. */
export type Attribute = number | string | readonly number[] | readonly string[] | Known | Plan | undefined;

/** A node as it runs. */
export interface Step {
  readonly op: string;
  readonly domain: string;
  /** For messages: the op and the node's name or first output. */
  readonly label: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly opset: number;
}

/** Names to values, around the graph that runs. */
export interface Scope {
  get(name: string): Value | undefined;
  /** What a run has beside its values. */
  readonly run: Run;
}

/** Of one call of the model. */
export interface Run {
  readonly training: boolean;
  /** Batch normalization and dropout follow the module's mode instead of the file. */
  readonly follow: boolean;
  /** Sets the state that an input of a node is. Does nothing where it is none. */
  write(scope: Scope, name: string, value: Tensor): void;
  /** Runs a graph inside another with the values of both. */
  inner(plan: Plan, scope: Scope, inputs: readonly (Value | undefined)[]): (Value | undefined)[];
}

export class Call {
  readonly step: Step;
  readonly inputs: readonly (Value | undefined)[];
  readonly scope: Scope;

  constructor(step: Step, inputs: readonly (Value | undefined)[], scope: Scope) {
    this.step = step;
    this.inputs = inputs;
    this.scope = scope;
  }

  get opset(): number {
    return this.step.opset;
  }

  /** How many results the node names. */
  get outputs(): number {
    return this.step.outputs.length;
  }

  wants(i: number): boolean {
    return (this.step.outputs[i] ?? "") !== "";
  }

  has(i: number): boolean {
    return this.inputs[i] !== undefined;
  }

  /** Input `i`. @throws {Error} if it is missing. */
  value(i: number): Value {
    const value = this.inputs[i];
    if (value === undefined) throw new Error(`input ${i} is missing`);
    return value;
  }

  single(i: number): Exclude<Value, Sequence> {
    const value = this.value(i);
    if (isSequence(value)) throw new Error(`input ${i} must be a tensor, got ${describeValue(value)}`);
    return value;
  }

  sequence(i: number): Sequence {
    const value = this.value(i);
    if (!isSequence(value)) throw new Error(`input ${i} must be a sequence, got ${describeValue(value)}`);
    return value;
  }

  tensor(i: number): Tensor {
    return this.single(i).tensor;
  }

  /** Input `i`, if it is there. */
  maybe(i: number): Tensor | undefined {
    return this.has(i) ? this.tensor(i) : undefined;
  }

  /** All inputs. */
  get tensors(): Tensor[] {
    return this.inputs.map((_, i) => this.tensor(i));
  }

  dtype(i: number): OnnxDtype {
    return this.single(i).dtype;
  }

  shape(i: number): Shape {
    return this.single(i).shape;
  }

  rank(i: number): number {
    return this.shape(i).length;
  }

  // ---- numbers on the host ----------------------------------------------------------------------------------------------------------

  /** Input `i` as it is known on the host: read, unless a function is being recorded. */
  known(i: number): Known {
    const value = this.single(i);
    const known = knownNow(value);
    if (known) return known;
    throw new Error(
      `takes input ${i} ("${clean(this.step.inputs[i] ?? "")}") from computed values; give what it is made of as numbers, or call the model outside of compile`,
    );
  }

  numbers(i: number): number[] {
    return Array.from(this.known(i).data);
  }

  number(i: number): number {
    const { data } = this.known(i);
    if (data.length !== 1) throw new Error(`input ${i} must be one number, got ${data.length}`);
    return data[0];
  }

  /** A list that older versions have as an attribute, newer ones as an input. */
  listOf(i: number, attribute: string): number[] | undefined {
    return this.has(i) ? this.numbers(i) : this.ints(attribute);
  }

  // ---- attributes -------------------------------------------------------------------------------------------------------------------

  attribute(name: string): Attribute {
    return this.step.attributes.get(name);
  }

  #of<T>(name: string, want: string, holds: (value: Attribute) => value is Attribute & T): T | undefined {
    const value = this.attribute(name);
    if (value === undefined) return undefined;
    if (!holds(value)) throw new Error(`the attribute ${name} must be ${want}`);
    return value;
  }

  scalar(name: string): number | undefined {
    return this.#of<number>(name, "a number", (value): value is number => typeof value === "number");
  }

  int(name: string, otherwise: number): number {
    return this.scalar(name) ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.scalar(name) ?? otherwise;
  }

  flag(name: string, otherwise = false): boolean {
    return this.int(name, otherwise ? 1 : 0) !== 0;
  }

  text(name: string, otherwise: string): string {
    return this.#of<string>(name, "a text", (value): value is string => typeof value === "string") ?? otherwise;
  }

  ints(name: string): number[] | undefined {
    const list = this.#of<readonly number[]>(name, "a list of numbers", isNumberList);
    return list && [...list];
  }

  texts(name: string): readonly string[] | undefined {
    return this.#of<readonly string[]>(name, "a list of texts", isTextList);
  }

  constant(name: string): Known | undefined {
    return this.#of<Known>(name, "a tensor", (value): value is Known => value instanceof Known);
  }

  graph(name: string): Plan {
    const value = this.#of<Plan>(name, "a graph", isPlan);
    if (!value) throw new Error(`the attribute ${name} is missing`);
    return value;
  }

  /** An element type as attributes name it. */
  type(name: string): OnnxDtype | undefined {
    const value = this.scalar(name);
    return value === undefined ? undefined : onnxDtype(value, name);
  }

  /** An axis, from the end if it is negative. */
  axis(otherwise: number, rank: number = this.rank(0), name = "axis"): number {
    return axisOf(this.int(name, otherwise), rank);
  }

  /** Axes by input `i` or attribute; undefined where there are none. */
  axes(i: number, rank: number = this.rank(0)): number[] | undefined {
    return this.listOf(i, "axes")?.map((axis) => axisOf(axis, rank));
  }

  /** Runs a graph that an attribute holds. */
  run(plan: Plan, inputs: readonly (Value | undefined)[]): (Value | undefined)[] {
    return this.scope.run.inner(plan, this.scope, inputs);
  }
}

const isNumberList = (value: Attribute): value is readonly number[] => Array.isArray(value) && value.every((n) => typeof n === "number");
const isTextList = (value: Attribute): value is readonly string[] => Array.isArray(value) && value.every((n) => typeof n === "string");
const isPlan = (value: Attribute): value is Plan => typeof value === "object" && value !== null && "steps" in value;

/** A value on the host, if it is known there or can be read. */
export function knownNow(value: Value | undefined): Known | undefined {
  if (value === undefined || isSequence(value)) return undefined;
  if (value instanceof Known) return value;
  try {
    return new Known(value.dtype, value.shape, elementsOf(value.tensor));
  } catch {
    return undefined; // it is being recorded
  }
}

const utf8 = new TextDecoder();

/** The value of an attribute, with `inner` for graphs. */
export function readAttribute(a: OnnxAttribute, inner: (graph: NonNullable<OnnxAttribute["g"]>) => Plan): Attribute {
  const type = a.type ?? typeByField(a);
  if (type === ATTRIBUTE.graph) return a.g && inner(a.g);
  return READERS.get(Number(type))?.(a);
}

/** The values of the other types. */
const READERS: ReadonlyMap<number, (a: OnnxAttribute) => Attribute> = new Map<number, (a: OnnxAttribute) => Attribute>([
  [ATTRIBUTE.float, ({ f = 0 }) => f],
  [ATTRIBUTE.int, ({ i = 0 }) => Number(i)],
  [ATTRIBUTE.string, ({ s }) => utf8.decode(s)],
  [ATTRIBUTE.tensor, ({ t, name = "" }) => t && knownOf(onnxElements(t, `onnx: the attribute ${name}`))],
  [ATTRIBUTE.sparse, ({ sparse, name = "" }) => sparse && knownOf(onnxFilled(sparse, `onnx: the attribute ${name}`))],
  [ATTRIBUTE.ints, ({ ints = [] }) => ints.map(Number)],
  [ATTRIBUTE.floats, ({ floats = [] }) => Array.from(floats)],
  [ATTRIBUTE.strings, ({ strings = [] }) => strings.map((s) => utf8.decode(s))],
]);

/** The type of an attribute that does not state it (the first versions of the format): that of the field which it has. */
function typeByField(a: OnnxAttribute): number | undefined {
  const fields: readonly (readonly [type: number, isGiven: boolean])[] = [
    [ATTRIBUTE.float, a.f !== undefined],
    [ATTRIBUTE.int, a.i !== undefined],
    [ATTRIBUTE.string, a.s !== undefined],
    [ATTRIBUTE.tensor, a.t !== undefined],
    [ATTRIBUTE.graph, a.g !== undefined],
    [ATTRIBUTE.sparse, a.sparse !== undefined],
    [ATTRIBUTE.ints, (a.ints ?? []).length > 0],
    [ATTRIBUTE.floats, (a.floats ?? []).length > 0],
    [ATTRIBUTE.strings, (a.strings ?? []).length > 0],
  ];
  return fields.find(([, isGiven]) => isGiven)?.[0];
}

/** A cell of the model under its ONNX type. */
export interface Held {
  readonly cell: Cell;
  readonly dtype: Live["dtype"];
}

/** A graph that can run. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Initializers and constants by name; cells where they are trained. */
  readonly constants: Map<string, Known | Held>;
  /** Which of them came from `Constant` nodes. */
  readonly literals: ReadonlySet<string>;
}

/** An op of the table. */
export interface Op {
  /** The first version of its operator set that has it. */
  readonly since: number;
  /** Its domain; left out for the standard one. */
  readonly domain?: string;
  /** Inputs that are read on the host, since shapes depend on them; "all" for every one. */
  readonly host?: readonly number[] | "all";
  /** Inputs whose initializers are weights whatever they look like. */
  readonly weights?: readonly number[];
  /** Inputs that are numbers of the op itself, such as scales and limits, never weights. */
  readonly fixed?: readonly number[];
  /** What is not supported of it, and why. */
  readonly limits?: string;
  /** Loads what the op needs, before a model that has it runs. */
  prepare?(): Promise<void>;
  run(call: Call): Given | readonly Given[];
}

export const unsupported = (why: string): OnnxUnsupportedError => new OnnxUnsupportedError(why);

/** The sizes of a shape as known numbers, for messages and results. */
export const sizes = (shape: Shape): Known => whole([...shape]);

export { formatShape, range };
