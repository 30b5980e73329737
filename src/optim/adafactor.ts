/** @file Adafactor: Shazeer & Stern (2018), "Adafactor: adaptive learning rates with sublinear memory cost", Algorithms 4 and 5, with PyTorch's options. */
import type { Shape } from "../base/shape.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import {
  checkRange,
  type DecayKind,
  type Group,
  Optimizer,
  type OptimizerOptions,
  type Settings,
  type Trainable,
  tick,
  type UpdateRule,
} from "./optimizer.ts";

export interface AdafactorOptions extends OptimizerOptions {
  /** The mean of squares forgets with β₂ = 1 - t^this. Default -0.8. */
  readonly beta2Decay?: number;
  /** The least square that counts (0: the ε of the parameter's dtype), and the least size of a parameter. Default 0 and 1e-3. */
  readonly eps?: readonly [number, number];
  /** The largest root mean square of an update, in units of the rate. Default 1. */
  readonly d?: number;
}

const DEFAULTS: Required<AdafactorOptions> = { lr: 0.01, weightDecay: 0, maximize: false, beta2Decay: -0.8, eps: [0, 1e-3], d: 1 };
const EPSILON = { f32: 2 ** -23, f64: 2 ** -52 } as const;

/** Root of the mean of squares, and 0 without a root's derivative. */
const rms = (x: Tensor): Tensor => x.square().mean().sqrt();

/**
 * v is kept as a mean over rows and one over columns (the last two axes; vectors keep all): v = r·c/mean r; u = g/√v; p ← p - max(ε₂, RMS p)·min(lr,
 * 1/√t)·u/max(1, RMS(u)/d). For a matrix n x m the state has n + m numbers. Default lr 0.01, weight decay decoupled.
 */
export class Adafactor extends Optimizer<AdafactorOptions> {
  protected override readonly decay: DecayKind = "decoupled";
  readonly #time: Cell;
  readonly #rows: readonly Cell[];
  readonly #columns: readonly Cell[];
  readonly #variance: readonly Cell[];

  constructor(parameters: Trainable<AdafactorOptions>, options: AdafactorOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#time = this.timer();
    const isMatrix = (shape: Shape): boolean => shape.length > 1;
    this.#rows = this.shaped("rows", (shape) => (isMatrix(shape) ? shape.with(-1, 1) : undefined));
    this.#columns = this.shaped("columns", (shape) => (isMatrix(shape) ? shape.with(-2, 1) : undefined));
    this.#variance = this.shaped("variance", (shape) => (isMatrix(shape) ? undefined : shape));
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options, rate }: Group<AdafactorOptions>): UpdateRule {
    const { beta2Decay, d } = options;
    const schedule = this.byTime(rate.dtype as "f32" | "f64", (t) => ({
      share: t.log().mul(beta2Decay).exp(),
      relative: rate.value.minimum(t.rsqrt()),
    }));
    return (p, g, i) => {
      const { share, relative } = schedule(i);
      const least = options.eps[0] || EPSILON[p.dtype as "f32" | "f64"];
      const update = this.#secondMoment(i, g, share, least).maximum(least * least).rsqrt().mul(g); // biome-ignore format: one thought
      const size = rms(p).maximum(options.eps[1]).mul(relative);
      return p.sub(update.mul(size.div(rms(update).div(d).maximum(1))));
    };
  }

  /** v of parameter number i. */
  #secondMoment(i: number, g: Tensor, share: Tensor, least: number): Tensor {
    const kept = (cell: Cell, now: Tensor): Tensor => {
      cell.set(cell.value.add(now.sub(cell.value).mul(share)));
      return cell.value;
    };
    const square = g.square();
    if (this.#variance[i]) return kept(this.#variance[i], square);
    const rows = kept(this.#rows[i], square.mean(-1, { keepDims: true }));
    const columns = kept(this.#columns[i], square.mean(-2, { keepDims: true }));
    return rows.mul(columns).div(rows.mean(-2, { keepDims: true }).maximum(least));
  }
}

function check({ eps, d }: Settings<AdafactorOptions>): void {
  checkRange("eps[0]", eps[0], 0);
  checkRange("eps[1]", eps[1], 0);
  if (!(d >= 1)) throw new RangeError(`d must be a number >= 1, got ${d}`);
}
