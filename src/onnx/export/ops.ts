/** @file What instructions become, as a table: one entry for an operation, with the nodes of ONNX that compute it. */
import type { OnnxGraph } from "../../formats/onnx.ts";
import type { Instruction, Region } from "../../ops/op.ts";
import { tapeOfRegion } from "../../tape/tape.ts";
import { arrayOf, ELEMENT, FAR, Graph, refuse } from "./graph.ts";

/** Writes the nodes of an instruction; gives the names of its results. `p` and `q` are its parameters at both batch sizes. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of an op are private to it.
type Entry = (g: Graph, a: Instruction, p: any, q: any) => string | readonly string[];

const simple =
  (op: string): Entry =>
  (g, { operands }) =>
    g.emit(op, g.spread(operands));

/** A composite of elementwise nodes. */
const made =
  (make: (g: Graph, x: string[], a: Instruction) => string): Entry =>
  (g, a) =>
    make(g, g.spread(a.operands), a);

const reduced =
  (op: string): Entry =>
  (g, { operands: [x] }, { axes }: { axes: readonly number[] }) => {
    if (axes.length === 0) return g.emit("Identity", [g.ref(x!)]);
    if (op === "ReduceSum" || g.shared.opset >= 18) return g.emit(op, [g.ref(x!), g.ints(axes)], { keepdims: 0 });
    return g.emit(op, [g.ref(x!)], { axes, keepdims: 0 });
  };

const withIndex =
  (value: string, place: string): Entry =>
  (g, a, { axis }: { axis: number }) => {
    const x = g.ref(a.operands[0]!);
    const top = reduced(value)(g, a, { axes: [axis] }, undefined) as string;
    return [top, g.emit("Cast", [g.emit(place, [x], { axis, keepdims: 0 })], { to: ELEMENT.i32 })];
  };

/** Of bools by one node, of integers by another. */
const logical =
  (bools: string, ints: string): Entry =>
  (g, a) =>
    g.emit(a.operands[0]!.dtype === "bool" ? bools : ints, g.spread(a.operands));

const shifted =
  (direction: string): Entry =>
  (g, a) =>
    a.operands[0]!.dtype === "u32" || a.operands[0]!.dtype === "u8"
      ? g.emit("BitShift", g.spread(a.operands), { direction })
      : refuse(a, `shifts of ${a.operands[0]!.dtype} have no counterpart in ONNX; cast to u32 first`);

/** Comparisons of what ONNX does not compare. */
const compared =
  (op: string): Entry =>
  (g, { operands }) => {
    const names = g.spread(operands);
    const cast = ["bool", "u8", "u32"].includes(operands[0]!.dtype) && op !== "Equal";
    return g.emit(op, cast ? names.map((x) => g.emit("Cast", [x], { to: ELEMENT.i32 })) : names);
  };

const one = (g: Graph, a: Instruction, value: number): string => g.scalar(value, a.results[0]!.dtype);

