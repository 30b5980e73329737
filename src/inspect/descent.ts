/**
 * @file Descents: where gradient descent from many starts ends (S4: initialisation A falls into a local minimum, B reaches the global one), and the directional
 * derivative df(u) = ∇f·u, which is least against the gradient (AD-10).
 */
import { fn as aFunction, type Checks, check, checkOptions, naturalNumber, positive, positiveInteger } from "../base/check.ts";
import { compile } from "../function/compile.ts";
import { scan } from "../function/control.ts";
import { grad, jvp, valueAndGrad } from "../function/derivative.ts";
import { vmap } from "../function/vmap.ts";
import { checkModule, type Layer } from "../nn/module.ts";
import { requireTensor, type Tensor } from "../ops/tensor.ts";
import { OBJECTIVE, type Objective, prepared } from "./curvature.ts";
import { elements64, inEvaluation, tensor64 } from "./double.ts";
import { Draws } from "./draws.ts";

/** What is minimised, from where and how. */
export interface OutcomesOptions extends Objective {
  /** Random starts: weights N(0, 1), vectors (biases) 0. Default 200. */
  readonly starts?: number;
  /** Learning rate of full-batch gradient descent. Default 0.1. */
  readonly rate?: number;
  /** Default 8,000. */
  readonly steps?: number;
  /** Losses that differ by less are one level. Default 1e-3. */
  readonly tolerance?: number;
  /** Default 0. */
  readonly seed?: number;
}

const OPTIONS: Checks<OutcomesOptions> = {
  ...OBJECTIVE,
  starts: positiveInteger,
  rate: positive,
  steps: positiveInteger,
  tolerance: positive,
  seed: naturalNumber,
};

/** A loss at which descents end. */
export interface Level {
  readonly loss: number;
  readonly count: number;
  readonly share: number;
  /** A start that leads there, as a vector of all parameters, and where it ends. */
  readonly start: Float64Array;
  readonly end: Float64Array;
}

/** Steps that one call of the compiled program takes. */
const STRIDE = 100;

/** Where full-batch gradient descent ends from random starts, by the loss that it reaches, least first. All starts descend together, in f64. */
export function outcomes(model: Layer, options: OutcomesOptions): readonly Level[] {
  checkModule("outcomes: model", model);
  checkOptions("outcomes", options, OPTIONS, "x", "y", "loss");
  const { starts = 200, rate = 0.1, steps = 8000, tolerance = 1e-3, seed = 0 } = options;
  return inEvaluation(model, () => {
    const { vector, x, y, loss } = prepared("outcomes", model, options);
    const draws = new Draws(seed);
    const first = new Float64Array(starts * vector.size);
    let at = 0;
    for (let s = 0; s < starts; s++)
      for (const shape of vector.shapes)
        for (let i = shape.reduce((a, b) => a * b, 1); i > 0; i--) first[at++] = shape.length >= 2 ? draws.normal() : 0;
    const descend = (length: number): ((theta: Tensor, a: Tensor, b: Tensor) => Tensor) =>
      compile((theta: Tensor, a: Tensor, b: Tensor) => {
        const slopes = vmap((t: Tensor) => grad((p: Tensor) => loss(p, a, b), { unused: "ignore" })(t));
        return scan((t: Tensor) => [t.sub(slopes(t).mul(rate)), []], theta, [], { length })[0];
      });
    let theta = tensor64(first, [starts, vector.size]);
    const stride = descend(Math.min(STRIDE, steps));
    for (let done = 0; done + Math.min(STRIDE, steps) <= steps; done += STRIDE) theta = stride(theta, x, y);
    if (steps > STRIDE && steps % STRIDE > 0) theta = descend(steps % STRIDE)(theta, x, y);
    const ends = elements64(theta);
    const losses = elements64(compile((t: Tensor, a: Tensor, b: Tensor) => vmap((p: Tensor) => loss(p, a, b))(t))(theta, x, y));
    return levelsOf(losses, first, ends, vector.size, tolerance);
  });
}

function levelsOf(losses: Float64Array, first: Float64Array, ends: Float64Array, size: number, tolerance: number): Level[] {
  const order = Array.from(losses.keys()).sort((a, b) => losses[a]! - losses[b]!);
  const groups: number[][] = [];
  for (const i of order) {
    const open = groups.at(-1);
    // NaN is near nothing: descents that diverge are levels of their own at the end.
    if (open && losses[i]! - losses[open[0]!]! <= 2 * tolerance) open.push(i);
    else groups.push([i]);
  }
  return groups.map((group) => {
    const middle = group[Math.floor(group.length / 2)]!;
    const part = (all: Float64Array): Float64Array => all.slice(middle * size, (middle + 1) * size);
    return { loss: losses[middle]!, count: group.length, share: group.length / losses.length, start: part(first), end: part(ends) };
  });
}

