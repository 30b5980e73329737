/**
 * @file show: the Wengert list of any function, as text.
 */
import { tidy } from "../runtime/passes.ts";
import { printRegion } from "../tape/print.ts";
import { type AnyFunction, originalOf } from "./capture.ts";
import { recordFunction } from "./recording.ts";
import { parameterNames } from "./signature.ts";

/**
 * Prints the list that `fn` records on arguments like `args`: one line per instruction, with names and types. Tensors are named by their path in the arguments, by
 * the parameter that holds them, or by `.named(...)`; cells have their own names.
 */
export function show(fn: AnyFunction, ...args: unknown[]): string {
  const { region } = recordFunction(fn, args, parameterNames(originalOf(fn)));
  return printRegion(tidy(region), fn.name || "tape");
}
