/** @file Loop nests: vectors that overlap, masks, cuts, packing, slices, indices taken apart and put together. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Cell, compile, type Tensor, tensor } from "../../src/index.ts";
import * as k from "../../src/kernel/build.ts";
import { hashKernel } from "../../src/kernel/hash.ts";
import { Index } from "../../src/kernel/index-algebra.ts";

const wave = (shape: readonly number[], step = 0.37): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(i * step))),
    { shape },
  );
const run = (fn: (...x: Tensor[]) => Tensor, ...x: Tensor[]): number[] => [...(compile(fn)(...x) as Tensor).dataSync()] as number[];

test.each([4, 5, 6, 7, 9, 10, 14, 23])("a cell of %i columns is updated in place, each element once", (n) => {
  const start = wave([3, n]);
  const cell = new Cell(start);
  const bias = wave([3, 1], 0.9);
  compile(() => cell.set(cell.value.mul(2).add(bias.broadcastTo([3, n]))))();
  const [x, b] = [start.dataSync(), bias.dataSync()];
  const expected = Float32Array.from(x, (v, i) => Math.fround(Math.fround(2 * v) + b[Math.floor(i / n)]!));
  expect([...cell.value.dataSync()]).toEqual([...expected]);
});

test.each([4, 5, 7, 10, 33, 127])("sums, products and extrema of %i elements count each once", (n) => {
  const x = tensor(
    Float32Array.from({ length: 2 * n }, (_, i) => 1 + (i % 3)),
    { shape: [2, n] },
  );
  const rows = [0, 1].map((r) => [...x.dataSync()].slice(r * n, (r + 1) * n) as number[]);
  expect(run((x) => x.sum(1), x)).toEqual(rows.map((row) => row.reduce((a, b) => a + b)));
  expect(run((x) => x.max(1), x)).toEqual(rows.map((row) => Math.max(...row)));
  expect(run((x) => x.min(1), x)).toEqual(rows.map((row) => Math.min(...row)));
});

test("an infinity under the masked lanes of a last vector makes no NaN", () => {
  const x = tensor(Float32Array.of(0, 0, 0, Number.POSITIVE_INFINITY, 1), { shape: [1, 5] });
  const y = tensor(Float32Array.of(1, 1, 1, 2, 3), { shape: [5, 1] });
  expect(run((x, y) => x.matmul(y), x, y)).toEqual([Number.POSITIVE_INFINITY]);
});

test.each([
  [64, 512, 8],
  [96, 1030, 40],
  [300, 640, 24],
])("a product of [%i, %i] and %i columns, packed, is the sum of products", (m, inner, n) => {
  const [x, y] = [wave([m, inner]), wave([inner, n], 0.61)];
  const product = run((x, y) => x.matmul(y), x, y);
  const [a, b] = [x.dataSync(), y.dataSync()];
  for (const [i, j] of [
    [0, 0],
    [m - 1, n - 1],
    [m >> 1, n >> 1],
    [m - 2, 3],
  ] as const) {
    let sum = 0;
    for (let l = 0; l < inner; l++) sum += (a[i * inner + l] as number) * (b[l * n + j] as number);
    expect(product[i * n + j]).toBeCloseTo(sum, 3);
  }
});

test("pooling reads every second element", () => {
  const x = wave([2, 10, 14]);
  const pooled = run((x) => x.windows([2, 2], [2, 2]).flatten(3).max(3), x);
  const v = x.dataSync() as Float32Array;
  const expected = Array.from({ length: 2 * 5 * 7 }, (_, i) => {
    const at = Math.floor(i / 35) * 140 + (Math.floor(i / 7) % 5) * 28 + (i % 7) * 2;
    return Math.max(v[at]!, v[at + 1]!, v[at + 14]!, v[at + 15]!);
  });
  expect(pooled).toEqual(expected);
});

test("an index taken apart and put together is itself", () => {
  const i = Index.of(k.variable("i32"), 0, 2 * 3 * 5 * 7 - 1);
  const parts = [i.div(105), i.div(35).mod(3), i.div(7).mod(5), i.mod(7)];
  const whole = [105, 35, 7, 1].reduce((sum, stride, axis) => sum.plus(parts[axis]!.times(stride)), Index.constant(0));
  expect(whole.key).toBe(i.key);
});

test("the same function compiles to the same kernels, however many were made before", () => {
  const buffers = [
    { dtype: "f32", length: 400, written: false },
    { dtype: "f32", length: 400, written: true },
  ] as const;
  const hashes = new Set<string>();
  for (let round = 0; round < 2000; round++) {
    const body = [
      k.forLoop(20, (i) => [
        k.forLoop(20, (j) => {
          const at = Index.of(i, 0, 19)
            .times(20)
            .plus(Index.of(j, 0, 19))
            .toExpr();
          return [k.store(1, at, k.load(0, "f32", at))];
        }),
      ]),
    ];
    hashes.add(hashKernel({ name: "copy", buffers, body }));
  }
  expect(hashes.size).toBe(1);
});

const size = fc.integer({ min: 1, max: 9 });
const edge = fc.integer({ min: 0, max: 5 });

test("any padding, also between elements and of what is put together, gives the elements that a plain loop gives", () => {
  const cases = fc.tuple(size, size, size, fc.tuple(edge, edge, edge, edge), fc.integer({ min: 0, max: 2 }));
  fc.assert(
    fc.property(cases, ([m, n, more, [top, left, bottom, right], interior]) => {
      const [x, y] = [wave([m, n]), wave([m, more], 0.8)];
      const got = run((x, y) => x.mul(2).concat([y], 1).pad([top, left], [bottom, right], [interior, 0]).add(1), x, y);
      const [a, b] = [x.dataSync(), y.dataSync()];
      const [rows, columns] = [top + bottom + m + (m - 1) * interior, left + right + n + more];
      const expected = Array.from({ length: rows * columns }, (_, at) => {
        const [i, j] = [(Math.floor(at / columns) - top) / (interior + 1), (at % columns) - left];
        if (!Number.isInteger(i) || i < 0 || i >= m || j < 0 || j >= n + more) return 1;
        return Math.fround((j < n ? Math.fround(2 * (a[i * n + j] as number)) : (b[i * more + j - n] as number)) + 1);
      });
      expect(got).toEqual(expected);
    }),
    { numRuns: 100, seed: 5 },
  );
});
