/**
 * @file show: the Wengert list of any function, as text.
 */
import { tidy } from "../runtime/compile.ts";
import { printRegion } from "../tape/print.ts";
import { type AnyFunction, originalOf } from "./capture.ts";
import { recordFunction } from "./compile.ts";

/** Names of the parameters of a plain function, where its source shows them. */
function parameterNames(fn: AnyFunction): string[] {
  const source = Function.prototype.toString.call(fn);
  const list = /^(?:async\s+)?(?:function\b[^(]*)?\(([^)]*)\)/.exec(source)?.[1] ?? /^(\w+)\s*=>/.exec(source)?.[1] ?? "";
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^\w+$/.test(name));
}

/**
 * The list that `fn` records on arguments like `args`: one line per instruction, with names and types. Tensors are named by their place in the
 * arguments, by the parameter that holds them, or by `.named(...)`; of cells, their own name.
 */
export function show(fn: AnyFunction, ...args: unknown[]): string {
  const { region } = recordFunction(fn, args, parameterNames(originalOf(fn)));
  return printRegion(tidy(region), fn.name || "tape");
}
