/**
 * @file Curvature of the loss at a point: eigenvalues and density of the Hessian (or of the Gauss-Newton matrix) by Lanczos and stochastic quadrature
 * (Ghorbani, Krishnan & Xiao 2019; Lin, Saad & Yang 2016), never forming the matrix. Beside the largest eigenvalue stands 2/η, above which gradient descent is
 * unstable, and to which full-batch training rises (Cohen et al. 2021).
 */
import {
  type Checks,
  check,
  checkOptions,
  expectation,
  fn,
  naturalNumber,
  oneOf,
  positive,
  positiveInteger,
  shown,
} from "../base/check.ts";
import { formatShape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { valueAndGrad } from "../function/derivative.ts";
import { gnvp, hvp } from "../function/jacobian.ts";
import type { Layer } from "../nn/module.ts";
import { isTensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { double, elements64, inEvaluation, type ParameterVector, parameterVector, requireFinite, tensor64 } from "./double.ts";
import { Draws } from "./draws.ts";
import { type Estimate, lanczos, type Ritz } from "./lanczos.ts";

/** A batch and the loss that is looked at; the loss gives a scalar, the mean over the batch. */
export interface Objective {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly loss: (output: Tensor, target: Tensor) => Tensor;
}

/** What every instrument of the loss asks for. */
export const OBJECTIVE: Checks<Objective> = { x: expectation("a tensor", isTensor), y: expectation("a tensor", isTensor), loss: fn };

/** The loss of a model as a function of all parameters as one vector, of inputs and targets. */
export type Loss = (theta: Tensor, x: Tensor, y: Tensor) => Tensor;

/** A model and its objective in f64. */
export interface Prepared {
  readonly vector: ParameterVector;
  readonly x: Tensor;
  readonly y: Tensor;
  readonly loss: Loss;
  readonly output: (theta: Tensor, x: Tensor) => Tensor;
}

/** For the library: checks a model and its objective, and makes functions of them. To be used in evaluation mode. */
export function prepared(what: string, model: Layer, { x, y, loss }: Objective, state = false): Prepared {
  const vector = parameterVector(what, model, state);
  requireFinite(what, model);
  if (x.rank === 0 || y.rank === 0 || x.shape[0] !== y.shape[0] || x.size === 0)
    throw new RangeError(`${what}: x and y must be batches of as many examples, got ${formatShape(x.shape)} and ${formatShape(y.shape)}`);
  const output = (theta: Tensor, input: Tensor): Tensor => vector.within(theta, () => model.forward(input));
  return {
    vector,
    x: double(x),
    y: double(y),
    output,
    loss: (theta, input, target) => {
      const value = loss(output(theta, input), target);
      if (!isTensor(value) || value.size !== 1)
        throw new TypeError(
          `${what}: loss must give a scalar, got ${isTensor(value) ? formatShape(value.shape) : shown(value)}; take the mean over the batch`,
        );
      return value.reshape([]);
    },
  };
}

/** What is looked at, and how closely. */
export interface CurvatureOptions extends Objective {
  /** `hessian`, or `gauss-newton`, which is never negative where the loss is convex in the output. Default `hessian`. */
  readonly matrix?: "hessian" | "gauss-newton";
  /** Products with the matrix of each probe. Default 80, at most 200. */
  readonly steps?: number;
  /** Random vectors over which the density is averaged. Default 10. */
  readonly probes?: number;
  /** Eigenvalues of each end that are told. Default 5. */
  readonly count?: number;
  /** Learning rate to compare with. */
  readonly rate?: number;
  /** Default 0. */
  readonly seed?: number;
}

const OPTIONS: Checks<CurvatureOptions> = {
  ...OBJECTIVE,
  matrix: oneOf("hessian", "gauss-newton"),
  steps: positiveInteger,
  probes: positiveInteger,
  count: positiveInteger,
  rate: positive,
  seed: naturalNumber,
};

/** What {@link curvature} finds. */
export interface Curvature {
  readonly parameters: number;
  readonly examples: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly matrix: "hessian" | "gauss-newton";
  /** The largest eigenvalues, falling, and the least, rising, each with the bound on its error. */
  readonly top: readonly Estimate[];
  readonly bottom: readonly Estimate[];
  /** The largest eigenvalue λ₁ beside 2/η: gradient descent of rate η shrinks along its direction only if λ₁·η < 2. */
  readonly sharpness: Estimate & { readonly rate?: number; readonly limit?: number; readonly stable?: boolean };
  /** Sum of the eigenvalues, and the root of that of their squares, with standard errors (Hutchinson 1990). */
  readonly trace: Estimate;
  readonly frobenius: Estimate;
  /** Share of the directions along which the loss curves down. */
  readonly negative: number;
  /** λ₁ over the median of the density's magnitude. */
  readonly condition: number;
  /** The density of eigenvalues, smoothed by a normal of standard deviation `width`. */
  readonly density: { readonly at: readonly number[]; readonly value: readonly number[]; readonly width: number };
  /** Products with the matrix, each of about two gradients. */
  readonly products: number;
}

/** A mean with its standard error. */
function meanOf(values: readonly number[]): Estimate {
  const n = values.length;
  const value = values.reduce((a, b) => a + b, 0) / n;
  const variance = n > 1 ? values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1) : Number.POSITIVE_INFINITY;
  return { value, error: Math.sqrt(variance / n) };
}

const moment = ({ values, weights }: Ritz, k: number): number => values.reduce((sum, { value }, i) => sum + weights[i]! * value ** k, 0);

/** Mean over probes of Σ wᵢ N(t; λᵢ, width²), on a grid a little wider than the values. */
function densityOf(probes: readonly Ritz[]): Curvature["density"] {
  const all = probes.flatMap(({ values }) => values.map(({ value }) => value));
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const width = Math.max((high - low) / 100, 1e-12 * Math.max(1, Math.abs(high)));
  const points = 256;
  const at = Array.from({ length: points }, (_, i) => low - 4 * width + ((high - low + 8 * width) * i) / (points - 1));
  const peak = 1 / (width * Math.sqrt(2 * Math.PI) * probes.length);
  const value = at.map((t) => {
    let sum = 0;
    for (const { values, weights } of probes)
      for (const [i, ritz] of values.entries()) sum += weights[i]! * Math.exp(-0.5 * ((t - ritz.value) / width) ** 2);
    return sum * peak;
  });
  return { at, value, width };
}

/** The median of |λ| under the quadrature weights. */
function medianMagnitude(probes: readonly Ritz[]): number {
  const all = probes
    .flatMap(({ values, weights }) => values.map(({ value }, i) => ({ size: Math.abs(value), weight: weights[i]! })))
    .sort((a, b) => a.size - b.size);
  const half = all.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let sum = 0;
  for (const { size, weight } of all) {
    sum += weight;
    if (sum >= half) return size;
  }
  return 0;
}

/**
 * The curvature of a loss at a model's parameters, in f64 and evaluation mode: `curvature(model, { x, y, loss: nn.crossEntropy, rate: 0.1 })`. It takes
 * probes × steps products with the matrix, each of the work of about two gradients of the batch.
 * @throws {RangeError} for a model without parameters, weights that are not finite, batches that do not fit, and more than 200 steps, where rounding would rule.
 */
export function curvature(model: Layer, options: CurvatureOptions): Curvature {
  checkOptions("curvature", options, OPTIONS, "x", "y", "loss");
  const { matrix = "hessian", steps = 80, probes = 10, count = 5, rate, seed = 0 } = options;
  if (steps > 200) throw new RangeError(`curvature: steps must be at most 200, got ${steps}: more give no new values, only rounding`);
  return inEvaluation(model, () => {
    const { vector, x, y, loss, output } = prepared("curvature", model, options);
    const theta = tensor64(vector.values());
    const gradient = compile((t: Tensor, a: Tensor, b: Tensor) => valueAndGrad((p: Tensor) => loss(p, a, b), { unused: "ignore" })(t))(
      theta,
      x,
      y,
    );
    const product = compile((t: Tensor, v: Tensor, a: Tensor, b: Tensor) =>
      matrix === "hessian"
        ? hvp((p: Tensor) => loss(p, a, b), { unused: "ignore" })([t], v)
        : gnvp(
            (p: Tensor) => output(p, a),
            (z: Tensor) => options.loss(z, b).reshape([]),
            { unused: "ignore" },
          )([t], v),
    );
    const apply = (v: Float64Array): Float64Array => elements64(product(theta, tensor64(v), x, y));
    const draws = new Draws(seed);
    const ritz = Array.from({ length: probes }, () => lanczos(apply, draws.signs(vector.size), steps));
    return {
      parameters: vector.size,
      examples: x.shape[0]!,
      loss: elements64(gradient.value)[0]!,
      gradientNorm: Math.hypot(...elements64(gradient.grad.square().sum().sqrt())),
      matrix,
      ...summarized(ritz, vector.size, count, rate),
      products: ritz.reduce((sum, { values }) => sum + values.length, 0),
    };
  });
}

type Summarized = Pick<Curvature, "top" | "bottom" | "sharpness" | "trace" | "frobenius" | "negative" | "condition" | "density">;

function summarized(ritz: readonly Ritz[], size: number, count: number, rate: number | undefined): Summarized {
  // Of several starts the one that came closest to each end.
  const best = (pick: (values: readonly Estimate[]) => readonly Estimate[]): readonly Estimate[] =>
    ritz.map(({ values }) => pick(values).slice(0, count)).reduce((a, b) => (b[0]!.error < a[0]!.error ? b : a));
  const top = best((values) => values.toReversed());
  const bottom = best((values) => values);
  const sharpest = top[0]!;
  const traces = ritz.map((probe) => size * moment(probe, 1));
  const squares = meanOf(ritz.map((probe) => size * moment(probe, 2)));
  const root = Math.sqrt(squares.value);
  const limit = rate === undefined ? undefined : 2 / rate;
  const floor = -1e-9 * Math.max(Math.abs(sharpest.value), Math.abs(bottom[0]!.value));
  const negative = ritz.map(({ values, weights }) => values.reduce((sum, { value }, i) => (value < floor ? sum + weights[i]! : sum), 0));
  const typical = medianMagnitude(ritz);
  return {
    top,
    bottom,
    sharpness: { ...sharpest, ...(limit !== undefined && { rate: rate!, limit, stable: sharpest.value < limit }) },
    trace: meanOf(traces),
    frobenius: { value: root, error: root > 0 ? squares.error / (2 * root) : 0 },
    negative: negative.reduce((a, b) => a + b, 0) / ritz.length,
    condition: typical > 0 ? sharpest.value / typical : Number.POSITIVE_INFINITY,
    density: densityOf(ritz),
  };
}

/** How a step went, from loss and slope along it at its start and end (Cockpit: Schneider, Dangel & Hennig 2021). */
export interface StepFit {
  /** −1: hardly moved; 0: at the bottom of the parabola along the step; 1: as high on the other side; above: it went up. */
  readonly alpha: number;
  /** Curvature along the step, of a step of length 1. */
  readonly curvature: number;
}

/** Where a step has landed on the parabola that fits losses and slopes (directional derivatives along the whole step) at both ends best. */
export function stepFit(lossBefore: number, lossAfter: number, slopeBefore: number, slopeAfter: number): StepFit {
  const given = { lossBefore, lossAfter, slopeBefore, slopeAfter };
  for (const [name, value] of Object.entries(given)) check(`stepFit: ${name}`, value, expectation("a finite number", Number.isFinite));
  // Least squares of w₀ = f₀, w₀ + w₁ + w₂ = f₁, w₁ = d₀, w₁ + 2w₂ = d₁, with w₀ taken out.
  const rise = lossAfter - lossBefore;
  const [aa, ab, bb] = [2.5, 2.5, 4.5];
  const [a, b] = [rise / 2 + slopeBefore + slopeAfter, rise / 2 + 2 * slopeAfter];
  const determinant = aa * bb - ab * ab;
  const [w1, w2] = [(bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant];
  return { alpha: w2 > 0 ? (-2 * w2) / w1 - 1 : -1, curvature: 2 * w2 };
}
