/** @file Distributions of positive numbers and of shares: Exponential, Gamma, Beta, Dirichlet. */
import { formatShape, type Shape } from "../base/shape.ts";
import { xlogy } from "../math/arithmetic.ts";
import { digamma, lgamma } from "../math/pointwise.ts";
import { split } from "../math/random.ts";
import { dirichlet, exponential, logGammaVariate } from "../math/samplers.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { besideOf, Distribution, parametersOf } from "./distribution.ts";

const NEVER = Number.NEGATIVE_INFINITY;

/** Exponential distribution: density rate·e^(-rate·x) for x >= 0. */
export class Exponential extends Distribution {
  readonly rate: Tensor;

  constructor(rate: TensorLike = 1) {
    const [r] = parametersOf("Exponential", { rate: [rate, "positive"] }) as [Tensor];
    super(r.shape);
    this.rate = r;
  }
  get mean(): Tensor {
    return this.rate.recip();
  }
  get variance(): Tensor {
    return this.rate.square().recip();
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Exponential", value, this.rate);
    return x.ge(0).where(this.rate.log().sub(this.rate.mul(x)), NEVER);
  }
  override entropy(): Tensor {
    return this.rate.log().neg().add(1);
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return exponential(key, shape, { dtype: this.rate.dtype }).div(this.rate);
  }
}

/** Gamma distribution: density rateᵃ xᵃ⁻¹ e^(-rate·x)/Γ(a) for x > 0, a the concentration. Draws have implicit derivatives (Figurnov et al. 2018). */
export class Gamma extends Distribution {
  readonly concentration: Tensor;
  readonly rate: Tensor;

  constructor(concentration: TensorLike, rate: TensorLike = 1) {
    const [a, r] = parametersOf("Gamma", { concentration: [concentration, "positive"], rate: [rate, "positive"] }) as [Tensor, Tensor];
    super(a.shape);
    [this.concentration, this.rate] = [a, r];
  }
  get mean(): Tensor {
    return this.concentration.div(this.rate);
  }
  get variance(): Tensor {
    return this.concentration.div(this.rate.square());
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Gamma", value, this.rate);
    const a = this.concentration;
    const inside = x.ge(0);
    const y = inside.where(x, 1);
    const log = xlogy(a, this.rate)
      .add(xlogy(a.sub(1), y))
      .sub(this.rate.mul(y))
      .sub(lgamma(a));
    return inside.where(log, NEVER);
  }
  override entropy(): Tensor {
    const a = this.concentration;
    return a
      .sub(this.rate.log())
      .add(lgamma(a))
      .add(a.neg().add(1).mul(digamma(a)));
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return logGammaVariate(key, this.concentration, shape).exp().div(this.rate);
  }
}

/** Beta distribution: density xᵃ⁻¹(1 - x)ᵇ⁻¹/B(a, b) on [0, 1], a and b the concentrations of 1 and of 0. */
export class Beta extends Distribution {
  readonly concentration1: Tensor;
  readonly concentration0: Tensor;

  constructor(concentration1: TensorLike, concentration0: TensorLike) {
    const [a, b] = parametersOf("Beta", {
      concentration1: [concentration1, "positive"],
      concentration0: [concentration0, "positive"],
    }) as [Tensor, Tensor];
    super(a.shape);
    [this.concentration1, this.concentration0] = [a, b];
  }
  get mean(): Tensor {
    return this.concentration1.div(this.concentration1.add(this.concentration0));
  }
  get variance(): Tensor {
    const total = this.concentration1.add(this.concentration0);
    return this.concentration1.mul(this.concentration0).div(total.square().mul(total.add(1)));
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Beta", value, this.concentration1);
    const inside = x.ge(0).and(x.le(1));
    const y = inside.where(x, 0.5);
    const [a, b] = [this.concentration1, this.concentration0];
    const log = xlogy(a.sub(1), y).add(xlogy(b.sub(1), y.neg().add(1)));
    return inside.where(log.sub(this.logNormalizer()), NEVER);
  }
  /** log B(a, b) */
  logNormalizer(): Tensor {
    const [a, b] = [this.concentration1, this.concentration0];
    return lgamma(a)
      .add(lgamma(b))
      .sub(lgamma(a.add(b)));
  }
  override entropy(): Tensor {
    const [a, b] = [this.concentration1, this.concentration0];
    const total = a.add(b);
    const own = a
      .sub(1)
      .mul(digamma(a))
      .add(b.sub(1).mul(digamma(b)));
    return this.logNormalizer()
      .sub(own)
      .add(total.sub(2).mul(digamma(total)));
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    const [one, zero] = split(key, 2) as [Tensor, Tensor];
    return logGammaVariate(one, this.concentration1, shape)
      .sub(logGammaVariate(zero, this.concentration0, shape))
      .sigmoid();
  }
}

/** Dirichlet distribution of points on the simplex, concentrations [..., K]. */
export class Dirichlet extends Distribution {
  readonly concentration: Tensor;

  constructor(concentration: TensorLike) {
    const [a] = parametersOf("Dirichlet", { concentration: [concentration, "positive"] }) as [Tensor];
    if (a.rank === 0) throw new RangeError(`Dirichlet: want concentrations [..., K], got ${formatShape(a.shape)}`);
    super(a.shape.slice(0, -1), a.shape.slice(-1));
    this.concentration = a;
  }
  get mean(): Tensor {
    return this.concentration.div(this.concentration.sum(-1, { keepDims: true }));
  }
  get variance(): Tensor {
    const total = this.concentration.sum(-1, { keepDims: true });
    return this.concentration.mul(total.sub(this.concentration)).div(total.square().mul(total.add(1)));
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Dirichlet", value, this.concentration);
    return xlogy(this.concentration.sub(1), x).sum(-1).sub(this.logNormalizer());
  }
  /** log Π Γ(aᵢ)/Γ(Σ aᵢ) */
  logNormalizer(): Tensor {
    return lgamma(this.concentration)
      .sum(-1)
      .sub(lgamma(this.concentration.sum(-1)));
  }
  override entropy(): Tensor {
    const a = this.concentration;
    const total = a.sum(-1);
    const own = a.sub(1).mul(digamma(a)).sum(-1);
    return this.logNormalizer()
      .add(total.sub(a.shape.at(-1)!).mul(digamma(total)))
      .sub(own);
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return dirichlet(key, this.concentration, [...shape, ...this.eventShape]);
  }
}
