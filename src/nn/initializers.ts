/**
 * @file Initial values of parameters. An initializer is a function of a shape and a key, so the values follow from `manualSeed` and the order
 * in which layers are made, and from nothing else.
 *
 * Fans are PyTorch's: a weight [out, in, ...kernel] has fanIn = in·Πkernel and fanOut = out·Πkernel. In the symbols of the sources,
 * n_l = fanIn and n_{l+1} = fanOut.
 */
import {
  aDtype,
  aNumber,
  anyNumber,
  type Checks,
  check,
  checkOptions,
  type Expectation,
  expectation,
  finite,
  nonNegative,
  numbers,
  oneOf,
  positiveInteger,
  share,
} from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { formatShape, type Shape, sizeOf } from "../base/shape.ts";
import { erf } from "../kernel/special.ts";
import { qr } from "../math/linalg.ts";
import { erfinv } from "../math/pointwise.ts";
import { normal as drawNormal, uniform as drawUniform, randomKey, split } from "../math/random.ts";
import { diagonal } from "../math/rearrange.ts";
import { full } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

export interface InitializerOptions {
  /** A key (u32[2]) to draw from. Default: the next one of the seeded state, `randomKey()`. */
  readonly key?: Tensor;
  /** Default f32. */
  readonly dtype?: Dtype;
}

/** A tensor of the given shape, to start training from. */
export type Initializer = (shape: Shape, options?: InitializerOptions) => Tensor;

const aKey: Expectation = expectation("a key u32[2], as random.keyOf(seed) gives it", (value) => {
  const { dtype, shape } = (value ?? {}) as Partial<Tensor>;
  return dtype === "u32" && shape?.length === 1 && shape[0] === 2;
});
const INITIALIZER_OPTIONS: Checks<InitializerOptions> = { key: aKey, dtype: aDtype };

/** An initializer that looks at what it is given. */
function initializer(name: string, draw: (shape: Shape, options: InitializerOptions) => Tensor): Initializer {
  return (shape, options = {}) => {
    check(`${name}: the shape`, shape, numbers);
    checkOptions(name, options, INITIALIZER_OPTIONS);
    return draw(shape, options);
  };
}

/** How many inputs a unit has, and how many units an input feeds. */
export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** How many values enter and leave one unit of a weight [out, in, ...kernel]. @throws {RangeError} for fewer than two axes. */
export function fansOf(shape: Shape): Fans {
  check("initializer: the shape", shape, numbers);
  if (shape.length < 2)
    throw new RangeError(`initializer: fans want a shape [out, in, ...kernel], got ${formatShape(shape)}; use constant or normal`);
  const receptive = sizeOf(shape.slice(2));
  return { fanIn: shape[1] * receptive, fanOut: shape[0] * receptive };
}

/** The same number everywhere. */
/* @__NO_SIDE_EFFECTS__ */
export function constant(value: number): Initializer {
  check("constant: value", value, anyNumber);
  return initializer("constant", (shape, { dtype = "f32" }) => full(shape, value, dtype));
}

/** Zeros. */
export const zeros: Initializer = constant(0);
/** Ones. */
export const ones: Initializer = constant(1);

/** U[low, high). */
export function uniform(low: number, high: number): Initializer {
  check("uniform: low", low, finite);
  check("uniform: high", high, finite);
  return initializer("uniform", (shape, { key, dtype = "f32" }) => drawUniform(key ?? randomKey(), shape, { low, high, dtype }));
}

/** N(mean, std²). */
export function normal(mean = 0, std = 1): Initializer {
  check("normal: mean", mean, finite);
  check("normal: std", std, nonNegative);
  return initializer("normal", (shape, { key, dtype = "f32" }) =>
    drawNormal(key ?? randomKey(), shape, { dtype })
      .mul(std)
      .add(mean),
  );
}

export interface TruncatedNormalOptions {
  /** Of the distribution before it is cut. Default 0. */
  readonly mean?: number;
  /** Of the distribution before it is cut. Default 1. */
  readonly std?: number;
  /** Default mean - 2·std. */
  readonly low?: number;
  /** Default mean + 2·std. */
  readonly high?: number;
}

const TRUNCATED_NORMAL_OPTIONS: Checks<TruncatedNormalOptions> = { mean: aNumber, std: aNumber, low: aNumber, high: aNumber };

