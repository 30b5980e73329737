/**
 * @file What probability distributions share. Parameters broadcast to the batch shape; one draw has the event shape. What is outside of the support has the
 * log-probability -∞.
 */
import { type Checks, checkOptions, shown } from "../base/check.ts";
import { broadcastShapes, formatShape, type Shape } from "../base/shape.ts";
import { aTensor } from "../math/options.ts";
import { randomKey } from "../math/random.ts";
import { floating, tensor } from "../ops/create.ts";
import { elementsOf, Tensor, type TensorLike } from "../ops/tensor.ts";

export interface SampleOptions {
  /** Random key. Default: the next of the implicit stream. */
  readonly key?: Tensor;
}

const SAMPLE_OPTIONS: Checks<SampleOptions> = { key: aTensor };

/** A probability distribution, or a batch of them. */
export abstract class Distribution {
  /** Shape of the parameters: one distribution for each element. */
  readonly batchShape: Shape;
  /** Shape of one draw: [] for numbers. */
  readonly eventShape: Shape;

  constructor(batchShape: Shape, eventShape: Shape = []) {
    this.batchShape = batchShape;
    this.eventShape = eventShape;
  }

  abstract get mean(): Tensor;
  abstract get variance(): Tensor;

  /** √ of the variance. */
  get stddev(): Tensor {
    return this.variance.sqrt();
  }

  /** Logarithm of the probability (density) of values, whose last axes are the batch and event shapes. */
  abstract logProb(value: TensorLike): Tensor;

  /** Differential entropy, or entropy of what is discrete, in nats. @throws {Error} where there is no closed form. */
  entropy(): Tensor {
    throw new Error(`${this.constructor.name}: the entropy has no closed form; take the mean of -logProb(sample([n]))`);
  }

  /** Draws of shape [...shape, ...batchShape, ...eventShape]; constants to every derivative. */
  sample(shape: Shape = [], options: SampleOptions = {}): Tensor {
    checkOptions(`${this.constructor.name}.sample`, options, SAMPLE_OPTIONS);
    return this.draw(options.key ?? randomKey(), [...shape, ...this.batchShape]).stopGradient();
  }

  /** {@link sample} with its derivative by the parameters. @throws {Error} where draws are no smooth function of them. */
  rsample(shape: Shape = [], options: SampleOptions = {}): Tensor {
    checkOptions(`${this.constructor.name}.rsample`, options, SAMPLE_OPTIONS);
    if (!this.isReparameterized)
      throw new Error(
        `${this.constructor.name}: draws are no smooth function of the parameters; use sample and logProb (the score function)`,
      );
    return this.draw(options.key ?? randomKey(), [...shape, ...this.batchShape]);
  }

  /** Whether draws have a derivative by the parameters. */
  get isReparameterized(): boolean {
    return true;
  }

  /** Draws [...shape, ...eventShape]; `shape` ends in the batch shape. */
  protected abstract draw(key: Tensor, shape: Shape): Tensor;

  toString(): string {
    return `${this.constructor.name}(batch ${formatShape(this.batchShape)}${this.eventShape.length ? `, event ${formatShape(this.eventShape)}` : ""})`;
  }
}

/** A value as a tensor beside a parameter. */
export function besideOf(what: string, value: TensorLike, beside: Tensor): Tensor {
  if (typeof value !== "number" && !(value instanceof Tensor))
    throw new TypeError(`${what}: want a tensor or a number, got ${shown(value)}`);
  const x = beside.operand(value);
  return x.dtype === beside.dtype ? x : x.cast(beside.dtype);
}

/** What a parameter must be. */
export type Domain = "any" | "positive" | "probability";

const DOMAINS: Readonly<Record<Domain, { want: string; holds: (x: number) => boolean }>> = {
  any: { want: "a number", holds: (x) => !Number.isNaN(x) },
  positive: { want: "a number above 0", holds: (x) => x > 0 },
  probability: { want: "a number from 0 to 1", holds: (x) => x >= 0 && x <= 1 },
};

/** Parameters as floats of one shape and dtype. @throws {RangeError} if one whose value is known is not in its domain. */
export function parametersOf(what: string, given: Readonly<Record<string, readonly [TensorLike, Domain]>>): Tensor[] {
  const list = Object.entries(given).map(([name, [value, domain]]) => {
    if (typeof value === "number" || value instanceof Tensor || (value as { value?: unknown } | undefined)?.value instanceof Tensor) {
      const x = typeof value === "number" ? tensor(value) : value instanceof Tensor ? value : value.value;
      checkDomain(`${what}: ${name}`, x, domain);
      return { x: floating(x), isNumber: typeof value === "number" };
    }
    throw new TypeError(`${what}: ${name} must be a tensor or a number, got ${shown(value)}`);
  });
  const dtype = list.some(({ x, isNumber }) => !isNumber && x.dtype === "f64") ? "f64" : "f32";
  const shape = list.reduce<number[] | null>((all, { x }) => all && broadcastShapes(all, x.shape), []);
  if (!shape) throw new RangeError(`${what}: parameters ${list.map(({ x }) => formatShape(x.shape)).join(", ")} do not broadcast`);
  // A number keeps its digits in f64.
  return list.map(({ x, isNumber }, i) => {
    const own = isNumber && dtype === "f64" ? tensor(Object.values(given)[i]![0] as number, { dtype }) : x.cast(dtype);
    return own.broadcastTo(shape);
  });
}

export function checkDomain(what: string, x: Tensor, domain: Domain): void {
  if (!x.isComputed || domain === "any") return;
  const { want, holds } = DOMAINS[domain];
  const wrong = elementsOf(x).findIndex((value) => !holds(value));
  if (wrong >= 0) throw new RangeError(`${what} must be ${want}, got ${elementsOf(x)[wrong]}`);
}

/** Exactly one of probabilities and logits. */
export interface ProbsOrLogits {
  /** Probabilities. */
  readonly probs?: TensorLike;
  /** Their logits, log p/(1 - p); of classes logarithms up to a constant. */
  readonly logits?: TensorLike;
}

/** @throws {TypeError} unless one of the two is given. */
export function oneOfTwo(what: string, options: ProbsOrLogits): "probs" | "logits" {
  if ((options.probs === undefined) === (options.logits === undefined))
    throw new TypeError(`${what}: want either { probs } or { logits }, got ${shown(options)}`);
  return options.probs === undefined ? "logits" : "probs";
}

/** log(1 + eˣ), without overflow. */
export const softplus = (x: Tensor): Tensor => x.maximum(0).add(x.abs().neg().exp().log1p());
