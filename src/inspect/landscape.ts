/**
 * @file The loss around a point and between points (TRN-5): slices and planes along random directions of the scale of the filters (Li et al. 2018), straight
 * lines (Goodfellow, Vinyals & Saxe 2015) and curves (Garipov et al. 2018) between minima, and the plane in which a descent mostly moves.
 */
import {
  type Checks,
  check,
  checkOptions,
  expectation,
  listOf,
  naturalNumber,
  numbers,
  oneOf,
  positive,
  positiveInteger,
} from "../base/check.ts";
import { decomposeSymmetric } from "../base/eigen.ts";
import { addScaled, dot, matrix } from "../base/linalg.ts";
import { sizeOf } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { valueAndGrad } from "../function/derivative.ts";
import { checkModule, type Layer } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import { OBJECTIVE, type Objective, type Prepared, prepared } from "./curvature.ts";
import { elements64, type FilterOf, inEvaluation, type ParameterVector, parameterVector, tensor64 } from "./double.ts";
import { Draws } from "./draws.ts";

/** Losses along a line. */
export interface Slice {
  /** Places, in units of the direction. */
  readonly at: readonly number[];
  readonly loss: readonly number[];
}

/** Losses on a plane; loss[i][j] is at alpha[j], beta[i]. */
export interface Plane {
  readonly alpha: readonly number[];
  readonly beta: readonly number[];
  readonly loss: readonly (readonly number[])[];
  /** At the middle, α = β = 0. */
  readonly centre: number;
}

/** Directions in the space of the parameters, in their order. */
export type Direction = Float64Array;

/** What is looked at, and where. */
export interface SliceOptions extends Objective {
  /** `filter` (Li et al. 2018): every row or output channel of a direction is as long as that of the weight, biases and norms stay; `none`: all entries N(0, 1). Default `filter`. */
  readonly normalization?: "filter" | "none";
  /** How far it goes to each side. Default 1. */
  readonly range?: number;
  /** Points along each axis; an odd number has the middle. Default 51. */
  readonly points?: number;
  /** Of the directions: one seed, one pair for every model of these shapes. Default 0. */
  readonly seed?: number;
  /** Directions in place of random ones, each as long as all parameters together. */
  readonly directions?: readonly Direction[];
}

/** For the library. */
export const SLICE_OPTIONS: Checks<SliceOptions> = {
  ...OBJECTIVE,
  normalization: oneOf("filter", "none"),
  range: positive,
  points: positiveInteger,
  seed: naturalNumber,
  directions: listOf(numbers, 1),
};

/** Equal steps from low to high. */
export const steps = (low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (count === 1 ? (low + high) / 2 : low + ((high - low) * i) / (count - 1)));

/** A random direction, of the scale of the filters unless told otherwise. */
function directionOf(vector: ParameterVector, theta: Float64Array, draws: Draws, normalization: "filter" | "none"): Direction {
  const d = draws.normals(vector.size);
  if (normalization === "none") return d;
  let from = 0;
  for (const [k, shape] of vector.shapes.entries()) {
    const size = sizeOf(shape);
    const filterOf = vector.filters[k];
    const own = d.subarray(from, from + size);
    if (filterOf) scaleFilters(own, theta.subarray(from, from + size), filterOf);
    else own.fill(0);
    from += size;
  }
  return d;
}

/** Gives every filter of a direction the length that it has in the weight. */
function scaleFilters(d: Float64Array, weight: Float64Array, filterOf: FilterOf): void {
  const [own, wanted]: number[][] = [[], []];
  for (let i = 0; i < d.length; i++) {
    const f = filterOf(i);
    own[f] = (own[f] ?? 0) + d[i]! ** 2;
    wanted[f] = (wanted[f] ?? 0) + weight[i]! ** 2;
  }
  const scales = own.map((square, f) => Math.sqrt(wanted[f]!) / (Math.sqrt(square) + 1e-10));
  for (let i = 0; i < d.length; i++) d[i]! *= scales[filterOf(i)]!;
}

/** Directions as asked for: given, or drawn one after another. */
export function directions(what: string, count: number, vector: ParameterVector, theta: Float64Array, options: SliceOptions): Direction[] {
  const { normalization = "filter", seed = 0, directions: given } = options;
  const draws = new Draws(seed);
  const made = given
    ? given.slice(0, count).map((d) => Float64Array.from(d))
    : Array.from({ length: count }, () => directionOf(vector, theta, draws, normalization));
  if (made.length < count || made.some((d) => d.length !== vector.size))
    throw new RangeError(
      `${what}: directions must be ${count} of ${vector.size} numbers, got ${made.map(({ length }) => length).join(" and ")}`,
    );
  return made;
}

