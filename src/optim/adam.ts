/** @file Adam: Kingma & Ba (2015), "Adam: a method for stochastic optimization", Algorithm 1. */
import { full } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { checkRange, flushed, numbered, Optimizer, type OptimizerOptions, type UpdateRule, zerosFor } from "./optimizer.ts";

export interface AdamOptions extends Partial<OptimizerOptions> {
  /** β₁ and β₂, decay rates of the two moments. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** ε, added to the root of the corrected second moment. Default 1e-8. */
  readonly eps?: number;
  /** Use the largest second moment so far (Reddi, Kale & Kumar 2018). Default false. */
  readonly amsgrad?: boolean;
}

/**
 * m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²; p ← p - lr·m̂/(√v̂ + ε), m̂ = m/(1 - β₁ᵗ), v̂ = v/(1 - β₂ᵗ). Default lr 1e-3. Weight decay is
 * part of g ("coupled"), as in PyTorch's Adam.
 */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  readonly #time: Cell;
  readonly #m: readonly Cell[];
  readonly #v: readonly Cell[];
  /** Largest v so far; empty without amsgrad. */
  readonly #top: readonly Cell[];

  constructor(parameters: Iterable<Cell>, options: AdamOptions = {}) {
    super(parameters, { lr: 1e-3, ...options });
    const { betas = [0.9, 0.999], eps = 1e-8, amsgrad = false } = options;
    this.#betas = [checkRange("betas[0]", betas[0], 0, 1), checkRange("betas[1]", betas[1], 0, 1)];
    this.#eps = checkRange("eps", eps, 0);
    this.#time = new Cell(full([], 0, "i32"), "t");
    this.#m = zerosFor(this.parameters, "m");
    this.#v = zerosFor(this.parameters, "v");
    this.#top = amsgrad ? zerosFor(this.parameters, "vMax") : [];
  }

  protected override rule(): UpdateRule {
    const [beta1, beta2] = this.#betas;
    this.#time.set(this.#time.value.add(1));
    const t = this.#time.value.cast("f32");
    const stepSize = biasCorrection(beta1, t).recip().mul(this.rate);
    const scale = biasCorrection(beta2, t).sqrt().recip();
    return (p, g, i) => {
      const m = flushed(this.#m[i].value.mul(beta1).add(g.mul(1 - beta1)));
      const v = flushed(this.#v[i].value.mul(beta2).add(g.square().mul(1 - beta2)));
      this.#m[i].set(m);
      this.#v[i].set(v);
      const top = this.#top[i]?.value.maximum(v);
      if (top) this.#top[i].set(top);
      const root = (top ?? v).sqrt().mul(scale).add(this.#eps);
      return p.sub(m.mul(stepSize).div(root));
    };
  }

  protected override state(): [name: string, cell: Cell][] {
    return [["t", this.#time], ...numbered("m", this.#m), ...numbered("v", this.#v), ...numbered("vMax", this.#top)];
  }
}

/** 1 - βᵗ as -expm1(t·ln β): in f32, 1 - 0.999 alone is off by 1e-5. */
function biasCorrection(beta: number, t: Tensor): Tensor {
  return beta === 0 ? t.like(1) : t.mul(Math.log(beta)).expm1().neg();
}
