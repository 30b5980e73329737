/**
 * @file Discrete Fourier transforms along one axis, without a scale factor, computed on the host in f64. A complex number is a pair [re, im] on the last axis, so a
 * spectrum is an ordinary tensor for cells, files and transforms. All three ops are linear maps of reals.
 */
import { isFloat } from "../base/dtype.ts";
import { realInverse, realTransform, transformOf } from "../base/fft.ts";
import { formatType, sizeOf, type Type } from "../base/shape.ts";
import { defineOp, type HostArray, type Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** Parameters of a transform along one axis. */
interface Along {
  /** The axis, counted from the end without the axis of pairs, so that leading batch axes do not matter. */
  readonly axis: number;
}

/** Parameters of a complex transform. */
interface Turning extends Along {
  /** e^(+2πi jk/n). */
  readonly inverse: boolean;
}

/** Parameters of a transform to n reals. */
interface OfLength extends Along {
  /** The length of the result. */
  readonly n: number;
}

function checkPairs(name: string, x: Type): void {
  if (x.shape.at(-1) !== 2 || !isFloat(x.dtype)) {
    throw new TypeError(`${name}: want floats with pairs [re, im] on the last axis, got ${formatType(x)}`);
  }
}

/** Shape with the length of an axis (from the end) changed. */
const withLength = (shape: readonly number[], axis: number, n: number): number[] => [...shape].with(axis, n);

/** Calls `fn` with the position and the stride of each row along an axis of `shape`, for inputs of length n and results of length m. */
function eachRow(shape: readonly number[], axis: number, m: number, fn: (from: number, to: number, stride: number) => void): void {
  const at = shape.length + axis;
  const n = shape[at]!;
  const stride = sizeOf(shape.slice(at + 1));
  const outer = sizeOf(shape.slice(0, at));
  for (let o = 0; o < outer; o++) for (let i = 0; i < stride; i++) fn(o * n * stride + i, o * m * stride + i, stride);
}

export const dft: Op<1, Turning> = defineOp<1, Turning>("dft", {
  doc: "Σ x·e^(∓2πi jk/n) along an axis of complex numbers, pairs on the last axis; no factor",
  arity: 1,
  derivative: "jointly",
  type([x]) {
    checkPairs("dft", x);
    return { shape: [...x.shape], dtype: x.dtype };
  },
  // The adjoint of the matrix of roots is its conjugate.
  transpose: (ct, _, { axis, inverse }) => [ct.bind(dft, [ct], { axis, inverse: !inverse })],
  batch: ([x], _, params) => x.bind(dft, [x], params),
  lower: {
    kind: "host",
    run([x], [y], { axis, inverse }) {
      const shape = x!.shape.slice(0, -1);
      const n = shape.at(axis)!;
      if (y!.data.length === 0) return;
      const transform = transformOf(n);
      const [re, im] = [new Float64Array(n), new Float64Array(n)];
      // Swapping real and imaginary parts before and after the transform conjugates the roots.
      const [first, second] = inverse ? [im, re] : [re, im];
      eachRow(shape, axis, n, (from, to, stride) => {
        for (let i = 0, at = 2 * from; i < n; i++, at += 2 * stride) {
          re[i] = x!.data[at]!;
          im[i] = x!.data[at + 1]!;
        }
        transform.run(first, second);
        for (let i = 0, at = 2 * to; i < n; i++, at += 2 * stride) {
          y!.data[at] = re[i]!;
          y!.data[at + 1] = im[i]!;
        }
      });
    },
  },
  cost: "compute",
  samples: [
    { operands: [{ shape: [2, 6, 2], dtype: "f64" }], params: { axis: -1, inverse: false } },
    { operands: [{ shape: [4, 3, 2], dtype: "f64" }], params: { axis: -2, inverse: true } },
  ],
});

/** Multiplies by 1, ½, ..., ½ (and 1 at n/2), or by the inverses 1, 2, ..., 2: a term of a half spectrum stands for two of the whole. */
function halves(ct: Tensor, axis: number, n: number, inverted: boolean): Tensor {
  const k = ct.iotaLike(axis - 1);
  return k.eq(0).or(k.eq(n / 2)).where(ct, ct.mul(inverted ? 0.5 : 2)); // biome-ignore format: one thought
}

export const realDft: Op<1, Along> = defineOp<1, Along>("realDft", {
  doc: "the first ⌊n/2⌋ + 1 terms of Σ x·e^(-2πi jk/n) along an axis of reals, as pairs on a new last axis; no factor",
  arity: 1,
  derivative: "jointly",
  type([x], { axis }) {
    const n = x.shape.at(axis);
    if (n === undefined || !isFloat(x.dtype)) throw new TypeError(`realDft: want floats with an axis ${axis}, got ${formatType(x)}`);
    return { shape: [...withLength(x.shape, axis, Math.floor(n / 2) + 1), 2], dtype: x.dtype };
  },
  transpose(ct, [x], { axis }) {
    const n = x.shape.at(axis)!;
    return [ct.bind(realInverseDft, [halves(ct, axis, n, true)], { axis, n })];
  },
  batch: ([x], _, params) => x.bind(realDft, [x], params),
  lower: {
    kind: "host",
    run([x], [y], { axis }) {
      const n = x!.shape.at(axis)!;
      const m = Math.floor(n / 2) + 1;
      if (x!.data.length === 0) return void y!.data.fill(0);
      const [row, re, im] = [new Float64Array(n), new Float64Array(m), new Float64Array(m)];
      eachRow(x!.shape, axis, m, (from, to, stride) => {
        gather(x!, row, from, stride);
        realTransform(row, re, im);
        for (let i = 0, at = 2 * to; i < m; i++, at += 2 * stride) {
          y!.data[at] = re[i]!;
          y!.data[at + 1] = im[i]!;
        }
      });
    },
  },
  cost: "compute",
  samples: [
    { operands: [{ shape: [2, 6], dtype: "f64" }], params: { axis: -1 } },
    { operands: [{ shape: [5, 3], dtype: "f64" }], params: { axis: -2 } },
  ],
});

function gather(x: HostArray, row: Float64Array, from: number, stride: number): void {
  for (let i = 0, at = from; i < row.length; i++, at += stride) row[i] = x.data[at]!;
}

export const realInverseDft: Op<1, OfLength> = defineOp<1, OfLength>("realInverseDft", {
  doc: "Σ over n terms X·e^(+2πi jk/n) along an axis of pairs of which the first ⌊n/2⌋ + 1 are given and the others their conjugates: reals; no factor",
  arity: 1,
  derivative: "jointly",
  type([x], { axis, n }) {
    checkPairs("realInverseDft", x);
    const shape = x.shape.slice(0, -1);
    if (shape.at(axis) !== Math.floor(n / 2) + 1) {
      throw new RangeError(`realInverseDft: ${shape.at(axis)} terms do not make ${n} numbers; want ${Math.floor(n / 2) + 1}`);
    }
    return { shape: withLength(shape, axis, n), dtype: x.dtype };
  },
  transpose: (ct, _, { axis, n }) => [halves(ct.bind(realDft, [ct], { axis }), axis, n, false)],
  batch: ([x], _, params) => x.bind(realInverseDft, [x], params),
  lower: {
    kind: "host",
    run([x], [y], { axis, n }) {
      const m = Math.floor(n / 2) + 1;
      if (y!.data.length === 0) return;
      const [row, re, im] = [new Float64Array(n), new Float64Array(m), new Float64Array(m)];
      eachRow(x!.shape.slice(0, -1), axis, n, (from, to, stride) => {
        for (let i = 0, at = 2 * from; i < m; i++, at += 2 * stride) {
          re[i] = x!.data[at]!;
          im[i] = x!.data[at + 1]!;
        }
        realInverse(re, im, row);
        for (let i = 0, at = to; i < n; i++, at += stride) y!.data[at] = row[i]!;
      });
    },
  },
  cost: "compute",
  samples: [
    { operands: [{ shape: [2, 4, 2], dtype: "f64" }], params: { axis: -1, n: 6 } },
    { operands: [{ shape: [3, 2, 2], dtype: "f64" }], params: { axis: -2, n: 5 } },
    { operands: [{ shape: [1, 2], dtype: "f64" }], params: { axis: -1, n: 1 } },
  ],
});
