/**
 * @file Elementwise primitives. One paragraph each: the kernel-language body and the partial derivatives, from which forward mode, reverse
 * mode, batching and fusion follow. Operands have equal shapes; broadcasting and promotion happen in `Tensor`.
 */

import { type Dtype, isFloat } from "../base/dtype.ts";
import { formatType, sameShape, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import * as k from "../kernel/build.ts";
import type { Expr } from "../kernel/kernel.ts";
import type { Traits } from "../tape/node.ts";
import { type Derivative, expandAll, type Lowering, type Maybe, type Op, ownName, type Sample, type Tuple } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** ∂y/∂x as a tensor, as the constants 1, -1 or 0, or as the linear map from dx to its share of dy. */
export type Partial<N extends number> = 1 | -1 | 0 | ((y: Tensor, ...x: Tuple<Tensor, N>) => Tensor);
/** The share of an operand's tangent in the result's. */
export type Share<N extends number> = (dx: Tensor, y: Tensor, ...x: Tuple<Tensor, N>) => Tensor;

/** What an elementwise op is made of. */
export interface Elementwise<N extends number, P> {
  /** One line for tables of ops. */
  readonly doc: string;
  /** Number of operands; all have one shape and dtype. */
  readonly arity: N;
  /** The result's element from those of the operands, in the kernel language; `type` is the result's. */
  readonly scalar: (x: Tuple<Expr, N>, params: P, type: Type) => Expr;
  /** ∂y/∂x for each operand; without them (and `shares`) the op has no derivative. */
  readonly partials?: Tuple<Partial<N>, N>;
  /** The partials may be infinite or NaN: they meet tangents in {@link scale}. */
  readonly steep?: true;
  /** Instead of `partials`, where a product would make 0·∞. */
  readonly shares?: Tuple<Share<N>, N>;
  /** Result dtype; default that of the first operand. */
  readonly dtype?: (operands: Tuple<Type, N>, params: P) => Dtype;
  /** Dtypes the operands may have; default floats. */
  readonly accepts?: "float" | "number" | "integer" | "any" | "bits";
  readonly domain?: readonly [number, number];
  readonly traits?: Traits;
  readonly samples?: readonly Sample<P>[];
}

const ACCEPTED: Record<NonNullable<Elementwise<1, unknown>["accepts"]>, readonly Dtype[]> = {
  float: ["f32", "f64"],
  number: ["f32", "f64", "i32", "u32"],
  integer: ["i32", "u32"],
  bits: ["i32", "u32", "bool"],
  any: ["f32", "f64", "i32", "u32", "u8", "bool"],
};

/** Equal shapes and dtypes, of the accepted kind. */
function checkOperands(name: string, operands: readonly Type[], accepts: NonNullable<Elementwise<1, unknown>["accepts"]>): void {
  const [first, ...rest] = operands;
  if (!first) throw new TypeError(`${name}: want at least one operand, got none`);
  for (const other of rest) {
    if (!sameShape(first.shape, other.shape) || first.dtype !== other.dtype) {
      throw new TypeError(`internal: ${name} wants operands of one type, got ${operands.map(formatType).join(" and ")}`);
    }
  }
  if (!ACCEPTED[accepts].includes(first.dtype)) {
    throw new TypeError(
      `${name}: works on ${ACCEPTED[accepts].join(", ")}, got ${formatType(first)}; convert with .cast("${accepts === "integer" || accepts === "bits" ? "i32" : "f32"}") first`,
    );
  }
}

function pointwise<N extends number, P>({ scalar, arity }: Pick<Elementwise<N, P>, "scalar" | "arity">): Lowering<P> {
  return {
    kind: "pointwise",
    inPlace: true,
    element: (at, x, params, type) => [
      scalar(
        tuple(
          x.map((operand) => operand.at(at)),
          arity,
        ),
        params,
        type,
      ),
    ],
  };
}

/**
 * An op on each element, from its body in the kernel language and its partial derivatives; both modes of differentiation, batching and fusion follow. It is
 * used as `x.bind(op, [x, y])`, whose operands have one shape and dtype.
 * @throws {Error} if another op has the name.
 */
/* @__NO_SIDE_EFFECTS__ */
export function elementwise<N extends number, P = undefined>(
  name: string,
  def: Elementwise<N, P>,
  derivative: Derivative<P> = chainRule(def),
): Op<N, P> {
  const accepts = def.accepts ?? "float";
  const op: Op<N, P> = {
    name: ownName(name),
    doc: def.doc,
    arity: def.arity,
    mergeable: true,
    ...(def.traits && { traits: def.traits }),
    type(operands, params) {
      checkOperands(name, operands, accepts);
      const first = operands[0]!;
      return [{ shape: first.shape, dtype: def.dtype?.(tuple(operands, def.arity), params) ?? first.dtype }];
    },
    derivative,
    batch: (x, mapped, { params }, n) => x[0]!.bindAll(op, expandAll(x, mapped, n), params),
    lower: pointwise(def),
    cost: "memory",
    samples: def.samples ?? [sampleOf(def)],
  };
  return op;
}

function sampleOf<N extends number, P>(def: Elementwise<N, P>): Sample<P> {
  const dtype: Dtype = def.accepts === "integer" || def.accepts === "bits" ? "i32" : "f64";
  const domain = def.domain ?? (dtype === "i32" ? [0, 30] : [-2, 2]);
  return { operands: Array.from({ length: def.arity }, () => ({ shape: [3, 2], dtype, domain })), params: undefined as P };
}

/** dy = Σ ∂y/∂xᵢ · dxᵢ */
function chainRule<N extends number, P>(def: Elementwise<N, P>): Derivative<P> {
  const { partials, shares } = def;
  if (!partials && !shares) return { kind: "none" };
  const share = (i: number, dx: Tensor, y: Tensor, x: readonly Tensor[]): Maybe => {
    if (shares) return shares[i]!(dx, y, ...tuple(x, def.arity));
    const partial = partials![i]!;
    if (partial === 0) return undefined;
    if (partial === 1) return dx;
    if (partial === -1) return dx.neg();
    const slope = partial(y, ...tuple(x, def.arity));
    return def.steep ? dx.bind(scale, [dx, slope]) : dx.mul(slope);
  };
  return {
    kind: "jvp",
    jvp(dx, x, y) {
      if (!isFloat(y[0]!.dtype)) return { y, dy: [undefined] };
      const shares = dx.map((d, i) => d && share(i, d, y[0]!, x));
      return { y, dy: [shares.reduce(sumOf, undefined)] };
    },
  };
}

/** The sum of two tangents of which either may be a symbolic zero. */
export function sumOf(a: Maybe, b: Maybe): Maybe {
  return a && b ? a.add(b) : (a ?? b);
}

/** An elementwise op that is linear: in all operands at once (`jointly`), or in each (`separately`). */
/* @__NO_SIDE_EFFECTS__ */
function linear<N extends number>(
  name: string,
  how: "jointly" | "separately",
  def: Omit<Elementwise<N, undefined>, "partials" | "shares">,
  transpose: (ct: Tensor, x: Tuple<Tensor, N>, linear: readonly boolean[]) => Maybe[],
): Op<N, undefined> {
  return elementwise<N>(name, def, {
    kind: "linear",
    in: "all",
    how,
    transpose: ([ct], x, _, which) => (ct ? transpose(ct, tuple(x, def.arity), which) : x.map(() => undefined)),
  });
}

// ---- arithmetic ---------------------------------------------------------------------------------------------------------------------

export const neg: Op<1, undefined> = linear(
  "neg",
  "jointly",
  { doc: "-x", arity: 1, traits: { cheap: true, monotone: "falling" }, scalar: ([x]) => k.neg(x), accepts: "number" },
  (ct) => [ct.neg()],
);

export const add: Op<2, undefined> = linear(
  "add",
  "jointly",
  {
    doc: "x + y",
    arity: 2,
    traits: { cheap: true, commutative: true, monotone: "rising", signs: [1, 1] },
    scalar: ([x, y]) => k.add(x, y),
    accepts: "number",
  },
  (ct, _, on) => [on[0] ? ct : undefined, on[1] ? ct : undefined],
);

export const sub: Op<2, undefined> = linear(
  "sub",
  "jointly",
  { doc: "x - y", arity: 2, traits: { cheap: true, signs: [1, -1] }, scalar: ([x, y]) => k.sub(x, y), accepts: "number" },
  (ct, _, on) => [on[0] ? ct : undefined, on[1] ? ct.neg() : undefined],
);

export const mul: Op<2, undefined> = linear(
  "mul",
  "separately",
  { doc: "x · y", arity: 2, traits: { cheap: true, commutative: true }, scalar: ([x, y]) => k.mul(x, y), accepts: "number" },
  (ct, [x, y], on) => (on[0] ? [ct.mul(y), undefined] : [undefined, x.mul(ct)]),
);

/**
 * x · y, but 0 where x is 0, whatever y is. So a tangent or cotangent of zero stays zero where the partial derivative is infinite or NaN: what
 * `select` did not choose sends nothing.
 */
export const scale: Op<2, undefined> = linear(
  "scale",
  "separately",
  {
    doc: "x · y, and 0 where x is 0, be y infinite or NaN: how rules multiply by partial derivatives without bound",
    arity: 2,
    scalar: ([x, y], _, { dtype }) => {
      const zero = k.constant(0, dtype);
      return k.select(k.eq(x, zero), zero, k.mul(x, y));
    },
  },
  (ct, [x, y], on) => (on[0] ? [ct.bind(scale, [ct, y]), undefined] : [undefined, x.bind(scale, [x, ct])]),
);

/** A number other than 0 and the infinities, repeated: its reciprocal is finite. */
function isTame(x: Tensor): boolean {
  const { op, operands, params } = x.source;
  if (op.name === "broadcast" || op.name === "reshape" || op.name === "cast") return isTame(operands[0] as Tensor);
  return op.name === "full" && Math.abs((params as { value: number }).value) > 1e-30;
}

/** d(a/b) = (da - y·db) / b: one reciprocal for both, so that what they have in common cancels without rounding (softmax). */
const quotientRule: Derivative<undefined> = {
  kind: "jvp",
  jvp([da, db], [, b], [y]) {
    if (!isFloat(y!.dtype)) return { y: [y!], dy: [undefined] };
    const over = sumOf(da, db?.bind(scale, [db, y!]).neg());
    const inverse = b!.recip();
    return { y: [y!], dy: [over && (isTame(b!) ? over.mul(inverse) : over.bind(scale, [over, inverse]))] };
  },
};

/** The same for divisors that are known to be neither 0 nor infinite. */
const tameQuotientRule: Derivative<undefined> = {
  kind: "jvp",
  jvp([da, db], [, b], [y]) {
    return { y: [y!], dy: [sumOf(da, db?.mul(y!).neg())?.mul(b!.recip())] };
  },
};

/** Quotient; integers truncate, and by zero give zero. */
export const div: Op<2, undefined> = elementwise(
  "div",
  {
    doc: "x / y; integers truncate toward zero, and x / 0 is 0 for them",
    arity: 2,
    scalar: ([x, y]) => k.div(x, y),
    accepts: "number",
    domain: [0.5, 2],
  },
  quotientRule,
);

/** Quotient by way of the divisor's reciprocal, which loops take once for all elements that share it; 1.5 ULP. */
export const ratio: Op<2, undefined> = elementwise(
  "ratio",
  {
    doc: "x · (1 / y): x / y to 1.5 ULP, with one division for all x of the same y",
    arity: 2,
    scalar: ([x, y], _, { dtype }) => k.mul(x, k.div(k.constant(1, dtype), y)),
    domain: [0.5, 2],
  },
  tameQuotientRule,
);

export const rem: Op<2, undefined> = elementwise("rem", {
  doc: "remainder of x / y with the sign of x",
  steep: true,
  arity: 2,
  scalar: ([x, y]) => k.rem(x, y),
  partials: [1, (_y, a, b) => a.div(b).trunc().neg()],
  accepts: "number",
  domain: [0.6, 0.9],
});

export const recip: Op<1, undefined> = elementwise("recip", {
  doc: "1 / x",
  steep: true,
  arity: 1,
  scalar: ([x], _, { dtype }) => k.div(k.constant(1, dtype), x),
  partials: [(y) => y.mul(y).neg()],
  domain: [0.5, 2],
});

/**
 * p·xᵖ⁻¹ and xᵖ·log x, with 0 where the power is constant: at p = 0 in x, and at x = 0 < p in p. There the factor that has no value is taken at
 * another place; chosen after the product it would still come back as 0 · ∞ in the transpose.
 */
const slopes = {
  inBase(x: Tensor, p: Tensor): Tensor {
    const constant = p.eq(0).and(x.recip().isFinite().not());
    return p.mul(constant.where(x.like(1), x).pow(p.sub(1)));
  },
  inExponent(y: Tensor, x: Tensor, p: Tensor): Tensor {
    const constant = x.eq(0).and(p.ge(0));
    return y.mul(constant.where(x.like(1), x).log());
  },
};

export const pow: Op<2, undefined> = elementwise("pow", {
  doc: "x to the power y, as C's pow",
  arity: 2,
  scalar: ([x, y]) => k.pow(x, y),
  steep: true,
  partials: [(_y, x, p) => slopes.inBase(x, p), (y, x, p) => slopes.inExponent(y, x, p)],
  domain: [0.5, 2],
});

// ---- unary functions ----------------------------------------------------------------------------------------------------------------

export const abs: Op<1, undefined> = elementwise("abs", {
  doc: "absolute value; its derivative at 0 is 0",
  arity: 1,
  scalar: ([x]) => k.abs(x),
  partials: [(_, x) => x.sign()],
  accepts: "number",
});

export const sign: Op<1, undefined> = elementwise("sign", {
  doc: "-1, 0 or 1; of NaN 0, as in PyTorch",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x], _, { dtype }) => {
    const zero = k.constant(0, dtype);
    return k.select(k.lt(zero, x), k.constant(1, dtype), k.select(k.lt(x, zero), k.constant(-1, dtype), zero));
  },
  partials: [0],
  accepts: "number",
});

