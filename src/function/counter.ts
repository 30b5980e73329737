/**
 * @file Warns of a number among the arguments that makes every call compile a new program: a counter, which should be a tensor or a cell.
 */
import type { AnyFunction } from "./capture.ts";
import { argumentName, numbersOf } from "./signature.ts";
import type { Change } from "./snapshot.ts";

/** A number that changed in this many calls in a row, each of which compiled a program, counts as a counter. */
const CALLS = 4;

/** Watches the numbers among the arguments of one compiled function. */
export class CounterWatch {
  readonly #fn: AnyFunction;
  #numbers: ReadonlyMap<string, number> | undefined;
  /** For each number, the calls in a row in which it changed. */
  #streaks: ReadonlyMap<string, number> = new Map();
  #warned = false;

  constructor(fn: AnyFunction) {
    this.#fn = fn;
  }

  /** To be called after a call that found its program. */
  found(): void {
    this.#numbers = undefined;
    this.#streaks = new Map();
  }

  /** To be called after a call that compiled a program; `change` is the changed field, if any, that made an older program unusable. Warns once. */
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
