/** @file Distributions of counts and classes: Bernoulli, Categorical, Binomial, Multinomial, Geometric, Poisson. */
import { type Checks, check, checkOptions, naturalNumber } from "../base/check.ts";
import { formatShape, type Shape } from "../base/shape.ts";
import { xlog1py, xlogy } from "../math/arithmetic.ts";
import { anOperand } from "../math/options.ts";
import { lgamma } from "../math/pointwise.ts";
import { split, uniform } from "../math/random.ts";
import { binomial, categorical, geometric, poisson } from "../math/samplers.ts";
import { logSoftmax } from "../math/softmax.ts";
import { arange } from "../ops/create.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { besideOf, checkDomain, Distribution, oneOfTwo, type ProbsOrLogits, parametersOf, softplus } from "./distribution.ts";

const NEVER = Number.NEGATIVE_INFINITY;
const CHOICE: Checks<ProbsOrLogits> = { probs: anOperand, logits: anOperand };

abstract class Discrete extends Distribution {
  override get isReparameterized(): boolean {
    return false;
  }
}

const isCount = (x: Tensor): Tensor => x.ge(0).and(x.eq(x.floor()));

/** A chance of success, given as a probability or as its logit. */
abstract class Chance extends Discrete {
  readonly probs: Tensor;
  /** What was given: its logarithms lose nothing. */
  readonly logits: Tensor | undefined;

  constructor(what: string, options: ProbsOrLogits) {
    checkOptions(what, options, CHOICE);
    const kind = oneOfTwo(what, options);
    const [given] = parametersOf(what, { [kind]: [options[kind]!, kind === "probs" ? "probability" : "any"] }) as [Tensor];
    super(given.shape);
    this.logits = kind === "logits" ? given : undefined;
    this.probs = kind === "logits" ? given.sigmoid() : given;
  }

  /** a·log p + b·log(1 - p), 0 for factors of 0. */
  protected logs(a: Tensor, b: Tensor): Tensor {
    if (!this.logits) return xlogy(a, this.probs).add(xlog1py(b, this.probs.neg()));
    return a.mul(softplus(this.logits.neg()).neg()).sub(b.mul(softplus(this.logits)));
  }
}

/** 1 with probability p, else 0. */
export class Bernoulli extends Chance {
  constructor(options: ProbsOrLogits) {
    super("Bernoulli", options);
  }
  get mean(): Tensor {
    return this.probs;
  }
  get variance(): Tensor {
    return this.probs.mul(this.probs.neg().add(1));
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Bernoulli", value, this.probs);
    const inside = x.eq(0).or(x.eq(1));
    const y = inside.where(x, 0);
    return inside.where(this.logs(y, y.neg().add(1)), NEVER);
  }
  override entropy(): Tensor {
    return this.logs(this.probs, this.probs.neg().add(1)).neg();
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return uniform(key, shape).lt(this.probs).cast(this.probs.dtype);
  }
}

/** Successes in `totalCount` trials with probability p. */
export class Binomial extends Chance {
  readonly totalCount: number;

  constructor(totalCount: number, options: ProbsOrLogits) {
    check("Binomial: totalCount", totalCount, naturalNumber);
    super("Binomial", options);
    this.totalCount = totalCount;
  }
  get mean(): Tensor {
    return this.probs.mul(this.totalCount);
  }
  get variance(): Tensor {
    return this.mean.mul(this.probs.neg().add(1));
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Binomial", value, this.probs);
    const inside = isCount(x).and(x.le(this.totalCount));
    const k = inside.where(x, 0);
    const rest = k.neg().add(this.totalCount);
    const ways = lgamma(k.like(this.totalCount + 1))
      .sub(lgamma(k.add(1)))
      .sub(lgamma(rest.add(1)));
    return inside.where(ways.add(this.logs(k, rest)), NEVER);
  }
  /** By the sum over all counts. */
  override entropy(): Tensor {
    const n = this.totalCount + 1;
    const counts = arange(n)
      .cast(this.probs.dtype)
      .reshape([n, ...this.batchShape.map(() => 1)]);
    const log = this.logProb(counts.broadcastTo([n, ...this.batchShape]));
    const possible = log.gt(NEVER);
    return possible
      .where(log.exp().mul(possible.where(log, 0)), 0)
      .sum(0)
      .neg();
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return binomial(key, this.totalCount, this.probs, shape);
  }
}

/** Failures before the first success with probability p > 0. */
export class Geometric extends Chance {
  constructor(options: ProbsOrLogits) {
    super("Geometric", options);
  }
  get mean(): Tensor {
    return this.probs.recip().sub(1);
  }
  get variance(): Tensor {
    return this.mean.div(this.probs);
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Geometric", value, this.probs);
    const inside = isCount(x);
    const k = inside.where(x, 0);
    return inside.where(this.logs(k.like(1), k), NEVER);
  }
  override entropy(): Tensor {
    return this.logs(this.probs, this.probs.neg().add(1)).neg().div(this.probs);
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return geometric(key, this.probs, shape);
  }
}

