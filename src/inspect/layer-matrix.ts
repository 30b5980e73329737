/** @file The matrix of a linear site, and what it can do to the length of a gradient. */
import { decomposeSVD } from "../base/eigen.ts";
import { matrix } from "../base/linalg.ts";
import type { Elements } from "./site-program.ts";
import type { Site } from "./sites.ts";

/** A layer's matrix in numbers. */
export interface Layered {
  readonly out: number;
  readonly in: number;
  /** ‖W‖_F. */
  readonly frobenius: number;
  /** ‖W‖²_F / σ₁²: between 1 and the rank. */
  readonly stableRank: number;
  /** Root mean square of ‖Wᵀδ‖/‖δ‖ over random δ: √(v·in) for entries of the variance v. */
  readonly expected: number;
  /** Bounds of ‖Wᵀδ‖/‖δ‖. */
  readonly most: number;
  readonly least: number;
  /** Whether `least` and `most` are singular values and no mere bounds. */
  readonly exact: boolean;
}

/** Over δ of any direction E‖Wᵀδ‖² = ‖W‖²_F ‖δ‖² / out. */
export const expectedGain = (frobenius: number, out: number): number => frobenius / Math.sqrt(out);

/** Above this, singular values are not all computed: the largest by iteration, the least not. */
const LARGE = 300;

/** The matrix of a linear site: out × in; undefined for a product that shares an axis with the weights. */
export function matrixOf(
  { spec, weightSide }: Site,
  { shape, data }: Elements,
): { out: number; in: number; data: Float64Array } | undefined {
  if (spec === undefined) return { out: shape[0]!, in: data.length / shape[0]!, data: Float64Array.from(data) };
  const [operands, result] = spec.split("->") as [string, string];
  const words = operands.split(",");
  const [own, other] = [words[weightSide]!, words[1 - weightSide]!];
  if ([...own].some((c) => result.includes(c) === other.includes(c))) return undefined;
  const rows = [...own].flatMap((c, i) => (result.includes(c) ? [i] : []));
  const columns = [...own].flatMap((c, i) => (result.includes(c) ? [] : [i]));
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const places = (axes: readonly number[]): number[] =>
    axes.reduce<number[]>((all, axis) => all.flatMap((at) => Array.from({ length: shape[axis]! }, (_, i) => at + i * strides[axis]!)), [0]);
  const [down, across] = [places(rows), places(columns)];
  return { out: down.length, in: across.length, data: Float64Array.from(down.flatMap((at) => across.map((more) => data[at + more]!))) };
}

/** Sizes of a layer's matrix. For a convolution σ₁ is bounded by √taps times that of the kernel as a matrix. */
export function layeredOf(site: Site, weight: Elements): Layered {
  const found = matrixOf(site, weight);
  let squares = 0;
  for (const x of weight.data) squares += x * x;
  const frobenius = Math.sqrt(squares);
  if (!found)
    return {
      out: site.shape.at(-1)!,
      in: 1,
      frobenius,
      stableRank: Number.NaN,
      expected: frobenius,
      most: frobenius,
      least: 0,
      exact: false,
    };
  const { out, in: fan, data } = found;
  const small = Math.min(out, fan) <= LARGE && data.length <= 400 * LARGE;
  const singular = small ? decomposeSVD(matrix(out, fan, data)).s : Float64Array.of(largestSingular(out, fan, data));
  const exact = small && site.taps === 1;
  const most = singular[0]! * Math.sqrt(site.taps) * (small ? 1 : 1 + 1e-6);
  const least = exact && out <= fan ? singular.at(-1)! : 0;
  return {
    out,
    in: fan,
    frobenius,
    stableRank: (frobenius / singular[0]!) ** 2,
    expected: expectedGain(frobenius, out),
    most,
    least,
    exact,
  };
}

/** σ₁ by the power method on WᵀW; a bound from below that is near it, so ‖W‖_F is taken where it has not come to rest. */
function largestSingular(rows: number, columns: number, data: Float64Array): number {
  let v = Float64Array.from({ length: columns }, (_, i) => Math.sin(i + 1));
  let before = 0;
  for (let k = 0; k < 100; k++) {
    const u = new Float64Array(rows);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) u[i]! += data[i * columns + j]! * v[j]!;
    const w = new Float64Array(columns);
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) w[j]! += data[i * columns + j]! * u[i]!;
    const norm = Math.sqrt(w.reduce((sum, x) => sum + x * x, 0));
    if (norm === 0) return 0;
    v = w.map((x) => x / norm);
    if (Math.abs(norm - before) <= 1e-9 * norm) return Math.sqrt(norm);
    before = norm;
  }
  return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));
}
