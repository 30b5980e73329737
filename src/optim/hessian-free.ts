/**
 * @file Hessian-free optimization: Martens (2010), "Deep learning via Hessian-free optimization"; Martens & Sutskever (2012), "Training deep and
 * recurrent networks with Hessian-free optimization". Each step minimizes a quadratic model of the loss, with the Gauss-Newton matrix G for its
 * curvature, by conjugate gradients that only multiply by G.
 *
 *     step ── b = -∇f ── CG on (G + λI)δ = b, from the last solution ── best of the iterates kept ── line search ── λ by the reduction ratio
 */
import { aNumber, type Checks, checkOptions, naturalNumber } from "../base/check.ts";
import { type Compiled, compile } from "../function/compile.ts";
import { grad, valueAndGrad, vjp } from "../function/derivative.ts";
import { gnvp } from "../function/jacobian.ts";
import { bernoulli, keyOf } from "../math/random.ts";
import { tensor } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { addScaled, dot, flat, sizeOf, unflat, withValues } from "./flat.ts";
import { checkParameters, checkRange } from "./optimizer.ts";
import { loadCells, type StateSource } from "./state.ts";
import { listOf } from "./trainable.ts";

export interface HessianFreeOptions {
  /** λ at the start. Default 1. */
  readonly damping?: number;
  /** Most products with G in a step. Default 250. */
  readonly maxIterations?: number;
  /** ε of the stopping rule. Default 5e-4. */
  readonly tolerance?: number;
  /** How much of the last solution the next search starts from. Default 0.95. */
  readonly warmStart?: number;
  /**
   * Gradients in a step from which the preconditioner (diag Σ∇fᵢ∘∇fᵢ + λI)^¾ of Martens (2010, section 4.7) is estimated, fᵢ the loss of example i: the squares of
   * gradients whose examples have random signs, whose expectation is that diagonal. The first axis of the outputs counts examples. Default 0, which is
   * none.
   */
  readonly preconditioner?: number;
}

const HESSIAN_FREE_OPTIONS: Checks<HessianFreeOptions> = {
  damping: aNumber,
  maxIterations: aNumber,
  tolerance: aNumber,
  warmStart: aNumber,
  preconditioner: naturalNumber,
};

/** What a step did. */
export interface HessianFreeReport {
  /** Before and after. */
  readonly loss: number;
  readonly next: number;
  /** Products with G. */
  readonly products: number;
  /** Gradients, for the step and its preconditioner. */
  readonly gradients: number;
  /** How often the loss alone was computed, to choose among iterates and lengths. */
  readonly evaluations: number;
  /** Length of the step that was taken; 0 if none helped. */
  readonly length: number;
  readonly damping: number;
}

type Parameters = Tensor[];

// Iterates are kept at numbers that grow by this (2010, section 4.6).
const KEPT = 1.3;
// Armijo's constant, the shrinking of steps, and how often (2012, section 8.8).
const ENOUGH = 1e-2;
const SHRINK = 0.8;
const MAX_SHRINKS = 60;
// The power that tempers the preconditioner (2010, section 4.7).
const POWER = 0.75;

/**
 * `model` gives the network's outputs from cells, `loss` a scalar from outputs that is convex in them; both on the same full batch within a step.
 * Cost of a step: one gradient and those of the preconditioner, about two for each product, and half of one for each evaluation.
 */
export class HessianFree {
  readonly parameters: readonly Cell[];
  readonly #options: Required<HessianFreeOptions>;
  readonly #gradient: Compiled<(at: Parameters) => { value: Tensor; grad: Parameters }>;
  readonly #product: Compiled<(at: Parameters, v: Parameters) => Parameters>;
  readonly #value: Compiled<(at: Parameters) => Tensor>;
  /** The gradient when each example's loss counts with its sign. */
  readonly #signed: Compiled<(at: Parameters, key: Tensor) => Parameters>;
  #damping: number;
  /** The last solution. */
  #last: Float64Array;

