/** @file Kullback–Leibler divergences between continuous distributions of different classes: -E log q less the entropy of p, from moments of p. */
import { xlogy } from "../math/arithmetic.ts";
import { digamma, lgamma } from "../math/pointwise.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Distribution } from "./distribution.ts";
import { Gumbel, Laplace, LogNormal, Normal, Uniform } from "./location-scale.ts";
import { Beta, Exponential, Gamma } from "./positive.ts";

const EULER = 0.5772156649015329;

/** E log x of what has no negative values. */
function meanLog(p: Distribution): Tensor | undefined {
  if (p instanceof Gamma) return digamma(p.concentration).sub(p.rate.log());
  if (p instanceof Exponential) return p.rate.log().neg().sub(EULER);
  if (p instanceof Beta) return digamma(p.concentration1).sub(digamma(p.concentration1.add(p.concentration0)));
  if (p instanceof LogNormal) return p.base.loc;
  return p instanceof Uniform ? meanLogBetween(p.low, p.high) : undefined;
}

const meanLogBetween = (low: Tensor, high: Tensor): Tensor => xlogy(high, high).sub(xlogy(low, low)).div(high.sub(low)).sub(1); // biome-ignore format: one thought

/** E e^(tx) for t < 0. */
function growth(p: Distribution, t: Tensor): Tensor | undefined {
  if (p instanceof Normal) return p.loc.mul(t).add(p.scale.mul(t).square().div(2)).exp(); // biome-ignore format: one thought
  if (p instanceof Exponential) return p.rate.div(p.rate.sub(t));
  if (p instanceof Gamma) return p.rate.div(p.rate.sub(t)).pow(p.concentration);
  if (p instanceof Uniform) return p.high.mul(t).exp().sub(p.low.mul(t).exp()).div(p.high.sub(p.low).mul(t)); // biome-ignore format: one thought
  if (!(p instanceof Laplace)) return undefined;
  const rest = p.scale.mul(t).square().neg().add(1);
  return rest.gt(0).where(p.loc.mul(t).exp().div(rest), Number.POSITIVE_INFINITY);
}

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/** -E log q; undefined where there is no closed form. Infinity is for {@link inside} to say. */
function crossEntropy(p: Distribution, q: Distribution): Tensor | undefined {
  if (q instanceof Normal) {
    const squares = p.mean.sub(q.loc).square().add(p.variance);
    return q.scale.log().add(squares.div(q.scale.square().mul(2))).add(HALF_LOG_2PI); // biome-ignore format: one thought
  }
  if (q instanceof Exponential) return q.rate.mul(p.mean).sub(q.rate.log());
  if (q instanceof Gamma) {
    const [a, log] = [q.concentration, meanLog(p)];
    return log && lgamma(a).sub(a.mul(q.rate.log())).sub(a.sub(1).mul(log)).add(q.rate.mul(p.mean)); // biome-ignore format: one thought
  }
  if (q instanceof Gumbel) {
    const mean = growth(p, q.scale.recip().neg());
    return mean && q.scale.log().add(p.mean.sub(q.loc).div(q.scale)).add(mean.mul(q.loc.div(q.scale).exp())); // biome-ignore format: one thought
  }
  if (q instanceof Laplace && p instanceof Normal) {
    const z = p.loc.sub(q.loc).div(p.scale);
    const apart = p.scale.mul(z.square().div(-2).exp().mul(Math.sqrt(2 / Math.PI)).add(z.mul(z.mul(Math.SQRT1_2).erf()))); // biome-ignore format: one thought
    return q.scale.mul(2).log().add(apart.div(q.scale));
  }
  if (q instanceof Beta && p instanceof Uniform) {
    const [a, b] = [q.concentration1, q.concentration0];
    const rest = meanLogBetween(p.high.neg().add(1), p.low.neg().add(1));
    return q.logNormalizer().sub(a.sub(1).mul(meanLogBetween(p.low, p.high))).sub(b.sub(1).mul(rest)); // biome-ignore format: one thought
  }
  return q instanceof Uniform ? q.high.sub(q.low).log() : undefined;
}

/** Where values lie: least and largest. */
function supportOf(p: Distribution): readonly [low: Tensor | number, high: Tensor | number] | undefined {
  if (p instanceof Uniform) return [p.low, p.high];
  if (p instanceof Beta) return [0, 1];
  if (p instanceof Exponential || p instanceof Gamma || p instanceof LogNormal) return [0, Number.POSITIVE_INFINITY];
  const isReal = p instanceof Normal || p instanceof Laplace || p instanceof Gumbel;
  return isReal ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : undefined;
}

/** The divergence of two classes, Infinity where p has values that q has not; undefined where there is no closed form. */
export function klAcross(p: Distribution, q: Distribution): Tensor | undefined {
  const [own, other] = [supportOf(p), supportOf(q)];
  if (!own || !other) return undefined;
  const zero = p.mean.mul(0).add(q.mean.mul(0));
  const [low, high] = [zero.add(own[0]).ge(zero.add(other[0])), zero.add(own[1]).le(zero.add(other[1]))];
  const inside = low.and(high);
  const cross = crossEntropy(p, q);
  if (cross) return inside.where(cross.sub(p.entropy()), Number.POSITIVE_INFINITY);
  const never = [own, other].every((ends) => ends.every((end) => typeof end === "number")) && (own[0] < other[0] || own[1] > other[1]);
  return never ? zero.add(Number.POSITIVE_INFINITY) : undefined;
}
