/**
 * @file Layers and nets as linear maps: the Jacobian at a point by `jvp` and `vjp`, whatever it is made of; and a convolution on a torus, whose singular
 * values are those of small matrices, one for each frequency (Sedghi, Gupta & Long 2019).
 */
import { fn as aFunction, check, positiveInteger } from "../base/check.ts";
import { decomposeSVD } from "../base/eigen.ts";
import { type Matrix, matrix } from "../base/linalg.ts";
import { formatShape, sizeOf } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { jvp, vjp } from "../function/derivative.ts";
import { requireTensor, type Tensor } from "../ops/tensor.ts";
import { elements64, tensor64 } from "./double.ts";
import { type LinearMap, singularValues } from "./lanczos.ts";

/** The Jacobian of a function of one tensor at a point, in f64, as a map from its elements to those of the result. Compiled once. */
export function jacobianMap(fn: (x: Tensor) => Tensor, at: Tensor): LinearMap {
  check("jacobianMap: fn", fn, aFunction);
  requireTensor("jacobianMap: at", at);
  const x = at.cast("f64");
  const push = compile((point: Tensor, v: Tensor) => jvp(fn)([point], [v]).tangent);
  const pull = compile((point: Tensor, u: Tensor) => vjp(fn, { unused: "ignore" })(point).pullback(u)[0]);
  const y = compile(fn)(x);
  return {
    rows: y.size,
    columns: x.size,
    apply: (v) => elements64(push(x, tensor64(v, x.shape))),
    transpose: (u) => elements64(pull(x, tensor64(u, y.shape))),
  };
}

/** A matrix as a map. */
export function matrixMap({ rows, columns, data }: Matrix): LinearMap {
  return {
    rows,
    columns,
    apply: (v) => {
      const y = new Float64Array(rows);
      for (let i = 0; i < rows; i++) {
        let sum = 0;
        for (let j = 0; j < columns; j++) sum += data[i * columns + j]! * v[j]!;
        y[i] = sum;
      }
      return y;
    },
    transpose: (u) => {
      const x = new Float64Array(columns);
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) x[j]! += data[i * columns + j]! * u[i]!;
      return x;
    },
  };
}

/** What circular convolution on a grid does to one frequency: a complex matrix, as a real one of twice the size, in which each singular value stands twice. */
function atFrequency(kernel: Float64Array, [out, inner, ...taps]: readonly number[], angles: readonly number[]): Matrix {
  const m = matrix(2 * out!, 2 * inner!);
  const size = sizeOf(taps);
  for (let tap = 0; tap < size; tap++) {
    let [angle, rest] = [0, tap];
    for (let axis = taps.length - 1; axis >= 0; axis--) {
      angle += angles[axis]! * (rest % taps[axis]!);
      rest = Math.floor(rest / taps[axis]!);
    }
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    for (let o = 0; o < out!; o++)
      for (let i = 0; i < inner!; i++) {
        const w = kernel[(o * inner! + i) * size + tap]!;
        m.data[o * m.columns + i]! += w * c;
        m.data[(out! + o) * m.columns + inner! + i]! += w * c;
        m.data[o * m.columns + inner! + i]! -= w * s;
        m.data[(out! + o) * m.columns + i]! += w * s;
      }
  }
  return m;
}

/** Frequencies of a grid, one of each pair that is conjugate, with how often it stands for one. */
function* frequencies(size: readonly number[]): Generator<{ angles: number[]; times: number }> {
  const total = sizeOf(size);
  for (let index = 0; index < total; index++) {
    let rest = index;
    let mirror = 0;
    const at: number[] = [];
    for (let axis = size.length - 1, weight = 1; axis >= 0; axis--) {
      const k = rest % size[axis]!;
      rest = Math.floor(rest / size[axis]!);
      at.unshift(k);
      mirror += ((size[axis]! - k) % size[axis]!) * weight;
      weight *= size[axis]!;
    }
    if (mirror >= index) yield { angles: at.map((k, axis) => (2 * Math.PI * k) / size[axis]!), times: mirror === index ? 1 : 2 };
  }
}

/** The kernels of each group, [out/groups, in, ...taps]. */
function groupsOf(weight: Tensor, groups: number): { kernel: Float64Array; shape: number[] }[] {
  const [out = 0, ...rest] = weight.shape;
  const all = elements64(weight);
  const each = all.length / groups;
  return Array.from({ length: groups }, (_, g) => ({ kernel: all.subarray(g * each, (g + 1) * each), shape: [out / groups, ...rest] }));
}

function checkKernel(what: string, weight: unknown, size: readonly number[], groups: number): asserts weight is Tensor {
  requireTensor(`${what}: weight`, weight);
  check(`${what}: groups`, groups, positiveInteger);
  const fits =
    Array.isArray(size) &&
    weight.rank >= 3 &&
    size.length === weight.rank - 2 &&
    size.every((n, i) => Number.isInteger(n) && n >= weight.shape[i + 2]!);
  if (!fits || weight.shape[0]! % groups !== 0)
    throw new RangeError(
      `${what}: want a weight [out, in/groups, ...kernel] and a grid of at least the kernel's size along each axis, got ${formatShape(weight.shape)}, groups ${groups} and a grid ${JSON.stringify(size)}`,
    );
}

/**
 * All singular values of a convolution of stride 1 on a grid whose ends meet, the largest first: those of one matrix of [out, in] channels for each frequency.
 * Weight [out, in/groups, ...kernel], a grid of `size`.
 */
export function circularSingularValues(weight: Tensor, size: readonly number[], groups = 1): number[] {
  checkKernel("circularSingularValues", weight, size, groups);
  const values: number[] = [];
  for (const { kernel, shape } of groupsOf(weight, groups))
    for (const { angles, times } of frequencies(size)) {
      const { s } = decomposeSVD(atFrequency(kernel, shape, angles));
      // Each stands twice in the real form, side by side.
      for (let i = 0; i < s.length; i += 2) for (let k = 0; k < times; k++) values.push(s[i]!);
    }
  return values.sort((a, b) => b - a);
}

/** The largest of {@link circularSingularValues}, without the others. A zero-padded convolution has at most that of an infinite grid. */
export function circularNorm(weight: Tensor, size: readonly number[], groups = 1): number {
  checkKernel("circularNorm", weight, size, groups);
  let largest = 0;
  for (const { kernel, shape } of groupsOf(weight, groups))
    for (const { angles } of frequencies(size)) {
      const at = atFrequency(kernel, shape, angles);
      const bound = Math.sqrt(at.data.reduce((sum, w) => sum + w * w, 0) / 2);
      // ‖·‖_F is no less than the norm: most frequencies need no more.
      if (bound > largest) largest = Math.max(largest, singularValues(matrixMap(at)).values[0]!.value);
    }
  return largest;
}
