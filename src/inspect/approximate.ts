/**
 * @file What width, depth and activations buy (TRN-7, ACT-5): curves by construction from ReLU units and sigmoid bumps, the folds of a deep tent map, trained nets of
 * growing width, and layers without activation, which are one layer.
 */
import {
  fn as aFunction,
  type Checks,
  check,
  checkOptions,
  expectation,
  finite,
  listOf,
  positive,
  positiveInteger,
} from "../base/check.ts";
import { sizeOf } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { functionalCall } from "../nn/functional-call.ts";
import { Linear } from "../nn/linear.ts";
import { checkModule, type Layer, type Module } from "../nn/module.ts";
import { concatenate, isTensor } from "../ops/create.ts";
import { requireTensor, type Tensor } from "../ops/tensor.ts";
import { doubles, elements64, inEvaluation, tensor64 } from "./double.ts";

/** A function of one number. */
export type Curve1d = (x: number) => number;

/** A net of one hidden layer that was built, not trained: Σ weightᵢ·unit(x) + offset. */
export interface Construction {
  readonly units: number;
  readonly offset: number;
  /** Where each unit starts, and what it is multiplied by. */
  readonly knots: readonly number[];
  readonly weights: readonly number[];
  readonly value: Curve1d;
  /** Largest difference from the curve on a fine grid. */
  readonly error: number;
}

/** Where a curve is approximated, and by how many units. */
export interface IntervalOptions {
  readonly from: number;
  readonly to: number;
  readonly units: number;
}

const INTERVAL: Checks<IntervalOptions> = { from: finite, to: finite, units: positiveInteger };

function checkInterval(what: string, f: unknown, options: IntervalOptions, checks: Checks<IntervalOptions>): void {
  check(`${what}: f`, f, aFunction);
  checkOptions(what, options, checks, "from", "to", "units");
  if (options.to <= options.from) throw new RangeError(`${what}: to must be above from, got ${options.from} to ${options.to}`);
}

/** For the library: largest |f − g| on a grid of 20,001 points. */
export function largestError(f: Curve1d, g: Curve1d, from: number, to: number): number {
  let error = 0;
  for (let i = 0; i <= 20_000; i++) {
    const x = from + ((to - from) * i) / 20_000;
    error = Math.max(error, Math.abs(f(x) - g(x)));
  }
  return error;
}

/** n ReLU units through n + 1 knots: f(x₀) + Σ (mᵢ − mᵢ₋₁)·max(0, x − xᵢ). Its error is at most (to − from)²/(8n²)·max|f″|. */
export function reluConstruction(f: Curve1d, options: IntervalOptions): Construction {
  checkInterval("reluConstruction", f, options, INTERVAL);
  const { from, to, units } = options;
  const h = (to - from) / units;
  const knots = Array.from({ length: units }, (_, i) => from + i * h);
  const slopes = knots.map((x) => (f(x + h) - f(x)) / h);
  const weights = slopes.map((m, i) => m - (slopes[i - 1] ?? 0));
  const offset = f(from);
  const value: Curve1d = (x) => knots.reduce((sum, k, i) => sum + weights[i]! * Math.max(0, x - k), offset);
  return { units, offset, knots, weights, value, error: largestError(f, value, from, to) };
}

/** Where a curve is approximated, and how steep the bumps are. */
export interface BumpOptions extends IntervalOptions {
  /** Weight of the sigmoids: the larger, the steeper their steps. Default 20 steps of a bump. */
  readonly steepness?: number;
}

/** Bumps of two sigmoids each, h·(σ(w(x − a)) − σ(w(x − b))), of the height of the curve at their middles (Nielsen 2015, ch. 4). `units` counts bumps. */
export function bumpConstruction(f: Curve1d, options: BumpOptions): Construction {
  checkInterval("bumpConstruction", f, options, { ...INTERVAL, steepness: positive } as Checks<BumpOptions>);
  const { from, to, units } = options;
  const h = (to - from) / units;
  const { steepness = 20 / h } = options;
  const knots = Array.from({ length: units }, (_, i) => from + i * h);
  const weights = knots.map((a) => f(a + h / 2));
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-steepness * x));
  // The first and last step lie outside, so that the ends are inside of bumps.
  const value: Curve1d = (x) =>
    knots.reduce(
      (sum, a, i) => sum + weights[i]! * (sigmoid(x - (i === 0 ? a - h : a)) - sigmoid(x - (i === units - 1 ? a + 2 * h : a + h))),
      0,
    );
  return { units, offset: 0, knots, weights, value, error: largestError(f, value, from, to) };
}

