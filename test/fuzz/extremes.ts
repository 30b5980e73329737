/**
 * @file Random programs at the edges: integers, bytes and bools, scalars and empty axes, infinities, NaN, denormal and largest numbers. Each step is computed by itself on the interpreter; the whole is
 * then one program, eager and compiled, on WebAssembly. Values in f64 and integers must agree to the bit, since both compute alike there; those of f32 to rounding, and after them nothing is compared
 * that jumps. A step may refuse what it is given, in words.
 */
import "../../src/runtime/evaluate.ts";
import { type Dtype, isFloat, type TypedArray } from "../../src/base/dtype.ts";
import { broadcastShapes, sizeOf, type Type } from "../../src/base/shape.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { checkGradients } from "../../src/inspect/check.ts";
import * as a from "../../src/math/arithmetic.ts";
import * as c from "../../src/math/cumulative.ts";
import * as F from "../../src/math/index.ts";
import * as ix from "../../src/math/indexing.ts";
import * as o from "../../src/math/order.ts";
import * as p from "../../src/math/pointwise.ts";
import * as m from "../../src/math/rearrange.ts";
import * as s from "../../src/math/statistics.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { Random } from "./random.ts";
import { chain, draw } from "./steps.ts";

const INF = Number.POSITIVE_INFINITY;
const POOL: Readonly<Record<Dtype, readonly number[]>> = {
  f64: [0, -0, 1, -1, 0.5, -2.5, INF, -INF, Number.NaN, 5e-324, -1e-310, 1e308, -1.7e308, 2 ** 31, -(2 ** 53), 3, 1e-30],
  f32: [0, -0, 1, -1, 0.5, -2.5, INF, -INF, Number.NaN, 1e-42, 3e38, -3e38, 2 ** 24, 3, 1e-30],
  i32: [0, 1, -1, 2, -7, 2 ** 31 - 1, -(2 ** 31), 65536, 3],
  u32: [0, 1, 2, 7, 2 ** 32 - 1, 2 ** 31, 65536],
  u8: [0, 1, 2, 7, 255, 128],
  bool: [0, 1],
};
const DTYPES: readonly Dtype[] = ["f64", "f64", "f64", "f32", "i32", "i32", "u32", "u8", "bool"];
const SHAPES: readonly (readonly number[])[] = [
  [],
  [],
  [0],
  [1],
  [2],
  [3],
  [5],
  [17],
  [2, 3],
  [3, 1],
  [1, 3],
  [0, 3],
  [3, 0],
  [2, 1, 3],
  [4, 9],
];

interface Step {
  readonly name: string;
  readonly args: readonly number[];
  readonly apply: (x: readonly Tensor[]) => Tensor;
}
interface Node {
  readonly type: Type;
  readonly value: TypedArray;
  readonly step: Step | undefined;
}

type One = (x: Tensor) => Tensor;
const METHODS =
  "neg abs sign sqrt square floor ceil trunc round not isNaN isInf isFinite recip relu rsqrt exp log sin cos tanh sigmoid erf tan asin acos atan sinh cosh asinh acosh atanh log1p expm1 exp2 log2 log10 any all flatten transpose".split(
    " ",
  );