/** N(mean, std²) within [low, high], by the inverse of its distribution function. */
export function truncatedNormal(options: TruncatedNormalOptions = {}): Initializer {
  checkOptions("truncatedNormal", options, TRUNCATED_NORMAL_OPTIONS);
  const { mean = 0, std = 1, low = mean - 2 * std, high = mean + 2 * std } = options;
  if (!(std > 0 && low < high)) throw new RangeError(`truncatedNormal: want std > 0 and low < high, got ${std}, ${low} and ${high}`);
  return initializer("truncatedNormal", (shape, { key, dtype = "f32" }) => {
    // 2Φ(z) - 1 = erf(z/√2), uniform between its values at the bounds.
    const [from, to] = [low, high].map((bound) => erf((bound - mean) / (std * Math.SQRT2)));
    const u = drawUniform(key ?? randomKey(), shape, { low: from, high: to, dtype });
    return erfinv(u)
      .mul(std * Math.SQRT2)
      .add(mean)
      .clamp(low, high);
  });
}

/** What {@link varianceScaling} draws from. */
export type Distribution = "normal" | "truncatedNormal" | "uniform";

export interface VarianceScalingOptions {
  /** The variance is scale/n. Default 1. */
  readonly scale?: number;
  /** n: inputs of a unit, outputs, or their mean. Default "fanIn". */
  readonly mode?: "fanIn" | "fanOut" | "fanAvg";
  /** "truncatedNormal" (Keras' normal) cuts at two standard deviations and keeps the variance. Default "truncatedNormal", as in Keras. */
  readonly distribution?: Distribution;
}

const VARIANCE_SCALING_OPTIONS: Checks<VarianceScalingOptions> = {
  scale: aNumber,
  mode: oneOf("fanIn", "fanOut", "fanAvg"),
  distribution: oneOf("normal", "truncatedNormal", "uniform"),
};

// Standard deviation of N(0, 1) cut at ±2.
const CUT_STD = 0.8796256610342398;

/** Mean 0 and variance scale/n with n from the fans (Keras' VarianceScaling). */
/* @__NO_SIDE_EFFECTS__ */
export function varianceScaling(options: VarianceScalingOptions = {}): Initializer {
  checkOptions("varianceScaling", options, VARIANCE_SCALING_OPTIONS);
  const { scale = 1, mode = "fanIn", distribution = "truncatedNormal" } = options;
  if (!(scale > 0)) throw new RangeError(`varianceScaling: scale must be above 0, got ${scale}`);
  return initializer("varianceScaling", (shape, options) => {
    const { fanIn, fanOut } = fansOf(shape);
    const n = mode === "fanIn" ? fanIn : mode === "fanOut" ? fanOut : (fanIn + fanOut) / 2;
    const std = Math.sqrt(scale / n);
    if (distribution === "normal") return normal(0, std)(shape, options);
    if (distribution === "uniform") return uniform(-Math.sqrt(3) * std, Math.sqrt(3) * std)(shape, options);
    return truncatedNormal({ std: std / CUT_STD })(shape, options);
  });
}

/** Factors of the standard deviation that make up for what an activation takes away, by PyTorch's names (`calculate_gain`). */
export function gainOf(activation: "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu", negativeSlope = 0.01): number {
  check("gainOf: activation", activation, oneOf("linear", "sigmoid", "tanh", "relu", "leakyRelu", "selu"));
  check("gainOf: negativeSlope", negativeSlope, finite);
  const gains = { linear: 1, sigmoid: 1, tanh: 5 / 3, relu: Math.SQRT2, leakyRelu: Math.sqrt(2 / (1 + negativeSlope ** 2)), selu: 3 / 4 };
  return gains[activation];
}

/** N(0, 2/(fanIn + fanOut)). Glorot & Bengio (2010), eq. 12: keeps variances both forward and backward, for tanh. */
export const glorotNormal: Initializer = varianceScaling({ mode: "fanAvg", distribution: "normal" });
/** U(±√(6/(fanIn + fanOut))). Glorot & Bengio (2010), eq. 16. */
export const glorotUniform: Initializer = varianceScaling({ mode: "fanAvg", distribution: "uniform" });
/** N(0, 2/fanIn). He et al. (2015), eq. 10: for ReLU, which halves the variance. */
export const heNormal: Initializer = varianceScaling({ scale: 2, distribution: "normal" });
/** U(±√(6/fanIn)): the variance of He et al. (2015). */
export const heUniform: Initializer = varianceScaling({ scale: 2, distribution: "uniform" });
/** N(0, 1/fanIn): keeps variances forward through linear and SELU units (LeCun et al. 1998, §4.6). */
export const leCunNormal: Initializer = varianceScaling({ distribution: "normal" });
/** U(±√(3/fanIn)): the variance of {@link leCunNormal}. */
export const leCunUniform: Initializer = varianceScaling({ distribution: "uniform" });
/** N(0, 4/(fanIn + fanOut)): He's variance with the mean of both fans, as lecture notes often state it. */
export const heMean: Initializer = varianceScaling({ scale: 2, mode: "fanAvg", distribution: "normal" });
/** U(±1/√fanIn): what PyTorch gives Linear and Conv (He's uniform with a = √5). The default here too, so that runs can be compared. */
export const fanInUniform: Initializer = varianceScaling({ scale: 1 / 3, distribution: "uniform" });

