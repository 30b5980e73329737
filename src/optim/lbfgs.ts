/**
 * @file L-BFGS: Liu & Nocedal (1989), "On the limited memory BFGS method", Algorithm 2.1; two-loop recursion of Nocedal (1980). It repeats
 * PyTorch's decisions (first step, stopping, when a pair is kept).
 *
 * It asks for the function again and again within a step, and what it asks next depends on what it got, so it runs on the host: vectors of all
 * parameters together, in f64.
 */

import { aNumber, type Checks, checkOptions, oneOf } from "../base/check.ts";
import { tensor } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { addScaled, dot, flat, sizeOf, unflat } from "./flat.ts";
import { checkParameters, checkRange } from "./optimizer.ts";
import { loadCells, type StateSource } from "./state.ts";
import { type LinePoint, strongWolfe } from "./strong-wolfe.ts";
import { listOf } from "./trainable.ts";

export interface LbfgsOptions {
  /** Step length: of every move, or with a line search of its first try. Default 1. */
  readonly lr?: number;
  /** Moves per `step`. Default 20. */
  readonly maxIterations?: number;
  /** Evaluations of the closure per `step`. Default 1.25 times `maxIterations`. */
  readonly maxEvaluations?: number;
  /** Ends a step when no element of the gradient is larger. Default 1e-7. */
  readonly toleranceGrad?: number;
  /** Ends a step when no parameter, or the value, moves by more. Default 1e-9. */
  readonly toleranceChange?: number;
  /** Pairs that describe the curvature. Default 100. */
  readonly historySize?: number;
  /** Default none: the whole step is taken. */
  readonly lineSearch?: "strong-wolfe";
}

const LBFGS_OPTIONS: Checks<LbfgsOptions> = {
  lr: aNumber,
  maxIterations: aNumber,
  maxEvaluations: aNumber,
  toleranceGrad: aNumber,
  toleranceChange: aNumber,
  historySize: aNumber,
  lineSearch: oneOf("strong-wolfe"),
};

/** The function's value and its gradients, in the parameters' order: what `backward(..., parameters)` gives, best compiled. */
export type Closure = () => { readonly value: Tensor; readonly grads: readonly Tensor[] };

/** A move s and the change y of the gradient along it. */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  /** 1/(y·s) */
  readonly rho: number;
}

/** Below this a pair has no curvature worth keeping. */
const FLAT = 1e-10;

/**
 * d = -H·g with H from the last pairs (s, y); x ← x + t·d, t = lr or by line search; the very first t is min(1, 1/‖g‖₁)·lr. For smooth
 * functions without noise: the closure must give the same value for the same parameters.
 */
export class LBFGS {
  readonly parameters: readonly Cell[];
  lr: number;
  readonly #options: Required<Omit<LbfgsOptions, "lr" | "lineSearch">>;
  readonly #searches: boolean;
  #pairs: Pair[] = [];
  /** γ: H₀ = γI */
  #scale = 1;
  #iterations = 0;
  #evaluations = 0;
  /** Of the last move: its direction, its length, and the gradient it started with. */
  #direction: Float64Array;
  #length = 0;
  #previous: Float64Array;

  constructor(parameters: Iterable<Cell>, options: LbfgsOptions = {}) {
    checkOptions("LBFGS", options, LBFGS_OPTIONS);
    this.parameters = listOf(parameters);
    checkParameters("LBFGS", this.parameters);
    const { lr = 1, maxIterations = 20, toleranceGrad = 1e-7, toleranceChange = 1e-9, historySize = 100, lineSearch } = options;
    const { maxEvaluations = Math.floor((maxIterations * 5) / 4) } = options;
    for (const [name, value] of Object.entries({ lr, toleranceGrad, toleranceChange })) checkRange(name, value, 0);
    for (const [name, value] of Object.entries({ maxIterations, maxEvaluations, historySize })) checkRange(name, value, 1);
    this.lr = lr;
    this.#options = { maxIterations, maxEvaluations, toleranceGrad, toleranceChange, historySize };
    this.#searches = lineSearch !== undefined;
    this.#direction = new Float64Array(this.#size);
    this.#previous = new Float64Array(this.#size);
  }

