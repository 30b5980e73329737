/**
 * @file The signature of a call: the types of its tensors, and everything else in its arguments by value. Calls with the same signature run the same program, so
 * arguments with invisible state are refused.
 */
import { formatType } from "../base/shape.ts";
import { hiddenState } from "../base/statics.ts";
import { flatten } from "../base/tree.ts";
import { isTensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { isNoticed } from "../runtime/notice.ts";
import { type AnyFunction, isCell } from "./capture.ts";

/** The signature of a call. */
export interface Signature {
  readonly leaves: readonly Tensor[];
  /** A text; calls with equal keys may run the same program. */
  readonly key: string;
  /** Modules and the like among the arguments. */
  readonly noticed: readonly object[];
}

const isOpaque = (x: unknown): boolean => isCell(x) || isNoticed(x);

/** The names of a function's parameters, if its source shows them. */
export function parameterNames(fn: AnyFunction): string[] {
  const source = Function.prototype.toString.call(fn);
  const list = /^(?:async\s+)?(?:function\b[^(]*)?\(([^)]*)\)/.exec(source)?.[1] ?? /^(\w+)\s*=>/.exec(source)?.[1] ?? "";
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^\w+$/.test(name));
}

/** `argument 1 (t)`, or `argument 1 (options), at rate`. */
export function argumentName(path: string, fn: AnyFunction): string {
  const [number, ...rest] = path.split(".");
  const name = parameterNames(fn)[Number(number)];
  return `argument ${number}${name ? ` (${name})` : ""}${rest.length > 0 ? `, at ${rest.join(".")}` : ""}`;
}

/** @throws {TypeError} for an argument of which not everything can be seen. */
export function signatureOf(args: readonly unknown[], fn: AnyFunction): Signature {
  const noticed: object[] = [];
  const opaque = (x: unknown): boolean => {
    if (isNoticed(x)) noticed.push(x);
    return isOpaque(x);
  };
  const { leaves, structure } = flatten(args, isTensor, opaque, (node, path) => {
    const reason = hiddenState(node);
    if (reason !== undefined)
      throw new TypeError(
        `compile: ${argumentName(path, fn)} is ${reason}: a change could go unnoticed, and an old program would run. Pass tensors, numbers, text, or plain objects and arrays of them`,
      );
  });
  return { leaves, key: `${structure} ${leaves.map(formatType).join(" ")}`, noticed };
}

/** The plain numbers among the arguments, by path. */
export function numbersOf(args: readonly unknown[]): ReadonlyMap<string, number> {
  const isNumber = (x: unknown): x is number => typeof x === "number";
  const { leaves, paths } = flatten(args, isNumber, (x) => isOpaque(x) || isTensor(x));
  return new Map(paths.map((path, i) => [path, leaves[i]!]));
}
