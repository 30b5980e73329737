/** @file Random numbers of named distributions from a key, beyond those of `random.ts`. Parameters broadcast to the shape. */

import { check, checkOptions, positiveInteger, shown } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { checkIntegers, checkShape, formatShape, type Shape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { floating } from "../ops/create.ts";
import { searchSorted } from "../ops/search.ts";
import { Tensor, type TensorLike } from "../ops/tensor.ts";
import * as variates from "../ops/variates.ts";
import { MULTINOMIAL, NORMAL, RANDINT } from "./options.ts";
import { bits, normal, split, uniform } from "./random.ts";

/** The dtype of random values. */
export interface Sampled {
  /** Default f32. */
  readonly dtype?: Dtype;
}

/** A parameter as floats of a shape. */
function parameter(what: string, key: Tensor, value: TensorLike, shape: Shape): Tensor {
  if (!(key instanceof Tensor))
    throw new TypeError(`${what}: want a random key first, got ${shown(key)}; make one with random.keyOf(seed)`);
  checkShape(shape, what);
  const given = typeof value === "number" ? key.constantOf({ shape: [], dtype: "f32" }, value) : floating(key.operand(value));
  return given.broadcastTo(shape);
}

/** Uniform floats in (0, 1]. */
const open = (key: Tensor, shape: Shape, dtype?: Dtype): Tensor => uniform(key, shape, { dtype: dtype ?? "f32" }).add(2 ** -24);

/** Uniform integers from `low` (default 0) up to but not including `high`, i32 by default; the bias is below (high - low)/2³². */
export function randint(
  key: Tensor,
  shape: Shape,
  options: { readonly low?: number; readonly high: number; readonly dtype?: Dtype },
): Tensor {
  checkOptions("randint", options, RANDINT, "high");
  const { low = 0, high, dtype = "i32" } = options;
  const count = high - low;
  if (!(count >= 1 && count <= 2 ** 32)) throw new RangeError(`randint: want low < high, at most 2³² apart, got ${low} and ${high}`);
  // The upper word of bits·count, by halves of 16 bits.
  const [word, [big, small]] = [bits(key, shape), [Math.floor(count / 65536), count % 65536]];
  if (count === 2 ** 32) return word.cast(dtype);
  const [h, l] = [word.shr(16), word.and(0xffff)];
  const middle = h.mul(small).add(l.mul(small).shr(16));
  const other = l.mul(big).add(middle.and(0xffff));
  const index = h.mul(big).add(middle.shr(16)).add(other.shr(16));
  return index.cast("i32").add(low).cast(dtype);
}

/** Exponential floats with rate 1 (mean 1). */
export function exponential(key: Tensor, shape: Shape, options: Sampled = {}): Tensor {
  checkOptions("exponential", options, NORMAL);
  return open(key, shape, options.dtype).log().neg();
}

/** Laplace floats with location 0 and scale 1. */
export function laplace(key: Tensor, shape: Shape, options: Sampled = {}): Tensor {
  checkOptions("laplace", options, NORMAL);
  const u = open(key, shape, options.dtype).sub(0.5);
  return u
    .sign()
    .mul(
      u
        .abs()
        .mul(-2)
        .add(1)
        .maximum(2 ** -25)
        .log(),
    )
    .neg();
}

/** Gumbel floats with location 0 and scale 1: -log(-log u). */
export function gumbel(key: Tensor, shape: Shape, options: Sampled = {}): Tensor {
  checkOptions("gumbel", options, NORMAL);
  const u = uniform(key, shape, { dtype: options.dtype ?? "f32" }).add(2 ** -25);
  return u.log().neg().log().neg();
}

/** Cauchy floats with location 0 and scale 1: tan π(u - ½). */
export function cauchy(key: Tensor, shape: Shape, options: Sampled = {}): Tensor {
  checkOptions("cauchy", options, NORMAL);
  return uniform(key, shape, { dtype: options.dtype ?? "f32" })
    .add(2 ** -25 - 0.5)
    .mul(Math.PI)
    .tan();
}

/** Poisson counts (as floats) of a rate. */
export function poisson(key: Tensor, rate: TensorLike, shape: Shape): Tensor {
  const r = parameter("poisson", key, rate, shape);
  const [a, b] = split(key, 2) as [Tensor, Tensor];
  return r.stopGradient().bind(variates.poissonCount, [r.stopGradient(), bits(a, shape), bits(b, shape)]);
}

/** Counts (as floats) of successes in n trials with probability p. */
export function binomial(key: Tensor, n: TensorLike, p: TensorLike, shape: Shape): Tensor {
  const chance = parameter("binomial", key, p, shape).stopGradient();
  const trials = parameter("binomial", key, n, shape).cast(chance.dtype).stopGradient();
  const [a, b] = split(key, 2) as [Tensor, Tensor];
  return trials.bind(variates.binomialCount, [trials, chance, bits(a, shape), bits(b, shape)]);
}

/** Failures before the first success (as floats): ⌊log u / log(1 - p)⌋. */
export function geometric(key: Tensor, p: TensorLike, shape: Shape): Tensor {
  const chance = parameter("geometric", key, p, shape).stopGradient();
  return open(key, shape, chance.dtype).log().div(chance.neg().log1p()).floor();
}

/** Logarithms of gamma variates with the given shape parameters and scale 1, with their derivative by them (Figurnov, Mohamed & Mnih 2018). */
export function logGammaVariate(key: Tensor, concentration: TensorLike, shape: Shape): Tensor {
  const a = parameter("gammaVariate", key, concentration, shape);
  const fixed = a.stopGradient();
  const value = marsaglia(key, fixed);
  const slope = fixed.bind(variates.gammaSlope, [fixed, value]).stopGradient();
  return value.stopGradient().add(a.sub(fixed).mul(slope));
}

// Of so many proposals one in twenty is refused at most: all of them once in 10¹⁰ draws.
const PROPOSALS = 8;

/** Marsaglia & Tsang (2000); for a < 1 by G(a) = G(a + 1)·U^(1/a). */
function marsaglia(key: Tensor, a: Tensor): Tensor {
  const [ofNormal, ofUniform, ofBoost] = split(key, 3) as [Tensor, Tensor, Tensor];
  const dtype = a.dtype;
  const small = a.lt(1);
  const d = small.where(a.add(1), a).sub(1 / 3);
  const z = normal(ofNormal, [PROPOSALS, ...a.shape], { dtype });
  const root = z.div(d.mul(9).sqrt()).add(1);
  const possible = root.gt(0);
  const logV = possible.where(root, 1).log().mul(3);
  const limit = z.square().mul(0.5).add(d).sub(logV.exp().mul(d)).add(logV.mul(d));
  const accepted = possible.and(open(ofUniform, z.shape, dtype).log().lt(limit));
  const first = accepted.cast("i32").argmax(0, { keepDims: true });
  const value = logV.takeAlongInside(first, 0).squeeze(0).add(d.log());
  return small.where(value.add(open(ofBoost, a.shape, dtype).log().div(a)), value);
}

/** Points on the simplex from concentrations [..., K]: of `shape`, which ends in K. */
export function dirichlet(key: Tensor, concentration: Tensor, shape?: Shape): Tensor {
  checkTensors("dirichlet", { key, concentration });
  const logs = logGammaVariate(key, concentration, shape ?? concentration.shape);
  const shifted = logs.sub(logs.max(-1, { keepDims: true }).stopGradient()).exp();
  return shifted.div(shifted.sum(-1, { keepDims: true }));
}

/** One class for each row of logits [..., K] (i32): by Gumbel's trick, the largest of logit + Gumbel noise. `shape` (default the rows') goes in front. */
export function categorical(key: Tensor, logits: Tensor, shape?: Shape): Tensor {
  checkTensors("categorical", { key, logits });
  if (shape !== undefined) checkIntegers("categorical: shape", shape);
  const rows = [...(shape ?? logits.shape.slice(0, -1)), logits.shape.at(-1)!];
  return logits
    .stopGradient()
    .broadcastTo(rows)
    .add(gumbel(key, rows, { dtype: floating(logits).dtype }))
    .argmax(-1);
}

/**
 * `count` classes for each row of weights [..., K], which need not add up to 1: [..., count] (i32). Without replacement (the default) no class comes twice, and
 * at least `count` weights must be above 0.
 */
export function multinomial(key: Tensor, weights: Tensor, count: number, options: { readonly replacement?: boolean } = {}): Tensor {
  checkOptions("multinomial", options, MULTINOMIAL);
  if (!(weights instanceof Tensor) || weights.rank === 0)
    throw new TypeError(`multinomial: want weights [..., classes], got ${shown(weights)}`);
  check("multinomial: count", count, positiveInteger);
  const { replacement = false } = options;
  const w = floating(weights).stopGradient();
  const k = w.shape.at(-1)!;
  if (!replacement) {
    if (count > k) throw new RangeError(`multinomial: ${count} draws without replacement from ${k} classes of ${formatShape(w.shape)}`);
    return w
      .log()
      .add(gumbel(key, w.shape, { dtype: w.dtype }))
      .argsort(-1, { descending: true })
      .narrow(-1, 0, count);
  }
  const sums = w.cumsum(-1);
  const draws = uniform(key, [...w.shape.slice(0, -1), count], { dtype: w.dtype }).mul(sums.narrow(-1, k - 1, 1));
  const place = sums.bind(searchSorted, [sums, draws], { right: true });
  // Rounding may lead behind the last class that has a weight.
  const last = w.gt(0).where(w.iotaLike(-1), 0).max(-1, { keepDims: true });
  return place.minimum(last);
}

/** Elements along axis 0 in a random order. */
export function shuffle(key: Tensor, x: Tensor): Tensor {
  checkTensors("shuffle", { key, x });
  const n = x.shape[0] ?? 1;
  return x.takeInside(bits(key, [n]).argsort(0), 0);
}
