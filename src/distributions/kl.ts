/** @file Kullback–Leibler divergences of pairs of distributions with a closed form. */
import { shown } from "../base/check.ts";
import { xlogy } from "../math/arithmetic.ts";
import { solveTriangular } from "../math/linalg.ts";
import { digamma, lgamma } from "../math/pointwise.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Bernoulli, Binomial, Categorical, Geometric, Multinomial, Poisson } from "./discrete.ts";
import { Distribution } from "./distribution.ts";
import { klAcross } from "./kl-across.ts";
import { Cauchy, Gumbel, Laplace, LogNormal, Normal, Uniform } from "./location-scale.ts";
import { Independent, MultivariateNormal } from "./multivariate.ts";
import { Beta, Dirichlet, Exponential, Gamma } from "./positive.ts";

type Rule = (p: never, q: never) => Tensor;
// biome-ignore lint/suspicious/noExplicitAny: any arguments of a constructor.
type Class = abstract new (...args: any[]) => Distribution;

/** Σ p log p/q over two outcomes. */
function chances(p: Tensor, q: Tensor): Tensor {
  const [notP, notQ] = [p.neg().add(1), q.neg().add(1)];
  return xlogy(p, p)
    .sub(xlogy(p, q))
    .add(xlogy(notP, notP).sub(xlogy(notP, notQ)));
}

function classes(p: Categorical | Multinomial, q: Categorical | Multinomial): Tensor {
  return p.probs
    .eq(0)
    .where(0, p.probs.mul(p.logits.sub(q.logits)))
    .sum(-1);
}

function normals(p: Normal, q: Normal): Tensor {
  const ratio = p.scale.div(q.scale).square();
  const apart = p.loc.sub(q.loc).div(q.scale).square();
  return ratio.add(apart).sub(1).sub(ratio.log()).mul(0.5);
}

function gammas(p: Gamma, q: Gamma): Tensor {
  const [a, b] = [p.concentration, q.concentration];
  const rates = q.rate.div(p.rate);
  return b
    .mul(rates.recip().log())
    .add(lgamma(b))
    .sub(lgamma(a))
    .add(a.sub(b).mul(digamma(a)))
    .add(a.mul(rates.sub(1)));
}

function betas(p: Beta, q: Beta): Tensor {
  const [a, b] = [p.concentration1, p.concentration0];
  const [da, db] = [a.sub(q.concentration1), b.sub(q.concentration0)];
  const own = da
    .mul(digamma(a))
    .add(db.mul(digamma(b)))
    .sub(da.add(db).mul(digamma(a.add(b))));
  return q.logNormalizer().sub(p.logNormalizer()).add(own);
}

function dirichlets(p: Dirichlet, q: Dirichlet): Tensor {
  const apart = p.concentration.sub(q.concentration);
  const mean = digamma(p.concentration).sub(digamma(p.concentration.sum(-1, { keepDims: true })));
  return q.logNormalizer().sub(p.logNormalizer()).add(apart.mul(mean).sum(-1));
}

function multivariate(p: MultivariateNormal, q: MultivariateNormal): Tensor {
  const d = p.eventShape[0]!;
  const shape = p.scaleTril.rank >= q.scaleTril.rank ? p.scaleTril.shape : q.scaleTril.shape;
  const [lp, lq] = [p.scaleTril.broadcastTo(shape), q.scaleTril.broadcastTo(shape)];
  const spread = solveTriangular(lq, lp).square().sum([-2, -1]);
  const apart = q.loc.sub(p.loc).broadcastTo(shape.slice(0, -1)).unsqueeze(-1);
  const distance = solveTriangular(lq, apart).square().sum([-2, -1]);
  return q.halfLogDet.sub(p.halfLogDet).add(spread.add(distance).sub(d).mul(0.5));
}

function laplaces(p: Laplace, q: Laplace): Tensor {
  const [ratio, apart] = [p.scale.div(q.scale), p.loc.sub(q.loc).abs()];
  return ratio.mul(apart.div(p.scale).neg().exp()).add(apart.div(q.scale)).sub(1).sub(ratio.log());
}

function gumbels(p: Gumbel, q: Gumbel): Tensor {
  const ratio = p.scale.div(q.scale);
  const apart = p.loc.sub(q.loc).div(q.scale);
  const growth = lgamma(ratio.add(1)).sub(apart).exp();
  return q.scale.log().sub(p.scale.log()).add(ratio.sub(1).mul(0.5772156649015329)).add(apart).add(growth).sub(1);
}

function cauchys(p: Cauchy, q: Cauchy): Tensor {
  const sum = p.scale.add(q.scale).square().add(p.loc.sub(q.loc).square());
  return sum.div(p.scale.mul(q.scale).mul(4)).log();
}

function uniforms(p: Uniform, q: Uniform): Tensor {
  const outside = p.low.lt(q.low).or(p.high.gt(q.high));
  return outside.where(Number.POSITIVE_INFINITY, q.entropy().sub(p.entropy()));
}

/** The class of both, and the divergence. */
const RULES: readonly (readonly [Class, Rule])[] = [
  [Normal, normals],
  [LogNormal, (p: LogNormal, q: LogNormal) => normals(p.base, q.base)],
  [Laplace, laplaces],
  [Cauchy, cauchys],
  [Gumbel, gumbels],
  [Uniform, uniforms],
  [Exponential, (p: Exponential, q: Exponential) => p.rate.div(q.rate).log().add(q.rate.div(p.rate)).sub(1)],
  [Gamma, gammas],
  [Beta, betas],
  [Dirichlet, dirichlets],
  [Bernoulli, (p: Bernoulli, q: Bernoulli) => chances(p.probs, q.probs)],
  [Geometric, (p: Geometric, q: Geometric) => chances(p.probs, q.probs).div(p.probs)],
  [Binomial, (p: Binomial, q: Binomial) => counted("Binomial", p, q, chances(p.probs, q.probs))],
  [Categorical, classes],
  [Multinomial, (p: Multinomial, q: Multinomial) => counted("Multinomial", p, q, classes(p, q))],
  [Poisson, (p: Poisson, q: Poisson) => xlogy(p.rate, p.rate).sub(xlogy(p.rate, q.rate)).sub(p.rate).add(q.rate)],
  [MultivariateNormal, multivariate],
];

function counted(what: string, p: Binomial | Multinomial, q: Binomial | Multinomial, each: Tensor): Tensor {
  if (p.totalCount !== q.totalCount)
    throw new RangeError(`klDivergence: ${what}s of ${p.totalCount} and ${q.totalCount} draws have no common closed form`);
  return each.mul(p.totalCount);
}

/** ∫ p log p/q: how much p tells over q, in nats; Infinity where p has values that q has not. @throws {Error} where there is no closed form. */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  if (!(p instanceof Distribution && q instanceof Distribution))
    throw new TypeError(`klDivergence: want two distributions, got ${shown(p)} and ${shown(q)}`);
  if (p instanceof Independent && q instanceof Independent && p.axes === q.axes) {
    const axes = Array.from({ length: p.axes }, (_, i) => i - p.axes);
    return klDivergence(p.base, q.base).sum(axes);
  }
  const rule = RULES.find(([kind]) => p instanceof kind && q instanceof kind)?.[1];
  const across = rule ? undefined : klAcross(p, q);
  if (across) return across;
  if (!rule)
    throw new Error(
      `klDivergence: there is no closed form for ${p.constructor.name} and ${q.constructor.name}; take the mean of p.logProb(x) - q.logProb(x) over draws x of p`,
    );
  return rule(p as never, q as never);
}
