/** @file Muon: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; Adam (Kingma & Ba 2015) for what is no matrix. */
import { sizeOf } from "../base/shape.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { biasCorrection, checkMoments } from "./moments.ts";
import {
  average,
  averageOfSquares,
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

export interface MuonOptions extends OptimizerOptions {
  /** Share of the old direction in the running mean of gradients. Default 0.95. */
  readonly momentum?: number;
  /** Look ahead by one step of the mean. Default true. */
  readonly nesterov?: boolean;
  /** Steps of Newton and Schulz's iteration. Default 5. */
  readonly steps?: number;
  /** This group's parameters go with Adam, whatever their shape: embeddings and the last layer, as their authors advise. Default false. */
  readonly adam?: boolean;
  /** Adam's learning rate as a share of `lr`. Default 0.015. */
  readonly adamRate?: number;
  /** Adam's decay rates. Default 0.9 and 0.95. */
  readonly betas?: readonly [number, number];
  /** Adam's ε. Default 1e-8. */
  readonly eps?: number;
}

const DEFAULTS: Required<MuonOptions> = {
  lr: 0.02,
  weightDecay: 0,
  maximize: false,
  momentum: 0.95,
  nesterov: true,
  steps: 5,
  adam: false,
  adamRate: 0.015,
  betas: [0.9, 0.95],
  eps: 1e-8,
};

/** Of the quintic that brings singular values from (0, 1] to about 1 (Jordan et al. 2024). */
const [A, B, C] = [3.4445, -4.775, 2.0315] as const;

/** About U Vᵀ of a matrix U diag(s) Vᵀ: singular values between 0.7 and 1.2, by `steps` products of matrices. */
export function orthogonalized(g: Tensor, steps: number): Tensor {
  const [rows, columns] = g.shape as readonly [number, number];
  const tall = rows > columns;
  let x = tall ? g.transpose() : g;
  x = x.div(x.square().sum().sqrt().add(1e-7));
  for (let i = 0; i < steps; i++) {
    const square = x.matmul(x.transpose());
    x = x.mul(A).add(square.mul(B).add(square.matmul(square).mul(C)).matmul(x));
  }
  return tall ? x.transpose() : x;
}

/**
 * Parameters of two and more axes, as matrices [out, the rest]: m ← μm + (1 - μ)g; p ← p - lr·√max(1, out/rest)·O((1 - μ)g + μm), O the nearest
 * matrix with orthonormal rows or columns, roughly. All others, and groups with `adam`, by Adam at the rate lr·`adamRate`. Weight decay is decoupled.
 * Default lr 0.02.
 */
export class Muon extends Optimizer<MuonOptions> {
  protected override readonly decay: DecayKind = "own";
  readonly #time: Cell;
  readonly #direction: readonly Cell[];
  readonly #m: readonly Cell[];
  readonly #v: readonly Cell[];
  readonly #momentum: readonly Cell[];

  constructor(parameters: Trainable<MuonOptions>, options: MuonOptions = {}) {
    super(parameters, options, DEFAULTS, check);
    this.#time = this.timer();
    this.#momentum = this.momenta(({ momentum }) => momentum);
    this.#direction = this.shaped("direction", (shape, { adam }) => (shape.length > 1 && !adam ? shape : undefined));
    const rest = (name: string): Cell[] => this.shaped(name, (shape, { adam }) => (shape.length > 1 && !adam ? undefined : shape));
    [this.#m, this.#v] = [rest("m"), rest("v")];
  }

  protected override advance(): void {
    tick(this.#time);
  }

  protected override rule({ options, rate, index }: Group<MuonOptions>): UpdateRule {
    const momentum = this.#momentum[index]?.value ?? 0;
    const lr = rate.value;
    const adam = this.#adam(options, lr);
    const shrunk = (p: Tensor, by: Tensor): Tensor => (options.weightDecay === 0 ? p : p.mul(by.mul(-options.weightDecay).add(1)));
    return (p, g, i) => {
      if (!this.#direction[i]) return shrunk(p, lr.mul(options.adamRate)).sub(adam(g, i));
      const mean = average(this.#direction[i], momentum, g);
      const ahead = options.nesterov ? g.add(mean.sub(g).mul(momentum)) : mean;
      const rows = g.shape[0]!;
      const columns = sizeOf(g.shape) / rows;
      const update = orthogonalized(ahead.reshape([rows, columns]), options.steps).reshape(g.shape);
      return shrunk(p, lr).sub(update.mul(lr.mul(Math.sqrt(Math.max(1, rows / columns)))));
    };
  }

  /** Adam's step. */
  #adam({ betas, eps, adamRate }: Settings<MuonOptions>, lr: Tensor): (g: Tensor, i: number) => Tensor {
    const corrections = this.byTime(lr.dtype as "f32" | "f64", (t) => ({
      stepSize: biasCorrection(betas[0], t).recip().mul(lr).mul(adamRate),
      scale: biasCorrection(betas[1], t).sqrt().recip(),
    }));
    return (g, i) => {
      const { stepSize, scale } = corrections(i);
      const m = average(this.#m[i], betas[0], g);
      return m.mul(stepSize).div(averageOfSquares(this.#v[i], betas[1], g).sqrt().mul(scale).add(eps));
    };
  }
}

function check(options: Settings<MuonOptions>): void {
  checkMoments(options);
  checkRange("momentum", options.momentum, 0, 1);
  checkRange("adamRate", options.adamRate, 0);
  if (!Number.isInteger(options.steps) || options.steps < 1) throw new RangeError(`steps must be a positive integer, got ${options.steps}`);
}