/** The tent map 2·max(0, x) − 4·max(0, x − ½) applied k times: 2k units, 2ᵏ pieces; one hidden layer needs 2ᵏ − 1 units for them (Telgarsky 2016). */
export function tent(depth: number): {
  readonly value: Curve1d;
  readonly units: number;
  readonly pieces: number;
  readonly shallowUnits: number;
} {
  check("tent: depth", depth, positiveInteger);
  if (depth > 20) throw new RangeError(`tent: depth must be at most 20, got ${depth}: its pieces are counted one by one`);
  const value: Curve1d = (x) => {
    let y = x;
    for (let k = 0; k < depth; k++) y = 2 * Math.max(0, y) - 4 * Math.max(0, y - 0.5);
    return y;
  };
  // Slopes between dyadic points; a piece ends where the slope changes.
  const n = 2 ** (depth + 1);
  let pieces = 1;
  for (let i = 1; i < n; i++) if (value((i + 1) / n) - value(i / n) !== value(i / n) - value((i - 1) / n)) pieces++;
  return { value, units: 2 * depth, pieces, shallowUnits: pieces - 1 };
}

/** The straight line of least squares through points: what a net without activation comes to. */
export function leastSquaresLine(points: readonly (readonly [x: number, y: number])[]): {
  readonly slope: number;
  readonly offset: number;
  readonly error: number;
} {
  const pair = expectation("[x, y]", (p) => Array.isArray(p) && p.length === 2 && p.every(Number.isFinite));
  check("leastSquaresLine: points", points, listOf(pair, 2));
  const n = points.length;
  const [mx, my] = [0, 1].map((k) => points.reduce((sum, p) => sum + p[k]!, 0) / n) as [number, number];
  const spread = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  if (spread === 0) throw new RangeError("leastSquaresLine: the points must differ in x");
  const slope = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / spread;
  const offset = my - slope * mx;
  return { slope, offset, error: points.reduce((sum, [x, y]) => sum + (y - slope * x - offset) ** 2, 0) / n };
}

/** A chain of dense layers as one. */
export interface Collapsed {
  /** W′ [outputs, inputs] and b′ [outputs] of W′x + b′. */
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly parameters: { readonly stacked: number; readonly one: number };
}

/**
 * Dense layers without activation between them, as the one layer W′x + b′ that they are: W′ = W_L⋯W₁. A narrow middle needs fewer parameters than the one layer:
 * n → k → m has k(n + m) weights in place of nm, if rank k is enough.
 */
export function collapseLinear(layers: readonly Layer[]): Collapsed {
  check(
    "collapseLinear: layers",
    layers,
    listOf(
      expectation("a Linear layer", (x) => x instanceof Linear),
      1,
    ),
  );
  let weight: Tensor | undefined;
  let bias: Tensor | undefined;
  let stacked = 0;
  for (const layer of layers as readonly Linear[]) {
    const w = layer.weight.value.cast("f64");
    const b = layer.bias?.value.cast("f64") ?? tensor64(new Float64Array(w.shape[0]!));
    if (weight && weight.shape[0] !== w.shape[1])
      throw new RangeError(`collapseLinear: a layer takes ${w.shape[1]} features, the one before gives ${weight.shape[0]}`);
    weight = weight ? w.matmul(weight) : w;
    bias = bias
      ? w
          .matmul(bias.reshape([-1, 1]))
          .reshape([-1])
          .add(b)
      : b;
    stacked += w.size + (layer.bias ? b.size : 0);
  }
  return { weight: weight!, bias: bias!, parameters: { stacked, one: weight!.size + bias!.size } };
}

/** Lines of a grid as a layer maps them; a point is a list of the layer's units. */
export interface BentLayer {
  readonly name: string;
  readonly lines: readonly (readonly (readonly number[])[])[];
}

/** Which grid is bent. */
export interface GridOptions {
  /** Of both axes. Default −1 and 1. */
  readonly from?: number;
  readonly to?: number;
  /** Lines along each axis. Default 11. */
  readonly lines?: number;
  /** Points on each line. Default 41. */
  readonly points?: number;
}