export const exp: Op<1, undefined> = elementwise("exp", {
  doc: "eˣ",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.exp(x),
  partials: [(y) => y],
  domain: [-1, 1],
});

/** eˣ for x ≤ 0, of which loops compute it in fewer steps: what is left of a maximum that was taken out. */
export const decay: Op<1, undefined> = elementwise("decay", {
  doc: "eˣ for x ≤ 0, in fewer steps; 1 above",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x], _, { dtype }) => k.exp(k.min(x, k.constant(0, dtype))),
  partials: [(y) => y],
  domain: [-2, -0.1],
});

export const expm1: Op<1, undefined> = elementwise("expm1", {
  doc: "eˣ - 1, accurate near 0",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.expm1(x),
  // Not y + 1, which keeps no digit of a small eˣ.
  partials: [(_, x) => x.exp()],
  domain: [-1, 1],
});

export const log: Op<1, undefined> = elementwise("log", {
  doc: "natural logarithm",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.log(x),
  partials: [(_, x) => x.recip()],
  domain: [0.5, 2],
});

export const log1p: Op<1, undefined> = elementwise("log1p", {
  doc: "log(1 + x), accurate near 0",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.log1p(x),
  partials: [(_, x) => x.add(1).recip()],
  domain: [-0.5, 2],
});

