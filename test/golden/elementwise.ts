/**
 * @file Adapters of the golden group `elementwise`.
 */
import { atan2, erfc, frac, hypot, lerp, lgamma, logAddExp, mod, type Tensor } from "nabla";
import { type Adapter, type Group, Uncovered } from "./adapter.ts";

const unary =
  (f: (x: Tensor) => Tensor): Adapter =>
  ({ x }) =>
    f(x!);
const binary =
  (f: (a: Tensor, b: Tensor) => Tensor): Adapter =>
  ({ a, b }) =>
    f(a!, b!);

const truth = (x: Tensor): Tensor => x.ne(x.like(0));

const FORMULAS: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  "(x*y + sin(x))*exp(-x*x) + x/(1 + y*y)": (x, y) =>
    x
      .mul(y)
      .add(x.sin())
      .mul(x.mul(x).neg().exp())
      .add(x.div(y.mul(y).add(1))),
  "x*x*x - x + x/(1+|x|)": (x) =>
    x
      .mul(x)
      .mul(x)
      .sub(x)
      .add(x.div(x.abs().add(1))),
};

export const elementwise: Group = {
  adapters: {
    neg: unary((x) => x.neg()),
    abs: unary((x) => x.abs()),
    sign: unary((x) => x.sign()),
    floor: unary((x) => x.floor()),
    ceil: unary((x) => x.ceil()),
    round: unary((x) => x.round()),
    trunc: unary((x) => x.trunc()),
    frac: unary(frac),
    exp: unary((x) => x.exp()),
    exp2: unary((x) => x.exp2()),
    expm1: unary((x) => x.expm1()),
    log: unary((x) => x.log()),
    log2: unary((x) => x.log2()),
    log10: unary((x) => x.log10()),
    log1p: unary((x) => x.log1p()),
    sqrt: unary((x) => x.sqrt()),
    rsqrt: unary((x) => x.rsqrt()),
    square: unary((x) => x.square()),
    reciprocal: unary((x) => x.recip()),
    sin: unary((x) => x.sin()),
    cos: unary((x) => x.cos()),
    tan: unary((x) => x.tan()),
    asin: unary((x) => x.asin()),
    acos: unary((x) => x.acos()),
    atan: unary((x) => x.atan()),
    sinh: unary((x) => x.sinh()),
    cosh: unary((x) => x.cosh()),
    tanh: unary((x) => x.tanh()),
    asinh: unary((x) => x.asinh()),
    acosh: unary((x) => x.acosh()),
    atanh: unary((x) => x.atanh()),
    sigmoid: unary((x) => x.sigmoid()),
    erf: unary((x) => x.erf()),
    erfc: unary(erfc),
    lgamma: unary(lgamma),
    relu: unary((x) => x.relu()),
    isnan: unary((x) => x.isNaN()),
    isinf: unary((x) => x.isInf()),
    isfinite: unary((x) => x.isFinite()),
    clamp: ({ x }, { min, max }) => x!.clamp(min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY),
    add: binary((a, b) => a.add(b)),
    sub: binary((a, b) => a.sub(b)),
    mul: binary((a, b) => a.mul(b)),
    div: binary((a, b) => a.div(b)),
    pow: binary((a, b) => a.pow(b)),
    maximum: binary((a, b) => a.maximum(b)),
    minimum: binary((a, b) => a.minimum(b)),
    atan2: binary(atan2),
    hypot: binary(hypot),
    logaddexp: binary(logAddExp),
    fmod: binary((a, b) => a.rem(b)),
    remainder: binary(mod),
    eq: binary((a, b) => a.eq(b)),
    ne: binary((a, b) => a.ne(b)),
    lt: binary((a, b) => a.lt(b)),
    le: binary((a, b) => a.le(b)),
    gt: binary((a, b) => a.gt(b)),
    ge: binary((a, b) => a.ge(b)),
    logical_and: binary((a, b) => truth(a).and(truth(b))),
    logical_or: binary((a, b) => truth(a).or(truth(b))),
    logical_xor: binary((a, b) => truth(a).xor(truth(b))),
    pow_scalar: ({ x }, { exponent }) => x!.pow(exponent),
    where: ({ cond, a, b }) => truth(cond!).where(a!, b!),
    lerp: ({ a, b, w }) => lerp(a!, b!, w!),
    addcmul: ({ x, a, b }, { value }) => x!.add(a!.mul(b!).mul(value)),
    addcdiv: ({ x, a, b }, { value }) => x!.add(a!.div(b!).mul(value)),
    chain({ x, y }, { formula }) {
      const f = FORMULAS[formula];
      if (!f) throw new Uncovered(`no adapter for the formula ${formula}`);
      return f(x!, y!);
    },
  },
};
