/** @file Several instructions that are one node of ONNX, found from their first: pools, convolutions with padding, bias and scale, dense layers, softmax, clamps. */
import type { TypedArray } from "../../base/dtype.ts";
import { dot } from "../../ops/contract.ts";
import { conv } from "../../ops/convolution.ts";
import { add, decay, div, le, lt, mul, ratio, select, sub } from "../../ops/elementwise.ts";
import { full } from "../../ops/indexing.ts";
import { instructionOf, type Known, madeBy } from "../../ops/made-by.ts";
import { broadcast, concat, pad, reshape, windows } from "../../ops/movement.ts";
import type { Instruction, Op } from "../../ops/op.ts";
import { max, maxWithIndex, sum } from "../../ops/reduce.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { ELEMENT, type Graph } from "./graph.ts";
import type { Pattern } from "./ops.ts";

const numberIn = (x: Tensor | undefined): number | undefined => madeBy(x, full)?.params.value;
const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);

/** Writes a node for the results of several instructions. */
function write(g: Graph, y: Tensor, name: string, ...instructions: readonly (Instruction | undefined)[]): true {
  g.name(y, name);
  for (const a of instructions) if (a) g.done.add(a);
  return true;
}

/** Padding before a window that only it reads: its place, and what is padded. Zeros come from `pad`, minus infinities from concatenations. */
interface Padded {
  readonly x: Tensor;
  readonly low: number[];
  readonly high: number[];
}

/** -∞ around the last axes, as max pooling has it. */
function infinitelyPadded(x: Tensor, spatial: number): Padded {
  const [low, high] = [Array<number>(spatial).fill(0), Array<number>(spatial).fill(0)];
  let inner = x;
  for (;;) {
    const joined = instructionOf(inner.source, concat);
    if (!joined) break;
    const axis = joined.params.axis - (x.shape.length - spatial);
    const whole = joined.operands.filter((part) => numberIn(part) === undefined);
    const rest = joined.operands.filter((part) => numberIn(part) !== undefined);
    if (axis < 0 || whole.length !== 1 || rest.some((part) => numberIn(part) !== Number.NEGATIVE_INFINITY)) break;
    const at = joined.operands.indexOf(whole[0]!);
    for (const [i, part] of joined.operands.entries()) if (i !== at) (i < at ? low : high)[axis]! += part.shape[joined.params.axis]!;
    inner = whole[0]!;
  }
  return { x: inner, low, high };
}

/** windows → reshape → maxWithIndex without a reader of the index: MaxPool. Concatenations before it are left to the pool where it alone reads them. */
const maxPool: Pattern = (g, a) => {
  const w = instructionOf(a, windows);
  const flat = w && readerOf(g, w, reshape);
  const known = flat && readerOf(g, flat, maxWithIndex);
  if (!w || !known || (g.shared.uses.get(known.results[1]!) ?? []).length > 0) return false;
  const { kernel, stride, dilation } = w.params;
  const rank = kernel.length + 2;
  if (w.operands[0].rank !== rank || known.params.axis !== rank || known.operands[0].rank !== rank + 1) return false;
  const { x, low, high } = infinitelyPadded(w.operands[0], kernel.length);
  const fits = kernel.every((k, i) => low[i]! < k && high[i]! < k);
  const from = fits ? x : w.operands[0];
  const around = fits ? [...low, ...high] : [];
  const pads = around.some((n) => n > 0) ? around : undefined;
  const name = g.emit("MaxPool", [g.ref(from)], {
    kernel_shape: kernel,
    strides: stride,
    ...(dilation.some((d) => d !== 1) && { dilations: dilation }),
    pads,
  });
  return write(g, known.results[0]!, name, flat, known);
};

/** A concatenation of infinities that only windows of a pool read: the pool writes them. */
const beforeMaxPool: Pattern = (g, a) => {
  let reader: Instruction | undefined = instructionOf(a, concat) && a;
  if (!reader || !a.operands.some((x) => numberIn(x) === Number.NEGATIVE_INFINITY)) return false;
  while (reader && instructionOf(reader, concat)) reader = g.reader(reader.results[0]!);
  const w = reader && instructionOf(reader, windows);
  if (!w) return false;
  const flat = g.reader(w.results[0]!);
  const top = flat && g.reader(flat.results[0]!);
  const { x, low, high } = infinitelyPadded(w.operands[0], w.params.kernel.length);
  const pooled = top && instructionOf(top, maxWithIndex) && x.shape.length === w.params.kernel.length + 2;
  return !!pooled && w.params.kernel.every((k, i) => low[i]! < k && high[i]! < k);
};

