/**
 * @file A graph of ONNX while it is written: nodes, constants, and sizes of which some are multiples of the batch. Two recordings of one function, at two batch sizes, are read in
 * step: a size that differs between them is k·N, a number that differs otherwise has no counterpart in a file that serves every N.
 */
import type { Dtype, TypedArray } from "../../base/dtype.ts";
import { ATTRIBUTE, type OnnxAttribute, type OnnxGraph, type OnnxInfo, type OnnxNode, type OnnxTensor } from "../../formats/onnx.ts";
import { full } from "../../ops/indexing.ts";
import { madeBy } from "../../ops/made-by.ts";
import { broadcast, reshape } from "../../ops/movement.ts";
import type { Instruction, Region } from "../../ops/op.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { userLine } from "../../tape/origin.ts";
import { tapeOfRegion } from "../../tape/tape.ts";

/** Sizes: a number, or so many times the batch. */
export type Dim = number | { readonly times: number };

/** ONNX's numbers of the dtypes. */
export const ELEMENT: Readonly<Record<Dtype, number>> = { f32: 1, u8: 2, i32: 6, bool: 9, f64: 11, u32: 12 };
const INT64 = 7;
/** An end beyond every axis. */
export const FAR: number = 2 ** 31 - 1;

export type Attributes = Readonly<Record<string, number | string | readonly number[] | OnnxGraph | OnnxTensor | undefined>>;

/** @throws {Error} with the instruction's line. */
export function refuse({ op, origin }: Instruction, why: string): never {
  const line = userLine(origin);
  throw new Error(`onnx.export: ${why} (${op.name}${line ? `, ${line}` : ""})`);
}

/** What all graphs of one file share. */
export interface Shared {
  readonly opset: number;
  /** Sizes of the batch in the two recordings; equal if it is fixed. */
  readonly batches: readonly [number, number];
  /** The name of the open size. */
  readonly batchName: string;
  readonly initializers: Map<string, OnnxTensor>;
  /** The value of the second recording that stands where a value of the first does. */
  readonly twins: Map<Tensor, Tensor>;
  /** Values that depend on no argument, computed; by the value of the first recording. */
  readonly known: (x: Tensor) => TypedArray | undefined;
  /** Whether an instruction depends on no argument, so that its results are constants. */
  readonly isFolded: (a: Instruction) => boolean;
  /** What reads a value. */
  readonly uses: ReadonlyMap<Tensor, readonly (Instruction | "result")[]>;
  next(prefix: string): string;
  readonly patterns: readonly ((g: Graph, a: Instruction) => boolean)[];
  /** Writes an instruction by the table. */
  readonly write: (g: Graph, a: Instruction) => void;
}

/** Movement that readers may do themselves; written when somebody needs all of it. */
const LAZY: ReadonlySet<string> = new Set(["full", "broadcast"]);

/** What names of nodes that compute the batch's size begin with. */
const FIRST = "batch/";

export class Graph {
  readonly shared: Shared;
  readonly nodes: OnnxNode[];
  readonly names: Map<Tensor, string>;
  /** The instruction that is being written; nodes take its name. */
  at: Instruction | undefined;
  /** Instructions that were written with an earlier one. */
  readonly done: Set<Instruction> = new Set();
  readonly #outer: Graph | undefined;
  #batch: string | undefined;
  batchFrom: string | undefined;