export const sin: Op<1, undefined> = elementwise("sin", {
  doc: "sine, radians",
  steep: true,
  arity: 1,
  scalar: ([x]) => k.sin(x),
  partials: [(_, x) => x.cos()],
  domain: [-3, 3],
});

export const cos: Op<1, undefined> = elementwise("cos", {
  doc: "cosine, radians",
  steep: true,
  arity: 1,
  scalar: ([x]) => k.cos(x),
  partials: [(_, x) => x.sin().neg()],
  domain: [-3, 3],
});

export const tanh: Op<1, undefined> = elementwise("tanh", {
  doc: "hyperbolic tangent; tanh x = 2σ(2x) - 1 (ACT-2)",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.tanh(x),
  partials: [(y) => y.like(1).sub(y.mul(y))],
});

export const sigmoid: Op<1, undefined> = elementwise("sigmoid", {
  doc: "logistic function σ(x) = 1 / (1 + e⁻ˣ); σ′ = σ(1 - σ) (ACT-2)",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.sigmoid(x),
  partials: [(y) => y.mul(y.like(1).sub(y))],
});

export const relu: Op<1, undefined> = elementwise("relu", {
  doc: "max(0, x); relu′(0) = 0, as in PyTorch; NaN stays",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x], _, { dtype }) => k.max(x, k.constant(0, dtype)),
  // y > 0 exactly where x > 0: the pre-activation need not be kept.
  shares: [(dx, y) => y.gt(0).where(dx, dx.like(0))],
});