  get #size(): number {
    return sizeOf(this.parameters);
  }

  /** Evaluations of closures so far. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Up to `maxIterations` moves; gives the value before the first. */
  step(closure: Closure): number {
    const { maxIterations, maxEvaluations, toleranceGrad, toleranceChange } = this.#options;
    const before = this.#evaluations;
    const first = this.#evaluate(closure);
    let now = first;
    let x = this.#read();
    for (let n = 1; n <= maxIterations && largest(now.g) > toleranceGrad; n++) {
      this.#aim(now.g);
      const slope = dot(now.g, this.#direction);
      if (slope > -toleranceChange) break;
      const last = n === maxIterations;
      const moved = this.#searches ? this.#search(closure, x, { ...now, t: 0, slope }) : this.#move(closure, x, now, last);
      const stays = Math.abs(moved.f - now.f) < toleranceChange || largest(this.#direction) * this.#length <= toleranceChange;
      now = moved;
      x = this.#read();
      if (this.#evaluations - before >= maxEvaluations || stays) break;
    }
    return first.f;
  }

  /** Learns from the last move, and sets the direction and first length of the next. */
  #aim(g: Float64Array): void {
    this.#iterations++;
    if (this.#iterations > 1) this.#learn(g);
    this.#direction = this.#descent(g);
    this.#length = this.#iterations === 1 ? Math.min(1, 1 / sumOfMagnitudes(g)) * this.lr : this.lr;
    this.#previous = g;
  }

  #learn(g: Float64Array): void {
    const y = g.map((value, i) => value - this.#previous[i]);
    const s = this.#direction.map((value) => value * this.#length);
    const curvature = dot(y, s);
    if (!(curvature > FLAT)) return;
    this.#pairs = [...this.#pairs.slice(this.#pairs.length < this.#options.historySize ? 0 : 1), { s, y, rho: 1 / curvature }];
    this.#scale = curvature / dot(y, y);
  }

  /** -H·g by two loops. */
  #descent(g: Float64Array): Float64Array {
    const d = g.map((value) => -value);
    const alphas = this.#pairs.map(() => 0);
    for (const [i, { s, y, rho }] of [...this.#pairs.entries()].reverse()) {
      alphas[i] = dot(s, d) * rho;
      addScaled(d, -alphas[i], y);
    }
    for (let k = 0; k < d.length; k++) d[k] *= this.#scale;
    for (const [i, { s, y, rho }] of this.#pairs.entries()) addScaled(d, alphas[i] - dot(y, d) * rho, s);
    return d;
  }

  /** Takes the whole length. After the last move of a step nobody needs the value. */
  #move(closure: Closure, x: Float64Array, now: Evaluated, last: boolean): Evaluated {
    this.#write(x, this.#length);
    return last ? now : this.#evaluate(closure);
  }

  #search(closure: Closure, x: Float64Array, start: LinePoint): Evaluated {
    const probe = (t: number): LinePoint => {
      this.#write(x, t);
      const { f, g } = this.#evaluate(closure);
      return { t, f, g, slope: dot(g, this.#direction) };
    };
    const { point } = strongWolfe(probe, start, this.#length, largest(this.#direction));
    this.#length = point.t;
    this.#write(x, point.t);
    return point;
  }

  #evaluate(closure: Closure): Evaluated {
    this.#evaluations++;
    const { value, grads } = closure();
    if (grads.length !== this.parameters.length) {
      throw new RangeError(`LBFGS: the closure gives ${grads.length} gradients for ${this.parameters.length} parameters`);
    }
    return { f: value.itemSync(), g: flat(grads) };
  }

  #read(): Float64Array {
    return flat(this.parameters.map(({ value }) => value));
  }

  /** Sets the parameters to x + t·d. */
  #write(x: Float64Array, t: number): void {
    const next = x.slice();
    addScaled(next, t, this.#direction);
    unflat(next, this.parameters).forEach((value, i) => {
      this.parameters[i].set(value);
    });
  }

  /** A copy of what a resumed run needs. */
  stateDict(): Map<string, Cell> {
    return this.#stateOf(this.#pairs);
  }

  /** As many rows as there are pairs: memory for those that may come is not taken. */
  #stateOf(pairs: readonly Pair[]): Map<string, Cell> {
    const rows = (of: (pair: Pair) => Float64Array): Cell => {
      const all = new Float64Array(pairs.length * this.#size);
      for (const [i, pair] of pairs.entries()) all.set(of(pair), i * this.#size);
      return new Cell(tensor(all, { shape: [pairs.length, this.#size] }));
    };
    const scalars = [this.lr, this.#iterations, this.#evaluations, pairs.length, this.#scale, this.#length];
    return new Map([
      ["scalars", new Cell(tensor(Float64Array.from(scalars)))],
      ["direction", new Cell(tensor(this.#direction))],
      ["previous", new Cell(tensor(this.#previous))],
      ["moves", rows(({ s }) => s)],
      ["changes", rows(({ y }) => y)],
    ]);
  }

  /** @throws {Error} if names or shapes differ; then nothing is changed. */
  loadStateDict(entries: ReadonlyMap<string, StateSource>): void {
    const saved = entries instanceof Map ? Math.min(this.#options.historySize, entries.get("moves")?.shape[0] ?? 0) : 0;
    const none = new Float64Array(this.#size);
    const cells = this.#stateOf(Array.from({ length: saved }, () => ({ s: none, y: none, rho: 0 })));
    loadCells("LBFGS", cells, entries);
    const read = (name: string): Float64Array => elementsOf(cells.get(name)!.value) as Float64Array;
    const [lr, iterations, evaluations, count, scale, length] = read("scalars");
    const n = this.#size;
    const [moves, changes] = [read("moves"), read("changes")];
    this.#pairs = Array.from({ length: count }, (_, i) => {
      const [s, y] = [moves.slice(i * n, (i + 1) * n), changes.slice(i * n, (i + 1) * n)];
      return { s, y, rho: 1 / dot(y, s) };
    });
    this.lr = lr;
    [this.#iterations, this.#evaluations, this.#scale, this.#length] = [iterations, evaluations, scale, length];
    this.#direction = read("direction").slice();
    this.#previous = read("previous").slice();
  }

  /** Forgets the pairs that describe the curvature, which is most of its memory. The parameters stay. It is never required. */
  dispose(): void {
    this.#pairs = [];
    this.#iterations = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Evaluated {
  readonly f: number;
  readonly g: Float64Array;
}

/** Largest magnitude. NaN counts as the largest of all, and stops nothing. */
function largest(a: Float64Array): number {
  return a.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
}

function sumOfMagnitudes(a: Float64Array): number {
  return a.reduce((sum, value) => sum + Math.abs(value), 0);
}