export const TABLE: Readonly<Record<string, Entry>> = {
  // ---- elementwise
  ...Object.fromEntries(
    Object.entries({
      add: "Add",
      sub: "Sub",
      mul: "Mul",
      scale: "Mul",
      div: "Div",
      ratio: "Div",
      pow: "Pow",
      maximum: "Max",
      minimum: "Min",
      neg: "Neg",
      abs: "Abs",
      sign: "Sign",
      exp: "Exp",
      log: "Log",
      sin: "Sin",
      cos: "Cos",
      tan: "Tan",
      tanh: "Tanh",
      sigmoid: "Sigmoid",
      relu: "Relu",
      erf: "Erf",
      sqrt: "Sqrt",
      recip: "Reciprocal",
      floor: "Floor",
      ceil: "Ceil",
      round: "Round",
      asin: "Asin",
      acos: "Acos",
      atan: "Atan",
      sinh: "Sinh",
      cosh: "Cosh",
      asinh: "Asinh",
      acosh: "Acosh",
      atanh: "Atanh",
      identity: "Identity",
      stopGradient: "Identity",
      relayout: "Identity",
    }).map(([name, op]) => [name, simple(op)]),
  ),
  select: simple("Where"),
  eq: compared("Equal"),
  lt: compared("Less"),
  le: compared("LessOrEqual"),
  ne: made((g, x) => g.emit("Not", [g.emit("Equal", x)])),
  and: logical("And", "BitwiseAnd"),
  or: logical("Or", "BitwiseOr"),
  xor: logical("Xor", "BitwiseXor"),
  not: logical("Not", "BitwiseNot"),
  shl: shifted("LEFT"),
  shr: shifted("RIGHT"),
  cast: (g, a) => g.emit("Cast", [g.ref(a.operands[0]!)], { to: ELEMENT[a.results[0]!.dtype] }),
  decay: made((g, [x], a) => g.emit("Exp", [g.emit("Min", [x!, one(g, a, 0)])])),
  rem: made((g, x) => g.emit("Mod", x, { fmod: 1 })),
  trunc: made((g, [x]) => g.emit("Mul", [g.emit("Sign", [x!]), g.emit("Floor", [g.emit("Abs", [x!])])])),
  exp2: made((g, [x], a) => g.emit("Pow", [one(g, a, 2), x!])),
  log2: made((g, [x], a) => g.emit("Mul", [g.emit("Log", [x!]), one(g, a, Math.LOG2E)])),
  log10: made((g, [x], a) => g.emit("Mul", [g.emit("Log", [x!]), one(g, a, Math.LOG10E)])),
  expm1: made((g, [x], a) => g.emit("Sub", [g.emit("Exp", [x!]), one(g, a, 1)])),
  log1p: made((g, [x], a) => g.emit("Log", [g.emit("Add", [x!, one(g, a, 1)])])),
  erfc: made((g, [x], a) => g.emit("Sub", [one(g, a, 1), g.emit("Erf", [x!])])),
  hypot: made((g, [x, y]) => g.emit("Sqrt", [g.emit("Add", [g.emit("Mul", [x!, x!]), g.emit("Mul", [y!, y!])])])),

  // ---- movement
  reshape: (g, { operands: [x], results: [y] }) => g.reshape(g.ref(x!), g.dims(y!)),
  transpose: (g, { operands: [x] }, { axes }) => g.emit("Transpose", [g.ref(x!)], { perm: axes }),
  flip(g, { operands: [x] }, { axes }: { axes: readonly number[] }) {
    const every = (n: number): string => g.ints(axes.map(() => n));
    return axes.length === 0
      ? g.emit("Identity", [g.ref(x!)])
      : g.emit("Slice", [g.ref(x!), every(-1), every(-FAR - 1), g.ints(axes), every(-1)]);
  },
  concat: (g, { operands }, { axis }) =>
    g.emit(
      "Concat",
      operands.map((x) => g.ref(x)),
      { axis },
    ),
  slice(g, { operands: [x] }, p, q) {
    const axes = x!.shape.map((_, i) => i);
    const stop = p.stop.map((n: number, i: number) => (n === q.stop[i] ? n : n === x!.shape[i] ? FAR : g.same(n, q.stop[i])));
    return g.emit("Slice", [g.ref(x!), g.ints(g.same(p.start, q.start)), g.ints(stop), g.ints(axes), g.ints(g.same(p.step, q.step))]);
  },
  pad(g, a, p, q) {
    if (p.interior.some((n: number) => n !== 0)) return refuse(a, "zeros between neighbours have no counterpart in ONNX");
    return g.emit("Pad", [g.ref(a.operands[0]!), g.ints([...g.same(p.low, q.low), ...g.same(p.high, q.high)])]);
  },
  windows(g, { operands: [x], results: [y] }, { kernel, stride, dilation }) {
    const lead = x!.shape.length - kernel.length;
    let name = g.ref(x!);
    kernel.forEach((size: number, i: number) => {
      const count = y!.shape[lead + i]!;
      const places = Array.from({ length: count * size }, (_, n) => Math.floor(n / size) * stride[i] + (n % size) * dilation[i]);
      name = g.emit("Gather", [name, g.ints(places, [count, size])], { axis: lead + 2 * i });
    });
    const axes = [0, 1].flatMap((k) => kernel.map((__: number, i: number) => lead + 2 * i + k));
    return g.emit("Transpose", [name], { perm: [...Array.from({ length: lead }, (_, i) => i), ...axes] });
  },

  // ---- reductions
  sum: reduced("ReduceSum"),
  max: reduced("ReduceMax"),
  min: reduced("ReduceMin"),
  prod: reduced("ReduceProd"),
  maxWithIndex: withIndex("ReduceMax", "ArgMax"),
  minWithIndex: withIndex("ReduceMin", "ArgMin"),
  cumsum: (g, { operands: [x] }, { axis, reverse }) => g.emit("CumSum", [g.ref(x!), g.ints([axis], [])], { reverse: reverse ? 1 : 0 }),
  argsort(g, { operands: [x] }, { axis, descending }, _q) {
    const size = g.dims(x!)[axis]!;
    const [, places] = g.emitAll("TopK", [g.ref(x!), g.shape([size])], 2, { axis, largest: descending ? 1 : 0 });
    return g.emit("Cast", [places!], { to: ELEMENT.i32 });
  },

  // ---- products
  dot: (g, a, { spec }) => product(g, a, spec),
  conv(g, { operands: [x, w] }, { stride, dilation, groups }) {
    return g.emit("Conv", [g.ref(x!), g.ref(w!)], { strides: stride, dilations: dilation, group: groups, kernel_shape: w!.shape.slice(2) });
  },
  convInput(g, { operands: [x, w] }, { stride, dilation, groups, size }) {
    const kernel = w!.shape.slice(2);
    const least = kernel.map((k, i) => (x!.shape[i + 2]! - 1) * stride[i] + dilation[i] * (k - 1) + 1);
    const attributes = {
      strides: stride,
      dilations: dilation,
      group: groups,
      kernel_shape: kernel,
      output_padding: least.map((n, i) => size[i] - n),
    };
    return g.emit("ConvTranspose", [g.ref(x!), g.ref(w!)], attributes);
  },
  convWeight(g, a, { stride, dilation, groups, kernel }) {
    if (groups !== 1) return refuse(a, "the weight's gradient of a convolution in groups has no counterpart in ONNX");
    const swap = [1, 0, ...kernel.map((_: number, i: number) => i + 2)];
    const [x, ct] = a.operands.map((t) => g.emit("Transpose", [g.ref(t)], { perm: swap }));
    const all = g.emit("Transpose", [g.emit("Conv", [x!, ct!], { strides: dilation, dilations: stride })], { perm: swap });
    return g.emit("Slice", [all, g.ints(kernel.map(() => 0)), g.ints(kernel), g.ints(kernel.map((__: number, i: number) => i + 2))]);
  },

  // ---- indices
  iota(g, a, { axis }) {
    const [y] = a.results;
    const dims = g.dims(y!);
    if (typeof dims[axis] !== "number")
      return refuse(a, "numbers the examples of the batch, which has no size in the file; give { batch: false }");
    const shape = dims.map((_, i) => (i === axis ? y!.shape[axis]! : 1));
    const line = g.constant(
      `n ${y!.dtype} ${shape}`,
      ELEMENT[y!.dtype],
      shape,
      arrayOf(
        y!.dtype,
        Array.from({ length: y!.shape[axis]! }, (_, i) => i),
      ),
    );
    return dims.every((d, i) => d === shape[i]) ? line : g.emit("Expand", [line, g.shape(dims)]);
  },
  gather(g, { operands: [x, index] }, { batch }) {
    if (batch === 0) return g.emit("Gather", [g.ref(x!), g.ref(index!)], { axis: 0 });
    const wide = g.emit("Cast", [g.ref(index!)], { to: 7 });
    const places = g.emit("Unsqueeze", [wide, g.ints([index!.shape.length])]);
    return g.emit("GatherND", [g.ref(x!), places], { batch_dims: batch });
  },
  scatterAdd: (g, a, p) => scattered(g, a, p),
  scatterAddRows: (g, a, p) => scattered(g, a, p),
  barrier: (g, { operands }, { pass }) => operands.slice(0, pass).map((x) => g.emit("Identity", [g.ref(x)])),

  // ---- control
  scan: (g, a, p) => looped(g, a, p),
  cond(g, a) {
    const [predicate, ...rest] = a.operands;
    const branches = a.regions.map((region) =>
      inner(
        g,
        region,
        rest.map((x) => g.ref(x)),
        false,
      ),
    );
    return g.emitAll("If", [g.ref(predicate!)], a.results.length, { then_branch: branches[0]!, else_branch: branches[1]! });
  },
};

