/**
 * @file Functions of the bits of a number, and of integers by loops whose length depends on the values. The host computes them, element by element.
 */
import { byteSize, type Dtype } from "../base/dtype.ts";
import type { Type } from "../base/shape.ts";
import { defineOp, type Op, type Sample } from "./op.ts";

/** Defines an op on two operands of the same shape; the result has `dtype` (default: that of the operands). */
/* @__NO_SIDE_EFFECTS__ */
function pairwise(
  name: string,
  doc: string,
  run: (a: number, b: number, dtype: Dtype) => number,
  samples: readonly Sample<undefined>[],
): Op<2, undefined> {
  const op: Op<2, undefined> = defineOp<2, undefined>(name, {
    doc,
    arity: 2,
    derivative: "none",
    type: ([a]): Type => ({ shape: [...a.shape], dtype: a.dtype }),
    batch([a, b], [aMapped, bMapped], _, n) {
      const [x, y] = [aMapped ? a : a.expandFront(n), bMapped ? b : b.expandFront(n)];
      return x.bind(op, [x, y]);
    },
    lower: {
      kind: "host",
      run([a, b], [y]) {
        for (let i = 0; i < y!.data.length; i++) y!.data[i] = run(a!.data[i]!, b!.data[i]!, y!.dtype);
      },
    },
    samples,
  });
  return op;
}

const cell = new DataView(new ArrayBuffer(8));

/** The number of `dtype` that is next to x in the direction of y. */
function next(x: number, y: number, dtype: Dtype): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  if (x === y) return y;
  const isF32 = byteSize(dtype) === 4;
  if (x === 0) return (y > 0 ? 1 : -1) * (isF32 ? 2 ** -149 : Number.MIN_VALUE);
  // The bits of a float, read as an integer, grow with its magnitude.
  const step = y > x === x > 0 ? 1 : -1;
  if (isF32) {
    cell.setFloat32(0, x);
    cell.setInt32(0, cell.getInt32(0) + step);
    return cell.getFloat32(0);
  }
  cell.setFloat64(0, x);
  cell.setBigInt64(0, cell.getBigInt64(0) + BigInt(step));
  return cell.getFloat64(0);
}

/** The next number of the dtype from x towards y. */
export const nextAfter: Op<2, undefined> = pairwise("nextAfter", "the next number of the dtype from x towards y", next, [
  {
    operands: [
      { shape: [3], dtype: "f64" },
      { shape: [3], dtype: "f64" },
    ],
    params: undefined,
  },
]);

/** The greatest common divisor by Euclid's algorithm; 0 for 0 and 0. */
function divisor(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** Greatest common divisors. */
export const gcd: Op<2, undefined> = pairwise("gcd", "greatest common divisor of integers; of 0 and 0 it is 0", divisor, [
  {
    operands: [
      { shape: [4], dtype: "i32", domain: [-30, 30] },
      { shape: [4], dtype: "i32", domain: [-30, 30] },
    ],
    params: undefined,
  },
]);

/** e with |x| = m·2ᵉ, ½ <= m < 1. */
function exponentOf(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return 0;
  cell.setFloat64(0, x);
  const stored = (cell.getUint16(0) >> 4) & 0x7ff;
  return stored === 0 ? exponentOf(x * 2 ** 54) - 54 : stored - 1022;
}

/** The exponent e of x = m·2ᵉ with ½ <= |m| < 1. */
export const exponent: Op<1, undefined> = defineOp<1, undefined>("exponent", {
  doc: "the exponent e (i32) of x = m·2ᵉ with ½ <= |m| < 1; 0 for 0, infinities and NaN",
  arity: 1,
  derivative: "none",
  type: ([x]) => ({ shape: [...x.shape], dtype: "i32" }),
  batch: ([x]) => x.bind(exponent, [x]),
  lower: {
    kind: "host",
    run([x], [y]) {
      for (let i = 0; i < y!.data.length; i++) y!.data[i] = exponentOf(x!.data[i]!);
    },
  },
  samples: [{ operands: [{ shape: [4], dtype: "f64" }], params: undefined }],
});
