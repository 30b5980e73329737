/**
 * @file How reading a tensor reaches the runtime, which sits above: it registers itself here.
 */
import type { Tensor } from "./tensor.ts";

type Evaluate = (tensors: readonly Tensor[], optional: boolean) => void;

let registered: Evaluate | undefined;

/** The runtime calls this once. */
export function registerEvaluator(evaluate: Evaluate): void {
  registered = evaluate;
}

/** Computes tensors and everything pending with them. With `optional`, gives up quietly where a value is not known yet. */
export function evaluate(tensors: readonly Tensor[], optional = false): void {
  if (registered) registered(tensors, optional);
  else if (!optional) throw new Error("internal: no runtime is loaded");
}
