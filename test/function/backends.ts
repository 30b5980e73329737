/**
 * @file What the suites of this folder share: running on both backends, reading values, comparing them.
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import "../../src/runtime/evaluate.ts";
import { leavesOf } from "../../src/function/capture.ts";
import { type Nested, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import type { BackendName } from "../../src/runtime/backends.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";

const BACKENDS: readonly BackendName[] = ["interpreter", "wasm"];

/** The suite once for each backend. */
export function onBothBackends(title: string, suite: () => void): void {
  describe.each(BACKENDS)(`${title} on %s`, (backend) => {
    beforeAll(() => setBackend(backend));
    afterAll(() => setBackend("wasm"));
    suite();
  });
}

/** A tensor for checking: float64. */
export function f64(values: Nested): Tensor {
  return tensor(values, { dtype: "f64" });
}

/** The elements of all tensors of a tree, one after another. */
export function elements(tree: unknown): number[] {
  return leavesOf(tree).leaves.flatMap((t) => [...t.dataSync()]);
}

/** Equal up to rounding: |got - want| <= tolerance · (1 + |want|), element by element. */
export function expectClose(got: unknown, want: unknown, tolerance = 1e-9): void {
  const [g, w] = [got, want].map((x) => (typeof x === "number" ? [x] : Array.isArray(x) && typeof x[0] === "number" ? x : elements(x)));
  expect(g!.length, `got [${g}], want [${w}]`).toBe(w!.length);
  g!.forEach((value, i) => {
    const bound = tolerance * (1 + Math.abs(w![i]!));
    if (!(Math.abs(value - w![i]!) <= bound)) expect.fail(`element ${i} is ${value}, want ${w![i]}: got [${g}], want [${w}]`);
  });
}

/** n values by their position; without a rule 0, 1, 2, ... */
export function range(n: number): number[];
export function range<T>(n: number, at: (i: number) => T): T[];
export function range(n: number, at: (i: number) => unknown = (i) => i): unknown[] {
  return Array.from({ length: n }, (_, i) => at(i));
}
