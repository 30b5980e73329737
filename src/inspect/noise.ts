/** @file The noise of mini-batches: how much gradients of single examples differ, and from which batch size on more examples stop to pay (McCandlish et al. 2018). */
import { type Checks, check, checkFields, checkOptions, expectation, listOf, nonNegative, positiveInteger } from "../base/check.ts";
import { compile } from "../function/compile.ts";
import { grad } from "../function/derivative.ts";
import { vmap } from "../function/vmap.ts";
import type { Layer } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import { OBJECTIVE, type Objective, prepared } from "./curvature.ts";
import { elements64, inEvaluation, tensor64 } from "./double.ts";

/** What is looked at, and in which pieces. */
export interface NoiseOptions extends Objective {
  /** Examples whose gradients are computed at once. Default: as many as fit into 4 million numbers, at most 64. */
  readonly chunk?: number;
}

const OPTIONS: Checks<NoiseOptions> = { ...OBJECTIVE, chunk: positiveInteger };

/** What {@link noiseScale} finds. */
export interface NoiseScale {
  readonly examples: number;
  /** |G|² of the whole distribution, without the part that noise adds to the mean of these examples; may be below 0 where noise hides it. */
  readonly gradient: number;
  /** tr Σ of the gradients of single examples. */
  readonly trace: number;
  /** tr Σ/|G|²: a batch well below it is mostly noise, one well above wastes examples. Infinity where noise hides the gradient. */
  readonly scale: number;
  /** Mean over parameters of squared mean over variance (Liu et al. 2020). */
  readonly signal: number;
}

const scaleOf = (trace: number, gradient: number): number => (gradient > 0 ? Math.max(0, trace) / gradient : Number.POSITIVE_INFINITY);

/** The simple noise scale of a model's loss, from the gradients of all given examples: about as much work as a gradient of each. In f64, evaluation mode. */
export function noiseScale(model: Layer, options: NoiseOptions): NoiseScale {
  checkOptions("noiseScale", options, OPTIONS, "x", "y", "loss");
  return inEvaluation(model, () => {
    const { vector, x, y, loss } = prepared("noiseScale", model, options);
    const n = x.shape[0]!;
    if (n < 2) throw new RangeError(`noiseScale: want at least 2 examples, got ${n}: one has no spread`);
    const chunk = Math.min(n, options.chunk ?? Math.max(1, Math.min(64, Math.floor(4e6 / vector.size))));
    const one =
      (theta: Tensor) =>
      (a: Tensor, b: Tensor): Tensor =>
        grad((t: Tensor) => loss(t, a.reshape([1, ...a.shape]), b.reshape([1, ...b.shape])), { unused: "ignore" })(theta);
    const gradients = compile((theta: Tensor, a: Tensor, b: Tensor) => {
      const each = vmap(one(theta))(a, b);
      return [each.sum(0), each.square().sum(0)];
    });
    const theta = tensor64(vector.values());
    const [sum, squares] = [new Float64Array(vector.size), new Float64Array(vector.size)];
    for (let from = 0; from < n; from += chunk) {
      const length = Math.min(chunk, n - from);
      const [s, q] = gradients(theta, x.narrow(0, from, length), y.narrow(0, from, length)).map(elements64);
      for (let i = 0; i < sum.length; i++) {
        sum[i]! += s![i]!;
        squares[i]! += q![i]!;
      }
    }
    return scaleFrom(sum, squares, n);
  });
}

function scaleFrom(sum: Float64Array, squares: Float64Array, n: number): NoiseScale {
  let [trace, length, signal, live] = [0, 0, 0, 0];
  for (let i = 0; i < sum.length; i++) {
    const mean = sum[i]! / n;
    const variance = Math.max(0, squares[i]! - n * mean * mean) / (n - 1);
    trace += variance;
    length += mean * mean;
    if (variance > 0) {
      signal += (mean * mean) / variance;
      live++;
    }
  }
  const gradient = length - trace / n;
  return { examples: n, gradient, trace, scale: scaleOf(trace, gradient), signal: live > 0 ? signal / live : 0 };
}

/** Squared norms of gradients of batches of two sizes, of as many steps. */
export interface NormPair {
  readonly small: number;
  readonly large: number;
}

/**
 * The noise scale from gradients of two batch sizes, as a run has them at hand (micro-batches and their mean): |G|² and tr Σ are averaged over all pairs
 * before one is divided by the other, since the quotient of each pair is biased (McCandlish et al. 2018, app. A.1).
 */
export function noiseScaleFromNorms(
  pairs: readonly NormPair[],
  smallBatch: number,
  largeBatch: number,
): Omit<NoiseScale, "signal" | "examples"> {
  check(
    "noiseScaleFromNorms: pairs",
    pairs,
    listOf(
      expectation("{ small, large }", (x) => typeof x === "object" && x !== null),
      1,
    ),
  );
  for (const pair of pairs) checkFields("noiseScaleFromNorms: each pair", pair, { small: nonNegative, large: nonNegative });
  check("noiseScaleFromNorms: smallBatch", smallBatch, positiveInteger);
  check("noiseScaleFromNorms: largeBatch", largeBatch, positiveInteger);
  if (largeBatch <= smallBatch)
    throw new RangeError(`noiseScaleFromNorms: largeBatch must be above smallBatch, got ${largeBatch} and ${smallBatch}`);
  const small = pairs.reduce((sum, pair) => sum + pair.small, 0) / pairs.length;
  const large = pairs.reduce((sum, pair) => sum + pair.large, 0) / pairs.length;
  const gradient = (largeBatch * large - smallBatch * small) / (largeBatch - smallBatch);
  const trace = (small - large) / (1 / smallBatch - 1 / largeBatch);
  return { gradient, trace, scale: scaleOf(trace, gradient) };
}
