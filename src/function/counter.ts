/**
 * @file Notices a number that compiles a new program at every call: a counter that should be a tensor or a cell.
 */
import type { AnyFunction } from "./capture.ts";
import { argumentName, numbersOf } from "./signature.ts";
import type { Change } from "./snapshot.ts";

/** A number that changed in as many calls one after the other, each of which compiled a program, is a counter. */
const CALLS = 4;

export class CounterWatch {
  readonly #fn: AnyFunction;
  #numbers: ReadonlyMap<string, number> | undefined;
  /** Calls in a row in which each number changed. */
  #streaks: ReadonlyMap<string, number> = new Map();
  #warned = false;

  constructor(fn: AnyFunction) {
    this.#fn = fn;
  }

  /** A call that found its program. */
  found(): void {
    this.#numbers = undefined;
    this.#streaks = new Map();
  }

  /** A call that compiled one; `change` is the field, if any, because of which an older one could not be used. Warns once. */
  compiled(args: readonly unknown[], change: Change | undefined): void {
    if (this.#warned) return;
    const before = this.#numbers;
    this.#numbers = numbersOf(args);
    const changed = [...this.#numbers].flatMap(([path, x]) =>
      before?.has(path) && !Object.is(before.get(path), x) ? [argumentName(path, this.#fn)] : [],
    );
    if (change && typeof change.before === "number" && typeof change.now === "number") changed.push(`the field ${change.path}`);
    this.#streaks = new Map(changed.map((name) => [name, (this.#streaks.get(name) ?? 0) + 1]));
    const counter = [...this.#streaks].find(([, calls]) => calls >= CALLS)?.[0];
    if (counter === undefined) return;
    this.#warned = true;
    console.warn(
      `compile: ${counter}${this.#fn.name ? ` of ${this.#fn.name}` : ""} is a number that was another in each of the last ${CALLS} calls, and each value compiles a new program. Pass it as a tensor, tensor(value), or keep it in a cell, new nn.State(tensor(value)), which is set between calls`,
    );
  }
}