/** A sum over all windows, or all pixels, divided by their number: AveragePool, GlobalAveragePool. */
const averagePool: Pattern = (g, a) => {
  const w = instructionOf(a, windows);
  const total = w && g.reader(w.results[0]!);
  const summed = total && instructionOf(total, sum);
  if (!w || !summed) return false;
  const { kernel, stride, dilation } = w.params;
  const rank = kernel.length + 2;
  const all = summed.params.axes.join() === kernel.map((_, i) => rank + i).join();
  if (w.operands[0].shape.length !== rank || !all || dilation.some((d) => d !== 1)) return false;
  const scaled = divided(g, summed.results[0]!, product(kernel));
  const mean = g.emit("AveragePool", [g.ref(w.operands[0])], { kernel_shape: kernel, strides: stride });
  if (scaled) return write(g, scaled.results[0]!, mean, total, scaled);
  return write(g, summed.results[0]!, g.emit("Mul", [mean, g.scalar(product(kernel), w.results[0]!.dtype)]), total);
};

/** The division by a number that alone reads a value. */
function divided(g: Graph, x: Tensor, by: number): Instruction | undefined {
  const reader = g.reader(x);
  const quotient = reader && instructionOf(reader, div);
  return quotient && quotient.operands[0] === x && numberIn(quotient.operands[1]) === by ? reader : undefined;
}

/** A mean over some axes: ReduceMean. */
const mean: Pattern = (g, a) => {
  const total = instructionOf(a, sum);
  if (!total || total.params.axes.length === 0) return false;
  const { axes } = total.params;
  const [x] = total.operands;
  if (g.dims(x).some((d, i) => axes.includes(i) && typeof d !== "number")) return false;
  const scaled = divided(g, total.results[0]!, product(axes.map((axis) => x.shape[axis]!)));
  if (!scaled) return false;
  const late = g.shared.opset >= 18;
  const name = late
    ? g.emit("ReduceMean", [g.ref(x), g.ints(axes)], { keepdims: 0 })
    : g.emit("ReduceMean", [g.ref(x)], { axes, keepdims: 0 });
  return write(g, scaled.results[0]!, name, scaled);
};

/** Elements of an operand that has one for each of the channels on axis 1, and is no argument's. */
function perChannel(g: Graph, x: Tensor): TypedArray | undefined {
  const spread = madeBy(x, broadcast);
  const at = spread?.params.axes.indexOf(1) ?? -1;
  const [inner] = spread?.operands ?? [];
  return inner?.shape.every((n, i) => n === 1 || i === at) && at >= 0 ? g.shared.known(inner) : undefined;
}

/** The operand beside `value` of an instruction of two, as numbers for each channel, if it may stand on that side. */
function otherPerChannel(g: Graph, { op, operands: [x, other] }: Instruction, value: Tensor): TypedArray | undefined {
  if (!x || !other || (x !== value && !op.traits?.commutative)) return undefined;
  return perChannel(g, x === value ? other : x);
}

/** What scales or shifts by a number for each channel. */
const AFFINE: ReadonlyMap<unknown, { readonly scales: boolean; apply(v: number, n: number): number }> = new Map([
  [add, { scales: false, apply: (v: number, n: number) => v + n }],
  [sub, { scales: false, apply: (v: number, n: number) => v - n }],
  [mul, { scales: true, apply: (v: number, n: number) => v * n }],
  [div, { scales: true, apply: (v: number, n: number) => v / n }],
]);