/** The loss at θ + αd + βe as a function of α and β, compiled once. */
function lossAt({ loss, x, y }: Prepared, theta: Float64Array, d: Direction, e: Direction): (alpha: number, beta: number) => number {
  const fn = compile((t: Tensor, dd: Tensor, ee: Tensor, at: Tensor, a: Tensor, b: Tensor) =>
    loss(t.add(dd.mul(at.narrow(0, 0, 1))).add(ee.mul(at.narrow(0, 1, 1))), a, b),
  );
  const [t, dd, ee] = [theta, d, e].map((v) => tensor64(v)) as [Tensor, Tensor, Tensor];
  return (alpha, beta) => elements64(fn(t, dd, ee, tensor64(Float64Array.of(alpha, beta)), x, y))[0]!;
}

/** The loss along a direction from the parameters of a model; `points` evaluations of the batch. In f64, evaluation mode. */
export function slice(model: Layer, options: SliceOptions): Slice {
  checkModule("slice: model", model);
  checkOptions("slice", options, SLICE_OPTIONS, "x", "y", "loss");
  const { range = 1, points = 51 } = options;
  return inEvaluation(model, () => {
    const all = prepared("slice", model, options);
    const theta = all.vector.values();
    const [d] = directions("slice", 1, all.vector, theta, options);
    const at = steps(-range, range, points);
    const loss = lossAt(all, theta, d!, new Float64Array(theta.length));
    return { at, loss: at.map((t) => loss(t, 0)) };
  });
}

/** The loss on the plane of two directions around the parameters of a model; points² evaluations of the batch. In f64, evaluation mode. */
export function plane(model: Layer, options: SliceOptions): Plane {
  checkModule("plane: model", model);
  checkOptions("plane", options, SLICE_OPTIONS, "x", "y", "loss");
  const { range = 1, points = 51 } = options;
  return inEvaluation(model, () => {
    const all = prepared("plane", model, options);
    const theta = all.vector.values();
    const [d, e] = directions("plane", 2, all.vector, theta, options);
    const loss = lossAt(all, theta, d!, e!);
    const axis = steps(-range, range, points);
    return { alpha: axis, beta: axis, loss: axis.map((beta) => axis.map((alpha) => loss(alpha, beta))), centre: loss(0, 0) };
  });
}

/** What is looked at, and where. */
export interface LineOptions extends Objective {
  /** Default −0.5 to 1.5, where 0 is the first model and 1 the second. */
  readonly from?: number;
  readonly to?: number;
  /** Default 41. */
  readonly points?: number;
}

const finiteNumber = expectation("a finite number", Number.isFinite);
const LINE: Checks<LineOptions> = { ...OBJECTIVE, from: finiteNumber, to: finiteNumber, points: positiveInteger };

/** The cells of two models as vectors of one kind. @throws {RangeError} unless they have the same parameters. */
function pair(what: string, first: Layer, second: Layer, options: Objective): { all: Prepared; start: Float64Array; end: Float64Array } {
  checkModule(`${what}: second`, second);
  const all = prepared(what, first, options, true);
  const other = parameterVector(what, second, true);
  if (JSON.stringify([all.vector.names, all.vector.shapes]) !== JSON.stringify([other.names, other.shapes]))
    throw new RangeError(
      `${what}: the models must have parameters of the same names and shapes, got ${all.vector.names.length} and ${other.names.length} that differ`,
    );
  return { all, start: all.vector.values(), end: other.values() };
}

/** The loss on the straight line between two models of one architecture; running statistics go along it too. */
export function line(first: Layer, second: Layer, options: LineOptions): Slice {
  checkModule("line: first", first);
  checkOptions("line", options, LINE, "x", "y", "loss");
  const { from = -0.5, to = 1.5, points = 41 } = options;
  return inEvaluation(first, () => {
    const { all, start, end } = pair("line", first, second, options);
    const at = steps(from, to, points);
    const way = end.map((value, i) => value - start[i]!);
    const loss = lossAt(all, start, way, new Float64Array(start.length));
    return { at, loss: at.map((t) => loss(t, 0)) };
  });
}

/** What is looked at, and where. */
export interface CurveOptions extends Objective {
  /** Steps of Adam on the bend. Default 200. */
  readonly steps?: number;
  /** Learning rate. Default 0.01. */
  readonly rate?: number;
  /** Default 31. */
  readonly points?: number;
  /** Default 0. */
  readonly seed?: number;
}

const CURVE: Checks<CurveOptions> = { ...OBJECTIVE, steps: positiveInteger, rate: positive, points: positiveInteger, seed: naturalNumber };

/** A curve between two minima beside the straight line. */
export interface Curved {
  readonly straight: Slice;
  readonly curved: Slice;
  /** How much the loss rises above the higher end on the way. */
  readonly barrier: { readonly straight: number; readonly curved: number };
  /** The point that bends the curve. */
  readonly bend: Float64Array;
}

