/** @file Instructions that take several nodes of ONNX: products, movement of rows, padding between neighbours, windows put back, lists inside instructions. */
import type { OnnxGraph } from "../../formats/onnx.ts";
import type { Instruction, Region } from "../../ops/op.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { arrayOf, type Dim, ELEMENT, Graph, refuse } from "./graph.ts";

const range = (n: number, start = 0): number[] => Array.from({ length: n }, (_, i) => start + i);
const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function wantOpset(g: Graph, a: Instruction, opset: number, what: string): void {
  if (g.shared.opset < opset) refuse(a, `${what} came with opset ${opset}, and { opset: ${g.shared.opset} } was asked for`);
}

// ---- products ---------------------------------------------------------------------------------------------------------------------------

/** The words of an Einstein sum. */
export function contraction(g: Graph, a: Instruction, { spec }: { readonly spec: string }): string {
  const [words, out] = spec.split("->") as [string, string];
  const [xs, ys] = words.split(",") as [string, string];
  const [x, y] = a.operands;
  const i = xs.at(-1)!;
  // x [..., i] by a matrix: rows of x stay rows. One that is no constant is not transposed first, since its products would be added in another order.
  if (ys.length === 2 && xs.length >= 2 && ys.includes(i) && !out.includes(i)) {
    const o = [...ys].find((c) => c !== i)!;
    const matrix = ys[0] === i ? g.ref(y!) : turned(g, y!);
    if (matrix !== undefined && out === xs.slice(0, -1) + o) return g.emit("MatMul", [g.ref(x!), matrix]);
  }
  // Matrices of a batch.
  const lead = xs.slice(0, -2);
  const [r] = xs.slice(-2);
  if (xs.length > 2 && ys.length === xs.length && ys.startsWith(lead) && out.length === xs.length && out.startsWith(lead + r!)) {
    const c = out.at(-1)!;
    if (ys === lead + i + c) return g.emit("MatMul", [g.ref(x!), g.ref(y!)]);
  }
  return g.emit("Einsum", [g.ref(x!), g.ref(y!)], { equation: spec });
}

/** A constant matrix, transposed. */
function turned(g: Graph, y: Tensor): string | undefined {
  const data = g.shared.known(y);
  const [rows, columns] = y.shape as [number, number];
  if (!data || g.names.has(y)) return undefined;
  const other = data.slice();
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) other[c * rows + r] = data[r * columns + c]!;
  return g.constant(`t ${y.source.serial} ${y.index}`, ELEMENT[y.dtype], [columns, rows], other);
}

// ---- indices ----------------------------------------------------------------------------------------------------------------------------

/** 0, 1, 2, ... along an axis. */
export function counted(g: Graph, a: Instruction, { axis }: { readonly axis: number }): string {
  const [y] = a.results;
  const dims = g.dims(y!);
  const shape = dims.map((d, i): Dim => (i === axis ? d : 1));
  const line =
    typeof dims[axis] === "number" ? countedTo(g, y!, shape as number[], axis) : g.reshape(g.range(dims[axis]!, y!.dtype), shape);
  return dims.every((d, i) => i === axis || d === 1) ? line : g.emit("Expand", [line, g.shape(dims)]);
}

const countedTo = (g: Graph, { dtype }: Tensor, shape: readonly number[], axis: number): string =>
  g.constant(`n ${dtype} ${shape}`, ELEMENT[dtype], shape, arrayOf(dtype, range(shape[axis]!)));

interface Rows {
  readonly batch: number;
  readonly size: number;
}

/**
 * Rows added up at indices. What an index outside of the places names is dropped here, and refused or counted from the end there: such rows go to one more place, which
 * is cut off.
 */