/** y·scale + shift for each channel, as far as readers that alone read it go on so. */
function affine(
  g: Graph,
  y: Tensor,
  channels: number,
  fold: boolean,
): { value: Tensor; scale?: Float64Array; shift?: Float64Array; done: Instruction[] } {
  let value = y;
  let scale: Float64Array | undefined;
  let shift: Float64Array | undefined;
  const done: Instruction[] = [];
  for (;;) {
    const reader = g.reader(value);
    const step = reader && AFFINE.get(reader.op);
    if (!reader || !step || (!fold && (shift || reader.op !== add))) break;
    const numbers = otherPerChannel(g, reader, value);
    if (numbers?.length !== channels) break;
    const each = (old: Float64Array | undefined, start: number): Float64Array =>
      Float64Array.from(numbers, (n, i) => step.apply(old?.[i] ?? start, n));
    if (step.scales) scale = each(scale, 1);
    if (!step.scales || shift) shift = each(shift, 0);
    value = reader.results[0]!;
    done.push(reader);
  }
  return { value, scale, shift, done };
}

/** pad → conv → per-channel scale and shift: one Conv, with batch normalization in its weights if folding is asked for. */
const convolution =
  (fold: boolean): Pattern =>
  (g, a) => {
    const c = instructionOf(a, conv);
    if (!c || c.results[0]!.dtype !== "f32") return false;
    const [given, w] = c.operands;
    const { stride, dilation, groups } = c.params;
    const padding = madeBy(given, pad);
    const zeros = padding && isSpatial(padding.params, g) && !g.names.has(given) ? padding : undefined;
    const weight = g.shared.known(w);
    const { value, scale, shift, done } = affine(g, c.results[0]!, c.results[0]!.shape[1]!, fold && weight !== undefined);
    const channels = w.shape[0]!;
    const name = weight && scale ? scaledWeight(g, w, weight, scale) : g.ref(w);
    const bias = shift && g.constant(`k bias ${a.serial}`, ELEMENT.f32, [channels], Float32Array.from(shift));
    const y = g.emit("Conv", [g.ref(zeros ? zeros.operands[0] : given), name, ...(bias ? [biasName(g, done, scale) ?? bias] : [])], {
      strides: stride,
      dilations: dilation,
      group: groups,
      kernel_shape: w.shape.slice(2),
      pads: zeros && [...zeros.params.low.slice(2), ...zeros.params.high.slice(2)],
    });
    return write(g, value, y, ...done);
  };

/** The bias's own initializer, where nothing was folded into it. */
function biasName(g: Graph, done: readonly Instruction[], scale: Float64Array | undefined): string | undefined {
  if (scale || done.length !== 1 || !instructionOf(done[0]!, add)) return undefined;
  const spread = done[0]!.operands
    .map((x) => madeBy(x, broadcast))
    .find((x) => x?.operands[0].shape.length === 1 && g.shared.known(x.operands[0]));
  return spread && g.ref(spread.operands[0]);
}

function scaledWeight(g: Graph, w: Tensor, weight: TypedArray, scale: Float64Array): string {
  const each = weight.length / scale.length;
  return g.constant(
    `k folded ${w.source.serial} ${g.at!.serial}`,
    ELEMENT.f32,
    w.shape,
    Float32Array.from(weight as Float32Array, (v, i) => v * scale[Math.floor(i / each)]!),
  );
}

function isSpatial(
  { low, high, interior }: { low: readonly number[]; high: readonly number[]; interior: readonly number[] },
  _g: Graph,
): boolean {
  return [low, high].every(([n, c, ...rest]) => n === 0 && c === 0 && rest.every((k) => k >= 0)) && interior.every((k) => k === 0);
}

/** A pad that only a convolution reads: the convolution writes it. */
const beforeConvolution: Pattern = (g, a) => {
  const padding = instructionOf(a, pad);
  const readers = padding ? (g.shared.uses.get(a.results[0]!) ?? []) : [];
  if (!padding || readers.length === 0 || !isSpatial(padding.params, g) || a.results[0]!.dtype !== "f32") return false;
  return readers.every((reader) => reader !== "result" && instructionOf(reader, conv)?.operands[0] === a.results[0]);
};

