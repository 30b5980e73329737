/**
 * @file What all losses share: how their terms become one number. A mean is a sum over a divisor, and the divisor is not always the number of
 * terms: ignored targets do not count, class weights and sample weights count as what they are. A loss that was reduced knows its divisor
 * (`lossParts`), so that means over parts of a batch can be put together to the mean over all of it.
 */

import { check, oneOf, shown } from "../base/check.ts";
import { formatShape, sameShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { Tensor, type TensorLike } from "../ops/tensor.ts";

/** The mean of all terms, their sum, or the terms as they are. */
export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  /** The mean over all terms (the default), their sum, or the terms. */
  readonly reduction?: Reduction;
  /**
   * Weight of each term, with the terms' first axes: [N] weighs examples, also of losses of several terms each. The mean divides by the sum of
   * the weights. What weighs 0 (or false: a mask) is left out, whatever its value. Default: every term weighs 1.
   */
  readonly sampleWeight?: TensorLike;
}

/** A loss as a fraction, each part a scalar. Over the parts of a batch both add up. */
export interface LossParts {
  /** The sum of the terms. */
  readonly sum: Tensor;
  /** What a mean divides it by: the number of terms, or the sum of their weights. Absent if the loss is the sum (`reduction: "sum"`). */
  readonly divisor?: Tensor | number;
}

const reduction = oneOf("mean", "sum", "none");

/** Divisors of losses that are sums. */
const SUM = Symbol("sum");
type Divisor = Tensor | number | typeof SUM;
const divisors: WeakMap<Tensor, Divisor> = new WeakMap();

function known(loss: Tensor, divisor: Divisor): Tensor {
  divisors.set(loss, divisor);
  return loss;
}

/** Terms to one number. `weights` are those that the terms carry already, for the mean to divide by. */
export function reduceTerms(terms: Tensor, options: LossOptions, weights?: Tensor): Tensor {
  const { reduction: how = "mean", sampleWeight } = options;
  check("loss: reduction", how, reduction);
  const own = sampleWeight === undefined ? undefined : alongTerms(terms, sampleWeight);
  const weighted = own ? own.eq(0).where(0, terms.mul(own)) : terms;
  if (how === "none") return weighted;
  if (how === "sum") return known(weighted.sum(), SUM);
  const all = own && weights ? own.mul(weights) : (own ?? weights);
  return all ? ratio(weighted.sum(), all.sum()) : known(weighted.mean(), weighted.size);
}

/** sum/divisor, NaN (with derivative 0) for 0/0: the mean of no terms at all. */
function ratio(sum: Tensor, divisor: Tensor): Tensor {
  const none = divisor.eq(0);
  return known(none.where(Number.NaN, sum.div(none.where(1, divisor))), divisor);
}

function alongTerms(terms: Tensor, weight: TensorLike): Tensor {
  const w = terms.operand(weight).cast(terms.dtype);
  const fits = w.rank <= terms.rank && w.shape.every((d, i) => d === 1 || d === terms.shape[i]);
  if (!fits)
    throw new RangeError(`loss: sampleWeight ${formatShape(w.shape)} must have the first axes of the terms, ${formatShape(terms.shape)}`);
  return w.reshape([...w.shape, ...terms.shape.slice(w.rank).map(() => 1)]).broadcastTo(terms.shape);
}

/** Through these a loss may go (times a factor, plus a penalty) and still be a mean over the same terms. */
const LINEAR = new Set(["add", "sub", "neg", "mul", "div", "cast", "reshape", "broadcast", "identity"]);

function divisorsIn(x: Tensor): Divisor[] {
  const divisor = divisors.get(x);
  if (divisor !== undefined) return [divisor];
  const { op, operands } = x.source;
  return x.size === 1 && LINEAR.has(op.name) ? operands.flatMap((y) => (y instanceof Tensor ? divisorsIn(y) : [])) : [];
}

/**
 * The sum and the divisor of a loss that a loss function has just given, also times a factor or plus a penalty. Terms that were not reduced are
 * a mean over them. Undefined if there is no one divisor: the loss was computed in another way, or adds up terms of several divisors.
 */
export function lossParts(loss: Tensor): LossParts | undefined {
  checkTensors("lossParts", { loss });
  if (!(loss instanceof Tensor)) throw new TypeError(`lossParts: want a loss, a tensor, got ${shown(loss)}`);
  if (loss.size !== 1) return { sum: loss.sum(), divisor: loss.size };
  const [divisor, ...others] = new Set(divisorsIn(loss));
  if (divisor === undefined || others.length > 0) return undefined;
  if (divisor === SUM) return { sum: loss };
  const sum = loss.mul(divisor);
  return { sum: divisor instanceof Tensor ? divisor.eq(0).where(0, sum) : sum, divisor };
}

/** Whether a loss adds up terms whose divisors depend on data in different ways, so that it is no mean over anything. */
export function isMixed(loss: Tensor): boolean {
  const all = new Set(divisorsIn(loss));
  return all.size > 1 && [...all].some((divisor) => typeof divisor !== "number");
}

/** Broadcasting [N, 1] against [N] would give N² terms without a word; so shapes must be equal. */
export function checkSameShape(loss: string, x: Tensor, target: Tensor): void {
  checkTensors(loss, { predictions: x, targets: target });
  if (!sameShape(x.shape, target.shape)) {
    throw new RangeError(
      `${loss}: predictions ${formatShape(x.shape)} and targets ${formatShape(target.shape)} must have the same shape; use reshape`,
    );
  }
}
