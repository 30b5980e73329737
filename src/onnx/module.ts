/** @file A model of an ONNX file as a module: its weights are parameters, `forward` runs its graph, inside `compile` and `backward` as any other. */
import { describe } from "../base/describe.ts";
import { formatShape, type Shape, sizeOf } from "../base/shape.ts";
import { brief } from "../formats/clean.ts";
import type { OnnxDtype } from "../formats/onnx.ts";
import { Module } from "../nn/module.ts";
import { State } from "../nn/parameter.ts";
import { isTensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import type { Run, Scope } from "./call.ts";
import { cellOf, type Plan, runPlan } from "./graph.ts";
import { hostInputs } from "./parameters.ts";
import { heldAs, isFloatType, isSequence, Known, Live, type Value } from "./value.ts";

/** An input or output of a graph. */
export interface OnnxPort {
  readonly name: string;
  /** The element type under ONNX's name; for sequences and optional values that of their elements. */
  readonly dtype: OnnxDtype;
  /** A size, or the name of an open one, per axis; undefined where the file says nothing. */
  readonly shape: readonly (number | string)[] | undefined;
  /** Whether it is a sequence. */
  readonly isSequence: boolean;
  /** Whether it may be left out. */
  readonly isOptional: boolean;
}

/** What an input may be given as: a tensor (or a cell), or numbers, which are then known while a function is recorded. */
export type OnnxInput = Tensor | Cell | number | boolean | readonly number[] | ArrayBufferView | readonly Tensor[];

/** What `forward` returns for one output. */
export type OnnxOutput = Tensor | Tensor[];

export interface ModuleParts {
  readonly plan: Plan;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** Values of inputs that need not be given. */
  readonly defaults: ReadonlyMap<string, Value>;
  /** Cells by the names of their tensors. */
  readonly cells: ReadonlyMap<string, Cell>;
  /** Batch normalization and dropout follow the module's mode. */
  readonly follow: boolean;
  /** What the file says beside the graph. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly title: string;
}

/** A network from an ONNX file. Its cells are properties under the names in the file. */
export class OnnxModule extends Module {
  readonly #parts: ModuleParts;
  readonly #needed: readonly OnnxPort[];

  /** @internal Use {@link load}. */
  constructor(parts: ModuleParts) {
    super();
    this.#parts = parts;
    this.#needed = parts.inputs.filter(({ name }) => !parts.defaults.has(name));
    for (const [name, cell] of parts.cells) {
      let own = name;
      while (own in this) own += "_";
      Object.defineProperty(this, own, { value: cell, enumerable: true, configurable: true, writable: true });
    }
  }

  /** What `forward` takes: name, element type, and shape with names for open sizes. */
  get inputs(): readonly OnnxPort[] {
    return this.#parts.inputs;
  }

  get outputs(): readonly OnnxPort[] {
    return this.#parts.outputs;
  }

  /** Texts of the file beside its graph (`metadata_props`), by name. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#parts.metadata;
  }

  /** Names of the inputs that decide shapes: inside `compile` give these as numbers. */
  get numberInputs(): readonly string[] {
    return [...hostInputs(this.#parts.plan)];
  }

  /**
   * Runs the graph: `forward(x)` with the inputs in the file's order, or `forward({ name: x })`. Whole numbers may be given as numbers, lists or typed arrays.
   * Returns the output, or an object of outputs by their names if there are several.
   * @throws {Error} that names the input, or the node, that does not fit.
   */
  override forward(...given: readonly (OnnxInput | Readonly<Record<string, OnnxInput>>)[]): OnnxOutput | Record<string, OnnxOutput> {
    const { outputs } = this.#parts;
    const results = this.run(this.#feeds(given)).map((value, i) => resultOf(value, outputs[i].name));
    if (results.length === 1) return results[0];
    return Object.fromEntries(results.map((result, i) => [outputs[i].name, result]));
  }

  /** @internal Values by names to values in the order of the outputs. */
  run(feeds: ReadonlyMap<string, Value>): (Value | undefined)[] {
    const { plan, follow } = this.#parts;
    const run: Run = {
      training: this.training,
      follow,
      write: (scope: Scope, name: string, value: Tensor) => {
        const cell = cellOf(scope, name);
        if (cell instanceof State) cell.set(value.cast(cell.dtype));
      },
      inner: (inside, scope, inputs) => runPlan(inside, new Map(inside.inputs.map((name, i) => [name, inputs[i]])), scope, run),
    };
    return runPlan(plan, feeds, undefined, run);
  }

  #feeds(given: readonly unknown[]): Map<string, Value> {
    const byName = given.length === 1 && isRecord(given[0]) ? given[0] : this.#byPlace(given);
    const known = new Set(this.#parts.inputs.map(({ name }) => name));
    const unknown = Object.keys(byName).find((name) => !known.has(name));
    if (unknown !== undefined)
      throw new TypeError(
        `forward: there is no input "${brief(unknown)}"; there are ${this.#parts.inputs.map(({ name }) => brief(name)).join(", ")}`,
      );
    const feeds = new Map(this.#parts.defaults);
    const sizes = new Map<string, { size: number; by: string }>();
    for (const port of this.#parts.inputs) {
      const value = byName[port.name];
      if (value === undefined) {
        if (feeds.has(port.name) || port.isOptional) continue;
        throw new TypeError(`forward: the input "${brief(port.name)}" is missing, ${typeText(port)}`);
      }
      feeds.set(port.name, inputValue(port, value, sizes));
    }
    return feeds;
  }

  #byPlace(given: readonly unknown[]): Record<string, unknown> {
    const ports = given.length > this.#needed.length ? this.#parts.inputs : this.#needed;
    if (given.length > ports.length)
      throw new TypeError(
        `forward: there are ${ports.length} inputs (${ports.map(({ name }) => brief(name)).join(", ")}), got ${given.length}`,
      );
    return Object.fromEntries(given.map((value, i) => [ports[i].name, value]));
  }

  protected override details(): string {
    const { title, inputs, outputs } = this.#parts;
    const list = (ports: readonly OnnxPort[]): string => ports.map((port) => `${brief(port.name)} ${typeText(port)}`).join(", ");
    return `${title}: ${list(inputs)} → ${list(outputs)}; ${this.parameters().length} parameters of ${this.parameters().reduce((n, p) => n + sizeOf(p.shape), 0)} numbers`;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  !isTensor(value) &&
  !(value instanceof Cell) &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value);

/** `float[N, 3, 32, 32]`. */
export const typeText = ({ dtype, shape, isSequence: many }: OnnxPort): string =>
  `${many ? "sequence of " : ""}${dtype}${shape ? `[${shape.map((d) => (typeof d === "string" ? brief(d) || "?" : d)).join(", ")}]` : ""}`;

/** A value for an input, of its type and shape. */
function inputValue(port: OnnxPort, given: unknown, sizes: Map<string, { size: number; by: string }>): Value {
  const value = asInput(port, given);
  if (!isSequence(value)) checkSizes(port, value.shape, sizes);
  return value;
}

function asInput(port: OnnxPort, given: unknown): Value {
  const x = given instanceof Cell ? given.value : given;
  if (isTensor(x)) return new Live(fitted(port, x), port.dtype);
  if (Array.isArray(x) && x.length > 0 && x.every(isTensor)) return x.map((each) => new Live(fitted(port, each), port.dtype));
  if (Array.isArray(x) && x.length === 0 && port.isSequence) return [];
  const numbers = numbersOf(x);
  if (!numbers)
    throw new TypeError(`forward: the input "${brief(port.name)}" wants ${typeText(port)}, a tensor or numbers, got ${describe(x)}`);
  const isScalar = typeof x === "number" || typeof x === "boolean" || typeof x === "bigint";
  return new Known(port.dtype, isScalar ? [] : shapeFor(port, numbers.length), numbers, port.name);
}

function numbersOf(x: unknown): number[] | undefined {
  if (typeof x === "number" || typeof x === "boolean" || typeof x === "bigint") return [Number(x)];
  if (ArrayBuffer.isView(x) && !(x instanceof DataView)) return Array.from(x as unknown as ArrayLike<number | bigint>, Number);
  return Array.isArray(x) && x.every((n) => typeof n === "number" || typeof n === "bigint" || typeof n === "boolean")
    ? x.map(Number)
    : undefined;
}

/** Numbers without a shape have that of the file, if it leaves at most one size open. */
function shapeFor({ shape }: OnnxPort, count: number): number[] {
  if (!shape || shape.length === 1) return [count];
  const open = shape.filter((d) => typeof d === "string").length;
  const rest = shape.reduce<number>((n, d) => (typeof d === "string" ? n : n * d), 1);
  return open > 1 ? [count] : shape.map((d) => (typeof d === "string" ? count / rest : d));
}

/** A tensor in the dtype that holds the input's type: whole numbers as whole numbers, floats as floats. */
function fitted(port: OnnxPort, x: Tensor): Tensor {
  const held = heldAs(port.dtype);
  if (x.dtype === held) return x;
  const floats = x.dtype === "f32" || x.dtype === "f64";
  if (floats === isFloatType(port.dtype) && held !== "bool" && x.dtype !== "bool") return x.cast(held);
  throw new TypeError(
    `forward: the input "${brief(port.name)}" wants ${typeText(port)}, got ${x.dtype}${formatShape(x.shape)}; convert it: x.cast("${held}")`,
  );
}

/** Declared sizes hold, and one name has one size. */
function checkSizes(port: OnnxPort, shape: Shape, sizes: Map<string, { size: number; by: string }>): void {
  if (!port.shape) return;
  const wrong = (why: string): never => {
    throw new RangeError(`forward: the input "${brief(port.name)}" wants ${typeText(port)}, got ${formatShape(shape)}${why}`);
  };
  if (port.shape.length !== shape.length) wrong("");
  port.shape.forEach((declared, axis) => {
    if (typeof declared === "number") {
      if (declared !== shape[axis]) wrong("");
    } else if (declared !== "") {
      const before = sizes.get(declared);
      if (!before) sizes.set(declared, { size: shape[axis], by: port.name });
      else if (before.size !== shape[axis]) wrong(`, where ${brief(declared)} is ${before.size} in "${brief(before.by)}"`);
    }
  });
}

function resultOf(value: Value | undefined, name: string): OnnxOutput {
  if (value === undefined) throw new Error(`forward: the output "${brief(name)}" was not made`);
  if (isSequence(value))
    return value.map((each) => {
      if (isSequence(each)) throw new TypeError(`forward: the output "${brief(name)}" is a sequence of sequences`);
      return each.tensor;
    });
  return value.tensor;
}
