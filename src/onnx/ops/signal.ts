/** @file Windows and Fourier transforms. */
import { stack, tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Call, Op } from "../call.ts";
import { axisOf, type Given, Known, range } from "../value.ts";

/** Sums of cosines, over n (periodic) or n - 1. */
const cosines = (...coefficients: readonly number[]): Op => ({
  since: 17,
  host: [0],
  run: (c) => {
    const n = c.number(0);
    const period = c.flag("periodic", true) ? n : n - 1;
    const at = (i: number): number => coefficients.reduce((sum, a, k) => sum + a * Math.cos((2 * Math.PI * k * i) / period), 0);
    return new Known(c.type("output_datatype") ?? "float", [n], range(n).map(at));
  },
});

/** Cosines and sines of the transform from n numbers to m, as matrices. */
function bases(n: number, m: number, sign: number, factor: number, dtype: Tensor["dtype"]): [cos: Tensor, sin: Tensor] {
  const make = (f: (angle: number) => number): Tensor =>
    tensor(
      Float64Array.from({ length: n * m }, (_, i) => factor * f((2 * Math.PI * ((Math.floor(i / m) * (i % m)) % n)) / n)),
      { shape: [n, m], dtype },
    );
  return [make(Math.cos), make((angle) => sign * Math.sin(angle))];
}

/** Pairs of reals on the last axis (or reals alone) to pairs, along `axis`; as products of matrices. */
function transform(x: Tensor, axis: number, length: number, inverse: boolean, onesided: boolean): Tensor {
  const size = x.shape[axis];
  const at = (n: number): number[] => x.shape.map((_, i) => (i === axis ? n : 0));
  const own = size < length ? x.pad(at(0), at(length - size)) : x.narrow(axis, 0, length);
  const isComplex = own.shape[own.rank - 1] === 2;
  const real = own.select(-1, 0).moveAxis(axis, own.rank - 2);
  const imaginary = isComplex ? own.select(-1, 1).moveAxis(axis, own.rank - 2) : undefined;
  if (inverse && onesided) return realInverse(real, imaginary, length, axis);
  const count = onesided ? Math.floor(length / 2) + 1 : length;
  const [cos, sin] = bases(length, count, inverse ? 1 : -1, inverse ? 1 / length : 1, x.dtype);
  const [a, b] = [real.matmul(cos), real.matmul(sin)];
  const re = imaginary ? a.sub(imaginary.matmul(sin)) : a;
  const im = imaginary ? b.add(imaginary.matmul(cos)) : b;
  return stack([re.moveAxis(re.rank - 1, axis), im.moveAxis(im.rank - 1, axis)], re.rank);
}

/** Half of a spectrum back to reals: the other half are the conjugates. */
function realInverse(re: Tensor, im: Tensor | undefined, length: number, axis: number): Tensor {
  const half = Math.floor(length / 2) + 1;
  const weights = range(half).map((k) => (k === 0 || 2 * k === length ? 1 : 2) / length);
  const [cos, sin] = [Math.cos, Math.sin].map((f) =>
    tensor(
      Float64Array.from({ length: half * length }, (_, i) => {
        const k = Math.floor(i / length);
        return weights[k] * f((2 * Math.PI * ((k * (i % length)) % length)) / length);
      }),
      { shape: [half, length], dtype: re.dtype },
    ),
  );
  const cut = (x: Tensor): Tensor => x.narrow(x.rank - 1, 0, half);
  const y = cut(re).matmul(cos);
  const all = im ? y.sub(cut(im).matmul(sin)) : y;
  return all.moveAxis(all.rank - 1, axis).unsqueeze(-1);
}

function dft(c: Call): Given {
  const x = c.tensor(0);
  const given = c.opset >= 20 ? (c.has(2) ? c.number(2) : -2) : c.int("axis", 1);
  const axis = axisOf(given, x.rank);
  if (axis === x.rank - 1) throw new Error("the last axis holds the parts of numbers");
  const [inverse, onesided] = [c.flag("inverse"), c.flag("onesided")];
  const natural = inverse && onesided ? 2 * (x.shape[axis] - 1) : x.shape[axis];
  return transform(x, axis, c.has(1) ? c.number(1) : natural, inverse, onesided);
}

function stft(c: Call): Given {
  const step = c.number(1);
  const window = c.maybe(2);
  const length = c.has(3) ? c.number(3) : window?.shape[0];
  if (length === undefined) throw new Error("there is neither a window nor a frame length");
  const x = c.tensor(0);
  const signal = x.rank === 2 ? x.unsqueeze(-1) : x;
  const frames = Math.floor((signal.shape[1] - length) / step) + 1;
  const cut = stack(
    range(frames).map((i) => signal.narrow(1, i * step, length)),
    1,
  );
  const weighted = window ? cut.mul(window.reshape([-1, 1])) : cut;
  return transform(weighted, 2, length, false, c.flag("onesided", true));
}

/** Triangles over the bins of a spectrum, evenly spaced in mel. */
function mel(c: Call): Given {
  const [bins, length, rate, low, high] = range(5).map((i) => c.number(i));
  const toMel = (hertz: number): number => 2595 * Math.log10(1 + hertz / 700);
  const toHertz = (m: number): number => 700 * (10 ** (m / 2595) - 1);
  const step = (toMel(high) - toMel(low)) / (bins + 2);
  const edges = range(bins + 2).map((i) => Math.floor(((length + 1) * toHertz(i * step + toMel(low))) / rate));
  const rows = Math.floor(length / 2) + 1;
  const out = new Float64Array(rows * bins);
  for (let i = 0; i < bins; i++) {
    const [from, top, to] = edges.slice(i, i + 3);
    if (top === from) out[top * bins + i] = 1;
    else for (let j = from; j <= top; j++) out[j * bins + i] = (j - from) / (top - from);
    if (to !== top) for (let j = top; j < to; j++) out[j * bins + i] = (to - j) / (to - top);
  }
  return new Known(c.type("output_datatype") ?? "float", [rows, bins], out);
}

export const signals: Readonly<Record<string, Op>> = {
  HannWindow: cosines(0.5, -0.5),
  HammingWindow: cosines(25 / 46, -21 / 46),
  BlackmanWindow: cosines(0.42, -0.5, 0.08),
  DFT: { since: 17, host: [1, 2], run: dft },
  STFT: { since: 17, host: [1, 3], fixed: [2], run: stft },
  MelWeightMatrix: { since: 17, host: "all", run: mel },
};
