/**
 * @file Singular values by way of a bidiagonal matrix (Golub & Kahan 1965): Householder reflections from both sides, then implicit QR steps (Golub & Van
 * Loan 2013, Alg. 5.4.2 and 8.6.2). Errors are relative to the largest value.
 */
import { addScaled } from "./linalg.ts";
import { Rotations, reflectFrom, reflector, turnsOf } from "./rotations.ts";

const EPSILON = 2 ** -52;
const STEPS = 60;

/** A = Σ leftᵢ σᵢ rightᵢᵀ with σ falling. */
export interface SingularVectors {
  readonly left: Float64Array[];
  readonly values: Float64Array;
  readonly right: Float64Array[];
}

/** Of a square matrix, whose rows are overwritten. Nothing if it is singular to rounding: that wants a method of more care. */
export function bidiagonalSVD(rows: Float64Array[]): SingularVectors | undefined {
  const { diagonal, beside, left, right } = bidiagonal(rows);
  const turns = [new Rotations(left), new Rotations(right)] as const;
  if (!implicitQR(diagonal, beside, ...turns)) return undefined;
  for (const each of turns) each.flush();
  diagonal.forEach((x, i) => {
    if (x < 0) for (let j = 0; j < right[i]!.length; j++) right[i]![j]! *= -1;
  });
  const order = Array.from(diagonal, (_, i) => i).sort((i, j) => Math.abs(diagonal[j]!) - Math.abs(diagonal[i]!));
  return {
    left: order.map((i) => left[i]!),
    values: Float64Array.from(order, (i) => Math.abs(diagonal[i]!)),
    right: order.map((i) => right[i]!),
  };
}

interface Bidiagonal {
  readonly diagonal: Float64Array;
  /** beside[i] stands right of diagonal[i]. */
  readonly beside: Float64Array;
  /** Rows of Uᵀ and of Vᵀ with A = U B Vᵀ. */
  readonly left: Float64Array[];
  readonly right: Float64Array[];
}

/** Column by column and row by row. Each step passes over the rest of the matrix twice. */
function bidiagonal(a: Float64Array[]): Bidiagonal {
  const n = a.length;
  const [diagonal, beside] = [new Float64Array(n), new Float64Array(n)];
  const [ofColumns, ofRows]: [Float64Array[], Float64Array[]] = [[], []];
  for (let k = 0; k < n; k++) {
    const v = Float64Array.from({ length: n - k }, (_, i) => a[k + i]![k]!);
    diagonal[k] = reflector(v);
    ofColumns.push(v);
    if (k === n - 1) break;
    // vᵀA, and the first row behind it, which decides the reflection from the right.
    const w = new Float64Array(n - k - 1);
    for (let i = k; i < n; i++) addFrom(w, v[i - k]!, a[i]!, k + 1);
    const u = a[k]!.slice(k + 1);
    addScaled(u, -2 * v[0]!, w);
    beside[k] = reflector(u);
    ofRows.push(u);
    for (let i = k + 1; i < n; i++) {
      const row = a[i]!;
      const factor = -2 * v[i - k]!;
      for (let j = 0; j < w.length; j++) row[k + 1 + j]! += factor * w[j]!;
      reflectFrom(row, k + 1, u);
    }
  }
  return { diagonal, beside, left: turnsOf(ofColumns, n, 0), right: turnsOf(ofRows, n, 1) };
}

/** x += factor·y from y's element `from` on */
function addFrom(x: Float64Array, factor: number, y: Float64Array, from: number): void {
  const n = x.length;
  for (let i = 0; i < n; i++) x[i]! += factor * y[from + i]!;
}

/** QR steps until nothing stands beside the diagonal; false if an element of the diagonal vanishes, or there is no end. */
function implicitQR(d: Float64Array, e: Float64Array, left: Rotations, right: Rotations): boolean {
  let norm = 0;
  for (const list of [d, e]) for (const x of list) norm = Math.max(norm, Math.abs(x));
  if (d.some((x) => !(Math.abs(x) > EPSILON * norm))) return false;
  let high = d.length - 1;
  for (let step = 0; high > 0; ) {
    let low = high;
    while (low > 0 && Math.abs(e[low - 1]!) > EPSILON * (Math.abs(d[low - 1]!) + Math.abs(d[low]!))) low--;
    if (low > 0) e[low - 1] = 0;
    if (low === high) {
      high--;
      step = 0;
      continue;
    }
    if (step++ === STEPS) return false;
    chase(d, e, left, right, low, high);
    if (!(Math.abs(d[high]!) > EPSILON * norm)) return false;
  }
  return true;
}

/** One step on rows low to high, with the shift of the last 2x2 block of BᵀB. */
function chase(d: Float64Array, e: Float64Array, left: Rotations, right: Rotations, low: number, high: number): void {
  const before = high - 1 > low ? e[high - 2]! ** 2 : 0;
  const last = d[high]! ** 2 + e[high - 1]! ** 2;
  const between = d[high - 1]! * e[high - 1]!;
  const half = (d[high - 1]! ** 2 + before - last) / 2;
  const root = Math.sqrt(half * half + between * between);
  const shift = last - between ** 2 / (half + (half >= 0 ? root : -root));
  let y = d[low]! ** 2 - shift;
  let z = d[low]! * e[low]!;
  for (let k = low; k < high; k++) {
    let r = Math.hypot(y, z);
    let c = y / r;
    let s = z / r;
    if (k > low) e[k - 1] = r;
    y = c * d[k]! + s * e[k]!;
    e[k] = c * e[k]! - s * d[k]!;
    z = s * d[k + 1]!;
    d[k + 1]! *= c;
    right.add(k, c, -s);
    r = Math.hypot(y, z);
    c = y / r;
    s = z / r;
    d[k] = r;
    y = c * e[k]! + s * d[k + 1]!;
    d[k + 1] = c * d[k + 1]! - s * e[k]!;
    if (k + 1 < high) {
      z = s * e[k + 1]!;
      e[k + 1]! *= c;
    }
    left.add(k, c, -s);
  }
  e[high - 1] = y;
}