const UNARY: Readonly<Record<string, One>> = {
  ...Object.fromEntries(METHODS.map((name) => [name, (x: Tensor) => (x as unknown as Record<string, () => Tensor>)[name]!()])),
  frac: p.frac,
  signbit: a.signbit,
  nanToNum: (x) => p.nanToNum(x),
  lgamma: p.lgamma,
  digamma: p.digamma,
  erfc: p.erfc,
  sinc: p.sinc,
  largestOf: (x) => x.max(),
  totalOf: (x) => x.sum(),
  medianOf: (x) => s.median(x),
  mantissa: (x) => a.frexp(x).mantissa,
  exponent: (x) => a.frexp(x).exponent,
  softsign: F.softsign,
  hardSigmoid: F.hardSigmoid,
  gelu: (x) => F.gelu(x),
  softplus: (x) => F.softplus(x),
  selfEntropy: (x) => a.xlogy(x, x),
};
type Two = (x: Tensor, y: Tensor) => Tensor;
const BINARY: Readonly<Record<string, Two>> = {
  ...Object.fromEntries(
    "add sub mul div rem pow maximum minimum eq ne lt le gt ge and or xor shl shr"
      .split(" ")
      .map((name) => [name, (x: Tensor, y: Tensor) => (x as unknown as Record<string, (y: Tensor) => Tensor>)[name]!(y)]),
  ),
  mod: p.mod,
  atan2: p.atan2,
  hypot: p.hypot,
  logAddExp: p.logAddExp,
  floorDivide: a.floorDivide,
  trueDivide: a.trueDivide,
  gcd: a.gcd,
  lcm: a.lcm,
  copysign: a.copysign,
  nextafter: a.nextafter,
  ldexp: a.ldexp,
  heaviside: a.heaviside,
  xlogy: a.xlogy,
  floatPower: a.floatPower,
  isclose: (x, y) => a.isclose(x, y),
  lerp: (x, y) => p.lerp(x, y, 0.25),
  where: (x, y) => x.ne(0).where(y, x),
  clamp: (x, y) => x.clamp(y, y.add(1)),
  mse: (x, y) => F.mseLoss(x, y),
  huber: (x, y) => F.huberLoss(x, y, { reduction: "none" }),
};
type Along = (x: Tensor, axis: number, keepDims: boolean) => Tensor;
const ALONG: Readonly<Record<string, Along>> = {
  sum: (x, axis, keepDims) => x.sum(axis, { keepDims }),
  mean: (x, axis, keepDims) => x.mean(axis, { keepDims }),
  max: (x, axis, keepDims) => x.max(axis, { keepDims }),
  min: (x, axis, keepDims) => x.min(axis, { keepDims }),
  prod: (x, axis, keepDims) => x.prod(axis, { keepDims }),
  anyAlong: (x, axis, keepDims) => x.any(axis, { keepDims }),
  std: (x, axis, keepDims) => x.std(axis, { keepDims }),
  argmax: (x, axis, keepDims) => x.argmax(axis, { keepDims }),
  argmin: (x, axis, keepDims) => x.argmin(axis, { keepDims }),
  cumsum: (x, axis) => x.cumsum(axis),
  cumprod: (x, axis) => c.cumprod(x, axis),
  cummax: (x, axis) => c.cummax(x, axis).values,
  cumminAt: (x, axis) => c.cummin(x, axis).indices,
  logCumSumExp: (x, axis) => c.logCumSumExp(x, axis),
  diff: (x, axis) => c.diff(x, axis),
  sort: (x, axis) => x.sort(axis).values,
  sortDown: (x, axis) => x.sort(axis, { descending: true }).values,
  argsort: (x, axis) => x.argsort(axis),
  median: (x, axis, keepDims) => s.median(x, axis, { keepDims }),
  mode: (x, axis, keepDims) => o.mode(x, axis, { keepDims }).values,
  nanMedian: (x, axis, keepDims) => o.nanMedian(x, axis, { keepDims }),
  nanSum: (x, axis, keepDims) => o.nanSum(x, axis, { keepDims }),
  nanMean: (x, axis) => o.nanMean(x, axis),
  quantile: (x, axis, keepDims) => s.quantile(x, 0.3, axis, { keepDims }),
  logSumExp: (x, axis, keepDims) => s.logSumExp(x, axis, { keepDims }),
  norm: (x, axes, keepDims) => s.norm(x, { axes, keepDims }),
  norm1: (x, axes) => s.norm(x, { axes, p: 1 }),
  normMax: (x, axes) => s.norm(x, { axes, p: INF }),
  softmax: (x, axis) => F.softmax(x, axis),
  logSoftmax: (x, axis) => F.logSoftmax(x, axis),
  normalize: (x, axis) => F.normalize(x, { axis }),
  topk: (x, axis) => s.topk(x, 1, { axis }).values,
  flip: (x, axis) => x.flip(axis),
  roll: (x, axis) => m.roll(x, 1, axis),
  repeat: (x, axis) => m.repeatInterleave(x, 2, axis),
  twice: (x, axis) => x.concat([x], axis),
  first: (x, axis) => x.narrow(axis, 0, 1),
  unsqueeze: (x, axis) => x.unsqueeze(axis),
  takeBack: (x, axis) => ix.indexSelect(x, axis, fromArray(Int32Array.of(-1, 0), { shape: [2], dtype: "i32" })),
};
const CASTS: readonly Dtype[] = ["f64", "f32", "i32", "u32", "u8", "bool"];

