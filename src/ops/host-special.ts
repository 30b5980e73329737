/**
 * @file Special functions that a program calls as steps of their own, on whole arrays in double precision: Bessel functions, the normal distribution, the incomplete
 * gamma function. They are not part of the kernel language, so a page that does not call them does not load them.
 */
import { besselI, besselIScaled, besselJ, besselY } from "../base/bessel.ts";
import { isFloat } from "../base/dtype.ts";
import { formatType, sameShape } from "../base/shape.ts";
import { gammaShares } from "../kernel/incomplete-gamma.ts";
import { erfcx as erfcxOf, logNdtr as logNdtrOf, ndtri as ndtriOf, ndtr as ndtrOf } from "../kernel/normal.ts";
import { scale, sumOf } from "./elementwise.ts";
import { expandAll, type Maybe, type Op } from "./op.ts";
import { lgamma as lgammaOp, polygamma } from "./special.ts";
import type { Tensor } from "./tensor.ts";

/** The definition of a special function. */
interface Definition<P> {
  readonly doc: string;
  readonly arity: 1 | 2;
  of(x: readonly number[], params: P): number;
  /** ∂y/∂x of each operand; 0 is none. */
  readonly partials: readonly ((y: Tensor, x: readonly Tensor[], params: P) => Tensor)[];
  readonly samples: Op<number, P>["samples"];
}

/* @__NO_SIDE_EFFECTS__ */
function far<P>(name: string, { doc, arity, of, partials, samples }: Definition<P>): Op<number, P> {
  const op: Op<number, P> = {
    name,
    doc,
    arity,
    mergeable: true,
    type(operands) {
      const [first, ...rest] = operands;
      if (!isFloat(first!.dtype))
        throw new TypeError(`${name}: works on f32, f64, got ${formatType(first!)}; convert with .cast("f32") first`);
      if (rest.some((x) => x.dtype !== first!.dtype || !sameShape(x.shape, first!.shape)))
        throw new TypeError(`internal: ${name} wants operands of one type, got ${operands.map(formatType).join(" and ")}`);
      return [{ shape: first!.shape, dtype: first!.dtype }];
    },
    derivative: {
      kind: "jvp",
      jvp(dx, x, y, { params }) {
        const shares = dx.map((d, i): Maybe => d?.bind(scale, [d, partials[i]!(y[0]!, x, params)]));
        return { y, dy: [shares.reduce((a, b) => sumOf(a, b))] };
      },
    },
    batch: (x, mapped, { params }, n) => x[0]!.bindAll(op, expandAll(x, mapped, n), params),
    lower: {
      kind: "host",
      run(x, [y], params) {
        const data = y!.data;
        for (let i = 0; i < data.length; i++)
          data[i] = of(
            x.map((each) => Number(each.data[i])),
            params,
          );
      },
    },
    cost: "compute",
    samples,
  };
  return op;
}

const sample = <P>(params: P, low: number, high: number, arity = 1) => ({
  operands: Array.from({ length: arity }, () => ({ shape: [3, 2], dtype: "f64" as const, domain: [low, high] as const })),
  params,
});

/** c₀ + c₁x + ... */
const polynomial = (x: Tensor, c: readonly number[]): Tensor => c.toReversed().reduce((y, each) => y.mul(x).add(each), x.like(0));

/** f(x)/x for an odd function f; near 0 by a series in x², which also has the right derivatives. */
function overX(x: Tensor, f: (x: Tensor) => Tensor, series: readonly number[]): Tensor {
  const near = x.abs().lt(0.5);
  const apart = near.where(1, x);
  return near.where(polynomial(near.where(x, 0).square(), series), f(apart).div(apart));
}

/** The series coefficients 1/(k! (k + 1)! 2^(2k + 1)) of I₁(x)/x; for J₁ they alternate in sign. */
const FIRST_ORDER: readonly number[] = Array.from({ length: 9 }, (_, k) => {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
  return 1 / (factorial(k) * factorial(k + 1) * 2 ** (2 * k + 1));
});

/** The order of a Bessel function. */
interface Order {
  readonly order: 0 | 1;
}

/** Parameters of a modified Bessel function. */
interface Modified extends Order {
  /** True to multiply by e^(-|x|). */
  readonly scaled: boolean;
}

const besselIOf = (x: Tensor, order: 0 | 1, scaled = false): Tensor => x.bind(besselIOp, [x], { order, scaled });

export const besselIOp: Op<number, Modified> = far<Modified>("besselI", {
  doc: "modified Bessel functions of the first kind, of order 0 and 1, also times e^(-|x|)",
  arity: 1,
  of: ([x], { order, scaled }) => (scaled ? besselIScaled(order, x!) : besselI(order, x!)),
  // I₀′ = I₁, I₁′ = I₀ - I₁/x.
  partials: [
    (y, [x], { order, scaled }) => {
      const other = besselIOf(x!, order === 0 ? 1 : 0, scaled);
      const shrink = scaled ? overExp(x!) : x!.like(1);
      const plain = order === 0 ? other : other.sub(overX(x!, (t) => besselIOf(t, 1, scaled), FIRST_ORDER).mul(nearZero(x!, shrink)));
      return scaled ? plain.sub(x!.sign().mul(y)) : plain;
    },
  ],
  samples: [sample({ order: 0, scaled: false }, -3, 3), sample({ order: 1, scaled: true }, 0.6, 9)],
});

/** The factor of the series of I₁/x: for scaled functions e^(-|x|) near 0, where the series is used, and 1 elsewhere. */
const nearZero = (x: Tensor, shrink: Tensor): Tensor => x.abs().lt(0.5).where(shrink, 1);
const overExp = (x: Tensor): Tensor => x.abs().minimum(1).neg().exp();

