/** @file Penalties on weights: where they move the optimum of two weights, which of twenty they make 0, and the norms of a net's matrices. Computed by the library. */
import { type LinearProblem, penalized, sparseProblem } from "../../demo/regularized.ts";
import { matrixSpectrum } from "../../inspect/spectrum.ts";
import { matrixNorm } from "../../math/linalg.ts";
import { tensor } from "../../ops/create.ts";
import { PENALTIES_LIMITS, type PenaltiesChoice, readPenalties } from "./norm-choice.ts";

export interface PenaltiesAnswer {
  readonly choice: PenaltiesChoice;
  /** The penalty's strength beside the mean loss of an example. */
  readonly strength: number;
  /** Where the optimum comes to, and its way there from no penalty to the greatest. */
  readonly weights: readonly number[];
  readonly path: readonly (readonly number[])[];
  /** ‖w‖₁ or ‖w‖₂ at the optimum, the ball's size; and the mean loss there, ½ (w - w*)ᵀ C (w - w*). */
  readonly size: number;
  readonly loss: number;
  /** Twenty weights of which the first three count, with the same penalty. */
  readonly sparse: readonly number[];
}

const f64 = { dtype: "f64" } as const;

/** Strengths of the path. */
const STRENGTHS: readonly number[] = Array.from({ length: 61 }, (_, i) => (PENALTIES_LIMITS.lambda[1] * i) / 60);

export function penalties(given: unknown): PenaltiesAnswer {
  const choice = readPenalties(given);
  const { kind, lambda, isInside, examples, optimum, correlation } = choice;
  const strength = isInside ? lambda : lambda / examples;
  const gram = tensor(
    [
      [1, correlation],
      [correlation, 1],
    ],
    f64,
  );
  const best = tensor([...optimum], f64);
  const problem: LinearProblem = { gram, moment: best.matmul(gram) };
  // A step of 1/σ₁ of the gram is the longest that never overshoots.
  const all = Array.from(penalized(problem, kind, [strength, ...STRENGTHS], 1 / (1 + Math.abs(correlation))).dataSync());
  const [weights, ...path] = Array.from({ length: all.length / 2 }, (_, i) => all.slice(2 * i, 2 * i + 2));
  const [w1, w2] = weights as [number, number];
  const [d1, d2] = [w1 - optimum[0]!, w2 - optimum[1]!];
  return {
    choice,
    strength,
    weights: [w1, w2],
    path,
    size: kind === "l1" ? Math.abs(w1) + Math.abs(w2) : Math.hypot(w1, w2),
    loss: (d1 * d1 + 2 * correlation * d1 * d2 + d2 * d2) / 2,
    sparse: Array.from(penalized(sparseProblem(), kind, [strength]).dataSync()),
  };
}

export interface MatricesQuestion {
  /** Weights and biases of a net, layer by layer: W row by row, then b. */
  readonly weights: readonly number[];
  readonly widths: readonly number[];
}

export interface MatrixNorms {
  readonly shape: readonly [rows: number, columns: number];
  /** ‖W‖₂ and ‖W‖_F. */
  readonly spectral: number;
  readonly frobenius: number;
}

/** The norms of each matrix of a net. Biases have none. */
export function matricesOf({ weights, widths }: MatricesQuestion): MatrixNorms[] {
  let at = 0;
  return widths.slice(1).map((rows, i): MatrixNorms => {
    const columns = widths[i]!;
    const w = tensor(weights.slice(at, at + rows * columns), f64).reshape([rows, columns]);
    at += rows * (columns + 1);
    return { shape: [rows, columns], spectral: matrixSpectrum(w).values[0]!, frobenius: matrixNorm(w).itemSync() };
  });
}
