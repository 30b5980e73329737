/** @file Parameter groups by predicate. */
import { check, expectation, fn, listOf, nonNegative } from "../base/check.ts";
import { Cell } from "../runtime/cell.ts";
import type { OptimizerOptions, ParameterGroup } from "./optimizer.ts";

/** Says of a parameter, by its name and cell, whether it belongs. */
export type ParameterPredicate = (name: string, cell: Cell) => boolean;

/** Matrices and kernels, but no biases, and no scales and shifts of normalizations, which are all vectors (REG-1). */
export const isWeight: ParameterPredicate = (name, { shape }) => shape.length > 1 && !/(^|[._])bias/.test(name);

/**
 * Two groups, the parameters that decay and those that do not, for any optimizer:
 * `new AdamW(decayGroups(model.namedParameters(), 0.05))`. A group that would be empty is left out.
 */
export function decayGroups(
  named: Iterable<readonly [name: string, cell: Cell]>,
  weightDecay: number,
  decays: ParameterPredicate = isWeight,
): ParameterGroup<OptimizerOptions>[] {
  check(
    "decayGroups: named",
    named,
    expectation("parameters with their names", (all) => typeof (all as Iterable<unknown> | null)?.[Symbol.iterator] === "function"),
  );
  const list = [...named];
  check(
    "decayGroups: named",
    list,
    listOf(expectation("a pair of a name and a parameter", (pair) => Array.isArray(pair) && pair[1] instanceof Cell)),
  );
  check("decayGroups: weightDecay", weightDecay, nonNegative);
  check("decayGroups: decays", decays, fn);
  const group = (chosen: boolean, decay: number): { parameters: Cell[]; weightDecay: number } => ({
    parameters: list.filter(([name, cell]) => decays(name, cell) === chosen).map(([, cell]) => cell),
    weightDecay: decay,
  });
  return [group(true, weightDecay), group(false, 0)].filter(({ parameters }) => parameters.length > 0);
}
