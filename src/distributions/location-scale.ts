/** @file Distributions of a location and a scale: Normal, LogNormal, Laplace, Cauchy, Gumbel, Student's t, Uniform. */
import type { Shape } from "../base/shape.ts";
import { digamma, erfinv, lgamma } from "../math/pointwise.ts";
import { normal, split, uniform } from "../math/random.ts";
import { cauchy, gumbel, laplace, logGammaVariate } from "../math/samplers.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { besideOf, Distribution, parametersOf } from "./distribution.ts";

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const EULER = 0.5772156649015329;

/** loc + scale·z, z of a standard distribution. */
abstract class LocationScale extends Distribution {
  readonly loc: Tensor;
  readonly scale: Tensor;

  constructor(what: string, loc: TensorLike, scale: TensorLike) {
    const [l, s] = parametersOf(what, { loc: [loc, "any"], scale: [scale, "positive"] }) as [Tensor, Tensor];
    super(l.shape);
    [this.loc, this.scale] = [l, s];
  }

  get mean(): Tensor {
    return this.loc;
  }

  /** (value - loc)/scale */
  protected standard(value: TensorLike): Tensor {
    return besideOf(this.constructor.name, value, this.loc).sub(this.loc).div(this.scale);
  }

  protected draw(key: Tensor, shape: Shape): Tensor {
    return this.loc.add(this.scale.mul(this.noise(key, shape)));
  }

  protected abstract noise(key: Tensor, shape: Shape): Tensor;
}

/** Normal distribution N(loc, scale²). */
export class Normal extends LocationScale {
  constructor(loc: TensorLike = 0, scale: TensorLike = 1) {
    super("Normal", loc, scale);
  }
  get variance(): Tensor {
    return this.scale.square();
  }
  logProb(value: TensorLike): Tensor {
    return this.standard(value).square().mul(-0.5).sub(this.scale.log()).sub(HALF_LOG_TWO_PI);
  }
  override entropy(): Tensor {
    return this.scale.log().add(0.5 + HALF_LOG_TWO_PI);
  }
  /** P(X <= value) */
  cdf(value: TensorLike): Tensor {
    return this.standard(value).mul(Math.SQRT1_2).erf().add(1).mul(0.5);
  }
  /** The value below which a share p lies. */
  icdf(p: TensorLike): Tensor {
    return this.loc.add(this.scale.mul(erfinv(besideOf("Normal", p, this.loc).mul(2).sub(1)).mul(Math.SQRT2)));
  }
  protected noise(key: Tensor, shape: Shape): Tensor {
    return normal(key, shape, { dtype: this.loc.dtype });
  }
}

/** Distribution of eˣ for x from N(loc, scale²). */
export class LogNormal extends Distribution {
  readonly base: Normal;

  constructor(loc: TensorLike = 0, scale: TensorLike = 1) {
    const base = new Normal(loc, scale);
    super(base.batchShape);
    this.base = base;
  }
  get mean(): Tensor {
    return this.base.loc.add(this.base.variance.mul(0.5)).exp();
  }
  get variance(): Tensor {
    const s2 = this.base.variance;
    return s2.expm1().mul(this.base.loc.mul(2).add(s2).exp());
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("LogNormal", value, this.base.loc);
    const inside = x.gt(0);
    const log = inside.where(x, 1).log();
    return inside.where(this.base.logProb(log).sub(log), Number.NEGATIVE_INFINITY);
  }
  override entropy(): Tensor {
    return this.base.entropy().add(this.base.loc);
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return this.base.rsample(shape.slice(0, shape.length - this.batchShape.length), { key }).exp();
  }
}

/** Laplace distribution: density e^(-|x - loc|/scale)/(2 scale). */
export class Laplace extends LocationScale {
  constructor(loc: TensorLike = 0, scale: TensorLike = 1) {
    super("Laplace", loc, scale);
  }
  get variance(): Tensor {
    return this.scale.square().mul(2);
  }
  logProb(value: TensorLike): Tensor {
    return this.standard(value).abs().neg().sub(this.scale.mul(2).log());
  }
  override entropy(): Tensor {
    return this.scale.mul(2).log().add(1);
  }
  protected noise(key: Tensor, shape: Shape): Tensor {
    return laplace(key, shape, { dtype: this.loc.dtype });
  }
}