export function scattered(g: Graph, a: Instruction, p: Rows, q: Rows): string {
  wantOpset(g, a, 16, "sums of rows at indices");
  const { batch } = p;
  const [rows, index] = a.operands;
  const size = g.dim(p.size, q.size);
  const known = typeof size === "number" ? g.shared.known(index!) : undefined;
  const isInside = known?.every((i) => i >= 0 && i < p.size) ?? false;
  const wide = g.emit("Cast", [g.ref(index!)], { to: INT64 });
  const places = isInside ? wide : insideOr(g, wide, g.shape([size]));
  const [lead, behind] = [g.dims(index!), g.dims(rows!).slice(index!.shape.length)];
  const whole = [...lead.slice(0, batch), size, ...behind];
  const shape = isInside ? g.shape(whole) : g.emit("Add", [g.shape(whole), g.ints(whole.map((_, i) => (i === batch ? 1 : 0)))]);
  const zeros = g.emit("Expand", [g.scalar(0, rows!.dtype), shape]);
  const sums = batch === 0 ? scatterRows(g, zeros, places, rows!, index!) : scatterWithin(g, zeros, places, rows!, index!, batch);
  if (isInside) return sums;
  return g.emit("Slice", [sums, g.ints([0]), g.shape([size]), g.ints([batch])]);
}

const INT64 = 7;

/** Indices, and `other` for those that are none. */
function insideOr(g: Graph, index: string, other: string): string {
  const inside = g.emit("And", [g.emit("LessOrEqual", [g.ints([0]), index]), g.emit("Less", [index, other])]);
  return g.emit("Where", [inside, index, other]);
}

const scatterRows = (g: Graph, zeros: string, places: string, rows: Tensor, index: Tensor): string =>
  g.emit("ScatterND", [zeros, g.emit("Unsqueeze", [places, g.ints([index.shape.length])]), g.ref(rows)], { reduction: "add" });

/** Each of the leading axes has indices of its own, which must then be given for every element. */
function scatterWithin(g: Graph, zeros: string, places: string, rows: Tensor, index: Tensor, batch: number): string {
  const [dims, count] = [g.dims(rows), index.shape.slice(batch)];
  const flat = [...dims.slice(0, batch), product(count), ...dims.slice(index.shape.length)];
  const each = g.reshape(places, [...flat.slice(0, batch + 1), ...dims.slice(index.shape.length).map(() => 1)]);
  const spread = g.emit("Expand", [each, g.shape(flat)]);
  return g.emit("ScatterElements", [zeros, spread, g.reshape(g.ref(rows), flat)], { axis: batch, reduction: "add" });
}

// ---- movement ---------------------------------------------------------------------------------------------------------------------------

interface Padding {
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior: readonly number[];
}

/** Zeros around, and between neighbours: a new axis of zeros behind each that has them, joined with it. */
export function padded(g: Graph, a: Instruction, p: Padding, q: Padding): string {
  const [x] = a.operands;
  let name = g.ref(x!);
  const dims = g.dims(x!);
  for (const [axis, n] of g.same(p.interior, q.interior).entries()) {
    const d = dims[axis]!;
    if (n === 0) continue;
    if (typeof d !== "number") return refuse(a, "zeros between the examples of a batch have no counterpart in ONNX");
    const open = g.emit("Unsqueeze", [name, g.ints([axis + 1])]);
    const rank = dims.length + 1;
    const wide = g.emit("Pad", [open, g.ints(range(2 * rank).map((i) => (i === rank + axis + 1 ? n : 0)))]);
    const joined = g.reshape(wide, dims.with(axis, d * (n + 1)));
    dims[axis] = Math.max(0, d * (n + 1) - n);
    name = g.emit("Slice", [joined, g.ints([0]), g.ints([dims[axis] as number]), g.ints([axis])]);
  }
  if ([...p.low, ...p.high].every((n) => n === 0)) return name;
  return g.emit("Pad", [name, g.ints([...g.same(p.low, q.low), ...g.same(p.high, q.high)])]);
}

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Windows, axis by axis: the axis of places becomes one of windows and one of taps. */
export function windowed(g: Graph, { operands: [x], results: [y] }: Instruction, { kernel, stride, dilation }: Windows): string {
  const lead = x!.shape.length - kernel.length;
  let name = g.ref(x!);
  kernel.forEach((size, i) => {
    const count = y!.shape[lead + i]!;
    const places = range(count * size).map((n) => Math.floor(n / size) * stride[i]! + (n % size) * dilation[i]!);
    name = g.emit("Gather", [name, g.ints(places, [count, size])], { axis: lead + 2 * i });
  });
  const axes = [0, 1].flatMap((k) => kernel.map((_, i) => lead + 2 * i + k));
  return g.emit("Transpose", [name], { perm: [...range(lead), ...axes] });
}