export const erf: Op<1, undefined> = elementwise("erf", {
  doc: "error function",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.erf(x),
  partials: [
    (_, x) =>
      x
        .mul(x)
        .neg()
        .exp()
        .mul(2 / Math.sqrt(Math.PI)),
  ],
});

export const sqrt: Op<1, undefined> = elementwise("sqrt", {
  doc: "square root",
  steep: true,
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.sqrt(x),
  partials: [(y) => y.recip().mul(0.5)],
  domain: [0.5, 2],
});

export const floor: Op<1, undefined> = elementwise("floor", {
  doc: "largest integer not above x",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.floor(x),
  partials: [0],
});
export const ceil: Op<1, undefined> = elementwise("ceil", {
  doc: "smallest integer not below x",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.ceil(x),
  partials: [0],
});
export const trunc: Op<1, undefined> = elementwise("trunc", {
  doc: "x without its fraction",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.trunc(x),
  partials: [0],
});
export const round: Op<1, undefined> = elementwise("round", {
  doc: "nearest integer, halves to even",
  arity: 1,
  traits: { monotone: "rising" },
  scalar: ([x]) => k.round(x),
  partials: [0],
});

// ---- choice -------------------------------------------------------------------------------------------------------------------------

/** Ties give half to each side, as in PyTorch. */
const share =
  (wins: (a: Tensor, b: Tensor) => Tensor): Partial<2> =>
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

