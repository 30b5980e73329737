/** @file Random matrices and their singular values beside the laws: what the room Spectra shows, by the instruments of the library. */

import { edges, largestQuantile, largestScore, marchenkoPastur, meanSingularValue, spikeStrength } from "../../inspect/random-matrix.ts";
import { matrixSpectrum, productSpectrum } from "../../inspect/spectrum.ts";
import { keyOf, manualSeed, normal } from "../../math/random.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { FlowInitializer } from "./deep-net.ts";
import { INITIALIZER } from "./initializers.ts";
import { type MatrixChoice, readMatrix } from "./matrix-choice.ts";

export interface SpectrumAnswer {
  /** Singular values, the largest first. */
  readonly values: readonly number[];
  /** Of the law: where it ends, and its mean; of a product its upper end alone. */
  readonly upper: number;
  readonly lower: number;
  readonly mean: number;
  /** What 99 % of random matrices stay below; of a single matrix. */
  readonly line?: number;
  readonly outliers: readonly { readonly value: number; readonly strength: number }[];
  /** The density of the law at evenly spaced places from 0 to its upper end. */
  readonly density: readonly (readonly [s: number, density: number])[];
  readonly p?: number;
  readonly stableRank?: number;
  readonly condition?: number;
  /** Of a product: the largest singular values of its factors, multiplied. */
  readonly product?: number;
}

/** Places at which the density is drawn. */
const PLACES = 120;

const draw = ({ rows, columns, initializer, scale }: MatrixChoice): Tensor =>
  INITIALIZER[initializer]([rows, columns]).cast("f64").mul(scale);

/** A rank-one signal u vᵀ of a strength, u and v of length 1. */
function signal({ rows, columns, signal: strength, seed }: MatrixChoice): Tensor {
  const unit = (n: number, key: number): Tensor => {
    const v = normal(keyOf(key), [n], { dtype: "f64" });
    return v.div(v.square().sum().sqrt());
  };
  return unit(rows, 2 * seed + 100_001)
    .unsqueeze(1)
    .mul(unit(columns, 2 * seed + 100_002).unsqueeze(0))
    .mul(strength);
}

export function spectrumOf(question: unknown): SpectrumAnswer {
  const choice = readMatrix(question);
  manualSeed(choice.seed);
  if (choice.factors > 1) return productOf(choice);
  const weight = choice.signal > 0 ? draw(choice).add(signal(choice)) : draw(choice);
  const { values, stableRank, condition } = matrixSpectrum(weight);
  const ensemble = { rows: choice.rows, columns: choice.columns, variance: varianceOf(choice) };
  const { lower, upper } = edges(ensemble);
  const line = largestQuantile(ensemble);
  return {
    values,
    upper,
    lower,
    mean: meanSingularValue(ensemble),
    line,
    outliers: values.filter((value) => value > line).map((value) => ({ value, strength: spikeStrength(value, ensemble) })),
    density: Array.from({ length: PLACES + 1 }, (_, i): [number, number] => {
      // The density of a square matrix is 0 at 0 alone: its limit there is what the curve must show.
      const s = lower + ((upper - lower) * (i + 0.001)) / (PLACES + 0.002);
      return [s, marchenkoPastur(s, ensemble)];
    }),
    p: largestScore(values[0]!, ensemble).p,
    stableRank,
    condition,
  };
}

/** Variance of the entries, by the definition of the initializer for fans n = rows and m = columns. */
function varianceOf({ rows, columns, initializer, scale }: MatrixChoice): number {
  const both = rows + columns;
  const one: Readonly<Record<FlowInitializer, number>> = {
    Glorot: 2 / both,
    He: 2 / columns,
    "He, both fans": 4 / both,
    "Glorot × 4": 32 / both,
    "uniform 1/√n": 1 / (3 * columns),
    orthogonal: 1 / Math.max(rows, columns),
    "N(0, 1)": 1,
  };
  return one[initializer] * scale ** 2;
}

/** Square factors, as the law of products has them. */
function productOf(choice: MatrixChoice): SpectrumAnswer {
  const square = { ...choice, columns: choice.rows };
  const { values, edge, product } = productSpectrum(Array.from({ length: choice.factors }, () => draw(square)));
  return {
    values,
    upper: edge,
    lower: 0,
    mean: values.reduce((a, b) => a + b, 0) / values.length,
    outliers: [],
    density: [],
    condition: values[0]! / values.at(-1)!,
    product,
  };
}

/** Singular values of [[a, b], [c, d]]. */
export const singularValuesOf = (matrix: readonly number[]): readonly number[] =>
  matrixSpectrum(tensor([matrix.slice(0, 2), matrix.slice(2)], { dtype: "f64" })).values;