/** A way down. */
export interface Descent {
  readonly points: readonly Float64Array[];
  readonly values: readonly number[];
}

/** How a descent steps. */
export interface DescentOptions {
  /** Default 0.1. */
  readonly rate?: number;
  /** Default 100. */
  readonly steps?: number;
}

const DESCENT: Checks<DescentOptions> = { rate: positive, steps: positiveInteger };

function checkScalar(what: string, fn: unknown, at: unknown): asserts at is Tensor {
  check(`${what}: fn`, fn, aFunction);
  requireTensor(`${what}: at`, at);
}

/** Steepest descent x ← x − η∇f(x) of a scalar function, each point kept: what a contour plot shows. */
export function steepestDescent(fn: (x: Tensor) => Tensor, at: Tensor, options: DescentOptions = {}): Descent {
  checkScalar("steepestDescent", fn, at);
  checkOptions("steepestDescent", options, DESCENT);
  const { rate = 0.1, steps = 100 } = options;
  const slope = compile((x: Tensor) => valueAndGrad(fn)(x));
  let x = at.cast("f64");
  const points: Float64Array[] = [];
  const values: number[] = [];
  for (let k = 0; k <= steps; k++) {
    const found = slope(x);
    points.push(elements64(x));
    values.push(elements64(found.value)[0]!);
    x = x.sub(found.grad.mul(rate));
  }
  return { points, values };
}

/** Slopes of a function at a point. */
export interface Directional {
  readonly value: number;
  readonly gradient: Float64Array;
  /** ‖∇f‖: the slope along the gradient; against it the function falls fastest, by as much. */
  readonly steepest: number;
  /** In each direction of length 1: ∇f·u, and the same by differences of the function. */
  readonly slopes: readonly { readonly direction: Float64Array; readonly slope: number; readonly measured: number }[];
}

/** Which directions are looked at. */
export interface DirectionalOptions {
  /** Directions: all around in the plane, random ones in more dimensions; the first is along the gradient. Default 36. */
  readonly directions?: number;
  /** Default 0. */
  readonly seed?: number;
}

const DIRECTIONAL: Checks<DirectionalOptions> = { directions: positiveInteger, seed: naturalNumber };

/** The directional derivatives of a scalar function at a point, around the direction of its gradient. */
export function directional(fn: (x: Tensor) => Tensor, at: Tensor, options: DirectionalOptions = {}): Directional {
  checkScalar("directional", fn, at);
  checkOptions("directional", options, DIRECTIONAL);
  const { directions: count = 36, seed = 0 } = options;
  const x = at.cast("f64");
  const { value, grad: g } = compile((p: Tensor) => valueAndGrad(fn)(p))(x);
  const gradient = elements64(g);
  const steepest = Math.sqrt(gradient.reduce((sum, d) => sum + d * d, 0));
  const along = compile((p: Tensor, u: Tensor) => jvp(fn)([p], [u]).tangent);
  const f = compile((p: Tensor) => fn(p));
  const step = 1e-5;
  return {
    value: elements64(value)[0]!,
    gradient,
    steepest,
    slopes: unitVectors(gradient, count, seed).map((direction) => {
      const u = tensor64(direction, x.shape);
      const side = (t: number): number => elements64(f(x.add(u.mul(t))))[0]!;
      return { direction, slope: elements64(along(x, u))[0]!, measured: (side(step) - side(-step)) / (2 * step) };
    }),
  };
}

/** Vectors of length 1, the first along the gradient (the first axis, where there is none). */
function unitVectors(gradient: Float64Array, count: number, seed: number): Float64Array[] {
  const draws = new Draws(seed);
  const unit = (v: Float64Array): Float64Array => {
    const length = Math.sqrt(v.reduce((sum, c) => sum + c * c, 0));
    return length > 0 ? v.map((c) => c / length) : v.map((_, i) => Number(i === 0));
  };
  const first = unit(gradient);
  if (gradient.length !== 2) return [first, ...Array.from({ length: count - 1 }, () => unit(draws.normals(gradient.length)))];
  const angle = Math.atan2(first[1]!, first[0]!);
  return Array.from({ length: count }, (_, i) =>
    Float64Array.of(Math.cos(angle + (2 * Math.PI * i) / count), Math.sin(angle + (2 * Math.PI * i) / count)),
  );
}
