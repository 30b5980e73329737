/** @file A module as a pure function of its cells, for derivatives and ensembles that do not want to set them. */

import { fn as aFunction, check, object } from "../base/check.ts";
import { capture, commit } from "../function/capture.ts";
import type { Tensor } from "../ops/tensor.ts";
import { checkModule, type Module } from "./module.ts";

/**
 * Runs `fn` with tensors in place of cells of `module`, by name: `functionalCall(model, weights, () => model.forward(x))`. Gives the result
 * and what was written to the module's cells, which keep the values they have. Cells without an entry are read as they are.
 * @throws {RangeError} for a name that the module does not have.
 */
export function functionalCall<R>(
  module: Module,
  values: Readonly<Record<string, Tensor>>,
  fn: () => R,
): { result: R; state: Record<string, Tensor> } {
  checkModule("functionalCall: the module", module);
  check("functionalCall: values", values, object);
  check("functionalCall: fn", fn, aFunction);
  const names = new Map(module.namedCells().map(([name, cell]) => [cell, name]));
  const known = new Set(names.values());
  const unknown = Object.keys(values).find((name) => !known.has(name));
  if (unknown !== undefined) throw new RangeError(`functionalCall: ${module.constructor.name} has no cell ${unknown}`);
  const { result, writes } = capture("functionalCall", fn, {
    read: (cell, outside) => {
      const name = names.get(cell);
      return name !== undefined && Object.hasOwn(values, name) ? values[name] : outside();
    },
  });
  const entries = [...writes];
  commit(new Map(entries.filter(([cell]) => !names.has(cell))));
  const state = entries.flatMap(([cell, value]) => (names.has(cell) ? [[names.get(cell)!, value] as const] : []));
  return { result, state: Object.fromEntries(state) };
}
