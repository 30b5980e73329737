/**
 * @file Extreme singular values and eigenvalues of maps that are known by their products alone (Golub & Kahan 1965; Lanczos 1950), with full
 * reorthogonalisation, so that no value appears twice, and a residual for each as its error bar.
 */
import { type Checks, checkFields, checkOptions, fn, naturalNumber, nonNegative, positiveInteger } from "../base/check.ts";
import { decomposeSVD, decomposeSymmetric } from "../base/eigen.ts";
import { addScaled, dot, matrix } from "../base/linalg.ts";
import { Draws } from "./draws.ts";

/** A linear map from vectors of `columns` numbers to `rows`, and its transpose. */
export interface LinearMap {
  readonly rows: number;
  readonly columns: number;
  apply(v: Float64Array): Float64Array;
  transpose(u: Float64Array): Float64Array;
}

/** A value with a bound on its error: some true value is at most `error` away. */
export interface Estimate {
  readonly value: number;
  readonly error: number;
}

export interface LanczosOptions {
  /** Most products with the map. Default 60. */
  readonly steps?: number;
  /** How many values must be within the tolerance. Default 1. */
  readonly count?: number;
  /** Largest error, relative to the largest value. Default 1e-9. */
  readonly tolerance?: number;
  /** Of the start vector. Default 0. */
  readonly seed?: number;
}

const MAP: Checks<LinearMap> = { rows: positiveInteger, columns: positiveInteger, apply: fn, transpose: fn };
const OPTIONS: Checks<LanczosOptions> = { steps: positiveInteger, count: positiveInteger, tolerance: nonNegative, seed: naturalNumber };

const norm = (x: Float64Array): number => Math.sqrt(dot(x, x));

/** Takes the components along `basis` away, twice, and gives the length that is left; the vector then has length 1 (or is of zeros). */
function orthonormalize(x: Float64Array, basis: readonly Float64Array[]): number {
  const before = norm(x);
  for (let pass = 0; pass < 2; pass++) for (const b of basis) addScaled(x, -dot(x, b), b);
  const length = norm(x);
  // What rounding leaves of a vector that lies in the span of the others.
  if (length <= 1e-14 * before || length < 1e-300) {
    x.fill(0);
    return 0;
  }
  for (let i = 0; i < x.length; i++) x[i]! /= length;
  return length;
}

/** A random unit vector outside of a span; undefined if the span is everything. */
function fresh(n: number, basis: readonly Float64Array[], draws: Draws): Float64Array | undefined {
  if (basis.length >= n) return undefined;
  const x = draws.normals(n);
  return orthonormalize(x, basis) > 0 ? x : undefined;
}

/** A U = V B of a map: alpha is the diagonal of B, beta what stands above it. */
interface Bidiagonal {
  readonly alpha: number[];
  readonly beta: number[];
}

function singularOf({ alpha, beta }: Bidiagonal): Estimate[] {
  const k = alpha.length;
  const b = matrix(k, k);
  for (let i = 0; i < k; i++) {
    b.data[i * k + i] = alpha[i]!;
    if (i + 1 < k) b.data[i * k + i + 1] = beta[i]!;
  }
  const { u, s } = decomposeSVD(b);
  // ‖Aᵀu − σv‖ = β_k |e_kᵀ u|.
  return [...s].map((value, i) => ({ value, error: Math.abs(beta[k - 1]! * u.data[(k - 1) * k + i]!) }));
}

/**
 * Singular values of a map, the largest first, with error bars, until the first `count` of them are within the tolerance. With as many steps as the shorter
 * side has elements all values are there.
 */
export function singularValues(map: LinearMap, options: LanczosOptions = {}): { values: readonly Estimate[]; steps: number } {
  checkFields("singularValues: map", map, MAP);
  checkOptions("singularValues", options, OPTIONS);
  const { steps = 60, count = 1, tolerance = 1e-9, seed = 0 } = options;
  const draws = new Draws(seed);
  const most = Math.min(steps, map.rows, map.columns);
  const [lefts, rights]: Float64Array[][] = [[], []];
  const found: Bidiagonal = { alpha: [], beta: [] };
  // The recurrence starts on the shorter side, which it may exhaust.
  const turned = map.rows < map.columns;
  const forth = (x: Float64Array): Float64Array => (turned ? map.transpose(x) : map.apply(x));
  const back = (x: Float64Array): Float64Array => (turned ? map.apply(x) : map.transpose(x));
  let v = fresh(Math.min(map.rows, map.columns), [], draws);
  let values: Estimate[] = [];
  while (v && found.alpha.length < most) {
    rights.push(v);
    const u = Float64Array.from(forth(v));
    found.alpha.push(orthonormalize(u, lefts));
    lefts.push(u);
    const next = Float64Array.from(back(u));
    const beta = orthonormalize(next, rights);
    found.beta.push(beta);
    v = beta > 0 ? next : fresh(next.length, rights, draws);
    const k = found.alpha.length;
    if (k < most && (k % 5 !== 0 || k < count)) continue;
    values = singularOf(found);
    const limit = tolerance * values[0]!.value;
    if (values.slice(0, count).every(({ error }) => error <= limit)) break;
  }
  return { values, steps: found.alpha.length };
}

/** What {@link lanczos} makes of a symmetric map. */
export interface Ritz {
  /** Ascending, each with the bound on its error. */
  readonly values: readonly Estimate[];
  /** Squares of the first components of the eigenvectors: the weights of Gauss quadrature, of sum 1. */
  readonly weights: readonly number[];
}

/**
 * Ritz values of a symmetric map from one start vector, with the weights by which Σ wᵢ f(λᵢ) = vᵀf(A)v for polynomials of degree up to 2·steps − 1 (Golub &
 * Meurant 2010). Stops where the start vector's Krylov space ends.
 */
export function lanczos(apply: (v: Float64Array) => Float64Array, start: Float64Array, steps: number): Ritz {
  const basis: Float64Array[] = [];
  const [diagonal, beside]: number[][] = [[], []];
  let v = start.slice();
  let beta = orthonormalize(v, []);
  while (basis.length < Math.min(steps, start.length) && beta > 0) {
    basis.push(v);
    const next = Float64Array.from(apply(v));
    diagonal.push(dot(next, v));
    beta = orthonormalize(next, basis);
    // Rounding alone: the space is exhausted.
    if (beta <= 1e-13 * Math.max(...diagonal.map(Math.abs), ...beside)) beta = 0;
    beside.push(beta);
    v = next;
  }
  return ritzOf(diagonal, beside);
}

function ritzOf(diagonal: readonly number[], beside: readonly number[]): Ritz {
  const k = diagonal.length;
  const t = matrix(k, k);
  for (let i = 0; i < k; i++) {
    t.data[i * k + i] = diagonal[i]!;
    if (i + 1 < k) t.data[i * k + i + 1] = t.data[(i + 1) * k + i] = beside[i]!;
  }
  const { values, vectors } = decomposeSymmetric(t);
  const last = beside[k - 1] ?? 0;
  return {
    values: [...values].map((value, i) => ({ value, error: Math.abs(last * vectors.data[(k - 1) * k + i]!) })),
    weights: [...values].map((_, i) => vectors.data[i]! ** 2),
  };
}
