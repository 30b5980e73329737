/** @file Distributions of vectors: the multivariate normal, and any batch taken as one draw. */
import { type Checks, check, checkOptions, naturalNumber, shown } from "../base/check.ts";
import { formatShape, type Shape } from "../base/shape.ts";
import { cholesky, diagonal, inverse, matrixTranspose, solveTriangular } from "../math/linalg.ts";
import { anOperand } from "../math/options.ts";
import { normal } from "../math/random.ts";
import { floating, tensor } from "../ops/create.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { besideOf, Distribution, type SampleOptions } from "./distribution.ts";

/** Exactly one of the three. */
export interface CovarianceOptions {
  /** Covariance matrices [..., d, d], positive definite. */
  readonly covariance?: TensorLike;
  /** Their inverses. */
  readonly precision?: TensorLike;
  /** Their lower Cholesky factors. */
  readonly scaleTril?: TensorLike;
}

const COVARIANCE_OPTIONS: Checks<CovarianceOptions> = { covariance: anOperand, precision: anOperand, scaleTril: anOperand };

/** Multivariate normal distribution N(loc, covariance) of vectors of length d. */
export class MultivariateNormal extends Distribution {
  readonly loc: Tensor;
  /** The lower Cholesky factor of the covariance, [..., d, d]. */
  readonly scaleTril: Tensor;

  constructor(loc: TensorLike, options: CovarianceOptions) {
    checkOptions("MultivariateNormal", options, COVARIANCE_OPTIONS);
    const given = Object.entries(options).filter(([, value]) => value !== undefined) as [keyof CovarianceOptions, TensorLike][];
    if (given.length !== 1)
      throw new TypeError(`MultivariateNormal: want one of covariance, precision and scaleTril, got ${shown(options)}`);
    const [kind, matrix] = given[0]!;
    const m = floating(tensor(0).operand(matrix));
    const l = factorOf(kind, m);
    const center = m.operand(typeof loc === "number" ? loc : tensor(0).operand(loc)).cast(m.dtype);
    const d = l.shape.at(-1)!;
    const mean = center.broadcastTo(lead(center, l, d));
    super(mean.shape.slice(0, -1), [d]);
    this.loc = mean;
    this.scaleTril = l.broadcastTo([...this.batchShape, d, d]);
  }
  get mean(): Tensor {
    return this.loc;
  }
  /** Of each coordinate. */
  get variance(): Tensor {
    return this.scaleTril.square().sum(-1);
  }
  get covariance(): Tensor {
    return this.scaleTril.matmul(matrixTranspose(this.scaleTril));
  }
  /** ½ log det of the covariance. */
  get halfLogDet(): Tensor {
    return diagonal(this.scaleTril).log().sum(-1);
  }
  logProb(value: TensorLike): Tensor {
    const apart = besideOf("MultivariateNormal", value, this.loc).sub(this.loc);
    const l = this.scaleTril.broadcastTo([...apart.shape, apart.shape.at(-1)!]);
    const z = solveTriangular(l, apart.unsqueeze(-1)).squeeze(-1);
    const d = this.eventShape[0]!;
    return z
      .square()
      .sum(-1)
      .mul(-0.5)
      .sub(this.halfLogDet)
      .sub(0.5 * d * Math.log(2 * Math.PI));
  }
  override entropy(): Tensor {
    return this.halfLogDet.add(0.5 * this.eventShape[0]! * (1 + Math.log(2 * Math.PI)));
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    const z = normal(key, [...shape, ...this.eventShape], { dtype: this.loc.dtype });
    return this.loc.add(this.scaleTril.matmul(z.unsqueeze(-1)).squeeze(-1));
  }
}

function factorOf(kind: keyof CovarianceOptions, m: Tensor): Tensor {
  if (m.rank < 2 || m.shape.at(-1) !== m.shape.at(-2))
    throw new RangeError(`MultivariateNormal: ${kind} must be square matrices, got ${formatShape(m.shape)}`);
  if (kind === "scaleTril") return m;
  return cholesky(kind === "covariance" ? m : inverse(m));
}

/** The shape of locations for factors [..., d, d]. */
function lead(loc: Tensor, l: Tensor, d: number): Shape {
  const vector = loc.rank === 0 ? [d] : loc.shape;
  const batch = l.shape.slice(0, -2);
  if (vector.at(-1) !== d)
    throw new RangeError(`MultivariateNormal: loc ${formatShape(loc.shape)} does not fit matrices ${formatShape(l.shape)}`);
  return batch.length >= vector.length ? [...batch, d] : vector;
}

/** A batch of distributions as one of arrays: the last `axes` axes of the batch become part of a draw. */
export class Independent extends Distribution {
  readonly base: Distribution;
  readonly axes: number;

  constructor(base: Distribution, axes: number) {
    if (!(base instanceof Distribution)) throw new TypeError(`Independent: want a distribution, got ${shown(base)}`);
    check("Independent: axes", axes, naturalNumber);
    const kept = base.batchShape.length - axes;
    if (kept < 0) throw new RangeError(`Independent: there are not ${axes} axes in the batch ${formatShape(base.batchShape)}`);
    super(base.batchShape.slice(0, kept), [...base.batchShape.slice(kept), ...base.eventShape]);
    [this.base, this.axes] = [base, axes];
  }
  get mean(): Tensor {
    return this.base.mean;
  }
  get variance(): Tensor {
    return this.base.variance;
  }
  override get isReparameterized(): boolean {
    return this.base.isReparameterized;
  }
  #sum(x: Tensor): Tensor {
    return x.sum(Array.from({ length: this.axes }, (_, i) => i - this.axes));
  }
  logProb(value: TensorLike): Tensor {
    return this.#sum(this.base.logProb(value));
  }
  override entropy(): Tensor {
    return this.#sum(this.base.entropy());
  }
  protected draw(key: Tensor, shape: Shape): Tensor {
    const options: SampleOptions = { key };
    const more = shape.slice(0, shape.length - this.batchShape.length);
    return this.isReparameterized ? this.base.rsample(more, options) : this.base.sample(more, options);
  }
}
