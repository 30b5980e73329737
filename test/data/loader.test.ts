/** @file Mini-batches: every example once, in an order that seed and epoch decide. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Split } from "../../src/data/dataset.ts";
import { type BatchOptions, batchCount, batches } from "../../src/data/loader.ts";

/** Example i is [i, i + 0.5] with target i. */
function split(count: number): Split {
  return {
    inputs: Float32Array.from({ length: 2 * count }, (_, i) => (i >> 1) + (i % 2) / 2),
    targets: Int32Array.from({ length: count }, (_, i) => i),
    count,
  };
}

const order = (count: number, options: BatchOptions) => [...batches(split(count), options)].flatMap((batch) => [...batch.indices]);

describe("batches", () => {
  test("in order, the last one smaller", () => {
    const got = [...batches(split(5), { batchSize: 2 })];
    expect(got.map((batch) => [...batch.targets])).toEqual([[0, 1], [2, 3], [4]]);
    expect(got.map((batch) => batch.count)).toEqual([2, 2, 1]);
    expect([...got[1].inputs]).toEqual([2, 2.5, 3, 3.5]);
    expect(got[0].targets).toBeInstanceOf(Int32Array);
  });

  test("every example once (or all full batches), inputs and targets together", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        fc.nat(),
        (count, batchSize, dropLast, seed) => {
          const options = { batchSize, dropLast, shuffle: true, seed };
          const got = [...batches(split(count), options)];
          expect(got.length).toBe(batchCount(split(count), options));
          const seen = got.flatMap((batch) => [...batch.indices]);
          expect(new Set(seen).size).toBe(seen.length);
          expect(seen.length).toBe(dropLast ? count - (count % batchSize) : count);
          for (const batch of got) {
            expect([...batch.targets]).toEqual([...batch.indices]);
            expect([...batch.inputs]).toEqual([...batch.indices].flatMap((i) => [i, i + 0.5]));
            if (dropLast) expect(batch.count).toBe(batchSize);
          }
        },
      ),
    );
  });

  test("the order is a function of seed and epoch", () => {
    const options = { batchSize: 7, shuffle: true, seed: 1, epoch: 3 };
    expect(order(100, options)).toEqual(order(100, options));
    expect(order(100, options)).toEqual(order(100, { ...options, batchSize: 10 }));
    expect(order(100, options)).not.toEqual(order(100, { ...options, epoch: 4 }));
    expect(order(100, options)).not.toEqual(order(100, { ...options, seed: 2 }));
    expect(order(100, options)).toEqual(order(100, { ...options, seed: [1, 0] }));
    expect(order(100, { batchSize: 7, shuffle: true })).toEqual(order(100, { batchSize: 7, shuffle: true, seed: 0, epoch: 0 }));
  });

  test("batches are the caller's: writing to one changes neither the split nor the next", () => {
    const data = split(4);
    const [first] = batches(data, { batchSize: 2 });
    first.inputs.fill(99);
    expect(data.inputs[0]).toBe(0);
  });

  test("several target values per example", () => {
    const data: Split = { inputs: new Float32Array(3), targets: Float32Array.of(1, 2, 3, 4, 5, 6), count: 3 };
    expect([...batches(data, { batchSize: 2 })].map((batch) => [...batch.targets])).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
  });

  test.each([0, -1, 1.5, Number.NaN])("refuses batch size %d at once", (batchSize) => {
    expect(() => batches(split(3), { batchSize })).toThrow("batches: batchSize must be a positive integer");
  });
});
