/** @file What an optimizer is given, brought to one form: parameters as groups, and options checked and laid over each other. */
import { type Checks, type Expectation, expectation, flag, numbers } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { showAs } from "../ops/display.ts";
import { Cell } from "../runtime/cell.ts";
import { watchable } from "../runtime/watch.ts";
import type { OptimizerOptions, ParameterGroup, Settings, Trainable } from "./options.ts";

/** What an optimizer was given to train, as a list. @throws {TypeError} if it cannot be gone through. */
export function listOf<T>(trainable: Iterable<T>): T[] {
  if (typeof (trainable as Partial<Iterable<T>> | null | undefined)?.[Symbol.iterator] === "function") return [...trainable];
  throw new TypeError(`an optimizer wants a list of parameters, got ${describe(trainable)}; pass model.parameters()`);
}

export function groupsOf<O>(trainable: Trainable<O>): readonly ParameterGroup<O>[] {
  const list: readonly (Cell | ParameterGroup<O>)[] = listOf<Cell | ParameterGroup<O>>(trainable);
  const cells = list.filter((x) => x instanceof Cell);
  if (cells.length === list.length) return [{ parameters: cells } as unknown as ParameterGroup<O>];
  const groups = list.filter((x): x is ParameterGroup<O> => !(x instanceof Cell));
  if (cells.length > 0) throw new TypeError("parameters and groups are mixed; give either cells, or { parameters, ...options } only");
  for (const group of groups) {
    if (typeof group !== "object" || group === null || !("parameters" in group))
      throw new TypeError(`an optimizer wants parameters, or groups { parameters, ...options }; got ${describe(group)} among them`);
    // A Sequential is a list of modules, and what a module calls parameters is a method.
    if (typeof group.parameters === "function")
      throw new TypeError("an optimizer wants a list of parameters, got modules; pass model.parameters()");
    listOf(group.parameters);
  }
  return groups;
}

/** @throws {TypeError} for what cannot be trained. */
export function checkTrainable(trainable: unknown): void {
  groupsOf(trainable as Trainable<OptimizerOptions>);
}

/** NaN too: ranges have checks of their own. */
const number = expectation("a number", (value) => typeof value === "number");

/** The checks of an optimizer's options: those that have a default are all there are, and a value is of its default's type. */
export function checksFrom<O>(defaults: Required<O>): Checks<O> {
  const checkFor = (value: unknown): Expectation => (typeof value === "number" ? number : typeof value === "boolean" ? flag : numbers);
  return Object.fromEntries(Object.entries((defaults ?? {}) as object).map(([name, value]) => [name, checkFor(value)])) as Checks<O>;
}

/** Options laid over each other; undefined says nothing. */
export function given<O>(defaults: Required<O>, ...layers: readonly Partial<O>[]): Settings<O> {
  const said = layers.map((layer) => Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== undefined)));
  const settings: Settings<O> = watchable(Object.assign({}, defaults, ...said));
  showAs(settings, (own) => JSON.stringify(own));
  return settings;
}
