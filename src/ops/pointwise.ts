/**
 * @file Constructors of elementwise primitives. An op is defined by its body in the kernel language and its partial derivatives; forward mode, reverse mode, batching and
 * fusion follow. Operands have equal shapes; broadcasting and promotion happen in `Tensor`.
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
export type PartialDerivative<N extends number> = 1 | -1 | 0 | ((y: Tensor, ...x: Tuple<Tensor, N>) => Tensor);
/** The share of an operand's tangent in the result's. */
export type Share<N extends number> = (dx: Tensor, y: Tensor, ...x: Tuple<Tensor, N>) => Tensor;

/** The definition of an elementwise op. */
export interface Elementwise<N extends number, P> {
  /** One line for tables of ops. */
  readonly doc: string;
  /** Number of operands; all have one shape and dtype. */
  readonly arity: N;
  /** The result's element from those of the operands, in the kernel language; `type` is the result's. */
  readonly scalar: (x: Tuple<Expr, N>, params: P, type: Type) => Expr;
  /** ∂y/∂x for each operand; without them (and `shares`) the op has no derivative. */
  readonly partials?: Tuple<PartialDerivative<N>, N>;
  /** The partials may be infinite or NaN, so they are multiplied with tangents by {@link scale}. */
  readonly steep?: true;
  /** Instead of `partials`, for derivatives where a product would be 0·∞. */
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

/** Checks that operands have equal shapes and dtypes, and a dtype that is accepted. */
export function checkOperands(name: string, operands: readonly Type[], accepts: NonNullable<Elementwise<1, unknown>["accepts"]>): void {
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

/** The lowering of an elementwise op from its body. */
export function pointwise<N extends number, P>({ scalar, arity }: Pick<Elementwise<N, P>, "scalar" | "arity">): Lowering<P> {
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
 * Defines an elementwise op from its body in the kernel language and its partial derivatives; both modes of differentiation, batching and fusion follow. Use it as
 * `x.bind(op, [x, y])`; the operands must have the same shape and dtype.
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

/** The sum of two tangents; either may be a symbolic zero. */
export function sumOf(a: Maybe, b: Maybe): Maybe {
  return a && b ? a.add(b) : (a ?? b);
}

/** Defines an elementwise op that is linear in all operands at once (`jointly`) or in each (`separately`). */
/* @__NO_SIDE_EFFECTS__ */
export function linear<N extends number>(
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

/**
 * x · y, but 0 where x is 0, even if y is infinite or NaN. So a zero tangent or cotangent stays zero where the partial derivative is not finite, and elements that
 * `select` did not choose contribute nothing.
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
