/** @file Choice, comparisons, bits, conversion between dtypes, and random bits. */
import { type Dtype, isFloat } from "../base/dtype.ts";
import { formatType, sameShape } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import type { Expr } from "../kernel/kernel.ts";
import type { Traits } from "../tape/node.ts";
import { expandAll, type Op } from "./op.ts";
import { checkOperands, elementwise, type PartialDerivative, pointwise } from "./pointwise.ts";
import type { Tensor } from "./tensor.ts";

/** The derivative of maximum or minimum: on ties each operand gets half, as in PyTorch. */
const share =
  (wins: (a: Tensor, b: Tensor) => Tensor): PartialDerivative<2> =>
  (_, a, b) =>
    wins(a, b).where(a.like(1), a.eq(b).where(a.like(0.5), a.like(0)));

export const maximum: Op<2, undefined> = elementwise("maximum", {
  doc: "the larger; NaN if either is NaN; ties share the derivative",
  arity: 2,
  traits: { monotone: "rising" },
  scalar: ([x, y]) => k.max(x, y),
  partials: [share((a, b) => a.gt(b)), share((a, b) => a.lt(b))],
  accepts: "number",
});

export const minimum: Op<2, undefined> = elementwise("minimum", {
  doc: "the smaller; NaN if either is NaN; ties share the derivative",
  arity: 2,
  traits: { monotone: "rising" },
  scalar: ([x, y]) => k.min(x, y),
  partials: [share((a, b) => a.lt(b)), share((a, b) => a.gt(b))],
  accepts: "number",
});

