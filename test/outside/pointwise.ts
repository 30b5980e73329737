/** @file Adapters of PyTorch's elementwise operators. */
import * as nabla from "nabla";
import { special, type Tensor } from "nabla";
import { type Adapter, type Call, type TorchDtype, Uncovered } from "./call.ts";

const one =
  (f: (x: Tensor) => Tensor): Adapter =>
  (c) =>
    f(c.t(0));
const two =
  (f: (x: Tensor, y: Tensor) => Tensor): Adapter =>
  (c) =>
    f(c.t(0), c.t(1));
/** The operand is on the other side of a Python operator. */
const swapped =
  (f: (x: Tensor, y: Tensor) => Tensor): Adapter =>
  (c) =>
    f(c.t(1), c.t(0));

const scaled = (c: Call, y: Tensor): Tensor => {
  const alpha = c.named("alpha", 1);
  return alpha === 1 ? y : y.mul(alpha);
};
/** PyTorch shares nothing here: of equal operands each gets half. */
const truth = (x: Tensor): Tensor => (x.dtype === "bool" ? x : x.ne(0));
const cast =
  (name: "f64" | "f32" | "i32" | "u8" | "bool"): Adapter =>
  (c) =>
    c.t(0).cast(name);
const decimals = (x: Tensor, n: number): Tensor =>
  n === 0
    ? x.round()
    : n > 0
      ? x
          .mul(10 ** n)
          .round()
          .div(10 ** n)
      : x
          .div(10 ** -n)
          .round()
          .mul(10 ** -n);
/** The number if no operand is NaN, else the other one. */
const fpick =
  (pick: (x: Tensor, y: Tensor) => Tensor) =>
  (x: Tensor, y: Tensor): Tensor =>
    x.isNaN().where(y, y.isNaN().where(x, pick(x, y)));

const unary: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  abs: (x) => x.abs(),
  acos: (x) => x.acos(),
  acosh: (x) => x.acosh(),
  asin: (x) => x.asin(),
  asinh: (x) => x.asinh(),
  atan: (x) => x.atan(),
  atanh: (x) => x.atanh(),
  ceil: (x) => x.ceil(),
  clone: (x) => x.identity(),
  contiguous: (x) => x.identity(),
  positive: (x) => x.identity(),
  conj: (x) => x.identity(),
  conj_physical: (x) => x.identity(),
  resolve_conj: (x) => x.identity(),
  resolve_neg: (x) => x.identity(),
  real: (x) => x.identity(),
  cos: (x) => x.cos(),
  cosh: (x) => x.cosh(),
  deg2rad: (x) => x.mul(Math.PI / 180),
  rad2deg: (x) => x.mul(180 / Math.PI),
  exp: (x) => x.exp(),
  exp2: (x) => x.exp2(),
  expm1: (x) => x.expm1(),
  frac: nabla.frac,
  floor: (x) => x.floor(),
  i0: special.i0,
  log: (x) => x.log(),
  log1p: (x) => x.log1p(),
  log10: (x) => x.log10(),
  log2: (x) => x.log2(),
  logical_not: (x) => truth(x).not(),
  bitwise_not: (x) => x.not(),
  neg: (x) => x.neg(),
  reciprocal: (x) => x.recip(),
  rsqrt: (x) => x.rsqrt(),
  sqrt: (x) => x.sqrt(),
  square: (x) => x.square(),
  sigmoid: (x) => x.sigmoid(),
  sign: (x) => x.sign(),
  sgn: (x) => x.sign(),
  signbit: nabla.signbit,
  sin: (x) => x.sin(),
  sinc: nabla.sinc,
  sinh: (x) => x.sinh(),
  tan: (x) => x.tan(),
  tanh: (x) => x.tanh(),
  trunc: (x) => x.trunc(),
  isfinite: (x) => x.isFinite(),
  isinf: (x) => x.isInf(),
  isposinf: (x) => x.isInf().and(x.gt(0)),
  isneginf: (x) => x.isInf().and(x.lt(0)),
  isnan: (x) => x.isNaN(),
  isreal: (x) => x.isNaN().or(x.eq(x)),
  nan_to_num: (x) => nabla.nanToNum(x),
  angle: (x) => x.isNaN().where(x, x.lt(0).where(Math.PI, x.mul(0))),
  digamma: nabla.digamma,
  erf: (x) => x.erf(),
  erfc: nabla.erfc,
  erfinv: nabla.erfinv,
  lgamma: nabla.lgamma,
  "special.i0e": special.i0e,
  "special.i1": special.i1,
  "special.i1e": special.i1e,
  "special.ndtr": special.ndtr,
  "special.ndtri": special.ndtri,
  "special.log_ndtr": special.logNdtr,
  "special.erfcx": special.erfcx,
  "special.bessel_j0": special.besselJ0,
  "special.bessel_j1": special.besselJ1,
  "special.bessel_y0": special.besselY0,
  "special.bessel_y1": special.besselY1,
  "special.modified_bessel_i0": special.i0,
  "special.modified_bessel_i1": special.i1,
  "special.entr": (x) => x.lt(0).where(Number.NEGATIVE_INFINITY, nabla.xlogy(x, x).neg()),
  zeros_like: (x) => x.like(0),
};