/** Cauchy distribution: density 1/(π scale (1 + z²)). It has neither mean nor variance (NaN). */
export class Cauchy extends LocationScale {
  constructor(loc: TensorLike = 0, scale: TensorLike = 1) {
    super("Cauchy", loc, scale);
  }
  override get mean(): Tensor {
    return this.loc.like(Number.NaN);
  }
  get variance(): Tensor {
    return this.loc.like(Number.NaN);
  }
  logProb(value: TensorLike): Tensor {
    return this.standard(value).square().log1p().neg().sub(this.scale.log()).sub(Math.log(Math.PI));
  }
  override entropy(): Tensor {
    return this.scale.log().add(Math.log(4 * Math.PI));
  }
  protected noise(key: Tensor, shape: Shape): Tensor {
    return cauchy(key, shape, { dtype: this.loc.dtype });
  }
}

/** Gumbel distribution: P(X <= x) = exp(-e^(-(x - loc)/scale)). */
export class Gumbel extends LocationScale {
  constructor(loc: TensorLike = 0, scale: TensorLike = 1) {
    super("Gumbel", loc, scale);
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.mul(EULER));
  }
  get variance(): Tensor {
    return this.scale.square().mul(Math.PI ** 2 / 6);
  }
  logProb(value: TensorLike): Tensor {
    const z = this.standard(value).neg();
    return z.sub(z.exp()).sub(this.scale.log());
  }
  override entropy(): Tensor {
    return this.scale.log().add(1 + EULER);
  }
  protected noise(key: Tensor, shape: Shape): Tensor {
    return gumbel(key, shape, { dtype: this.loc.dtype });
  }
}

/** Student's t with `df` degrees of freedom. */
export class StudentT extends Distribution {
  readonly df: Tensor;
  readonly loc: Tensor;
  readonly scale: Tensor;

  constructor(df: TensorLike, loc: TensorLike = 0, scale: TensorLike = 1) {
    const [d, l, s] = parametersOf("StudentT", { df: [df, "positive"], loc: [loc, "any"], scale: [scale, "positive"] }) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    super(d.shape);
    [this.df, this.loc, this.scale] = [d, l, s];
  }
  /** NaN for df <= 1. */
  get mean(): Tensor {
    return this.df.gt(1).where(this.loc, Number.NaN);
  }
  /** Infinite for df <= 2, NaN for df <= 1. */
  get variance(): Tensor {
    const finite = this.df.gt(2);
    const value = this.scale.square().mul(this.df.div(finite.where(this.df.sub(2), 1)));
    return this.df.gt(1).where(finite.where(value, Number.POSITIVE_INFINITY), Number.NaN);
  }
  logProb(value: TensorLike): Tensor {
    const z = besideOf("StudentT", value, this.loc).sub(this.loc).div(this.scale);
    const half = this.df.add(1).mul(0.5);
    const constant = lgamma(half)
      .sub(lgamma(this.df.mul(0.5)))
      .sub(this.df.mul(Math.PI).log().mul(0.5))
      .sub(this.scale.log());
    return constant.sub(half.mul(z.square().div(this.df).log1p()));
  }
  override entropy(): Tensor {
    const [half, own] = [this.df.add(1).mul(0.5), this.df.mul(0.5)];
    const logBeta = lgamma(own)
      .add(0.5 * Math.log(Math.PI))
      .sub(lgamma(half));
    return half
      .mul(digamma(half).sub(digamma(own)))
      .add(this.df.log().mul(0.5))
      .add(logBeta)
      .add(this.scale.log());
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    const [a, b] = split(key, 2) as [Tensor, Tensor];
    // z/√(χ²/df), with the logarithm of χ²/2 a gamma variate's.
    const half = logGammaVariate(a, this.df.mul(0.5), shape).sub(this.df.mul(0.5).log());
    return this.loc.add(this.scale.mul(normal(b, shape, { dtype: this.loc.dtype })).mul(half.mul(-0.5).exp()));
  }
}

/** Uniform distribution on [low, high). */
export class Uniform extends Distribution {
  readonly low: Tensor;
  readonly high: Tensor;

  constructor(low: TensorLike = 0, high: TensorLike = 1) {
    const [l, h] = parametersOf("Uniform", { low: [low, "any"], high: [high, "any"] }) as [Tensor, Tensor];
    super(l.shape);
    [this.low, this.high] = [l, h];
  }
  get mean(): Tensor {
    return this.low.add(this.high).mul(0.5);
  }
  get variance(): Tensor {
    return this.high.sub(this.low).square().div(12);
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Uniform", value, this.low);
    return x.ge(this.low).and(x.lt(this.high)).where(this.entropy().neg(), Number.NEGATIVE_INFINITY);
  }
  override entropy(): Tensor {
    return this.high.sub(this.low).log();
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return this.low.add(this.high.sub(this.low).mul(uniform(key, shape, { dtype: this.low.dtype })));
  }
}
