/** @file Checks of tensor arguments. */
import { check, type Expectation, list } from "../base/check.ts";
import { requireEach, requireTensor, Tensor } from "./tensor.ts";

/**
 * Checks that arguments are tensors. The error reads `relu: x must be a tensor, got [1, 2]; make one with tensor(...)`.
 * @param optional The arguments that may be left out. @throws {TypeError} for an argument that is not a tensor.
 */
export function checkTensors(
  what: string,
  tensors: Readonly<Record<string, unknown>>,
  optional: Readonly<Record<string, unknown>> = {},
): void {
  for (const name in tensors) if (!(tensors[name] instanceof Tensor)) requireTensor(`${what}: ${name}`, tensors[name]);
  for (const name in optional) {
    const x = optional[name];
    if (x !== undefined && !(x instanceof Tensor)) requireTensor(`${what}: ${name}`, x);
  }
}

const someTensors: Expectation = {
  ...list,
  remedy: (value) => (value instanceof Tensor ? "; put them into one list: [a, b]" : ""),
};

/** @throws {TypeError} unless it is a list of tensors. */
export function checkTensorList(what: string, tensors: unknown): void {
  check(what, tensors, someTensors);
  if (Array.isArray(tensors)) requireEach(what, tensors);
}
