/** @file In what registers values are, and what instructions on them are called. */
import { isFloat } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Kind } from "./instructions.ts";

/** Bytes of a lane of an expression. */
export const laneBytes = (x: Expr): number => (x.dtype === "f64" ? 8 : 4);

/** Bytes of the register that holds a vector, or the lowest 16 for a scalar. */
export const lengthOf = (x: Expr): number => Math.max(16, x.lanes * laneBytes(x));

/** What kind of register holds an expression: a float or a vector of numbers a vector register, an integer or bool a general one, a vector of bools what masks are in. */
export function kindOf(x: Expr, maskKind: Kind): Kind {
  if (x.lanes > 1) return x.dtype === "bool" ? maskKind : "v";
  return isFloat(x.dtype) ? "v" : "g";
}

/** `ps`, `pd`, `ss` or `sd`. */
export function suffixOf(x: Expr): string {
  if (x.dtype === "f64") return x.lanes > 1 ? "pd" : "sd";
  return x.lanes > 1 ? "ps" : "ss";
}

/** Names of instructions on floats, made once. */
const NAMES: Map<string, Map<string, string>> = new Map();

/** The name of an instruction for the type of an expression. */
export function nameOf(stem: string, x: Expr): string {
  let names = NAMES.get(stem);
  if (!names) {
    names = new Map(["ps", "pd", "ss", "sd"].map((suffix) => [suffix, `${stem}${suffix}`]));
    NAMES.set(stem, names);
  }
  return names.get(suffixOf(x))!;
}
