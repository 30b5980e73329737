/** @file Mini-batches: every example once, in an order that seed and epoch decide. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Example, ExampleStream, Split } from "../../src/data/dataset.ts";
import {
  type Batch,
  type BatchOptions,
  batchCount,
  batches,
  batchIndices,
  Loader,
  type LoaderOptions,
  type LoadProgress,
} from "../../src/data/loader.ts";
import { fromModule } from "../../src/data/prefetch.ts";

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

const squares = new URL("./modules/squares.mjs", import.meta.url);
const all = async (loader: Loader) => {
  const got: Batch[] = [];
  for await (const batch of loader) got.push(batch);
  return got;
};

describe("Loader", () => {
  test("gives what `batches` gives, epoch after epoch", async () => {
    const options = { batchSize: 3, shuffle: true, seed: 5 };
    const loader = new Loader(split(10), options);
    for (const epoch of [0, 1, 2]) expect(await all(loader)).toEqual([...batches(split(10), { ...options, epoch })]);
    const third: Batch[] = [];
    for await (const batch of loader.epoch(2)) third.push(batch);
    expect(third).toEqual([...batches(split(10), { ...options, epoch: 2 })]);
  });

  test.each([0, 1, 2, 3])("a module's examples with %d threads: the same batches in the same order", async (workers) => {
    const progress: LoadProgress[] = [];
    const loader = new Loader(fromModule(squares, { count: 50, slow: 5 }), {
      batchSize: 8,
      shuffle: true,
      seed: 2,
      workers,
      onProgress: (p) => progress.push(p),
    });
    const got = await all(loader);
    const indices = batchIndices(50, { batchSize: 8, shuffle: true, seed: 2, epoch: 0 });
    expect(got.map((batch) => batch.indices)).toEqual(indices);
    for (const { inputs, targets, indices: at } of got) {
      expect([...inputs]).toEqual([...at].flatMap((i) => [i, i * i]));
      expect(targets).toEqual(at.map((i) => i % 3));
    }
    expect(progress.at(-1)).toEqual({ epoch: 0, batch: 7, batches: 7, examples: 50 });
    expect(await loader.count()).toBe(50);
    await loader.close();
  });

  test("threads open a module's split too", async () => {
    const loader = new Loader(fromModule(squares, undefined, "split"), { batchSize: 2, workers: 1 });
    expect((await all(loader)).map(({ inputs, targets }) => [...inputs, ...targets])).toEqual([
      [1, 2, 4, 5],
      [3, 6],
    ]);
    await loader.close();
  });

  test("stopping early leaves nothing behind; what was fetched ahead and failed is nobody's error", async () => {
    const loader = new Loader(fromModule(squares, { count: 700 }), { batchSize: 333, workers: 1, prefetch: 5 });
    for await (const batch of loader) {
      expect(batch.count).toBe(333);
      break;
    }
    await loader.close();
  });

  test.each([0, 2])("an error of the source arrives when its batch is due (%d threads)", async (workers) => {
    const loader = new Loader(fromModule(squares, { count: 700 }), { batchSize: 350, workers });
    const iterator = loader[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.count).toBe(350);
    await expect(iterator.next()).rejects.toThrow("example 666 cannot be read");
    await loader.close();
  });

  test.each<[string, string, number, RegExp]>([
    ["a module that is not there", "absent", 1, /exports no function "absent"; want one that gives the examples/],
    ["the same without threads", "absent", 0, /exports no function "absent"; want one that gives the examples/],
    ["a source that cannot be opened", "fails", 2, /^no such file$/],
    ["a stream", "stream", 1, /gives a stream, which has one reader; use workers: 0/],
  ])("%s", async (_, name, workers, message) => {
    await expect(all(new Loader(fromModule(squares, {}, name), { batchSize: 1, workers }))).rejects.toThrow(message);
  });

  test.each<[string, LoaderOptions, string]>([
    ["a batch size of 0", { batchSize: 0 }, "Loader: batchSize must be a positive integer, got 0"],
    ["half a thread", { batchSize: 1, workers: 0.5 }, "Loader: workers must be an integer of at least 0, got 0.5"],
    ["threads for arrays", { batchSize: 1, workers: 1 }, "Loader: workers want a source named by its module"],
  ])("refuses %s", (_, options, message) => {
    expect(() => new Loader(split(3), options)).toThrow(message);
  });

  test("examples of different sizes, or kinds", async () => {
    const source = (...list: Example[]) => ({ count: list.length, example: (i: number) => list[i] });
    const of = (n: number, target: Example["target"]): Example => ({ input: new Float32Array(n), target });
    await expect(all(new Loader(source(of(2, 0), of(3, 0)), { batchSize: 2 }))).rejects.toThrow(
      "example 1 has 3 values, example 0 has 2; bring them to one size first",
    );
    await expect(all(new Loader(source(of(2, 0), of(2, Float32Array.of(1))), { batchSize: 2 }))).rejects.toThrow("another kind of target");
  });
});

describe("streams", () => {
  /** One array for all examples, as a reader that saves memory would. */
  const numbers = (count: number): ExampleStream =>
    function* () {
      const input = new Float32Array(1);
      for (let i = 0; i < count; i++) {
        input[0] = i;
        yield { input, target: i };
      }
    };
  const inputs = async (count: number, options: LoaderOptions) =>
    (await all(new Loader(numbers(count), options))).map((batch) => [...batch.inputs]);

  test("in order, the rest kept or dropped", async () => {
    expect(await inputs(5, { batchSize: 2 })).toEqual([[0, 1], [2, 3], [4]]);
    expect(await inputs(5, { batchSize: 2, dropLast: true })).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(await inputs(0, { batchSize: 2 })).toEqual([]);
  });

  test("shuffled through a buffer: every example once, near its place, by seed and epoch", async () => {
    const options = { batchSize: 10, shuffle: true, shuffleBuffer: 20, seed: 1 };
    const got = (await inputs(100, options)).flat();
    expect([...got].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    got.forEach((value, place) => {
      expect(value - place).toBeLessThan(20);
    });
    expect((await inputs(100, options)).flat()).toEqual(got);
    expect((await inputs(100, { ...options, seed: 2 })).flat()).not.toEqual(got);
    const loader = new Loader(numbers(100), options);
    expect((await all(loader)).flatMap((batch) => [...batch.inputs])).toEqual(got);
    expect((await all(loader)).flatMap((batch) => [...batch.inputs])).not.toEqual(got);
  });
});
