/** @file Nets of growing width that are trained on a curve, beside those that are built (TRN-7): weights that exist are not always found. */
import {
  fn as aFunction,
  type Checks,
  check,
  checkOptions,
  finite,
  listOf,
  naturalNumber,
  positive,
  positiveInteger,
} from "../base/check.ts";
import { compile } from "../function/compile.ts";
import { backward } from "../function/derivative.ts";
import { Parameter } from "../nn/parameter.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam } from "../optim/adam.ts";
import { cosineAnnealing } from "../optim/schedules.ts";
import { type Curve1d, largestError } from "./approximate.ts";
import { elements64, tensor64 } from "./double.ts";
import { Draws } from "./draws.ts";

/** Where a curve is learned, by which nets and for how long. */
export interface TrainedOptions {
  readonly from: number;
  readonly to: number;
  /** Units of the hidden layer of each net, such as [2, 4, 8]. */
  readonly widths: readonly number[];
  /** Random starts of each width, of which the best counts. Default 3. */
  readonly starts?: number;
  /** Steps of Adam on all points. Default 2,000. */
  readonly steps?: number;
  /** The rate at first; it falls to 0 along a cosine. Default 0.05. */
  readonly lr?: number;
  /** Points at even distances. Default 101. */
  readonly points?: number;
  /** Default 0. */
  readonly seed?: number;
}

const OPTIONS: Checks<TrainedOptions> = {
  from: finite,
  to: finite,
  widths: listOf(positiveInteger, 1),
  starts: positiveInteger,
  steps: positiveInteger,
  lr: positive,
  points: positiveInteger,
  seed: naturalNumber,
};

/** A trained net of one hidden layer: Σ vⱼ tanh(aⱼ x + bⱼ) + c. */
export interface Trained {
  readonly units: number;
  /** Root of the mean squared difference at the points, of the best start and of each. */
  readonly rmse: number;
  readonly all: readonly number[];
  /** Largest difference from the curve on a fine grid, of the best start. */
  readonly error: number;
  /** The best start's net. */
  readonly value: Curve1d;
}

/** Weights of several starts of one width, [starts, units] and [starts, 1]. */
interface Weights {
  readonly a: Parameter;
  readonly b: Parameter;
  readonly v: Parameter;
  readonly c: Parameter;
}

/** Units of slopes up to 4 whose bends lie anywhere in [-1, 1]. */
function drawn(draws: Draws, starts: number, units: number): Weights {
  const made = (columns: number, draw: (i: number) => number): Parameter =>
    new Parameter(
      tensor64(
        Float64Array.from({ length: starts * columns }, (_, i) => draw(i)),
        [starts, columns],
      ),
    );
  const slopes = Array.from({ length: starts * units }, () => 8 * draws.uniform() - 4);
  return {
    a: made(units, (i) => slopes[i]!),
    b: made(units, (i) => -slopes[i]! * (2 * draws.uniform() - 1)),
    v: made(units, () => draws.normal() / Math.sqrt(units)),
    c: made(1, () => 0),
  };
}

/** The outputs of all starts, [starts, points]. */
function outputsOf({ a, b, v, c }: Weights, x: Tensor): Tensor {
  return a.value.unsqueeze(-1).mul(x).add(b.value.unsqueeze(-1)).tanh().mul(v.value.unsqueeze(-1)).sum(1).add(c.value);
}

/** Trains all starts in one program: their losses are added, and no weight is in two of them. */
function train(weights: Weights, x: Tensor, y: Tensor, { steps, lr }: { steps: number; lr: number }): Float64Array {
  const parameters = Object.values(weights);
  const optimizer = new Adam(parameters, { lr });
  const schedule = cosineAnnealing(lr);
  const squares = (): Tensor => outputsOf(weights, x).sub(y).square().mean(1);
  const step = compile(() => optimizer.step(backward(() => squares().sum(), parameters).grads));
  for (let i = 0; i < steps; i++) {
    optimizer.lr = schedule(i, steps);
    step();
  }
  const losses = elements64(squares());
  step.dispose();
  optimizer.dispose();
  return losses;
}

/** The net of one start, on [from, to]. */
function curveOf(weights: Weights, start: number, units: number, inside: Curve1d): Curve1d {
  const of = (p: Parameter, columns: number): Float64Array => elements64(p.value).slice(start * columns, (start + 1) * columns);
  const [a, b, v] = [of(weights.a, units), of(weights.b, units), of(weights.v, units)];
  const c = of(weights.c, 1)[0]!;
  return (x) => v.reduce((sum, vj, j) => sum + vj * Math.tanh(a[j]! * inside(x) + b[j]!), c);
}

/**
 * Nets of one hidden layer of tanh units, trained on a curve: `trainedWidths(Math.sin, { from: 0, to: 2 * Math.PI, widths: [2, 4, 8] })`. What is trained
 * may stay above what `reluConstruction` builds of as many units: that weights exist does not say that training finds them.
 * @throws {RangeError} if `to` is not above `from`, or the curve is no finite number at a point.
 */
export function trainedWidths(f: Curve1d, options: TrainedOptions): readonly Trained[] {
  check("trainedWidths: f", f, aFunction);
  checkOptions("trainedWidths", options, OPTIONS, "from", "to", "widths");
  const { from, to, widths, starts = 3, steps = 2000, lr = 0.05, points = 101, seed = 0 } = options;
  if (to <= from) throw new RangeError(`trainedWidths: to must be above from, got ${from} to ${to}`);
  if (points < 2) throw new RangeError(`trainedWidths: points must be at least 2, got ${points}`);
  const inside: Curve1d = (x) => (2 * (x - from)) / (to - from) - 1;
  const at = Float64Array.from({ length: points }, (_, i) => from + ((to - from) * i) / (points - 1));
  const wanted = at.map((x) => f(x));
  const bad = wanted.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`trainedWidths: f must give finite numbers, got ${wanted[bad]} at ${at[bad]}`);
  const [x, y] = [tensor64(at.map(inside)), tensor64(wanted)];
  const draws = new Draws(seed);
  return widths.map((units) => {
    const weights = drawn(draws, starts, units);
    const all = Array.from(train(weights, x, y, { steps, lr }), Math.sqrt);
    const rmse = Math.min(...all);
    const value = curveOf(weights, all.indexOf(rmse), units, inside);
    for (const p of Object.values(weights)) p.dispose();
    return { units, rmse, all, error: largestError(f, value, from, to), value };
  });
}