function input(random: Random): Node {
  const dtype = random.pick(DTYPES);
  const shape = random.pick(SHAPES);
  const pool = random.chance(0.3) ? POOL[dtype].slice(0, 4) : POOL[dtype];
  const values = random.list(sizeOf(shape), () => random.pick(pool));
  const stored = { f64: Float64Array, f32: Float32Array, i32: Int32Array, u32: Uint32Array, u8: Uint8Array, bool: Uint8Array }[dtype].from(
    values,
  );
  return { type: { shape, dtype }, value: stored, step: undefined };
}

const BITWISE = /^(and|or|xor|shl|shr|not)$/;
/** Mostly operands that an op takes, so that few programs end with a refusal. */
function fitting(random: Random, nodes: readonly Node[], fits: (t: Type) => boolean): number {
  const all = nodes.map((_, i) => i);
  const list = random.chance(0.05) ? all : all.filter((i) => fits(nodes[i]!.type));
  return random.pick(list.length > 0 ? list : all);
}

function randomStep(random: Random, nodes: readonly Node[]): Step {
  const kind = random.unit();
  const whole = (name: string) => (t: Type) => !BITWISE.test(name) || !isFloat(t.dtype);
  if (kind < 0.3) {
    const [name, f] = random.pick(Object.entries(UNARY));
    return { name, args: [fitting(random, nodes, whole(name))], apply: ([t]) => f(t!) };
  }
  if (kind < 0.6) {
    const [name, f] = random.pick(Object.entries(BINARY));
    const i = fitting(random, nodes, whole(name));
    const k = fitting(random, nodes, (t) => whole(name)(t) && broadcastShapes(t.shape, nodes[i]!.type.shape) !== null);
    return { name, args: [i, k], apply: ([t, u]) => f(t!, u!) };
  }
  if (kind < 0.9) {
    const [name, f] = random.pick(Object.entries(ALONG));
    const i = random.int(0, nodes.length - 1);
    const { shape } = nodes[i]!.type;
    const axis = random.int(-Math.max(1, shape.length), Math.max(0, shape.length - 1));
    const keep = random.chance(0.3);
    return { name: `${name}(${axis}${keep ? ", keep" : ""})`, args: [i], apply: ([t]) => f(t!, axis, keep) };
  }
  const dtype = random.pick(CASTS);
  return { name: `cast(${dtype})`, args: [random.int(0, nodes.length - 1)], apply: ([t]) => t!.cast(dtype) };
}

const leaf = ({ value, type }: Node): Tensor => fromArray(value.slice(), type);

/** An error of which nobody can make sense. */
function unworded(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : String(error);
  const worded =
    (error instanceof RangeError || error instanceof TypeError) &&
    !/^internal|is not (a function|iterable)|undefined|Cannot read/.test(text);
  return worded ? undefined : text;
}

function differs(got: TypedArray, want: TypedArray, exact: boolean): number {
  return got.findIndex((v, i) => {
    const w = want[i]!;
    if (v === w || (Number.isNaN(v) && Number.isNaN(w))) return false;
    return exact || !(Math.abs(v - w) <= 1e-5 * Math.max(Math.abs(w), 1e-30));
  });
}

const describeNode = (n: Node, i: number): string =>
  `v${i}: ${n.type.dtype}[${n.type.shape}] = ${n.step ? `${n.step.name} ${n.step.args.map((k) => `v${k}`)}` : ""} [${[...n.value.slice(0, 20)].map((v) => (Object.is(v, -0) ? "-0" : v))}]`;

