/**
 * @file Activation functions (ACT-1), stable at any magnitude (ACT-2). Where a formula has pieces, each piece is fed only arguments at which
 * it is finite: the piece that is not chosen gets derivative 0, and 0 times an infinite slope would be NaN. At kinks the derivative is PyTorch's.
 */

import { checkOptions } from "../base/check.ts";
import { normalizeAxis } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import {
  ELU,
  GELU_OPTIONS,
  GLU_OPTIONS,
  GUMBEL_SOFTMAX_OPTIONS,
  HARD_SHRINK,
  HARD_TANH_OPTIONS,
  LEAKY_RELU,
  MAXOUT,
  RBF,
  RRELU_OPTIONS,
  SOFT_SHRINK,
  SOFTPLUS_OPTIONS,
  SWISH,
  THRESHOLD,
} from "./options.ts";
import { polynomial } from "./pointwise.ts";
import { randomKey, uniform } from "./random.ts";
import { type SoftmaxOptions, softmax } from "./softmax.ts";

// ---- sigmoid and its family ---------------------------------------------------------------------------------------------------------

/** σ(x) = 1 / (1 + e⁻ˣ). */
export function sigmoid(x: Tensor): Tensor {
  checkTensors("sigmoid", { x });
  return x.sigmoid();
}

/** tanh x. */
export function tanh(x: Tensor): Tensor {
  checkTensors("tanh", { x });
  return x.tanh();
}

export interface SoftplusOptions {
  /** Sharpness: the larger, the closer to relu. Default 1. */
  readonly beta?: number;
  /** Where βx is above this, the value is x. The formula is accurate without, so there is none by default. */
  readonly threshold?: number;
}

/** log(1 + e^βx) / β, computed as max(z, 0) + log(1 + e^-|z|) with z = βx, which neither overflows nor cancels. */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkTensors("softplus", { x });
  checkOptions("softplus", options, SOFTPLUS_OPTIONS);
  const { beta = 1, threshold = Number.POSITIVE_INFINITY } = options;
  const z = beta === 1 ? x : x.mul(beta);
  // Not -|z|, whose derivative at 0 would be 0.
  const below = z.gt(0).where(z.neg(), z);
  const y = z.relu().add(below.exp().log1p());
  const scaled = beta === 1 ? y : y.div(beta);
  return threshold === Number.POSITIVE_INFINITY ? scaled : z.gt(threshold).where(x, scaled);
}

/** log σ(x) = -softplus(-x). */
export function logSigmoid(x: Tensor): Tensor {
  checkTensors("logSigmoid", { x });
  return softplus(x.neg()).neg();
}

/** x·σ(βx): SiLU at β = 1 (Ramachandran et al. 2017). */
export function swish(x: Tensor, options: { readonly beta?: number } = {}): Tensor {
  checkTensors("swish", { x });
  checkOptions("swish", options, SWISH);
  const { beta = 1 } = options;
  if (beta === 1) return gated(x, (z) => z.sigmoid());
  if (beta === 0) return floating(x).mul(0.5);
  // Turned over, so that the gate opens upwards.
  return beta < 0 ? swish(x.neg(), { beta: -beta }).neg() : gated(x, (z) => z.mul(beta).sigmoid(), FAR / beta);
}

/** Where every gate here is 0 or 1 to the last bit, in f64 too. */
const FAR = 1e4;

/**
 * x·gate(x) for a gate that goes from 0 to 1. Beyond `far` on either side it stands still, so that at the infinities, where ∞·0 would have no value and no
 * slope, both are what they tend to: 0, and x with the slope 1.
 */
function gated(x: Tensor, gate: (x: Tensor) => Tensor, far: number = FAR): Tensor {
  const y = floating(x);
  const z = y.lt(-far).where(-far, y);
  return z.mul(gate(z.gt(far).where(far, z)));
}

/** x·σ(x). */
export function silu(x: Tensor): Tensor {
  checkTensors("silu", { x });
  return swish(x);
}

/** x·tanh(softplus x) (Misra 2019). */
export function mish(x: Tensor): Tensor {
  checkTensors("mish", { x });
  return gated(x, (z) => softplus(z).tanh());
}

