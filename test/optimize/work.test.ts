/** @file What is counted as the work of a list. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { scan } from "../../src/function/control.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { ones } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elementsMade, multiplyAdds } from "../../src/optimize/work.ts";

test("products count their multiply-adds, everything the elements it makes, loops as often as they run", () => {
  const once = recordFunction((a: Tensor, b: Tensor) => a.matmul(b).add(1), [ones([3, 5]), ones([5, 2])]).region;
  expect(multiplyAdds(once)).toBe(3 * 5 * 2);
  // The product, the number, its broadcast and the sum.
  expect(elementsMade(once)).toBe(6 + 1 + 6 + 6);
  const looped = recordFunction(
    (a: Tensor) => scan((c: Tensor) => [a.matmul(c), null], ones([4, 4]), null, { length: 10 })[0],
    [ones([4, 4])],
  ).region;
  expect(multiplyAdds(looped)).toBe(10 * 4 ** 3);
  expect(elementsMade(looped)).toBe(16 + 10 * 16);
});