/** Runs program `seed`; what is wrong with it, or nothing. */
export function faultOfExtremes(seed: number): string | undefined {
  const random = new Random(seed + 77_000_000);
  const nodes: Node[] = random.list(random.int(2, 4), () => input(random));
  const inputs = nodes.length;
  for (let i = random.int(2, 6); i > 0; i--) {
    const step = randomStep(random, nodes);
    const text = `program ${seed}: ${step.name} of ${step.args.map((k) => describeNode(nodes[k]!, k)).join("; ")}`;
    try {
      setBackend("interpreter");
      const y = step.apply(step.args.map((k) => leaf(nodes[k]!)));
      if (y.size > 400) continue;
      const node: Node = { type: { shape: y.shape, dtype: y.dtype }, value: y.dataSync(), step };
      setBackend("wasm");
      const alone = step.apply(step.args.map((k) => leaf(nodes[k]!)));
      const exact = !isFloat(y.dtype) || y.dtype === "f64";
      const single = step.args.some((k) => nodes[k]!.type.dtype === "f32");
      const at = differs(alone.dataSync(), node.value, exact && !(single && isFloat(y.dtype)));
      if (at >= 0 || String(alone.shape) !== String(y.shape))
        return `${text}: element ${at} is ${alone.dataSync()[at]} on wasm, ${node.value[at]} on the interpreter`;
      const wrong = steepness(step, nodes, y);
      if (wrong) return `${text}: ${wrong}`;
      nodes.push(node);
    } catch (error) {
      const fault = unworded(error);
      if (fault) return `${text}: ${fault}`;
    } finally {
      setBackend("wasm");
    }
  }
  return whole(seed, nodes, inputs);
}

/** A derivative of a step has the shape and dtype of its operand and throws nothing that has no words. */
function steepness(step: Step, nodes: readonly Node[], y: Tensor): string | undefined {
  const operand = nodes[step.args[0]!]!;
  if (!isFloat(operand.type.dtype) || !isFloat(y.dtype)) return undefined;
  const rest = step.args.slice(1).map((k) => leaf(nodes[k]!));
  const slope = grad((x: Tensor) => step.apply([x, ...rest]).sum(), { unused: "ignore" })(leaf(operand));
  if (slope.dtype !== operand.type.dtype || String(slope.shape) !== String(operand.type.shape)) return `a derivative ${slope}`;
  slope.dataSync();
  return undefined;
}

/** All steps as one program, eager and compiled: as each alone, unless f32 comes in, which may round differently when fused. */
function whole(seed: number, nodes: readonly Node[], inputs: number): string | undefined {
  if (nodes.some((n) => n.type.dtype === "f32") || nodes.length === inputs) return undefined;
  const run = (given: readonly Tensor[]): Tensor[] => {
    const values: Tensor[] = [...given];
    for (const n of nodes.slice(inputs)) values.push(n.step!.apply(n.step!.args.map((k) => values[k]!)));
    return values.slice(inputs);
  };
  const given = (): Tensor[] => nodes.slice(0, inputs).map(leaf);
  const check = (mode: string, got: readonly Tensor[]): string | undefined => {
    for (const [i, y] of got.entries()) {
      const want = nodes[inputs + i]!;
      const at = differs(y.dataSync(), want.value, true);
      if (at >= 0)
        return `program ${seed}, ${mode}: v${inputs + i}, element ${at} is ${y.dataSync()[at]}, alone ${want.value[at]}\n${nodes.map(describeNode).join("\n")}`;
    }
    return undefined;
  };
  try {
    const eager = check("eager", run(given()));
    if (eager) return eager;
    const f = compile((x: Tensor[]) => run(x));
    try {
      return check("compiled", f(given()));
    } finally {
      f.dispose();
    }
  } catch (error) {
    const fault = unworded(error);
    return fault && `program ${seed}, whole: ${fault}\n${nodes.map(describeNode).join("\n")}`;
  }
}

/** A chain of smooth steps: its gradient against central differences. What is wrong with it, or nothing. */
export function faultOfSlopes(seed: number): string | undefined {
  const random = new Random(seed + 99_000_000);
  const shape = random.pick([[], [1], [3], [2, 3], [4, 1], [2, 2, 2]]);
  const [name, f] = chain(random, shape);
  // Its slope is not that of its value.
  if (name.includes("stopped")) return undefined;
  const x = draw(random, { shape, dtype: "f64" });
  // Weights, so that what is centred does not cancel: the differences would be of rounding.
  const loss = (t: Tensor): Tensor => {
    const y = f(t).sin();
    const weights = Float64Array.from({ length: y.size }, (_, i) => 1 + 0.5 * Math.sin(3 * i + 1));
    return y.mul(fromArray(weights, { shape: y.shape, dtype: "f64" })).sum();
  };
  // What does not change (x - mean x over one element) has differences of rounding alone.
  if (grad(loss, { unused: "ignore" })(x).abs().max().itemSync() < 1e-12) return undefined;
  const report = checkGradients(loss, [x], { entries: 4 });
  return report.passed ? undefined : `slopes ${seed}, ${name} at [${x.dataSync()}]: ${report}`;
}