  constructor(parameters: Iterable<Cell>, model: () => Tensor, loss: (outputs: Tensor) => Tensor, options: HessianFreeOptions = {}) {
    checkOptions("HessianFree", options, HESSIAN_FREE_OPTIONS);
    this.parameters = listOf(parameters);
    checkParameters("HessianFree", this.parameters);
    const { damping = 1, maxIterations = 250, tolerance = 5e-4, warmStart = 0.95, preconditioner = 0 } = options;
    this.#options = {
      damping: checkRange("damping", damping, 0),
      maxIterations: checkRange("maxIterations", maxIterations, 1),
      tolerance: checkRange("tolerance", tolerance, 0),
      warmStart: checkRange("warmStart", warmStart, 0),
      preconditioner,
    };
    this.#damping = damping;
    this.#last = new Float64Array(sizeOf(this.parameters));
    const outputsAt = (at: Parameters): Tensor => withValues(this.parameters, at, model);
    const valueAt = (at: Parameters): Tensor => loss(outputsAt(at));
    this.#gradient = compile((at: Parameters) => {
      const { value, grad } = valueAndGrad(valueAt)(at) as { value: Tensor; grad: Parameters };
      return { value, grad };
    });
    this.#product = compile((at: Parameters, v: Parameters) => gnvp(outputsAt, loss)([at], v));
    this.#value = compile(valueAt);
    this.#signed = compile((at: Parameters, key: Tensor) => {
      const { value: outputs, pullback } = vjp(outputsAt, { unused: "ignore" })(at);
      const n = outputs.shape[0] ?? 1;
      const signs = bernoulli(key, 0.5, [n, ...outputs.shape.slice(1).map(() => 1)]).where(1, outputs.like(-1));
      return pullback(grad(loss)(outputs).mul(signs).mul(Math.sqrt(n)))[0];
    });
  }

  /** λ, as the last step left it. */
  get damping(): number {
    return this.#damping;
  }

  /** One step; cells are as before if no length along its direction helps. */
  step(): HessianFreeReport {
    const start = this.parameters.map(({ value }) => value);
    const x = flat(start);
    const { value, grad } = this.#gradient(start);
    const [loss, g] = [value.itemSync(), flat(grad)];
    const curvature = (v: Float64Array): Float64Array => flat(this.#product(start, unflat(v, this.parameters)));
    const initial = this.#last.map((d) => d * this.#options.warmStart);
    const { kept, products } = this.#conjugateGradients(curvature, g, initial, this.#preconditioner(start));
    this.#last = kept.at(-1)!.delta;
    let evaluations = 0;
    const valueAt = (delta: Float64Array, t: number): number => {
      evaluations++;
      const y = x.slice();
      addScaled(y, t, delta);
      return this.#value(unflat(y, this.parameters)).itemSync();
    };
    const best = backtrack(kept, (delta) => valueAt(delta, 1));
    this.#adapt((best.value - loss) / best.model);
    const { t, value: next } = shortened((length) => valueAt(best.delta, length), { t: 1, value: best.value }, loss, dot(g, best.delta));
    if (t > 0) {
      addScaled(x, t, best.delta);
      unflat(x, this.parameters).forEach((moved, i) => {
        this.parameters[i].set(moved);
      });
    }
    const gradients = 1 + this.#options.preconditioner;
    return { loss, next: t > 0 ? next : loss, products, gradients, evaluations, length: t, damping: this.#damping };
  }

  /** 1/(N Σ∇fᵢ∘∇fᵢ + λ)^¾, of a loss that is a mean over N examples; signs are the same in every step, so that a resumed run takes the same ones. */
  #preconditioner(at: Parameters): Float64Array | undefined {
    const samples = this.#options.preconditioner;
    if (samples === 0) return undefined;
    const squares = new Float64Array(sizeOf(this.parameters));
    for (let i = 0; i < samples; i++) {
      const g = flat(this.#signed(at, keyOf(i)));
      for (let k = 0; k < g.length; k++) squares[k]! += (g[k]! * g[k]!) / samples;
    }
    return squares.map((d) => (d + this.#damping) ** -POWER);
  }

  /** Minimizes φ(δ) = ½δᵀ(G + λI)δ + gᵀδ until it gets better too slowly (2010, section 4.4). */
  #conjugateGradients(
    curvature: (v: Float64Array) => Float64Array,
    g: Float64Array,
    delta: Float64Array,
    inverse: Float64Array | undefined,
  ): { kept: Iterate[]; products: number } {
    const { maxIterations, tolerance } = this.#options;
    const damped = (v: Float64Array): Float64Array => {
      const y = curvature(v);
      addScaled(y, this.#damping, v);
      return y;
    };
    const r = damped(delta);
    addScaled(r, 1, g);
    const scaled = (): Float64Array => (inverse ? r.map((value, k) => inverse[k]! * value) : r);
    let z = scaled();
    const p = z.map((value) => -value);
    let rr = dot(r, z);
    let products = 1;
    const phis: number[] = [];
    const kept: Iterate[] = [];
    const iterate = (): Iterate => {
      // r = (G + λI)δ + g, so φ = ½δᵀ(r + g); the model of the loss leaves the damping out.
      const phi = (dot(delta, r) + dot(delta, g)) / 2;
      return { delta: delta.slice(), model: phi - (this.#damping / 2) * dot(delta, delta) };
    };
    for (let i = 1, keep = 1; i <= maxIterations && rr > 0; i++) {
      const q = damped(p);
      products++;
      const alpha = rr / dot(p, q);
      addScaled(delta, alpha, p);
      addScaled(r, alpha, q);
      const before = rr;
      z = scaled();
      rr = dot(r, z);
      for (let k = 0; k < p.length; k++) p[k] = (rr / before) * p[k] - z[k];
      phis.push((dot(delta, r) + dot(delta, g)) / 2);
      if (i >= keep) {
        kept.push(iterate());
        keep = Math.ceil(keep * KEPT);
      }
      const k = Math.max(10, Math.floor(0.1 * i));
      const phi = phis[i - 1];
      if (i > k && phi < 0 && (phi - phis[i - 1 - k]) / phi < k * tolerance) break;
    }
    kept.push(iterate());
    return { kept, products };
  }

  /** Levenberg and Marquardt's rule: trust the model more where it foretold the reduction (2010, section 4.1). */
  #adapt(ratio: number): void {
    if (ratio > 0.75) this.#damping *= 2 / 3;
    else if (!(ratio >= 0.25)) this.#damping *= 3 / 2;
  }

  /** A copy of what a resumed run needs. */
  stateDict(): Map<string, Cell> {
    return new Map([
      ["damping", new Cell(tensor(Float64Array.of(this.#damping)))],
      ["last", new Cell(tensor(this.#last))],
    ]);
  }

  /** @throws {Error} if names or shapes differ; then nothing is changed. */
  loadStateDict(entries: ReadonlyMap<string, StateSource>): void {
    const cells = this.stateDict();
    loadCells("HessianFree", cells, entries);
    this.#damping = cells.get("damping")!.value.itemSync();
    this.#last = Float64Array.from(elementsOf(cells.get("last")!.value));
  }

  /** Frees the programs. */
  dispose(): void {
    for (const program of [this.#gradient, this.#product, this.#value, this.#signed]) program.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Iterate {
  readonly delta: Float64Array;
  /** What the quadratic model says the loss changes by. */
  readonly model: number;
}

/** From the last iterate back while the loss falls (2010, section 4.6). */
function backtrack(kept: readonly Iterate[], lossOf: (delta: Float64Array) => number): Iterate & { readonly value: number } {
  let best = { ...kept.at(-1)!, value: lossOf(kept.at(-1)!.delta) };
  for (const candidate of kept.slice(0, -1).reverse()) {
    const value = lossOf(candidate.delta);
    if (value > best.value) break;
    best = { ...candidate, value };
  }
  return best;
}

/** Shorter until the loss falls by enough of what the slope promises; 0 if it never does. */
function shortened(
  valueAt: (t: number) => number,
  first: { readonly t: number; readonly value: number },
  loss: number,
  slope: number,
): { readonly t: number; readonly value: number } {
  let now = first;
  for (let n = 0; n < MAX_SHRINKS; n++) {
    if (now.value <= loss + Math.min(0, ENOUGH * now.t * slope)) return now;
    const t = now.t * SHRINK;
    now = { t, value: valueAt(t) };
  }
  return { t: 0, value: loss };
}