/**
 * A quadratic Bézier curve between two models, φ(t) = (1 − t)²w₁ + 2t(1 − t)θ + t²w₂, whose bend θ is trained on the loss at random t (Garipov et al. 2018). It takes
 * `steps` gradients of the batch.
 */
export function curve(first: Layer, second: Layer, options: CurveOptions): Curved {
  checkModule("curve: first", first);
  checkOptions("curve", options, CURVE, "x", "y", "loss");
  const { steps: count = 200, rate = 0.01, points = 31, seed = 0 } = options;
  return inEvaluation(first, () => {
    const { all, start, end } = pair("curve", first, second, options);
    const { loss, x, y } = all;
    const phi = (bend: Tensor, a: Tensor, b: Tensor, t: Tensor): Tensor => {
      const rest = t.neg().add(1);
      return a
        .mul(rest.square())
        .add(bend.mul(t.mul(rest).mul(2)))
        .add(b.mul(t.square()));
    };
    const step = compile((bend: Tensor, a: Tensor, b: Tensor, t: Tensor, input: Tensor, target: Tensor) =>
      valueAndGrad((theta: Tensor) => loss(phi(theta, a, b, t), input, target), { unused: "ignore" })(bend),
    );
    const [a, b] = [tensor64(start), tensor64(end)];
    const at = (t: number): Tensor => tensor64(Float64Array.of(t));
    const bend = start.map((value, i) => (value + end[i]!) / 2);
    const draws = new Draws(seed);
    const [mean, square] = [new Float64Array(bend.length), new Float64Array(bend.length)];
    for (let k = 1; k <= count; k++) {
      const g = elements64(step(tensor64(bend), a, b, at(draws.uniform()), x, y).grad);
      for (let i = 0; i < bend.length; i++) {
        mean[i] = 0.9 * mean[i]! + 0.1 * g[i]!;
        square[i] = 0.999 * square[i]! + 0.001 * g[i]! ** 2;
        bend[i]! -= (rate * mean[i]!) / (1 - 0.9 ** k) / (Math.sqrt(square[i]! / (1 - 0.999 ** k)) + 1e-8);
      }
    }
    const places = steps(0, 1, points);
    const along = (middle: Float64Array): Slice => ({
      at: places,
      loss: places.map((t) => elements64(step(tensor64(middle), a, b, at(t), x, y).value)[0]!),
    });
    const straight = along(start.map((value, i) => (value + end[i]!) / 2));
    const curved = along(bend);
    const rise = ({ loss: values }: Slice): number => Math.max(...values) - Math.max(values[0]!, values.at(-1)!);
    return { straight, curved, barrier: { straight: rise(straight), curved: rise(curved) }, bend };
  });
}

/** A path seen in the plane in which it mostly moves. */
export interface PathPlane {
  /** Orthonormal; the plane goes through the last point. */
  readonly directions: readonly [Direction, Direction];
  /** Of each point in the plane; the last is [0, 0]. */
  readonly at: readonly (readonly [number, number])[];
  /** How far each point lies from the plane. */
  readonly distance: readonly number[];
  /** Share of the squared distances from the last point that each direction explains. */
  readonly explained: readonly [number, number];
}

const isPath = (points: unknown): boolean =>
  Array.isArray(points) && points.length >= 3 && points.every((p) => numbers.holds(p) && p.length === points[0].length);

/**
 * The plane through the end of a path that lies closest to all its points: principal directions of θᵢ − θₙ, not centred (centring, as the usual code does, moves
 * the plane off the end). By the Gram matrix, so that only points, not parameters, count.
 */
export function pathPlane(points: readonly (Float64Array | readonly number[])[]): PathPlane {
  check("pathPlane: points", points, expectation("a list of at least 3 vectors of one length", isPath));
  const last = points.at(-1)!;
  const differences = points.map((p) => Float64Array.from(p, (value, i) => value - last[i]!));
  const n = points.length;
  const gram = matrix(n, n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) gram.data[i * n + j] = gram.data[j * n + i] = dot(differences[i]!, differences[j]!);
  const { values, vectors } = decomposeSymmetric(gram);
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const axis = (rank: number): { direction: Direction; share: number } => {
    const value = values[n - 1 - rank]!;
    const direction = new Float64Array(last.length);
    if (value > 1e-14 * total)
      for (let i = 0; i < n; i++) addScaled(direction, vectors.data[i * n + n - 1 - rank]! / Math.sqrt(value), differences[i]!);
    return { direction, share: total > 0 ? Math.max(0, value) / total : 0 };
  };
  const [first, second] = [axis(0), axis(1)];
  const at = differences.map((d): [number, number] => [dot(d, first.direction), dot(d, second.direction)]);
  return {
    directions: [first.direction, second.direction],
    at,
    distance: differences.map((d, i) => Math.sqrt(Math.max(0, dot(d, d) - at[i]![0] ** 2 - at[i]![1] ** 2))),
    explained: [first.share, second.share],
  };
}
