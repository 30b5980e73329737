/**
 * @file Connectionist temporal classification (Graves et al. 2006): -log of the probability of a label sequence, summed over all its
 * alignments with the frames by the forward recursion, which is a scan.
 */
import { checkOptions } from "../base/check.ts";
import { formatShape } from "../base/shape.ts";
import { scan } from "../function/control.ts";
import { checkTensors } from "../ops/check.ts";
import { arange, stack } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import { CTC_OPTIONS } from "./options.ts";
import { type LossOptions, reduceTerms } from "./reduction.ts";

export interface CtcOptions extends LossOptions {
  /** Index of the blank. Default 0. */
  readonly blank?: number;
  /** 0 instead of infinity for a target that is too long for its input. Default false. */
  readonly zeroInfinity?: boolean;
}

// log 0, finite so that differences of it are not NaN.
const NEVER = -1e30;

/** log Σ exp of tensors of one shape, with impossible terms at NEVER. */
function logAdd(terms: readonly Tensor[]): Tensor {
  const top = terms.reduce((a, b) => a.maximum(b)).stopGradient();
  return terms
    .map((t) => t.sub(top).exp())
    .reduce((a, b) => a.add(b))
    .log()
    .add(top);
}

/** Shifts the last axis by n towards higher positions; NEVER comes in. */
function shift(x: Tensor, n: number): Tensor {
  const moved = x.pad([0, n], [0, 0]).narrow(1, 0, x.shape[1]);
  return moved.iotaLike(1).lt(n).where(NEVER, moved);
}

/** Targets one after another as rows [N, S], padded with 0. Where the lengths are not known yet, S is the length of all targets together. */
function asRows(targets: Tensor, lengths: Tensor): Tensor {
  const total = targets.size;
  const longest = lengths.isComputed ? Math.max(0, ...elementsOf(lengths)) : total;
  const row = lengths.constantOf({ shape: [lengths.size, Math.min(longest, total)], dtype: "i32" }, 0);
  if (row.size === 0) return row;
  const counts = lengths.cast("i32");
  const start = counts.cumsum(0).sub(counts).unsqueeze(1);
  return targets.takeInside(start.add(row.iotaLike(1)).clamp(0, total - 1), 0);
}

/**
 * CTC loss of log-probabilities [T, N, C] for targets of classes (not of the blank) with the given lengths [N] of inputs and targets: padded, [N, S], or
 * one after another, [Σ lengths]. One example is [T, C] with targets [S] and scalar lengths. The mean divides each loss by its target's length first, as
 * in PyTorch.
 */
export function ctcLoss(logp: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, options: CtcOptions = {}): Tensor {
  checkOptions("ctcLoss", options, CTC_OPTIONS);
  checkTensors("ctcLoss", { logp, targets, inputLengths, targetLengths });
  const { blank = 0, zeroInfinity = false, reduction = "mean" } = options;
  if (logp.rank === 2 && targets.rank === 1) {
    const [inputs, labels] = [inputLengths.reshape([1]), targetLengths.reshape([1])];
    const loss = ctcLoss(logp.unsqueeze(1), targets.unsqueeze(0), inputs, labels, options);
    return reduction === "none" ? loss.squeeze(0) : loss;
  }
  if (logp.rank === 3 && targets.rank === 1 && targetLengths.rank === 1 && targetLengths.shape[0] === logp.shape[1])
    return ctcLoss(logp, asRows(targets.cast("i32"), targetLengths), inputLengths, targetLengths, options);
  if (logp.rank !== 3 || targets.rank !== 2 || targets.shape[0] !== logp.shape[1]) {
    throw new RangeError(
      `ctcLoss: want log-probabilities [T, N, C] and targets [N, S] or [sum of lengths], got ${formatShape(logp.shape)} and ${formatShape(targets.shape)}`,
    );
  }
  const [frames, n, classes] = logp.shape;
  const labels = targets.cast("i32").clamp(0, classes - 1);
  const length = 2 * targets.shape[1] + 1;
  // blank a blank b blank: labels stand at odd places.
  const spaced = stack([labels.like(blank), labels], 2).reshape([n, length - 1]);
  const path = spaced.concat([spaced.constantOf({ shape: [n, 1], dtype: "i32" }, blank)], 1);
  // A label may follow another at once, past the blank between them, unless they are equal.
  const twoBefore = path.pad([0, 2], [0, 0]).narrow(1, 0, length);
  const skips = path.ne(blank).and(path.ne(twoBefore)).and(path.iotaLike(1).ge(2));
  const emitted = logp.takeAlongInside(path.expandFront(frames), 2); // [T, N, length]

  // Before the first frame: in the blank at the start, from which the first frame reaches the first label too.
  const place = path.iotaLike(1);
  const alpha0 = place.eq(0).where(0, place.cast(logp.dtype).like(NEVER));
  const lengths = inputLengths.cast("i32").unsqueeze(1);
  const times = arange(frames);
  const ends =
    frames === 0
      ? [alpha0]
      : scan(
          (now: Tensor, [frame, t]: [Tensor, Tensor]) => {
            const arrived = logAdd([now, shift(now, 1), skips.where(shift(now, 2), NEVER)]);
            const next = arrived.add(frame).maximum(NEVER);
            return [t.lt(lengths).where(next, now), t] as const;
          },
          alpha0,
          [emitted, times] as [Tensor, Tensor],
        );
  const alpha = ends[0];
  // An alignment ends in the last label or in the blank behind it.
  const last = targetLengths.cast("i32").mul(2).unsqueeze(1);
  const inBlank = alpha.takeAlongInside(last, 1).squeeze(1);
  const labelPlace = last.sub(1);
  const inLabel = labelPlace
    .ge(0)
    .where(alpha.takeAlongInside(labelPlace.maximum(0), 1), NEVER)
    .squeeze(1);
  const logLikelihood = logAdd([inBlank, inLabel]);
  const impossible = logLikelihood.lt(NEVER / 2);
  const losses = impossible.where(zeroInfinity ? 0 : Number.POSITIVE_INFINITY, logLikelihood.neg());
  return reduceTerms(reduction === "mean" ? losses.div(targetLengths.cast(losses.dtype).maximum(1)) : losses, options);
}
