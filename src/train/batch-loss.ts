/**
 * @file The loss of one batch as training uses it. Means over batches can only be put together if each says what it was divided by; a loss
 * function's result does (`lossParts`), and a loss of one's own can return `{ sum, divisor }`.
 */
import { shown } from "../base/check.ts";
import { wholeBatch } from "../function/shards.ts";
import { isMixed, type LossParts, lossParts } from "../math/reduction.ts";
import { Tensor } from "../ops/tensor.ts";

/** What a loss may give: a scalar, terms that are averaged, or a sum with its divisor. */
export type LossResult = Tensor | LossParts;

/** The loss of a batch. */
export interface BatchLoss extends LossParts {
  /** What is minimized: the mean (0 where nothing counts), or the sum. */
  readonly value: Tensor;
  /** Examples in the batch. */
  readonly examples: number;
  /** Whether its terms are divided by different numbers, so that `divisor` (the examples) is a guess. */
  readonly mixed: boolean;
}

/** A loss that knows no divisor is taken for a mean over the examples. @throws {TypeError} for what is no loss. */
export function batchLoss(result: LossResult, examples: number): BatchLoss {
  if (result instanceof Tensor) return ofTensor(result, examples);
  const { sum, divisor } = checkParts(result);
  const value = divisor === undefined ? sum : typeof divisor === "number" ? sum.div(divisor) : safeRatio(sum, divisor);
  return { sum, divisor, value, examples, mixed: false };
}

function ofTensor(loss: Tensor, examples: number): BatchLoss {
  const parts = lossParts(loss) ?? { sum: loss.mul(examples), divisor: examples };
  const { divisor } = parts;
  const scalar = loss.size === 1 ? loss.reshape([]) : loss.mean();
  const value = divisor instanceof Tensor ? divisor.eq(0).where(0, scalar) : scalar;
  return { ...parts, sum: parts.sum.reshape([]), value, examples, mixed: isMixed(loss) };
}

function safeRatio(sum: Tensor, divisor: Tensor): Tensor {
  const none = divisor.eq(0);
  return none.where(0, sum.div(none.where(1, divisor.cast(sum.dtype))));
}

function checkParts(result: unknown): LossParts {
  const { sum, divisor } = (result ?? {}) as Partial<LossParts>;
  const fits = (x: unknown): boolean => x instanceof Tensor && x.size === 1;
  if (!fits(sum) || !(divisor === undefined || fits(divisor) || (typeof divisor === "number" && divisor > 0)))
    throw new TypeError(`loss: must give a tensor, or { sum, divisor } of scalars, got ${shown(result)}`);
  return { sum: sum!.reshape([]), divisor: divisor instanceof Tensor ? divisor.reshape([]) : divisor };
}

/**
 * The part that a shard has in the loss of its batch: its sum over the divisor of all shards. The parts add up to the loss, and their gradients to its
 * gradient. Without shards, the loss itself.
 */
export function ofWholeBatch(own: BatchLoss): BatchLoss {
  const batch = wholeBatch();
  const { sum, divisor } = own;
  if (!batch || divisor === undefined) return own;
  if (typeof divisor === "number") return { ...own, divisor: divisor * batch.ratio, value: sum.div(divisor * batch.ratio) };
  const all = batch.sums([divisor])[0];
  return { ...own, divisor: all, value: safeRatio(sum, all) };
}

/** @throws {TypeError} for a loss whose parts cannot be put together. */
export function checkAccumulable({ mixed }: BatchLoss, what = "accumulate"): void {
  if (mixed)
    throw new TypeError(
      `${what}: the loss adds up terms that are divided by different numbers, which parts of a batch cannot have; ` +
        "let all terms have one divisor, or return { sum, divisor }",
    );
}
