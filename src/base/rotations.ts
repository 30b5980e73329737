/** @file Reflections and rotations of vectors that lie contiguously: the inner loops of decompositions. */
import { dot } from "./linalg.ts";

/** Makes x the unit vector v of the reflection I - 2vvᵀ that takes it to a multiple of the first axis, and returns the multiple; v is 0 for 0. */
export function reflector(x: Float64Array): number {
  const norm = Math.sqrt(dot(x, x));
  if (norm === 0) return 0;
  const image = x[0]! > 0 ? -norm : norm;
  x[0]! -= image;
  const length = Math.sqrt(dot(x, x));
  for (let i = 0; i < x.length; i++) x[i]! /= length;
  return image;
}

/** (I - 2vvᵀ) x for the elements of x from `from` on, as many as v has. A view of them would be one more object for each call. */
export function reflectFrom(x: Float64Array, from: number, v: Float64Array): void {
  const factor = -2 * dot(v, x, from);
  for (let i = 0; i < v.length; i++) x[from + i]! += factor * v[i]!;
}

/** (x, y) to (cx - sy, sx + cy), of the elements from..to. */
export function turn(x: Float64Array, y: Float64Array, c: number, s: number, from = 0, to: number = x.length): void {
  for (let k = from; k < to; k++) {
    // No pair of arrays: the engine would make them on the heap.
    const a = x[k]!;
    const b = y[k]!;
    x[k] = c * a - s * b;
    y[k] = s * a + c * b;
  }
}

/** {@link turn} of x and y, then of y and z: y is loaded and stored once. */
function turnTwo(
  x: Float64Array,
  y: Float64Array,
  z: Float64Array,
  c: number,
  s: number,
  c2: number,
  s2: number,
  from: number,
  to: number,
): void {
  for (let k = from; k < to; k++) {
    const a = x[k]!;
    const b = y[k]!;
    const d = z[k]!;
    const between = s * a + c * b;
    x[k] = c * a - s * b;
    y[k] = c2 * between - s2 * d;
    z[k] = s2 * between + c2 * d;
  }
}

/** Elements of each row that are turned together: of 500 rows they take a quarter of a megabyte, which a second cache holds. */
const STRIP = 64;
const MOST = 8192;

/** Rotations of neighbouring rows that are done later, strip by strip, so that rows come from memory once for many rotations. */
export class Rotations {
  readonly #rows: readonly Float64Array[];
  readonly #at: Int32Array = new Int32Array(MOST);
  readonly #cos: Float64Array = new Float64Array(MOST);
  readonly #sin: Float64Array = new Float64Array(MOST);
  #count = 0;

  constructor(rows: readonly Float64Array[]) {
    this.#rows = rows;
  }

  /** Rows i and i + 1 as {@link turn} does it. */
  add(i: number, c: number, s: number): void {
    if (this.#count === MOST) this.flush();
    this.#at[this.#count] = i;
    this.#cos[this.#count] = c;
    this.#sin[this.#count++] = s;
  }

  /** Does what was added. */
  flush(): void {
    const length = this.#rows[0]?.length ?? 0;
    for (let from = 0; from < length; from += STRIP) {
      const to = Math.min(length, from + STRIP);
      for (let r = 0; r < this.#count; r++) {
        const i = this.#at[r]!;
        const [x, y] = [this.#rows[i]!, this.#rows[i + 1]!];
        const next = r + 1 < this.#count ? this.#at[r + 1]! - i : 0;
        // Two that follow each other along the rows share one of them.
        if (next === 1) turnTwo(x, y, this.#rows[i + 2]!, this.#cos[r]!, this.#sin[r]!, this.#cos[r + 1]!, this.#sin[r + 1]!, from, to);
        else if (next === -1)
          turnTwo(y, x, this.#rows[i - 1]!, this.#cos[r]!, -this.#sin[r]!, this.#cos[r + 1]!, -this.#sin[r + 1]!, from, to);
        else {
          turn(x, y, this.#cos[r]!, this.#sin[r]!, from, to);
          continue;
        }
        r++;
      }
    }
    this.#count = 0;
  }
}

/** Vectors that reflections are applied to at once. */
const PANEL = 8;

/**
 * H₀H₁⋯ x of each vector: reflection k acts on the elements from k + offset on. They lie side by side, so that a reflector comes from memory once for
 * eight. Of axes (`areAxes`: vector i is 0 but at i) those reflections are left out that find nothing.
 */
export function reflectAll(vectors: readonly Float64Array[], reflectors: readonly Float64Array[], offset = 0, areAxes = false): void {
  const length = vectors[0]?.length ?? 0;
  const panel = new Float64Array(length * PANEL);
  for (let first = 0; first < vectors.length; first += PANEL) {
    const count = Math.min(PANEL, vectors.length - first);
    for (let c = 0; c < count; c++) for (let i = 0; i < length; i++) panel[i * PANEL + c] = vectors[first + c]![i]!;
    const last = areAxes ? Math.min(reflectors.length - 1, first + PANEL - 1 - offset) : reflectors.length - 1;
    for (let k = last; k >= 0; k--) reflectPanel(panel, (k + offset) * PANEL, reflectors[k]!);
    for (let c = 0; c < count; c++) for (let i = 0; i < length; i++) vectors[first + c]![i] = panel[i * PANEL + c]!;
  }
}

/** (I - 2vvᵀ) of eight vectors side by side, from position `start` on. */
function reflectPanel(x: Float64Array, start: number, v: Float64Array): void {
  let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0, at = start; i < v.length; i++, at += PANEL) {
    const w = v[i]!;
    a += w * x[at]!;
    b += w * x[at + 1]!;
    c += w * x[at + 2]!;
    d += w * x[at + 3]!;
    e += w * x[at + 4]!;
    f += w * x[at + 5]!;
    g += w * x[at + 6]!;
    h += w * x[at + 7]!;
  }
  for (let i = 0, at = start; i < v.length; i++, at += PANEL) {
    const w = -2 * v[i]!;
    x[at]! += w * a;
    x[at + 1]! += w * b;
    x[at + 2]! += w * c;
    x[at + 3]! += w * d;
    x[at + 4]! += w * e;
    x[at + 5]! += w * f;
    x[at + 6]! += w * g;
    x[at + 7]! += w * h;
  }
}

/** Rows of the transpose of H₀H₁⋯, of which Hₖ acts on the elements from k + offset on. */
export function turnsOf(reflectors: readonly Float64Array[], n: number, offset: number): Float64Array[] {
  const rows = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n);
    row[i] = 1;
    return row;
  });
  reflectAll(rows, reflectors, offset, true);
  return rows;
}
