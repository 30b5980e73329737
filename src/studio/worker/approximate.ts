/** @file A curve by units of one hidden layer, built or trained, and by the folds of a deep net: what the room Approximate shows, computed by the library. */

import { compile } from "../../function/compile.ts";
import { bumpConstruction, type Construction, type Curve1d, largestError, reluConstruction, tent } from "../../inspect/approximate.ts";
import { mseLoss } from "../../math/loss.ts";
import { manualSeed } from "../../math/random.ts";
import { ReLU } from "../../nn/activation.ts";
import { Linear } from "../../nn/linear.ts";
import { Sequential } from "../../nn/sequential.ts";
import { fromArray } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import { Meter } from "../../train/meter.ts";
import { stepFunction } from "../../train/step.ts";
import { type ApproximateChoice, curveOfChoice, readApproximation } from "./approximate-choice.ts";

/** Points of the drawing. */
const POINTS = 241;

/** Numbers of units whose errors are shown. */
export const WIDTHS = [1, 2, 4, 8, 16, 32, 64] as const;

/** Steps of a training, and how many of them a call takes. */
const TRAINED = { steps: 2000, call: 100, points: 128 } as const;

export interface ApproximateAnswer {
  readonly choice: ApproximateChoice;
  readonly x: readonly number[];
  readonly curve: readonly number[];
  readonly value: readonly number[];
  /** Where the units start; where the kinks of a trained net lie inside. */
  readonly knots: readonly number[];
  readonly error: number;
  /** Largest errors of nets that are built, by their units. */
  readonly errors: readonly (readonly [units: number, error: number])[];
  /** How the error changes with the units, from half as many to these: 2 is a quarter for twice as many. */
  readonly order: number;
  readonly weights: number;
}

const INTERVAL = { from: 0, to: 1 } as const;

function built(choice: ApproximateChoice, f: Curve1d, units: number): Construction {
  return choice.method === "bumps" ? bumpConstruction(f, { ...INTERVAL, units }) : reluConstruction(f, { ...INTERVAL, units });
}

export function approximate(given: unknown): ApproximateAnswer {
  const choice = readApproximation(given);
  const { method, units } = choice;
  const f = curveOfChoice(choice);
  const x = Array.from({ length: POINTS }, (_, i) => i / (POINTS - 1));
  const found = method === "trained" ? trained(choice, f) : built(choice, f, units);
  const half = built(choice, f, units).error;
  return {
    choice,
    x,
    curve: x.map(f),
    value: x.map(found.value),
    knots: found.knots,
    error: found.error,
    errors: WIDTHS.map((n) => [n, built(choice, f, n).error]),
    order: Math.log2(half / built(choice, f, 2 * units).error),
    // Of the built nets too: a weight and a bias for each unit, its weight in the sum, and the offset.
    weights: (method === "bumps" ? 6 : 3) * units + 1,
  };
}

/** The same net, trained on even points. */
function trained({ units, seed }: ApproximateChoice, f: Curve1d): Pick<Construction, "value" | "knots" | "error"> {
  manualSeed(seed);
  const [first, last] = [new Linear(1, units), new Linear(units, 1)];
  const model = new Sequential(first, new ReLU(), last);
  const program = compile(
    stepFunction(model, new Adam(model.parameters(), { lr: 0.02 }), { loss: mseLoss, meter: new Meter("regression", [1]) }),
    {
      steps: TRAINED.call,
    },
  );
  const at = Float32Array.from({ length: TRAINED.points }, (_, i) => i / (TRAINED.points - 1));
  const column = (values: Float32Array): Tensor => fromArray(values, { shape: [values.length, 1], dtype: "f32" });
  for (let step = 0; step < TRAINED.steps; step += TRAINED.call) program(column(at.slice()), column(at.map(f)));
  program.dispose();
  const numbers = (tensor: Tensor): number[] => Array.from(tensor.dataSync() as Float32Array);
  const [w, b, v] = [first.weight, first.bias!, last.weight].map((parameter) => numbers(parameter.value)) as [number[], number[], number[]];
  const offset = numbers(last.bias!.value)[0]!;
  const value: Curve1d = (x) => w.reduce((sum, weight, i) => sum + v[i]! * Math.max(0, weight * x + b[i]!), offset);
  const knots = w.map((weight, i) => -b[i]! / weight).filter((knot) => knot > 0 && knot < 1);
  return { value, knots, error: largestError(f, value, 0, 1) };
}

export interface TentAnswer {
  readonly depth: number;
  readonly x: readonly number[];
  readonly value: readonly number[];
  readonly units: number;
  readonly pieces: number;
  readonly shallowUnits: number;
}

/** The tent map, applied again and again: each layer of two units doubles the pieces. */
export function tents(depth: number): TentAnswer {
  const { value, ...counts } = tent(depth);
  const x = Array.from({ length: 2 ** (depth + 1) + 1 }, (_, i) => i / 2 ** (depth + 1));
  return { depth, x, value: x.map(value), ...counts };
}