const GRID: Checks<GridOptions> = { from: finite, to: finite, lines: positiveInteger, points: positiveInteger };

/** The grid of a plane as the layers of a net of two inputs bend it, one after another: the input first, then every module without children (S4's pictures). */
export function bentGrid(model: Layer, options: GridOptions = {}): readonly BentLayer[] {
  checkModule("bentGrid: model", model);
  checkOptions("bentGrid", options, GRID);
  const { from = -1, to = 1, lines = 11, points = 41 } = options;
  const at = (i: number, n: number): number => (n === 1 ? (from + to) / 2 : from + ((to - from) * i) / (n - 1));
  const flat = new Float64Array(2 * lines * points * 2);
  for (let axis = 0; axis < 2; axis++)
    for (let l = 0; l < lines; l++)
      for (let p = 0; p < points; p++) {
        const place = 2 * ((axis * lines + l) * points + p);
        flat[place + axis] = at(p, points);
        flat[place + 1 - axis] = at(l, lines);
      }
  const x = tensor64(flat, [2 * lines * points, 2]);
  const leaves = model.namedModules().filter(([, module]) => module.namedModules().length === 1);
  const cut = (values: Float64Array, width: number): number[][][] =>
    Array.from({ length: 2 * lines }, (_, l) =>
      Array.from({ length: points }, (__, p) => [...values.subarray((l * points + p) * width, (l * points + p + 1) * width)]),
    );
  return inEvaluation(model, () => {
    const seen: { name: string; value: Tensor }[] = [];
    const watch = ([name, module]: readonly [string, Module]): (() => void) =>
      module.onForward((_, output) => {
        if (isTensor(output) && output.rank === 2) seen.push({ name: name || model.constructor.name, value: output });
      });
    const removals = leaves.map(watch);
    let values: Tensor[];
    try {
      values = compile((input: Tensor) => {
        seen.length = 0;
        functionalCall(model, doubles(model), () => model.forward(input));
        return seen.map(({ value }) => value);
      })(x);
    } finally {
      for (const remove of removals) remove();
    }
    return [
      { name: "input", lines: cut(flat, 2) },
      ...values.map((value, i) => ({ name: seen[i]!.name, lines: cut(elements64(value), value.shape[1]!) })),
    ];
  });
}

/** Monomials of features, and what each is. */
export interface Polynomial {
  /** [N, terms], in the dtype of the features. */
  readonly features: Tensor;
  /** Of each term the exponent of every feature. */
  readonly exponents: readonly (readonly number[])[];
}

/**
 * All products of features up to a degree (MSC-5), the constant left out: of [a, b] to degree 2: a, b, a², ab, b². Crossed features give a linear model what it lacks:
 * XOR is a + b − 2ab.
 */
export function polynomialFeatures(x: Tensor, degree: number): Polynomial {
  requireTensor("polynomialFeatures: x", x);
  check("polynomialFeatures: degree", degree, positiveInteger);
  if (x.rank !== 2 || sizeOf(x.shape) === 0)
    throw new RangeError(`polynomialFeatures: x must be a matrix [examples, features], got ${x.rank} axes`);
  const n = x.shape[1]!;
  // (n + degree choose degree) with the constant.
  let count = 1;
  for (let d = 1; d <= degree && count < 1e9; d++) count = (count * (n + d)) / d;
  if (count > 10_000)
    throw new RangeError(`polynomialFeatures: ${n} features to degree ${degree} make more than 10,000 terms; take a lower degree`);
  const column = (j: number): Tensor => x.narrow(1, j, 1);
  // Each term is one of the degree before times a feature that is no earlier than its last.
  let level = Array.from({ length: n }, (_, j) => ({
    last: j,
    value: column(j),
    exponents: Array.from({ length: n }, (__, k) => Number(k === j)),
  }));
  const all = [...level];
  for (let d = 2; d <= degree; d++) {
    level = level.flatMap(({ last, value, exponents }) =>
      Array.from({ length: n - last }, (_, i) => last + i).map((j) => ({
        last: j,
        value: value.mul(column(j)),
        exponents: exponents.with(j, exponents[j]! + 1),
      })),
    );
    all.push(...level);
  }
  return {
    features: concatenate(
      all.map(({ value }) => value),
      1,
    ),
    exponents: all.map(({ exponents }) => exponents),
  };
}