export interface GeluOptions {
  /** "tanh" for the approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))). Default "none": xΦ(x) with the normal distribution function. */
  readonly approximate?: "none" | "tanh";
}

/** xΦ(x), a Gaussian error linear unit (Hendrycks & Gimpel 2016). */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkTensors("gelu", { x });
  checkOptions("gelu", options, GELU_OPTIONS);
  const { approximate = "none" } = options;
  if (approximate === "none") return gated(x, (z) => z.mul(Math.SQRT1_2).erf().add(1).mul(0.5));
  return gated(x, (z) => {
    const argument = z.add(z.square().mul(z).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return argument.tanh().add(1).mul(0.5);
  });
}

/** x / (1 + |x|). */
export function softsign(x: Tensor): Tensor {
  checkTensors("softsign", { x });
  const z = floating(x);
  // At infinity the quotient has no value, its limit has.
  const size = z.abs();
  return size.isInf().where(z.sign(), z.div(size.add(1)));
}

/** Of x - tanh x, from x³ on, in x². */
const TANH_SHRINK = [1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925, -21844 / 6081075, 929569 / 638512875, -6404582 / 10854718875];

/** x - tanh x; near 0, where both cancel, by its series. */
export function tanhShrink(x: Tensor): Tensor {
  checkTensors("tanhShrink", { x });
  const z = floating(x);
  const near = z.abs().lt(0.15);
  const inside = near.where(z, 0);
  const series = inside.mul(inside.square()).mul(polynomial(inside.square(), TANH_SHRINK));
  return near.where(series, z.sub(z.tanh()));
}

// ---- rectifiers ---------------------------------------------------------------------------------------------------------------------

/** max(0, x). */
export function relu(x: Tensor): Tensor {
  checkTensors("relu", { x });
  return x.relu();
}

/** min(max(0, x), 6). */
export function relu6(x: Tensor): Tensor {
  checkTensors("relu6", { x });
  return hardTanh(x, { minVal: 0, maxVal: 6 });
}

/** max(0, x) + α·min(0, x): the family g(z; α) of ACT-1 (α = -1 gives |x|). Default α 0.01. */
export function leakyRelu(x: Tensor, options: { readonly negativeSlope?: number } = {}): Tensor {
  checkTensors("leakyRelu", { x });
  checkOptions("leakyRelu", options, LEAKY_RELU);
  const { negativeSlope = 0.01 } = options;
  return x.gt(0).where(x, x.mul(negativeSlope));
}

/** {@link leakyRelu} with learnt slopes, one per channel (axis 1) or one for all (He et al. 2015). */
export function prelu(x: Tensor, weight: TensorLike): Tensor {
  checkTensors("prelu", { x });
  const slope = x.operand(weight);
  const shaped = slope.size === 1 ? slope.reshape([]) : slope.reshape(x.shape.map((_, axis) => (axis === 1 || x.rank === 1 ? -1 : 1)));
  return x.gt(0).where(x, x.mul(shaped));
}

export interface RreluOptions {
  /** Slopes are uniform in [lower, upper] while training, their middle otherwise. Default 1/8. */
  readonly lower?: number;
  /** Default 1/3. */
  readonly upper?: number;
  /** Default false. */
  readonly training?: boolean;
  /** Random key. Default: the next of the implicit stream. */
  readonly key?: Tensor;
}

/** {@link leakyRelu} with random slopes (Xu et al. 2015). */
export function rrelu(x: Tensor, options: RreluOptions = {}): Tensor {
  checkTensors("rrelu", { x });
  checkOptions("rrelu", options, RRELU_OPTIONS);
  const { lower = 1 / 8, upper = 1 / 3, training = false, key } = options;
  if (!training) return leakyRelu(x, { negativeSlope: (lower + upper) / 2 });
  return x.gt(0).where(x, x.mul(uniform(key ?? randomKey(), x.shape, { low: lower, high: upper, dtype: x.dtype })));
}

/** |x|: absolute value rectification (Jarrett et al. 2009). */
export function absolute(x: Tensor): Tensor {
  checkTensors("absolute", { x });
  return x.abs();
}

/** α(eᶻ - 1) of the part of x that is not positive. */
function exponentialPart(x: Tensor, isPositive: Tensor, scale: number): Tensor {
  return isPositive.where(0, scale === 1 ? x : floating(x).div(scale)).expm1();
}

