/** @file What instructions become, as a table: one entry for an operation, with the nodes of ONNX that compute it. */
import type { Instruction } from "../../ops/op.ts";
import { angle, branched, contraction, counted, foldedWindows, inlined, looped, padded, scattered, windowed } from "./composites.ts";
import { ELEMENT, FAR, type Graph, refuse } from "./graph.ts";

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
      copy: "Identity",
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
  atan2: angle,
  ownLog: made((g, [p], a) =>
    g.emit("Where", [g.emit("Equal", [p!, one(g, a, 0)]), one(g, a, 0), g.emit("Mul", [p!, g.emit("Log", [p!])])]),
  ),
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
  pad: padded,
  windows: windowed,
  foldWindows: foldedWindows,

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
  dot: contraction,
  det: (g, { operands: [x] }) => g.emit("Det", [g.ref(x!)]),
  slogdet(g, { operands: [x] }) {
    const value = g.emit("Det", [g.ref(x!)]);
    return [g.emit("Sign", [value]), g.emit("Log", [g.emit("Abs", [value])])];
  },
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
  iota: counted,
  gather(g, { operands: [x, index] }, { batch }) {
    if (batch === 0) return g.emit("Gather", [g.ref(x!), g.ref(index!)], { axis: 0 });
    const wide = g.emit("Cast", [g.ref(index!)], { to: 7 });
    const places = g.emit("Unsqueeze", [wide, g.ints([index!.shape.length])]);
    return g.emit("GatherND", [g.ref(x!), places], { batch_dims: batch });
  },
  scatterAdd: scattered,
  scatterAddRows: scattered,
  barrier: (g, { operands }, { pass }) => operands.slice(0, pass).map((x) => g.emit("Identity", [g.ref(x)])),

  // ---- control
  scan: looped,
  cond: branched,
  checkpoint: inlined,
  customJvp: inlined,
  customVjp: inlined,
};

/** What is made of an instruction and some that follow; true if it was. Tried before the table. */
export type Pattern = (g: Graph, a: Instruction) => boolean;

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