const binary: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  mul: (x, y) => x.mul(y),
  maximum: (x, y) => x.maximum(y),
  minimum: (x, y) => x.minimum(y),
  "max.binary": (x, y) => x.maximum(y),
  "min.binary": (x, y) => x.minimum(y),
  clamp_min: (x, y) => x.clamp(y, Number.POSITIVE_INFINITY),
  clamp_max: (x, y) => x.clamp(Number.NEGATIVE_INFINITY, y),
  fmax: fpick((x, y) => x.maximum(y)),
  fmin: fpick((x, y) => x.minimum(y)),
  atan2: nabla.atan2,
  copysign: nabla.copysign,
  true_divide: nabla.trueDivide,
  "div.no_rounding_mode": nabla.trueDivide,
  eq: (x, y) => x.eq(y),
  ne: (x, y) => x.ne(y),
  lt: (x, y) => x.lt(y),
  le: (x, y) => x.le(y),
  gt: (x, y) => x.gt(y),
  ge: (x, y) => x.ge(y),
  fmod: (x, y) => x.rem(y),
  remainder: nabla.mod,
  floor_divide: nabla.floorDivide,
  ldexp: nabla.ldexp,
  logaddexp: nabla.logAddExp,
  logaddexp2: nabla.logAddExp2,
  logical_and: (x, y) => truth(x).and(truth(y)),
  logical_or: (x, y) => truth(x).or(truth(y)),
  logical_xor: (x, y) => truth(x).xor(truth(y)),
  bitwise_and: (x, y) => x.and(y),
  bitwise_or: (x, y) => x.or(y),
  bitwise_xor: (x, y) => x.xor(y),
  bitwise_left_shift: (x, y) => x.shl(y),
  bitwise_right_shift: (x, y) => x.shr(y),
  heaviside: nabla.heaviside,
  hypot: nabla.hypot,
  igamma: special.igamma,
  igammac: special.igammac,
  nextafter: nabla.nextafter,
  pow: (x, y) => x.pow(y),
  float_power: nabla.floatPower,
  xlogy: nabla.xlogy,
  "special.xlog1py": nabla.xlog1py,
  gcd: nabla.gcd,
  lcm: nabla.lcm,
};

const reflected: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  __radd__: (x, y) => x.add(y),
  __rdiv__: nabla.trueDivide,
  __rmul__: (x, y) => x.mul(y),
  __rmod__: nabla.mod,
  __rpow__: (x, y) => x.pow(y),
  __rsub__: (x, y) => x.sub(y),
  __rand__: (x, y) => x.and(y),
  __ror__: (x, y) => x.or(y),
  __rxor__: (x, y) => x.xor(y),
};

const mapped = <F>(table: Readonly<Record<string, F>>, wrap: (f: F) => Adapter): Record<string, Adapter> =>
  Object.fromEntries(Object.entries(table).map(([name, f]) => [name, wrap(f)]));

const polygamma: Adapter = (c) => nabla.polygamma(c.at(1, "n", 0), c.t(0));
const float = (c: Call): { dtype: "f32" | "f64" } => {
  const dtype = c.named<TorchDtype | undefined>("dtype", undefined)?.own ?? "f32";
  if (dtype !== "f32" && dtype !== "f64") throw new Uncovered(`${dtype} of a range of floats`);
  return { dtype };
};