/** Classes with probabilities, weights that need not add up to 1, or logits, in the last axis. */
abstract class Classes extends Discrete {
  /** Logarithms of the probabilities, [..., K]. */
  readonly logits: Tensor;
  readonly probs: Tensor;

  constructor(what: string, options: ProbsOrLogits, event: (classes: number) => Shape) {
    checkOptions(what, options, CHOICE);
    const kind = oneOfTwo(what, options);
    const [given] = parametersOf(what, { [kind]: [options[kind]!, "any"] }) as [Tensor];
    if (given.rank === 0) throw new RangeError(`${what}: want ${kind} [..., classes], got ${formatShape(given.shape)}`);
    super(given.shape.slice(0, -1), event(given.shape.at(-1)!));
    if (kind === "logits") {
      this.logits = logSoftmax(given, -1);
      this.probs = this.logits.exp();
    } else {
      const total = given.sum(-1, { keepDims: true });
      checkDomain(`${what}: the sum of probs`, total, "positive");
      this.probs = given.div(total);
      this.logits = this.probs.log();
    }
  }

  /** Σ p log p over classes. */
  protected get negentropy(): Tensor {
    return xlogy(this.probs, this.probs).sum(-1);
  }
}

/** One of K classes (i32). Mean and variance are NaN: classes are no numbers. */
export class Categorical extends Classes {
  constructor(options: ProbsOrLogits) {
    super("Categorical", options, () => []);
  }
  get mean(): Tensor {
    return this.negentropy.like(Number.NaN);
  }
  get variance(): Tensor {
    return this.mean;
  }
  logProb(value: TensorLike): Tensor {
    const k = this.logits.shape.at(-1)!;
    const x = this.logits.operand(value);
    const index = x.cast("i32").unsqueeze(-1);
    const lead = x.shape.length > this.batchShape.length ? x.shape : this.batchShape;
    const rows = this.logits.broadcastTo([...lead, k]);
    const inside = index
      .ge(0)
      .and(index.lt(k))
      .squeeze(-1)
      .and(x.eq(x.cast("i32").cast(x.dtype)));
    const chosen = rows.takeAlongInside(index.clamp(0, k - 1).broadcastTo([...lead, 1]), -1).squeeze(-1);
    return inside.where(chosen, NEVER);
  }
  override entropy(): Tensor {
    return this.negentropy.neg();
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return categorical(key, this.logits, shape);
  }
}

/** How often each of K classes comes in `totalCount` draws: [..., K]. */
export class Multinomial extends Classes {
  readonly totalCount: number;

  constructor(totalCount: number, options: ProbsOrLogits) {
    check("Multinomial: totalCount", totalCount, naturalNumber);
    super("Multinomial", options, (k) => [k]);
    this.totalCount = totalCount;
  }
  get mean(): Tensor {
    return this.probs.mul(this.totalCount);
  }
  get variance(): Tensor {
    return this.mean.mul(this.probs.neg().add(1));
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Multinomial", value, this.probs);
    const inside = isCount(x).all(-1).and(x.sum(-1).eq(this.totalCount));
    const counts = isCount(x).where(x, 0);
    const ways = lgamma(counts.sum(-1).like(this.totalCount + 1)).sub(lgamma(counts.add(1)).sum(-1));
    return inside.where(ways.add(xlogy(counts, this.probs).sum(-1)), NEVER);
  }
  /** -log n! - n Σ p log p + Σ over classes of the mean of log x! under Binomial(n, p). */
  override entropy(): Tensor {
    const n = this.totalCount;
    const counts = arange(n + 1)
      .cast(this.probs.dtype)
      .reshape([n + 1, ...this.probs.shape.map(() => 1)])
      .broadcastTo([n + 1, ...this.probs.shape]);
    const each = new Binomial(n, { probs: this.probs })
      .logProb(counts)
      .exp()
      .mul(lgamma(counts.add(1)))
      .sum(0)
      .sum(-1);
    return each.sub(this.negentropy.mul(n)).sub(lgamma(each.like(n + 1)));
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    const k = this.eventShape[0]!;
    const draws = categorical(key, this.logits, [this.totalCount, ...shape]);
    return draws.oneHot(k, this.probs.dtype).sum(0);
  }
}

/** Poisson distribution of counts with a rate, its mean and variance. */
export class Poisson extends Discrete {
  readonly rate: Tensor;

  constructor(rate: TensorLike) {
    const [r] = parametersOf("Poisson", { rate: [rate, "any"] }) as [Tensor];
    super(r.shape);
    checkDomain("Poisson: rate + 1", r.add(1), "positive");
    this.rate = r;
  }
  get mean(): Tensor {
    return this.rate;
  }
  get variance(): Tensor {
    return this.rate;
  }
  logProb(value: TensorLike): Tensor {
    const x = besideOf("Poisson", value, this.rate);
    const inside = isCount(x);
    const k = inside.where(x, 0);
    return inside.where(
      xlogy(k, this.rate)
        .sub(this.rate)
        .sub(lgamma(k.add(1))),
      NEVER,
    );
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    return poisson(split(key, 1)[0]!, this.rate, shape);
  }
}