// ---- identities with a purpose ------------------------------------------------------------------------------------------------------

/** A fresh name for a value: what transforms bind their seeds to. */
export const identity: Op<1, undefined> = linear(
  "identity",
  "jointly",
  {
    doc: "x itself, under a fresh name",
    arity: 1,
    traits: { alias: true, moves: "all", monotone: "rising" },
    scalar: ([x]) => x,
    accepts: "any",
  },
  (ct) => [ct],
);

/** The same elements in a buffer of their own, the axis `lanes` in the lanes of vectors (undefined: row by row); see `schedule/lanes.ts`. */
export const relayout: Op<1, { lanes?: number }> = elementwise<1, { lanes?: number }>(
  "relayout",
  {
    doc: "x itself, in a buffer of its own whose order the scheduler is told",
    arity: 1,
    traits: { copies: true, moves: "all", monotone: "rising" },
    scalar: ([x]) => x,
    accepts: "any",
    samples: [{ operands: [{ shape: [4, 3], dtype: "f64" }], params: { lanes: 0 } }],
  },
  { kind: "linear", in: "all", how: "jointly", transpose: ([ct]) => [ct] },
);

/** A copy of a value in a buffer of its own; mere movement would be folded into whoever reads it. */
export const inBuffer = (x: Tensor, params: { readonly lanes?: number } = {}): Tensor => x.bind(relayout, [x], params);

export const stopGradient: Op<1, undefined> = elementwise("stopGradient", {
  doc: "x, as a constant to every derivative",
  arity: 1,
  traits: { alias: true, moves: "all", monotone: "rising" },
  scalar: ([x]) => x,
  accepts: "any",
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