  /** @param nodes Where nodes go: to a list of its own, unless they stand in the outer graph's. */
  constructor(shared: Shared, outer?: Graph, nodes: OnnxNode[] = []) {
    [this.shared, this.#outer, this.nodes] = [shared, outer, nodes];
    this.names = new Map(outer?.names);
    this.batchFrom = outer?.batchFrom;
  }

  /** Writes a list: patterns first, then what is left by the table. */
  writeList(region: Region): void {
    for (const a of tapeOfRegion(region)) {
      if (this.done.has(a) || LAZY.has(a.op.name) || this.shared.isFolded(a)) continue;
      this.at = a;
      if (!this.shared.patterns.some((pattern) => pattern(this, a))) this.shared.write(this, a);
    }
  }

  // ---- sizes --------------------------------------------------------------------------------------------------------------------------

  /** A size from its numbers in both recordings. */
  dim(p: number, q: number): Dim {
    if (p === q) return p;
    const [one, two] = this.shared.batches;
    const times = p / one;
    if (Number.isInteger(times) && q === times * two) return { times };
    return refuse(
      this.at!,
      `the size ${p} is ${q} for a batch of ${two} instead of ${one}, so it is no multiple of the batch; give { batch: false }`,
    );
  }

  dims(x: Tensor): Dim[] {
    const twin = this.shared.twins.get(x) ?? x;
    return x.shape.map((p, i) => this.dim(p, twin.shape[i]!));
  }

  /** A number that must not depend on the batch. */
  same<T extends number | readonly number[]>(p: T, q: T): T {
    if (String(p) === String(q)) return p;
    return refuse(
      this.at!,
      `a number depends on the batch: it is ${p}, and ${q} for a batch of ${this.shared.batches[1]}; give { batch: false }`,
    );
  }

  /** The batch's size as a tensor of one element. */
  #batchSize(): string {
    if (this.#batch !== undefined) return this.#batch;
    if (this.#outer) {
      this.#batch = this.#outer.#batchSize();
      return this.#batch;
    }
    const [shape] = this.emitFirst("Shape", [this.batchFrom!]);
    [this.#batch] = this.emitFirst("Slice", [shape!, this.ints([0]), this.ints([1])]);
    return this.#batch!;
  }

  /** A shape as a tensor. */
  shape(dims: readonly Dim[]): string {
    if (dims.every((d) => typeof d === "number")) return this.ints(dims);
    const parts = dims.map((d) => {
      if (typeof d === "number") return this.ints([d]);
      return d.times === 1 ? this.#batchSize() : this.emit("Mul", [this.#batchSize(), this.ints([d.times])]);
    });
    return parts.length === 1 ? parts[0]! : this.emit("Concat", parts, { axis: 0 });
  }

  /** 0, 1, 2, ... below an open size. */
  range(size: Dim, dtype: Dtype): string {
    const [zero, one] = [0, 1].map((n) => this.ints([n], []));
    const end = this.emit("Reshape", [this.shape([size]), this.ints([], [0])]);
    return this.emit("Cast", [this.emit("Range", [zero!, end, one!])], { to: ELEMENT[dtype] });
  }

  reshape(x: string, dims: readonly Dim[]): string {
    const open = dims.filter((d) => typeof d !== "number");
    const sizes = dims.map((d) => (typeof d === "number" ? d : -1));
    // Only sizes other than 0 are told apart from "as it was".
    return this.emit("Reshape", [x, open.length === 1 && !sizes.includes(0) ? this.ints(sizes) : this.shape(dims)]);
  }

  // ---- nodes and constants --------------------------------------------------------------------------------------------------------------

  emit(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.emitAll(op, inputs, 1, attributes)[0]!;
  }

  emitAll(op: string, inputs: readonly string[], count: number, attributes: Attributes = {}): string[] {
    const outputs = Array.from({ length: count }, () => this.shared.next("v"));
    this.nodes.push(this.#node(op, inputs, outputs, attributes));
    return outputs;
  }

  /** A node that reads inputs of the graph alone, before all others. */
  emitFirst(op: string, inputs: readonly string[]): string[] {
    const outputs = [this.shared.next("v")];
    const at = this.nodes.findIndex(({ name }) => !name!.startsWith(FIRST));
    this.nodes.splice(at < 0 ? this.nodes.length : at, 0, { op, inputs: [...inputs], outputs, name: `${FIRST}${op}`, attributes: [] });
    return outputs;
  }

  #node(op: string, inputs: readonly string[], outputs: string[], attributes: Attributes): OnnxNode {
    const path = this.at?.origin?.path;
    const list = Object.entries(attributes).flatMap(([name, value]) => (value === undefined ? [] : [attributeOf(name, value)]));
    return {
      op,
      inputs: [...inputs],
      outputs,
      name: `${path ? `/${path.replaceAll(".", "/")}` : ""}/${op}_${outputs[0]}`,
      attributes: list,
    };
  }

  /** A list of whole numbers. */
  ints(list: readonly number[], dims: readonly number[] = [list.length]): string {
    return this.constant(`i ${list} ${dims}`, INT64, dims, BigInt64Array.from(list, BigInt));
  }

  /** One number. */
  scalar(value: number, dtype: Dtype): string {
    return this.constant(`s ${dtype} ${Object.is(value, -0) ? "-0" : value}`, ELEMENT[dtype], [], arrayOf(dtype, [value]));
  }

  /** A constant that equal keys share. */
  constant(key: string, type: number, dims: readonly number[], data: TypedArray | BigInt64Array): string {
    const { initializers } = this.shared;
    const found = initializers.get(key);
    if (found) return found.name!;
    const name = this.shared.next("c");
    initializers.set(key, { name, type, dims: [...dims], raw: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() });
    return name;
  }

  // ---- values ---------------------------------------------------------------------------------------------------------------------------

  /** The name of a value, whole. */
  ref(x: Tensor): string {
    const name = this.names.get(x);
    if (name !== undefined) return name;
    const elements = this.shared.known(x);
    if (elements) return this.name(x, this.constant(`k ${x.source.serial} ${x.index}`, ELEMENT[x.dtype], x.shape, elements));
    const spread = madeBy(x, broadcast);
    if (spread)
      return this.name(x, this.emit("Expand", [this.#beside(x, spread.operands[0], spread.params.axes), this.shape(this.dims(x))]));
    const number = madeBy(x, full);
    if (number) return this.name(x, this.emit("Expand", [this.scalar(this.#number(x), x.dtype), this.shape(this.dims(x))]));
    // A pattern left it to its reader, which needs all of it after all.
    this.shared.write(this, x.source);
    return this.names.get(x) ?? refuse(x.source, "internal: a value was not written");
  }

  /** The number that a value has everywhere. */
  #number(x: Tensor): number {
    const [p, q] = [x, this.shared.twins.get(x) ?? x].map((y) => madeBy(y, full)!.params.value);
    return Object.is(p, q) ? p! : this.same(p!, q!);
  }

  /** The names of operands that are spread over one shape, where ONNX may spread them; one of them has all of it. */
  spread(operands: readonly Tensor[], whole: boolean = operands.some((x) => !this.#isSpread(x))): string[] {
    return operands.map((x, i) => {
      if (!this.#isSpread(x) || (!whole && i === 0)) return this.ref(x);
      const number = madeBy(x, full);
      if (number) return this.scalar(this.#number(x), x.dtype);
      const made = madeBy(x, broadcast)!;
      return this.#beside(x, made.operands[0], made.params.axes);
    });
  }

  #isSpread(x: Tensor): boolean {
    if (this.names.has(x)) return false;
    return madeBy(x, full) !== undefined || madeBy(x, broadcast) !== undefined;
  }

  /** The operand of a broadcast under a shape that ONNX spreads to that of the result. */
  #beside(y: Tensor, x: Tensor, axes: readonly number[]): string {
    const first = axes[0] ?? y.shape.length;
    const dims = this.dims(y).map((d, i): Dim => (axes.includes(i) ? d : 1));
    const needed = dims.slice(first);
    const elements = this.shared.known(x);
    if (elements && needed.every((d) => typeof d === "number")) {
      const name = this.names.get(x);
      if (name !== undefined && needed.length === x.shape.length) return name;
      return this.constant(`k ${x.source.serial} ${x.index} ${needed}`, ELEMENT[x.dtype], needed as number[], elements);
    }
    const number = madeBy(x, full);
    if (number) return this.scalar(this.#number(x), x.dtype);
    return needed.length === x.shape.length ? this.ref(x) : this.reshape(this.ref(x), needed);
  }

  name(x: Tensor, name: string): string {
    this.names.set(x, name);
    return name;
  }

  /** The one instruction that reads a value, if there is one. */
  reader(x: Tensor): Instruction | undefined {
    const [one, ...more] = this.shared.uses.get(x) ?? [];
    return one === "result" || more.length > 0 ? undefined : one;
  }

  /** The numbers of a value that no argument changes, with what a broadcast or a reshape makes of it left out. */
  elements(x: Tensor): { readonly data: TypedArray; readonly value: Tensor } | undefined {
    const inner = madeBy(x, broadcast)?.operands[0] ?? madeBy(x, reshape)?.operands[0];
    const data = this.shared.known(x);
    if (data) return { data, value: x };
    return inner && this.elements(inner);
  }

  info(name: string, { dtype }: Pick<Tensor, "dtype">, dims: readonly Dim[]): OnnxInfo {
    const list = dims.map((d) =>
      typeof d === "number" ? { value: d } : { param: d.times === 1 ? this.shared.batchName : `${d.times}*${this.shared.batchName}` },
    );
    return { name, type: { tensor: { elem: ELEMENT[dtype], shape: { dims: list } } } };
  }
}

export function arrayOf(dtype: Dtype, values: readonly number[]): TypedArray {
  const arrays = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u32: Uint32Array, u8: Uint8Array, bool: Uint8Array };
  return arrays[dtype].from(values);
}

function attributeOf(name: string, value: NonNullable<Attributes[string]>): OnnxAttribute {
  if (typeof value === "number") return { name, i: value, type: ATTRIBUTE.int };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: ATTRIBUTE.string };
  if (Array.isArray(value)) return { name, ints: [...(value as readonly number[])], type: ATTRIBUTE.ints };
  return "nodes" in value ? { name, g: value, type: ATTRIBUTE.graph } : { name, t: value as OnnxTensor, type: ATTRIBUTE.tensor };
}