/** x where positive, else α(eˣ - 1) (Clevert et al. 2016). */
export function elu(x: Tensor, options: { readonly alpha?: number } = {}): Tensor {
  checkTensors("elu", { x });
  checkOptions("elu", options, ELU);
  const { alpha = 1 } = options;
  const isPositive = x.gt(0);
  return isPositive.where(x, exponentialPart(x, isPositive, 1).mul(alpha));
}

/** x where positive, else α(e^(x/α) - 1): ELU with slope 1 at 0 for every α (Barron 2017). */
export function celu(x: Tensor, options: { readonly alpha?: number } = {}): Tensor {
  checkTensors("celu", { x });
  checkOptions("celu", options, ELU);
  const { alpha = 1 } = options;
  const isPositive = x.gt(0);
  return isPositive.where(x, exponentialPart(x, isPositive, alpha).mul(alpha));
}

// The fixed point of mean 0 and variance 1 (Klambauer et al. 2017, eq. 14).
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

/** λ·elu(x, α), with the constants under which activations keep mean 0 and variance 1. */
export function selu(x: Tensor): Tensor {
  checkTensors("selu", { x });
  return elu(x, { alpha: SELU_ALPHA }).mul(SELU_SCALE);
}

/** x where above `threshold`, else `value`: the threshold unit. */
export function threshold(x: Tensor, options: { readonly threshold: number; readonly value: number }): Tensor {
  checkTensors("threshold", { x });
  checkOptions("threshold", options, THRESHOLD, "threshold", "value");
  const { threshold: bound, value } = options;
  return x.le(bound).where(value, x);
}

// ---- piecewise linear ---------------------------------------------------------------------------------------------------------------

export interface HardTanhOptions {
  /** Default -1. */
  readonly minVal?: number;
  /** Default 1. */
  readonly maxVal?: number;
}

/** x kept within [minVal, maxVal]; at the bounds the derivative is 0. */
export function hardTanh(x: Tensor, options: HardTanhOptions = {}): Tensor {
  checkTensors("hardTanh", { x });
  checkOptions("hardTanh", options, HARD_TANH_OPTIONS);
  const { minVal = -1, maxVal = 1 } = options;
  if (!(minVal < maxVal)) throw new RangeError(`hardTanh: want minVal < maxVal, got ${minVal} and ${maxVal}`);
  return x.le(minVal).where(minVal, x.ge(maxVal).where(maxVal, x));
}

/** x/6 + ½ kept within [0, 1]. */
export function hardSigmoid(x: Tensor): Tensor {
  checkTensors("hardSigmoid", { x });
  const z = floating(x);
  return z.le(-3).where(0, z.ge(3).where(1, z.div(6).add(0.5)));
}

/** x·(x + 3 kept within [0, 6]) / 6 (Howard et al. 2019). */
export function hardSwish(x: Tensor): Tensor {
  checkTensors("hardSwish", { x });
  return gated(x, (z) => z.add(3).clamp(0, 6).div(6));
}

/** x moved towards 0 by λ, and 0 within [-λ, λ]: the proximal map of λ|x|. Default λ ½. */
export function softShrink(x: Tensor, options: { readonly lambda?: TensorLike } = {}): Tensor {
  checkTensors("softShrink", { x });
  checkOptions("softShrink", options, SOFT_SHRINK);
  const { lambda = 0.5 } = options;
  if (typeof lambda === "number" && !(lambda >= 0)) throw new RangeError(`softShrink: want lambda >= 0, got ${lambda}`);
  const low = typeof lambda === "number" ? -lambda : x.operand(lambda).neg();
  return x.gt(lambda).where(x.sub(lambda), x.lt(low).where(x.add(lambda), shrunk(x)));
}

/** x, but 0 within [-λ, λ]. Default λ ½. */
export function hardShrink(x: Tensor, options: { readonly lambda?: number } = {}): Tensor {
  checkTensors("hardShrink", { x });
  checkOptions("hardShrink", options, HARD_SHRINK);
  const { lambda = 0.5 } = options;
  return x.gt(lambda).or(x.lt(-lambda)).where(x, shrunk(x));
}

/** 0, but NaN stays. */
function shrunk(x: Tensor): Tensor {
  return x.ne(x).where(x, 0);
}

