/**
 * @file Averages of weights along a training run. `update` belongs after `step`, inside `compile` or outside; `swap` exchanges the model's
 * weights with the averages (to test with them) and, called again, back.
 */

import { aNumber, type Checks, checkOptions } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { full } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { announce } from "../runtime/notice.ts";
import { checkRange, tick } from "./optimizer.ts";
import { loadCells, type StateSource } from "./state.ts";
import { listOf } from "./trainable.ts";

/** Averages of parameters along a run: {@link EMA} and {@link SWA} are the two kinds. */
export abstract class WeightAverage {
  /** What is averaged. */
  readonly parameters: readonly Cell[];
  /** The averages, in the parameters' order. They start as the parameters are. */
  readonly averages: readonly Cell[];
  readonly #updates: Cell = new Cell(full([], 0, "i32"), "updates");

  constructor(parameters: Iterable<Cell>) {
    announce(new.target.prototype, Object.prototype);
    this.parameters = listOf(parameters);
    for (const cell of this.parameters)
      if (!(cell instanceof Cell))
        throw new TypeError(`${this.constructor.name}: want parameters to average, got ${describe(cell)} among them`);
    if (this.parameters.length === 0) throw new TypeError(`${this.constructor.name}: there is nothing to average; pass model.parameters()`);
    this.averages = this.parameters.map(({ value }) => new Cell(value, "average"));
  }

  /** Takes the parameters as they are now into the averages. */
  update(): void {
    const share = this.share(tick(this.#updates));
    this.parameters.forEach((parameter, i) => {
      const old = this.averages[i].value;
      this.averages[i].set(old.add(parameter.value.sub(old).mul(share)));
    });
  }

  /** Exchanges parameters and averages. */
  swap(): void {
    this.parameters.forEach((parameter, i) => {
      const mine = this.averages[i].value;
      this.averages[i].set(parameter.value);
      parameter.set(mine);
    });
  }

  stateDict(): Map<string, Cell> {
    return new Map([["updates", this.#updates], ...this.averages.map((cell, i): [string, Cell] => [`average.${i}`, cell])]);
  }

  /** @throws {Error} if names or shapes differ; then nothing is changed. */
  loadStateDict(entries: ReadonlyMap<string, StateSource>): void {
    loadCells(this.constructor.name, this.stateDict(), entries);
  }

  /** Frees the memory of the averages at once; using them is an error from then on. It is never required. */
  dispose(): void {
    for (const cell of this.stateDict().values()) cell.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What part of the average is still what the weights were at the start, after so many updates. */
  initialShare(updates: number): number {
    return updates > 0 ? 0 : 1;
  }

  /** What part of the average update number n, from 1, becomes. */
  protected abstract share(n: Tensor): Tensor | number;
}

export interface EmaOptions {
  /** β. Default 0.999. */
  readonly decay?: number;
}

const EMA_OPTIONS: Checks<EmaOptions> = { decay: aNumber };

/** a ← βa + (1 - β)p, from the first parameters on: Polyak averaging with a memory of about 1/(1 - β) updates. */
export class EMA extends WeightAverage {
  readonly #share: number;

  constructor(parameters: Iterable<Cell>, options: EmaOptions = {}) {
    checkOptions(new.target.name, options, EMA_OPTIONS);
    const { decay = 0.999 } = options;
    super(parameters);
    this.#share = 1 - checkRange("decay", decay, 0, 1);
  }

  override initialShare(updates: number): number {
    return (1 - this.#share) ** updates;
  }

  protected override share(): number {
    return this.#share;
  }
}

/**
 * a ← a + (p - a)/n: the mean over all updates, Izmailov et al. (2018), Algorithm 1. Batch normalization needs its statistics measured anew
 * under the averages.
 */
export class SWA extends WeightAverage {
  protected override share(n: Tensor): Tensor {
    return n.recip();
  }
}