/** x·Wᵀ + b: Gemm. */
const dense: Pattern = (g, a) => {
  const p = instructionOf(a, dot);
  const spec = /^(\w)(\w),(\w)(\w)->(\w)(\w)$/.exec(p?.params.spec ?? "");
  if (!p || !spec) return false;
  const [, row, i, y0, y1, first, last] = spec;
  const column = y0 === i ? y1 : y0;
  if (row !== first || column !== last || (y0 !== i && y1 !== i)) return false;
  const { value, shift, done } = affine(g, p.results[0]!, p.results[0]!.shape[1]!, false);
  const bias = shift && biasName(g, done, undefined);
  const y = g.emit("Gemm", [g.ref(p.operands[0]), g.ref(p.operands[1]), ...(bias ? [bias] : [])], { transB: y0 === i ? 0 : 1 });
  return bias ? write(g, value, y, ...done) : write(g, p.results[0]!, y);
};

/** max → sub → decay → sum → ratio over one axis: Softmax. */
const softmax: Pattern = (g, a) => {
  const top = instructionOf(a, max);
  const [axis, ...more] = top?.params.axes ?? [];
  if (!top || axis === undefined || more.length > 0) return false;
  const [x] = top.operands;
  const spread = readerOf(g, top, broadcast);
  const less = spread && readerOf(g, spread, sub);
  const small = less && readerOf(g, less, decay);
  if (!small || less.operands[0] !== x) return false;
  const shares = small.results[0]!;
  const readers = g.shared.uses.get(shares) ?? [];
  const total = readers.find((r): r is Instruction => r !== "result" && instructionOf(r, sum)?.params.axes.join() === String(axis));
  const wide = total && readerOf(g, total, broadcast);
  const result = wide && readerOf(g, wide, ratio);
  if (!result || readers.length !== 2 || result.operands[0] !== shares) return false;
  return write(g, result.results[0]!, g.emit("Softmax", [g.ref(x)], { axis }), spread, less, small, total, wide, result);
};

/** The one reader of an instruction's first result, if it is one of `op`. */
function readerOf<N extends number, P>(g: Graph, a: Instruction, op: Op<N, P>): Known<N, P> | undefined {
  const reader = g.reader(a.results[0]!);
  return reader && instructionOf(reader, op);
}

/** A comparison with a number, and the choice between both that alone reads it: Max, Min or, of both, Clip. */
const clamp: Pattern = (g, a) => {
  const choice = instructionOf(a, select);
  const [test, number, x] = choice?.operands ?? [];
  const bound = numberIn(number);
  const compared = test && (madeBy(test, lt) ?? madeBy(test, le));
  if (!choice || !x || bound === undefined || !compared || x.dtype !== "f32") return false;
  const [p, q] = compared.operands;
  const low = numberIn(q) === bound && p;
  const of = low || (numberIn(p) === bound && q);
  if (!of || ![x, clamps.get(x)?.of].includes(of)) return false;
  const name = g.emit(low ? "Max" : "Min", [g.ref(x), g.scalar(bound, "f32")]);
  clamps.set(a.results[0]!, { of });
  return write(g, a.results[0]!, name);
};

/** Clamped values, and what was clamped. */
const clamps: WeakMap<Tensor, { readonly of: Tensor }> = new WeakMap();

/** A comparison that only clamps read. */
const beforeClamp: Pattern = (g, a) => {
  const compared = instructionOf(a, lt) ?? instructionOf(a, le);
  const bound = compared && (numberIn(compared.operands[0]) ?? numberIn(compared.operands[1]));
  if (bound === undefined || compared!.operands[0].dtype !== "f32") return false;
  const x = numberIn(compared!.operands[0]) === undefined ? compared!.operands[0] : compared!.operands[1];
  const isClamp = (reader: Instruction | "result"): boolean => {
    const choice = reader !== "result" && instructionOf(reader, select);
    if (!choice || choice.operands[0] !== a.results[0] || numberIn(choice.operands[1]) !== bound) return false;
    const [, , from] = choice.operands;
    const other = madeBy(from, select);
    return from === x || (other !== undefined && other.operands[2] === x && (g.shared.uses.get(a.results[0]!) ?? []).length === 1);
  };
  return (g.shared.uses.get(a.results[0]!) ?? []).every(isClamp) && (g.shared.uses.get(a.results[0]!) ?? []).length > 0;
};

export const patternsFor = (fold: boolean): readonly Pattern[] => [
  maxPool,
  beforeMaxPool,
  averagePool,
  mean,
  beforeConvolution,
  convolution(fold),
  dense,
  softmax,
  beforeClamp,
  clamp,
];
