/**
 * @file The index algebra: whatever it simplifies, the number stays; and what movement makes of indices simplifies away.
 */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as k from "../../src/kernel/build.ts";
import { Index } from "../../src/kernel/index-algebra.ts";
import { runKernel } from "../../src/kernel/interpret.ts";
import { flatten, unflatten } from "../../src/ops/movement.ts";

/** All values of an index of one counter in 0..n-1. */
function valuesOf(n: number, make: (i: Index) => Index): number[] {
  const body = [k.forLoop(n, (i) => [k.store(0, i, make(Index.of(i, 0, n - 1)).toExpr())])];
  const out = new Int32Array(n);
  runKernel({ name: "index", buffers: [{ dtype: "i32", length: n, written: true }], body }, [out]);
  return [...out];
}

type Operation = readonly ["plus" | "times" | "div" | "mod", number];

const operations = fc.array(
  fc.tuple(fc.constantFrom("plus", "times", "div", "mod" as const), fc.integer({ min: 1, max: 9 })) as fc.Arbitrary<Operation>,
  { maxLength: 6 },
);

test("any chain of sums, products, quotients and remainders means what it says", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), operations, (n, chain) => {
      const got = valuesOf(n, (i) => chain.reduce((x, [op, by]) => x[op](by), i));
      const plain = (i: number): number =>
        chain.reduce((x, [op, by]) => (op === "plus" ? x + by : op === "times" ? x * by : op === "div" ? Math.floor(x / by) : x % by), i);
      expect(got).toEqual(Array.from({ length: n }, (_, i) => plain(i)));
    }),
  );
});

test("the range holds every value", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), operations, (n, chain) => {
      let range: Index | undefined;
      const values = valuesOf(n, (i) => {
        range = chain.reduce((x, [op, by]) => x[op](by), i);
        return range;
      });
      for (const v of values) {
        expect(v).toBeGreaterThanOrEqual(range!.min);
        expect(v).toBeLessThanOrEqual(range!.max);
      }
    }),
  );
});

describe("movement leaves no division behind", () => {
  const counter = (n: number): Index => Index.of(k.variable("i32"), 0, n - 1);

  test("a flat index split and joined again is itself", () => {
    for (const shape of [[4], [3, 5], [2, 3, 4], [2, 3, 4, 5]]) {
      const i = counter(shape.reduce((a, b) => a * b));
      expect(flatten(unflatten(i, shape), shape).key).toBe(i.key);
    }
  });

  test("indices joined and split again are themselves", () => {
    const at = [counter(2), counter(3), counter(4)];
    expect(unflatten(flatten(at, [2, 3, 4]), [2, 3, 4]).map((i) => i.key)).toEqual(at.map((i) => i.key));
  });

  test("splitting an axis needs no division when the counters are split the same way", () => {
    const at = [counter(2), counter(6)];
    expect(flatten(unflatten(flatten(at, [2, 6]), [12]), [12]).key).toBe(flatten(at, [2, 6]).key);
  });
});

test("four lanes are consecutive exactly when their index moves by one", () => {
  const i = Index.of(k.variable("i32"), 0, 10);
  expect(i.plus(Index.lane(4)).consecutive()?.key).toBe(i.key);
  expect(i.plus(Index.lane(4).times(2)).consecutive()).toBeNull();
  expect(Index.lane(4).plus(i).div(3).consecutive()).toBeNull();
  // Of a vector that ends with its row, all lanes that count are in that row.
  expect(Index.lane(4).plus(10).div(12).key).not.toBe(Index.constant(0).key);
  expect(Index.lane(4, 2).plus(10).div(12).key).toBe(Index.constant(0).key);
});