/** where(c, x, y): linear in x and y together. */
export const select: Op<3, undefined> = {
  name: "select",
  doc: "x where the condition holds, else y; what is not chosen sends no derivative, not even NaN",
  arity: 3,
  mergeable: true,
  type([c, x, y]) {
    checkOperands("select", [x!, y!], "any");
    if (c!.dtype !== "bool" || !sameShape(c!.shape, x!.shape)) {
      throw new TypeError(`internal: select wants a bool condition of the operands' shape, got ${formatType(c!)} and ${formatType(x!)}`);
    }
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  derivative: {
    kind: "linear",
    in: [1, 2],
    how: "jointly",
    transpose: ([ct], [c], _, on) => {
      if (!ct) return [undefined, undefined, undefined];
      const zero = ct.like(0);
      return [undefined, on[1] ? c!.where(ct, zero) : undefined, on[2] ? c!.where(zero, ct) : undefined];
    },
  },
  batch: (x, mapped, _, n) => x[0]!.bindAll(select, expandAll(x, mapped, n), undefined),
  lower: pointwise<3, undefined>({ arity: 3, scalar: ([c, x, y]) => k.select(c, x, y) }),
  cost: "memory",
  samples: [
    {
      operands: [
        { shape: [3, 2], dtype: "bool", domain: [0, 2] },
        { shape: [3, 2], dtype: "f64" },
        { shape: [3, 2], dtype: "f64" },
      ],
      params: undefined,
    },
  ],
};

// ---- comparisons and bits -----------------------------------------------------------------------------------------------------------

const COMMUTATIVE: Traits = { commutative: true };

const comparison = /* @__NO_SIDE_EFFECTS__ */ (
  name: string,
  doc: string,
  scalar: (x: Expr, y: Expr) => Expr,
  traits: Traits = {},
): Op<2, undefined> => elementwise(name, { doc, arity: 2, traits, scalar: ([x, y]) => scalar(x, y), dtype: () => "bool", accepts: "any" });

export const eq: Op<2, undefined> = comparison("eq", "x = y", k.eq, COMMUTATIVE);
export const ne: Op<2, undefined> = comparison("ne", "x ≠ y", k.ne, COMMUTATIVE);
export const lt: Op<2, undefined> = comparison("lt", "x < y", k.lt);
export const le: Op<2, undefined> = comparison("le", "x ≤ y", k.le);

const bitwise = /* @__NO_SIDE_EFFECTS__ */ (name: string, doc: string, scalar: (x: Expr, y: Expr) => Expr): Op<2, undefined> =>
  elementwise(name, { doc, arity: 2, traits: COMMUTATIVE, scalar: ([x, y]) => scalar(x, y), accepts: "bits" });

const shift = /* @__NO_SIDE_EFFECTS__ */ (name: string, doc: string, scalar: (x: Expr, y: Expr) => Expr): Op<2, undefined> =>
  elementwise(name, { doc, arity: 2, scalar: ([x, y]) => scalar(x, y), accepts: "integer" });

export const and: Op<2, undefined> = bitwise("and", "bitwise or logical and", k.and);
export const or: Op<2, undefined> = bitwise("or", "bitwise or logical or", k.or);
export const xor: Op<2, undefined> = bitwise("xor", "bitwise or logical exclusive or", k.xor);
export const not: Op<1, undefined> = elementwise("not", {
  doc: "bitwise or logical not",
  arity: 1,
  scalar: ([x]) => k.not(x),
  accepts: "bits",
});
export const shl: Op<2, undefined> = shift("shl", "x shifted left by y mod 32 bits", k.shl);
export const shr: Op<2, undefined> = shift("shr", "x shifted right by y mod 32 bits, keeping the sign of an i32", k.shr);

// ---- conversion ---------------------------------------------------------------------------------------------------------------------

/** Conversion between floats is linear; every other conversion has no derivative. */
export const cast: Op<1, { dtype: Dtype }> = elementwise<1, { dtype: Dtype }>(
  "cast",
  {
    doc: "conversion of the dtype; float to integer truncates and saturates, to bool is ≠ 0",
    arity: 1,
    // Kernels compute with bytes as u32.
    scalar: ([x], { dtype }) => (dtype === "u8" ? k.cast(k.cast(x, dtype), "u32") : k.cast(x, dtype)),
    dtype: (_, { dtype }) => dtype,
    accepts: "any",
    samples: [
      { operands: [{ shape: [3, 2], dtype: "f64" }], params: { dtype: "f64" } },
      { operands: [{ shape: [3, 2], dtype: "f64" }], params: { dtype: "i32" } },
      { operands: [{ shape: [3, 2], dtype: "i32", domain: [-3, 3] }], params: { dtype: "f64" } },
    ],
  },
  {
    kind: "jvp",
    jvp: ([dx], _, y, { params }) => ({ y, dy: [dx && isFloat(params.dtype) ? dx.cast(params.dtype) : undefined] }),
    transpose: ([ct], [x]) => [ct?.cast(x!.dtype)],
  },
);

export const bitcast: Op<1, { dtype: Dtype }> = elementwise("bitcast", {
  doc: "the same 32 bits read as another dtype",
  arity: 1,
  scalar: ([x], { dtype }) => k.bitcast(x, dtype),
  dtype: (_, { dtype }) => dtype,
  accepts: "number",
  samples: [{ operands: [{ shape: [3, 2], dtype: "f32" }], params: { dtype: "u32" } }],
});

// ---- random bits --------------------------------------------------------------------------------------------------------------------

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];

/** Threefry-2x32 with 20 rounds (Salmon et al. 2011, §4.2): word `word` of the block at counter (c0, c1) under key (k0, k1). */
export const threefry: Op<4, { word: 0 | 1 }> = elementwise<4, { word: 0 | 1 }>("threefry", {
  doc: "counter-based random bits: Threefry-2x32-20 of key (k0, k1) at counter (c0, c1)",
  arity: 4,
  scalar: (x, { word }) => threefryBlock(x)[word],
  accepts: "integer",
  samples: [
    {
      operands: Array.from({ length: 4 }, () => ({ shape: [3, 2], dtype: "u32" as const, domain: [0, 4e9] as const })),
      params: { word: 0 },
    },
  ],
});

/** The two words of a block of random bits. */
function threefryBlock([k0, k1, c0, c1]: Expr[]): [Expr, Expr] {
  const bits = (n: number): Expr => k.constant(n, "u32");
  const keys = [k0!, k1!, k.xor(k.xor(k0!, k1!), bits(0x1bd11bda))];
  let a = k.add(c0!, keys[0]!);
  let b = k.add(c1!, keys[1]!);
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round % 8]!;
    a = k.add(a, b);
    b = k.xor(k.or(k.shl(b, bits(r)), k.shr(b, bits(32 - r))), a);
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      a = k.add(a, keys[injection % 3]!);
      b = k.add(k.add(b, keys[(injection + 1) % 3]!), bits(injection));
    }
  }
  return [a, b];
}