/** U(±1/√fanIn) for a bias beside a weight of the given shape: PyTorch's default. */
export function fanInUniformBias(weight: Shape): Initializer {
  const a = 1 / Math.sqrt(fansOf(weight).fanIn);
  return uniform(-a, a);
}

// ---- matrices -----------------------------------------------------------------------------------------------------------------------

/** Rows and columns of a weight as the matrix [out, rest]. */
function matrixShape(what: string, shape: Shape): [rows: number, columns: number] {
  if (shape.length < 2) throw new RangeError(`${what}: want a shape of two or more axes, got ${formatShape(shape)}`);
  return [shape[0], sizeOf(shape.slice(1))];
}

/** gain·Q with orthonormal rows or columns, whichever are fewer, uniform among all such (Saxe et al. 2014). Default gain 1. */
export function orthogonal(gain = 1): Initializer {
  check("orthogonal: gain", gain, finite);
  return initializer("orthogonal", (shape, options) => {
    const [rows, columns] = matrixShape("orthogonal", shape);
    const tall = [Math.max(rows, columns), Math.min(rows, columns)];
    const { q, r } = qr(normal()(tall, options));
    // Signs that make the diagonal of R positive make Q unique, and its distribution uniform (Mezzadri 2007).
    const signed = q.mul(diagonal(r).lt(0).where(-1, r.like(1).select(0, 0)));
    return (rows < columns ? signed.transpose() : signed).mul(gain).reshape(shape);
  });
}

/** gain·I: ones on the diagonal of a matrix [out, in]. Default gain 1. */
export function identity(gain = 1): Initializer {
  check("identity: gain", gain, finite);
  return initializer("identity", (shape, { dtype = "f32" }) => {
    if (shape.length !== 2) throw new RangeError(`identity: want a matrix [out, in], got ${formatShape(shape)}; dirac is for convolutions`);
    const zero = full(shape, 0, dtype);
    return zero.iotaLike(0).eq(zero.iotaLike(1)).where(gain, zero);
  });
}

/** A convolution [out, in/groups, ...kernel] that passes its input channels on as they are, as many as there are. Default one group. */
export function dirac(groups = 1): Initializer {
  check("dirac: groups", groups, positiveInteger);
  return initializer("dirac", (shape, { dtype = "f32" }) => {
    if (shape.length < 3 || shape[0] % groups !== 0)
      throw new RangeError(`dirac: want a shape [out, in/groups, ...kernel] with out a multiple of ${groups}, got ${formatShape(shape)}`);
    const zero = full(shape, 0, dtype);
    const own = zero
      .iotaLike(0)
      .rem(shape[0] / groups)
      .eq(zero.iotaLike(1));
    const centre = shape.slice(2).map((k, i) => zero.iotaLike(2 + i).eq(Math.floor(k / 2)));
    return centre.reduce((a, b) => a.and(b), own).where(1, zero);
  });
}

/** N(0, std²), but a share of each column of a matrix is 0 (Martens 2010). Default std 0.01. */
export function sparse(sparsity: number, std = 0.01): Initializer {
  check("sparse: sparsity", sparsity, share);
  check("sparse: std", std, nonNegative);
  return initializer("sparse", (shape, { key = randomKey(), dtype = "f32" }) => {
    if (shape.length !== 2) throw new RangeError(`sparse: want a matrix [out, in], got ${formatShape(shape)}`);
    const [a, b] = split(key, 2);
    const order = drawUniform(a, shape).argsort(0).argsort(0); // each element's rank in its column
    return order.lt(Math.ceil(sparsity * shape[0])).where(0, normal(0, std)(shape, { key: b, dtype }));
  });
}
