/**
 * @file The cells of a network: parameters, which an optimizer changes, and state, which the network itself keeps (running statistics, a rate).
 */

import { check, type Expectation, expectation } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { freeze, frozenAmong } from "../runtime/frozen.ts";

/** A cell that is trained: `backward` differentiates by it and an optimizer sets it. Usable wherever a tensor is. */
export class Parameter extends Cell {
  readonly trainable: true = true;

  /**
   * Whether it is trained, true at first. While it is false `backward` gives zeros for it, without computing anything, and optimizers leave it as it is, weight
   * decay and momentum included. A compiled function is recorded again when it changes, once for each state.
   */
  get requiresGrad(): boolean {
    return !frozenAmong([this]).has(this);
  }

  /** @throws {TypeError} for what is neither true nor false. */
  set requiresGrad(on: boolean) {
    if (typeof on !== "boolean") throw new TypeError(`requiresGrad is true or false, got ${describe(on)}`);
    freeze(this, !on);
  }
}

export const aParameter: Expectation = expectation(
  "a parameter or a tensor",
  (value) => value instanceof Parameter || value instanceof Tensor,
);

/** A parameter, or one that starts as a tensor. @throws {TypeError} for anything else. */
export function asParameter(what: string, value: Parameter | Tensor, label: string): Parameter {
  check(what, value, aParameter);
  return value instanceof Parameter ? value : new Parameter(value, label);
}

export interface StateOptions {
  /** The name that printed lists show. */
  readonly label?: string;
  /** Whether state dicts hold it. Default true; false for a hyperparameter, which belongs to the program and not to the model. */
  readonly persistent?: boolean;
}

/** A cell that is not trained. Changing it never makes a compiled function be recorded anew. */
export class State extends Cell {
  readonly trainable: false = false;
  readonly persistent: boolean;

  /** @throws {TypeError} if `initial` is not a tensor. */
  constructor(initial: Tensor, options: StateOptions = {}) {
    if (typeof options !== "object" || options === null)
      throw new TypeError(`State: want options { label, persistent }, got ${describe(options)}`);
    const { label, persistent = true } = options;
    super(initial, label);
    if (typeof persistent !== "boolean") throw new TypeError(`State: persistent is true or false, got ${describe(persistent)}`);
    this.persistent = persistent;
  }
}