export const pointwise: Readonly<Record<string, Adapter>> = {
  ...mapped(unary, one),
  ...mapped(binary, two),
  ...mapped(reflected, swapped),
  add: (c) => c.t(0).add(scaled(c, c.t(1))),
  sub: (c) => c.t(0).sub(scaled(c, c.t(1))),
  rsub: (c) => c.t(1).sub(scaled(c, c.t(0))),
  "div.trunc_rounding": (c) => {
    c.ignore("rounding_mode");
    const q = c.t(0).div(c.t(1));
    return q.dtype === "f32" || q.dtype === "f64" ? q.trunc() : q;
  },
  "div.floor_rounding": (c) => nabla.floorDivide(c.ignore("rounding_mode").t(0), c.t(1)),
  addcmul: (c) => c.t(0).add(c.t(1).mul(c.t(2)).mul(c.named("value", 1))),
  addcdiv: (c) => c.t(0).add(nabla.trueDivide(c.t(1), c.t(2)).mul(c.named("value", 1))),
  lerp: (c) => nabla.lerp(c.t(0), c.t(1), c.at<number | Tensor>(2, "weight", 0)),
  clamp: (c) => c.t(0).clamp(c.at(1, "min", Number.NEGATIVE_INFINITY), c.at(2, "max", Number.POSITIVE_INFINITY)),
  allclose: (c) => nabla.allclose(c.t(0), c.t(1), { rtol: c.named("rtol", 1e-5), atol: c.named("atol", 1e-8) }),
  isclose: (c) =>
    nabla.isclose(c.t(0), c.t(1), { rtol: c.named("rtol", 1e-5), atol: c.named("atol", 1e-8), equalNaN: c.named("equal_nan", false) }),
  equal: (c) => nabla.equal(c.t(0), c.t(1)),
  frexp: (c) => {
    const { mantissa, exponent } = nabla.frexp(c.t(0));
    return [mantissa, exponent];
  },
  logit: (c) => {
    const [x, eps] = [c.t(0), c.at<number | undefined>(1, "eps", undefined)];
    return nabla.logit(eps === undefined ? x : x.clamp(eps, 1 - eps));
  },
  round: (c) => decimals(c.t(0), c.named("decimals", 0)),
  mvlgamma: (c) => special.multigammaln(c.t(0), c.at(1, "p", 1)),
  polygamma,
  "special.polygamma": polygamma,
  where: (c) => c.t(1).where(c.t(0), c.t(2)),
  masked_fill: (c) => nabla.maskedFill(c.t(0), c.t(1), c.at<number | Tensor>(2, "value", 0)),
  bool: cast("bool"),
  byte: cast("u8"),
  char: cast("i32"),
  double: cast("f64"),
  float: cast("f32"),
  int: cast("i32"),
  long: cast("i32"),
  short: cast("i32"),
  to: (c) => {
    const dtype = c.rest<Tensor | TorchDtype | string | boolean>(1).find((x) => typeof x === "object");
    if (!dtype) throw new Uncovered("no dtype");
    return c.t(0).cast("own" in dtype ? dtype.own : dtype.dtype);
  },
  ones_like: (c) => like(c, 1),
  zeros_like: (c) => like(c, 0),
  full_like: (c) => like(c, c.at(1, "fill_value", 0)),
  new_zeros: (c) => made(c, c.at<number[]>(1, "size", []), 0),
  new_ones: (c) => made(c, c.at<number[]>(1, "size", []), 1),
  new_full: (c) => made(c, c.at<number[]>(1, "size", []), c.at(2, "fill_value", 0)),
  zero_: (c) => c.t(0).like(0),
  fill: (c) => nabla.full(c.t(0).shape, Number(c.named("value", 0)), c.t(0).dtype),
  zeros: (c) => nabla.zeros(c.at<number[]>(0, "size", []), c.named<TorchDtype | undefined>("dtype", undefined)?.own),
  ones: (c) => nabla.ones(c.at<number[]>(0, "size", []), c.named<TorchDtype | undefined>("dtype", undefined)?.own),
  eye: (c) => {
    const n = c.at(0, "n", 0);
    return nabla.eye(n, c.at(1, "m", n), c.named<TorchDtype | undefined>("dtype", undefined)?.own);
  },
  arange: (c) => {
    const given = c.rest<number>(0);
    const [start, end, step = 1] = given.length === 1 ? [0, given[0]!] : given.length === 0 ? [0, c.named("end", 0)] : given;
    if (given.length === 1) c.ignore("end");
    const dtype = c.named<TorchDtype | undefined>("dtype", undefined)?.own ?? "i32";
    const first = c.named("end", Number(end));
    const n = Math.max(0, Math.ceil((first - Number(start)) / Number(step)));
    return nabla.arange(n, dtype).mul(Number(step)).add(Number(start)).cast(dtype);
  },
  linspace: (c) => nabla.linspace(c.at(0, "start", 0), c.at(1, "end", 0), c.at(2, "steps", 0), float(c)),
  logspace: (c) => nabla.logspace(c.at(0, "start", 0), c.at(1, "end", 0), c.at(2, "steps", 0), { base: c.at(3, "base", 10), ...float(c) }),
};

function made(c: Call, shape: readonly number[], value: number): Tensor {
  c.at(0, "self", null);
  return nabla.full(shape, value, c.named<TorchDtype | undefined>("dtype", undefined)?.own ?? c.t(0).dtype);
}
function like(c: Call, value: number): Tensor {
  return made(c, c.t(0).shape, value);
}
