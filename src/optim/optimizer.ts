/**
 * @file What optimizers share: the cells they train, and the learning rate, which is a cell too, so that a schedule never compiles anew.
 * `step` records the update; inside `compile` it is part of the program, and all state stays in the program's memory.
 */
import { isFloat } from "../base/dtype.ts";
import { formatType, sameType } from "../base/shape.ts";
import { full, tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";

export interface OptimizerOptions {
  /** Learning rate. */
  readonly lr: number;
  /** λ: λ·parameter is added to each gradient, the gradient of ½λ‖parameter‖². Default 0. */
  readonly weightDecay?: number;
  /** Climb instead of descend. Default false. */
  readonly maximize?: boolean;
}

/** The next value of parameter number i from its value p and its gradient g; also sets the cells that belong to it. */
export type UpdateRule = (p: Tensor, g: Tensor, i: number) => Tensor;

export abstract class Optimizer {
  /** The cells that are trained. */
  readonly parameters: readonly Cell[];
  /** The learning rate as the program reads it, an f32 scalar. */
  protected readonly rate: Cell;
  readonly #weightDecay: number;
  readonly #maximize: boolean;

  /** @throws {TypeError} if there is nothing to train, or a cell is no float or is given twice. @throws {RangeError} for a negative rate or decay. */
  constructor(parameters: Iterable<Cell>, { lr, weightDecay = 0, maximize = false }: OptimizerOptions) {
    this.parameters = [...parameters];
    checkParameters(this.constructor.name, this.parameters);
    checkRange("lr", lr, 0);
    checkRange("weightDecay", weightDecay, 0);
    this.rate = new Cell(tensor(lr), "lr");
    this.#weightDecay = weightDecay;
    this.#maximize = maximize;
  }

  /** The learning rate. */
  get lr(): number {
    // An f32 holds about seven digits; more would show 0.1 as 0.10000000149.
    return Number(this.rate.value.itemSync().toPrecision(7));
  }

  set lr(lr: number) {
    this.rate.set(tensor(checkRange("lr", lr, 0)));
  }

  /** Moves the parameters along their gradients, given in the parameters' order. */
  step(grads: readonly Tensor[]): void {
    if (grads.length !== this.parameters.length) {
      throw new RangeError(
        `step: want ${this.parameters.length} gradients, one for each parameter, got ${grads.length}; pass the grads of backward(..., parameters)`,
      );
    }
    const next = this.rule();
    this.parameters.forEach((parameter, i) => {
      const given = grads[i];
      if (!sameType(given, parameter))
        throw new TypeError(
          `step: the gradient of ${parameter} has the type ${formatType(given)}; give gradients in the parameters' order`,
        );
      const g = this.#maximize ? given.neg() : given;
      const p = parameter.value;
      parameter.set(next(p, this.#weightDecay === 0 ? g : g.add(p.mul(this.#weightDecay)), i));
    });
  }

  /** The optimizer's own cells by name: what a resumed run needs. */
  stateDict(): Map<string, Cell> {
    return new Map([["lr", this.rate], ...this.state()]);
  }

  /** Called once a step: advances what all parameters share, and returns the rule of this step. */
  protected abstract rule(): UpdateRule;

  /** Cells beside the learning rate, made by the constructor. */
  protected state(): [name: string, cell: Cell][] {
    return [];
  }
}

function checkParameters(optimizer: string, parameters: readonly Cell[]): void {
  if (parameters.length === 0) throw new TypeError(`${optimizer}: there is nothing to train; pass model.parameters()`);
  if (new Set(parameters).size < parameters.length)
    throw new TypeError(`${optimizer}: a parameter is given twice; it would be updated twice`);
  for (const parameter of parameters) {
    if (!isFloat(parameter.dtype)) throw new TypeError(`${optimizer}: ${parameter} is no float, so it has no gradient; leave it out`);
  }
}

/** @throws {RangeError} unless low <= value < below. */
export function checkRange(name: string, value: number, low: number, below: number = Number.POSITIVE_INFINITY): number {
  if (value >= low && value < below) return value;
  const want = below === Number.POSITIVE_INFINITY ? `a number >= ${low}` : `a number from ${low} to below ${below}`;
  throw new RangeError(`${name} must be ${want}, got ${value}`);
}

/** A cell of zeros for each parameter, of its type. */
export function zerosFor(parameters: readonly Cell[], label: string): Cell[] {
  return parameters.map(({ shape, dtype }) => new Cell(full(shape, 0, dtype), label));
}

/** Names for a list of cells: `momentum.0`, `momentum.1`, ... */
export function numbered(name: string, cells: readonly Cell[]): [name: string, cell: Cell][] {
  return cells.map((cell, i) => [`${name}.${i}`, cell]);
}

// Averages of gradients that have become zero decay geometrically into the denormals (below 1.2e-38), on which processors are tens of times
// slower, and stay there for a long time. This is far above them and far below anything that moves a parameter.
const NEGLIGIBLE = 1e-30;

/** x with negligible elements set to 0. NaN stays. */
export function flushed(x: Tensor): Tensor {
  return x.abs().lt(NEGLIGIBLE).where(0, x);
}