const besselJOf = (x: Tensor, order: 0 | 1): Tensor => x.bind(besselJOp, [x], { order });
const besselYOf = (x: Tensor, order: 0 | 1): Tensor => x.bind(besselYOp, [x], { order });

export const besselJOp: Op<number, Order> = far<Order>("besselJ", {
  doc: "Bessel functions of the first kind, of order 0 and 1",
  arity: 1,
  of: ([x], { order }) => besselJ(order, x!),
  partials: [
    (_, [x], { order }) =>
      order === 0
        ? besselJOf(x!, 1).neg()
        : besselJOf(x!, 0).sub(
            overX(
              x!,
              (t) => besselJOf(t, 1),
              FIRST_ORDER.map((c, k) => (k % 2 ? -c : c)),
            ),
          ),
  ],
  samples: [sample({ order: 0 }, -5, 5), sample({ order: 1 }, -5, 5)],
});

export const besselYOp: Op<number, Order> = far<Order>("besselY", {
  doc: "Bessel functions of the second kind, of order 0 and 1; -∞ at 0, NaN below",
  arity: 1,
  of: ([x], { order }) => besselY(order, x!),
  partials: [(y, [x], { order }) => (order === 0 ? besselYOf(x!, 1).neg() : besselYOf(x!, 0).sub(y.div(x!)))],
  samples: [sample({ order: 0 }, 0.5, 6), sample({ order: 1 }, 0.5, 6)],
});

/** Coefficients of 1 - x erfcx(x)√π = ½x⁻² - ¾x⁻⁴ + ... for large x, where the difference itself would cancel. */
const TAIL: readonly number[] = [0, 1 / 2, -3 / 4, 15 / 8, -105 / 16, 945 / 32, -10395 / 64];

export const erfcx: Op<number, undefined> = far<undefined>("erfcx", {
  doc: "e^(x²)·erfc x",
  arity: 1,
  of: ([x]) => erfcxOf(x!),
  // 2x·erfcx x - 2/√π
  partials: [
    (y, [x]) => {
      const large = x!.gt(x!.dtype === "f64" ? 30 : 5);
      const inverse = large.where(x!, 30).square().recip();
      const near = large.where(0, x!.mul(y).mul(2)).sub(2 / Math.sqrt(Math.PI));
      return large.where(polynomial(inverse, TAIL).mul(-2 / Math.sqrt(Math.PI)), near);
    },
  ],
  samples: [sample(undefined, -1.5, 4)],
});

/** √(2/π)/erfcx(-x/√2), the derivative of log Φ(x). */
const hazard = (x: Tensor): Tensor => {
  const z = x.mul(-Math.SQRT1_2);
  return z
    .bind(erfcx, [z])
    .recip()
    .mul(Math.sqrt(2 / Math.PI));
};

export const ndtr: Op<number, undefined> = far<undefined>("ndtr", {
  doc: "share of the normal distribution below x",
  arity: 1,
  of: ([x]) => ndtrOf(x!),
  partials: [
    (_, [x]) =>
      x!
        .square()
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI)),
  ],
  samples: [sample(undefined, -3, 3)],
});

export const logNdtr: Op<number, undefined> = far<undefined>("logNdtr", {
  doc: "logarithm of the share of the normal distribution below x",
  arity: 1,
  of: ([x]) => logNdtrOf(x!),
  partials: [(_, [x]) => hazard(x!)],
  samples: [sample(undefined, -9, 3)],
});

export const ndtri: Op<number, undefined> = far<undefined>("ndtri", {
  doc: "the x below which the share p of the normal distribution lies; NaN outside of 0..1",
  arity: 1,
  of: ([p]) => ndtriOf(p!),
  partials: [
    (y) =>
      y
        .square()
        .mul(0.5)
        .exp()
        .mul(Math.sqrt(2 * Math.PI)),
  ],
  samples: [sample(undefined, 0.05, 0.95)],
});

/** Which share of the gamma distribution is meant. */
interface Side {
  /** True for Q = 1 - P instead of P. */
  readonly upper: boolean;
}

export const igamma: Op<number, Side> = far<Side>("igamma", {
  doc: "the regularized incomplete gamma functions P(a, x) and Q = 1 - P",
  arity: 2,
  of: ([a, x], { upper }) => gammaShares(a!, x!)[upper ? "q" : "p"],
  // By x: x^(a - 1) e^(-x)/Γ(a).
  partials: [
    (_, [a, x], { upper }) => signed(a!.bind(igammaSlope, [a!, x!]), upper),
    (_, [a, x], { upper }) => {
      const log = a!
        .sub(1)
        .mul(x!.log())
        .sub(x!)
        .sub(a!.bind(lgammaOp, [a!]));
      return signed(log.exp(), upper);
    },
  ],
  samples: [],
});

const signed = (x: Tensor, negative: boolean): Tensor => (negative ? x.neg() : x);

export const igammaSlope: Op<number, undefined> = far<undefined>("igammaSlope", {
  doc: "the derivative of P(a, x) by a; its own derivative by a is NaN",
  arity: 2,
  of: ([a, x]) => gammaShares(a!, x!).slope,
  partials: [
    (y) => y.like(Number.NaN),
    // ∂/∂a of the density by x: that times log x - ψ(a).
    (_, [a, x]) => {
      const log = x!.log();
      const density = a!.sub(1).mul(log).sub(x!).sub(a!.bind(lgammaOp, [a!])).exp(); // biome-ignore format: one thought
      return density.mul(log.sub(a!.bind(polygamma, [a!], { n: 0 })));
    },
  ],
  samples: [],
});