function scattered(g: Graph, a: Instruction, { batch, size }: { batch: number; size: number }): string {
  if (batch !== 0) return refuse(a, "adding rows within a batch has no counterpart in ONNX that serves any batch");
  const [rows, index] = a.operands;
  const zeros = g.emit("Expand", [g.scalar(0, rows!.dtype), g.shape([size, ...g.dims(rows!).slice(index!.shape.length)])]);
  const places = g.emit("Unsqueeze", [g.emit("Cast", [g.ref(index!)], { to: 7 }), g.ints([index!.shape.length])]);
  return g.emit("ScatterND", [zeros, places, g.ref(rows!)], { reduction: "add" });
}

/** The words of an Einstein sum. */
function product(g: Graph, a: Instruction, spec: string): string {
  const [words, out] = spec.split("->") as [string, string];
  const [xs, ys] = words.split(",") as [string, string];
  const [x, y] = a.operands;
  const i = xs.at(-1)!;
  // x [..., i] by a matrix: rows of x stay rows.
  if (ys.length === 2 && xs.length >= 2 && ys.includes(i) && !out.includes(i)) {
    const o = [...ys].find((c) => c !== i)!;
    if (out === xs.slice(0, -1) + o) return g.emit("MatMul", [g.ref(x!), ys[0] === i ? g.ref(y!) : turned(g, y!)]);
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

/** A matrix, transposed: a constant at once. */
function turned(g: Graph, y: Instruction["operands"][number]): string {
  const data = g.shared.known(y);
  const [rows, columns] = y.shape as [number, number];
  if (!data || g.names.has(y)) return g.emit("Transpose", [g.ref(y)], { perm: [1, 0] });
  const other = data.slice();
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) other[c * rows + r] = data[r * columns + c]!;
  return g.constant(`t ${y.source.serial} ${y.index}`, ELEMENT[y.dtype], [columns, rows], other);
}

/** A graph inside a node; what it is given is named as outside, or its own inputs. */
function inner(g: Graph, region: Region, given: readonly (string | undefined)[], asInputs: boolean): OnnxGraph {
  const graph = new Graph(g.shared, g);
  const inputs = region.inputs.map((x, i) => graph.name(x, given[i] ?? g.shared.next("b")));
  writeList(graph, region);
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

function looped(g: Graph, a: Instruction, { consts, carry, reverse }: { consts: number; carry: number; reverse: boolean }): string[] {
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

/** What is made of an instruction and some that follow; true if it was. Tried before the table. */
export type Pattern = (g: Graph, a: Instruction) => boolean;

/** Movement that readers may do themselves; written when somebody needs all of it. */
const LAZY = new Set(["full", "broadcast"]);

export function writeList(g: Graph, region: Region): void {
  for (const a of tapeOfRegion(region)) {
    if (g.done.has(a) || LAZY.has(a.op.name) || g.shared.isFolded(a)) continue;
    g.at = a;
    if (!g.shared.patterns.some((pattern) => pattern(g, a))) writeInstruction(g, a);
  }
}

export function writeInstruction(g: Graph, a: Instruction): void {
  const { name } = a.op;
  const entry = Object.hasOwn(TABLE, name) ? TABLE[name] : undefined;
  if (!entry) refuse(a, `${name} has no counterpart in ONNX; ${REMEDIES[name] ?? "leave it out of what is exported"}`);
  const twin = g.shared.twins.get(a.results[0]!)?.source ?? a;
  const made = entry!(g, a, a.params, twin.params);
  for (const [i, result] of (typeof made === "string" ? [made] : made).entries()) g.name(a.results[i]!, result);
}

const REMEDIES: Readonly<Record<string, string>> = {
  threefry: "random numbers are drawn: call model.eval(), or pass the numbers as an argument",
  while: "use scan with a fixed number of steps",
  solve: "factorize outside of the model",
};