/** Windows put back, added up where they overlap: Col2Im on one channel, with all leading axes as its batch. */
export function foldedWindows(
  g: Graph,
  a: Instruction,
  { kernel, stride, dilation, size }: Windows & { readonly size: readonly number[] },
): string {
  wantOpset(g, a, 18, "windows put back");
  const [x] = a.operands;
  const n = kernel.length;
  const lead = x!.shape.length - 2 * n;
  const dims = g.dims(x!);
  const count = x!.shape.slice(lead, lead + n);
  const taps = g.emit("Transpose", [g.ref(x!)], { perm: [...range(lead), ...range(n, lead + n), ...range(n, lead)] });
  const columns = g.emit("Reshape", [taps, g.ints([-1, product(kernel), product(count)])]);
  const image = g.emit("Col2Im", [columns, g.ints(size), g.ints(kernel)], { strides: stride, dilations: dilation });
  return g.reshape(image, [...dims.slice(0, lead), ...size]);
}

/** The angle of (x, y): that of y/x, and half a turn more where x is below 0. */
export function angle(g: Graph, a: Instruction): string {
  const [y, x] = g.spread(a.operands) as [string, string];
  const number = (value: number): string => g.scalar(value, a.results[0]!.dtype);
  const half = g.emit("Where", [g.emit("Less", [y, number(0)]), number(-Math.PI), number(Math.PI)]);
  const turn = g.emit("Where", [g.emit("Less", [x, number(0)]), half, number(0)]);
  const plain = g.emit("Add", [g.emit("Atan", [g.emit("Div", [y, x])]), turn]);
  // 0/0 is no number: on the axis of x the angle is 0 or half a turn.
  return g.emit("Where", [g.emit("Equal", [y, number(0)]), turn, plain]);
}

// ---- lists inside instructions ----------------------------------------------------------------------------------------------------------

/** The list of a block in place of it. */
export function inlined(g: Graph, a: Instruction): string[] {
  const [body] = a.regions;
  const graph = new Graph(g.shared, g, g.nodes);
  body!.inputs.forEach((x, i) => {
    graph.name(x, g.ref(a.operands[i]!));
  });
  graph.writeList(body!);
  return body!.outputs.map((y) => graph.ref(y));
}

/** A graph inside a node; what it is given is named as outside, or its own inputs. */
function inner(g: Graph, region: Region, given: readonly (string | undefined)[], asInputs: boolean): OnnxGraph {
  const graph = new Graph(g.shared, g);
  const inputs = region.inputs.map((x, i) => graph.name(x, given[i] ?? g.shared.next("b")));
  graph.writeList(region);
  const outputs = region.outputs.map((y) => graph.emit("Identity", [graph.ref(y)]));
  return {
    name: g.shared.next("g"),
    nodes: graph.nodes,
    inputs: asInputs ? region.inputs.flatMap((x, i) => (given[i] === undefined ? [g.info(inputs[i]!, x, g.dims(x))] : [])) : [],
    outputs: region.outputs.map((y, i) => g.info(outputs[i]!, y, g.dims(y))),
    initializers: [],
    infos: [],
  };
}

export function branched(g: Graph, a: Instruction): string[] {
  const [predicate, ...rest] = a.operands.map((x) => g.ref(x));
  const [yes, no] = a.regions.map((region) => inner(g, region, rest, false));
  return g.emitAll("If", [predicate!], a.results.length, { then_branch: yes, else_branch: no });
}

export function looped(
  g: Graph,
  a: Instruction,
  { consts, carry, reverse }: { readonly consts: number; readonly carry: number; readonly reverse: boolean },
): string[] {
  const [body] = a.regions;
  const names = a.operands.map((x) => g.ref(x));
  const stacked = a.operands.length - consts - carry;
  const slices = a.results.length - carry;
  const graph = inner(
    g,
    body!,
    names.map((name, i) => (i < consts ? name : undefined)),
    true,
  );
  if (stacked === 0) return refuse(a, "a loop without slices has no counterpart in ONNX");
  const direction = (n: number): number[] | undefined => (reverse && n > 0 ? Array<number>(n).fill(1) : undefined);
  return g.emitAll("Scan", names.slice(consts), a.results.length, {
    body: graph,
    num_scan_inputs: stacked,
    scan_input_directions: direction(stacked),
    scan_output_directions: direction(slices),
  });
}
