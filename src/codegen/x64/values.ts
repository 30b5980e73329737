/** @file In what registers values are. */
import { isFloat } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Kind } from "./code.ts";

/** Bytes of a lane of an expression. */
export const laneBytes = (x: Expr): number => (x.dtype === "f64" ? 8 : 4);

/** Bytes of the register that holds a vector, or the lowest 16 for a scalar. */
export const lengthOf = (x: Expr): number => Math.max(16, x.lanes * laneBytes(x));

/** What kind of register holds an expression: a float or a vector of numbers a vector register, an integer or bool a general one, a vector of bools what masks are in. */
export function kindOf(x: Expr, maskKind: Kind): Kind {
  if (x.lanes > 1) return x.dtype === "bool" ? maskKind : "v";
  return isFloat(x.dtype) ? "v" : "g";
}