// ---- units of several inputs --------------------------------------------------------------------------------------------------------

/** Halves of x along an axis. */
function halves(x: Tensor, axis: number, what: string): [Tensor, Tensor] {
  const at = normalizeAxis(axis, x.rank, what);
  const n = x.shape[at] / 2;
  if (!Number.isInteger(n)) throw new RangeError(`${what}: axis ${axis} must have an even size to be halved, got ${x.shape[at]}`);
  return [x.narrow(at, 0, n), x.narrow(at, n, n)];
}

export interface GluOptions {
  /** The axis that is halved. Default -1. */
  readonly axis?: number;
  /** Of the gate. Default {@link sigmoid}; relu, gelu and silu give ReGLU, GEGLU and SwiGLU (Shazeer 2020). */
  readonly activation?: (x: Tensor) => Tensor;
}

/** Gated linear unit: the first half times σ of the second (Dauphin et al. 2017). */
export function glu(x: Tensor, options: GluOptions = {}): Tensor {
  checkTensors("glu", { x });
  checkOptions("glu", options, GLU_OPTIONS);
  const { axis = -1, activation = sigmoid } = options;
  const [a, gate] = halves(x, axis, "glu");
  return a.mul(activation(gate));
}

/** Result j is the largest of inputs j·k .. j·k + k - 1 along an axis (Goodfellow et al. 2013). Of elements that tie the first gets the derivative. */
export function maxout(x: Tensor, options: { readonly pieces: number; readonly axis?: number }): Tensor {
  checkTensors("maxout", { x });
  checkOptions("maxout", options, MAXOUT, "pieces");
  const { pieces, axis = 1 } = options;
  const at = normalizeAxis(axis, x.rank, "maxout");
  const n = x.shape[at] / pieces;
  if (!Number.isInteger(n)) throw new RangeError(`maxout: axis ${axis} of size ${x.shape[at]} does not divide into groups of ${pieces}`);
  return x.reshape([...x.shape.slice(0, at), n, pieces, ...x.shape.slice(at + 1)]).maxWithIndex(at + 1).values;
}

/** Radial basis function units: exp(-‖x - wⱼ‖² / σⱼ²) for x [..., d] and centres w [k, d], giving [..., k]; σ is a number or [k]. */
export function rbf(x: Tensor, centres: TensorLike, options: { readonly sigma?: TensorLike } = {}): Tensor {
  checkTensors("rbf", { x });
  checkOptions("rbf", options, RBF);
  const { sigma = 1 } = options;
  const w = x.operand(centres);
  const squares = x.unsqueeze(-2).sub(w).square().sum(-1);
  return squares.div(x.operand(sigma).square()).neg().exp();
}

/** cos x, as a unit. */
export function cosine(x: Tensor): Tensor {
  checkTensors("cosine", { x });
  return x.cos();
}

export interface GumbelSoftmaxOptions extends SoftmaxOptions {
  /** A one-hot sample whose derivative is the soft one's (straight through). Default false. */
  readonly hard?: boolean;
  /** Default -1. */
  readonly axis?: number;
  /** Random key. Default: the next of the implicit stream. */
  readonly key?: Tensor;
}

/** A relaxed sample from softmax(logits): softmax((logits + g) / T) with g from the Gumbel distribution (Jang et al. 2017). */
export function gumbelSoftmax(logits: Tensor, options: GumbelSoftmaxOptions = {}): Tensor {
  checkTensors("gumbelSoftmax", { logits });
  checkOptions("gumbelSoftmax", options, GUMBEL_SOFTMAX_OPTIONS);
  const { hard = false, axis = -1, key, temperature = 1 } = options;
  // u in (0, 1): neither logarithm is infinite.
  const u = uniform(key ?? randomKey(), logits.shape, { dtype: logits.dtype }).maximum(2 ** -25);
  const soft = softmax(logits.sub(u.log().neg().log()), axis, { temperature });
  if (!hard) return soft;
  const at = normalizeAxis(axis, logits.rank, "gumbelSoftmax");
  const chosen = soft.argmax(at).oneHot(logits.shape[at], logits.dtype).moveAxis(-1, at);
  return chosen.add(soft.sub(soft.stopGradient()));
}
