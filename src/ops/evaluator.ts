/**
 * @file Connects reading a tensor with the runtime, which is in a higher folder and registers itself here.
 */
import type { Tensor } from "./tensor.ts";

/** Computes tensors; see {@link evaluate}. */
type Evaluate = (tensors: readonly Tensor[], optional: boolean) => void;

let registered: Evaluate | undefined;

/** Registers the evaluator; the runtime calls this once. */
export function registerEvaluator(evaluate: Evaluate): void {
  registered = evaluate;
}

/** Computes tensors and everything that is pending with them. With `optional` a value that depends on a placeholder is skipped without an error. */
export function evaluate(tensors: readonly Tensor[], optional = false): void {
  if (registered) registered(tensors, optional);
  else if (!optional) throw new Error("internal: no runtime is loaded");
}
