/** @file Operators of two operands that docs/ops.md has no table for, with every pair of dtypes. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import type { Dtype } from "../../src/base/dtype.ts";
import { copysign, floatPower, floorDivide, gcd, heaviside, isclose, lcm, ldexp, nextafter } from "../../src/math/arithmetic.ts";
import * as F from "../../src/math/index.ts";
import { mod } from "../../src/math/pointwise.ts";
import { ones } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const DTYPES: readonly Dtype[] = ["bool", "u8", "i32", "u32", "f32", "f64"];
type Binary = (a: Tensor, b: Tensor) => Tensor;

/** Whatever the pair of dtypes: a dtype of the table, or a refusal in words; bools where the question is yes or no; values that f64 gives too. */
const OTHERS: Readonly<Record<string, Binary>> = {
  mod,
  floorDivide,
  copysign,
  floatPower,
  gcd,
  heaviside,
  isclose: (a, b) => isclose(a, b),
  lcm,
  ldexp,
  nextafter,
  clamp: (a, b) => a.clamp(b, b.add(1)),
  eq: (a, b) => a.eq(b),
  lt: (a, b) => a.lt(b),
  and: (a, b) => a.and(b),
  shl: (a, b) => a.shl(b),
  binaryCrossEntropy: (a, b) => F.binaryCrossEntropy(a, b, { reduction: "none" }),
  klDiv: (a, b) => F.klDiv(a, b, { reduction: "none" }),
  linear: (a, b) => F.linear(a, b),
  prelu: (a, b) => F.prelu(a, b.select(0, 0)),
};

test.each(Object.entries(OTHERS))("%s of every pair of dtypes gives what f64 gives, or says what it wants", (_, f) => {
  for (const a of DTYPES)
    for (const b of DTYPES) {
      const [x, y] = [ones([2, 2], a), ones([2, 2], b)];
      try {
        const got = f(x, y);
        expect(DTYPES).toContain(got.dtype);
        let want: Tensor;
        try {
          want = f(x.cast("f64"), y.cast("f64"));
        } catch {
          continue; // an op on integers
        }
        expect([a, b, ...got.dataSync()].map(String)).toEqual([a, b, ...want.cast(got.dtype).dataSync()].map(String));
      } catch (error) {
        if ((error as Error).name === "AssertionError") throw error;
        expect((error as Error).message).not.toMatch(/^internal|is not a function|undefined/);
      }
    }
});
