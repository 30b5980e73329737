/**
 * @file A pending value that several reads depend on is computed once and kept. Counted on an operation that runs on the host (a sort).
 */
import { beforeEach, describe, expect, test, vi } from "vitest";
import "../../src/runtime/evaluate.ts";
import { scan } from "../../src/function/control.ts";
import { backward, valueAndGrad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { normal } from "../../src/math/random.ts";
import { splitAt } from "../../src/math/rearrange.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import { argsort } from "../../src/ops/sort.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";

interface Host {
  run(...args: unknown[]): void;
}

let sorts = 0;
const host = argsort.lower as unknown as Host;
const original = host.run;
vi.spyOn(host, "run").mockImplementation((...args) => {
  sorts++;
  original.apply(host, args);
});

let size = 3;
beforeEach(() => {
  sorts = 0;
  size++; // another shape, so that no program of another test is used
});

/** A pending value that takes one sort. */
const sorted = (): Tensor => tensor(Float32Array.from({ length: size }, (_, i) => (i * 7) % size)).sort().values;
const ten = <T>(fn: (i: number) => T): T[] => Array.from({ length: 10 }, (_, i) => fn(i));
const ascending = (): number[] => Array.from({ length: size }, (_, i) => i);

describe("ten reads that depend on one pending value compute it once", () => {
  test("recorded before the first read", () => {
    const y = sorted();
    const readers = ten((i) => y.mul(i).sum());
    expect(readers.map((x) => x.itemSync())).toEqual(ten((i) => (i * size * (size - 1)) / 2));
    expect(sorts).toBe(1);
    expect([...y.dataSync()]).toEqual(ascending());
    expect(sorts).toBe(1);
  });

  test("recorded one after the other", () => {
    const y = sorted();
    ten((i) => y.mul(i).sum().itemSync());
    y.dataSync();
    expect(sorts).toBe(1);
  });

  test("products and loops", () => {
    const x = ones([size, size]);
    for (const y of [x.matmul(x), scan((c: Tensor) => [c.mul(2), c] as const, x, null, { length: 3 })[0]]) {
      y.sum().itemSync();
      expect(y.isComputed).toBe(true);
    }
  });

  test("a few operations per element: the second reader keeps them", () => {
    const y = tensor([1, 2]).mul(3).add(1);
    y.sum().itemSync();
    expect(y.isComputed).toBe(false);
    y.max().itemSync();
    expect(y.isComputed).toBe(true);
  });

  test("a long chain of products keeps the last ones alone", () => {
    const products = Array.from({ length: 70 }, (_, i) => ones([512, 1]).matmul(ones([1, 512]).mul(i)));
    products
      .reduce((a, b) => a.add(b))
      .sum()
      .itemSync();
    const kept = products.filter((p) => p.isComputed).length;
    expect(kept).toBeGreaterThan(30);
    expect(kept).toBeLessThanOrEqual(64);
  });

  test("through data and item", async () => {
    const y = sorted();
    const [a, b, c] = [y.add(1), y.sub(1), y.max()];
    await a.data();
    await c.item();
    b.dataSync();
    expect(sorts).toBe(1);
  });

  test("the parts of a split, and rows that are selected", () => {
    const y = sorted();
    const parts = splitAt(y, [1, size - 1]);
    for (const part of parts) part.dataSync();
    expect(sorts).toBe(1);
    const z = sorted().reshape([size, 1]);
    for (const row of ten((i) => z.select(0, i % size))) row.dataSync();
    expect(sorts).toBe(2);
  });

  test("values deep inside: each is computed once, however they are read", () => {
    const chain = [sorted()];
    for (let i = 0; i < 6; i++) chain.push(chain.at(-1)!.add(1));
    for (const x of chain.toReversed()) ten((i) => x.mul(i).sum().itemSync());
    expect(sorts).toBe(1);
  });

  test("results of one instruction", () => {
    const { values, indices } = sorted().reshape([1, size]).maxWithIndex(1);
    indices.dataSync();
    expect(values.isComputed).toBe(true);
    values.dataSync();
    expect(sorts).toBe(1);
  });
});

describe("members of the kind", () => {
  test("gradients and the loss, read through something else", () => {
    const w = new Cell(tensor(Float32Array.from({ length: size }, () => 1)), "w");
    const { value, grads } = backward(() => w.value.mul(sorted()).sum(), [w]);
    expect(grads[0]!.square().sum().sqrt().itemSync()).toBeGreaterThan(0);
    expect([value, ...grads].map((x) => x.isComputed)).toEqual([true, true]);
    const both = valueAndGrad((x: Tensor) => x.sort().values.square().sum())(tensor(Float32Array.from(ascending())));
    both.value.add(1).itemSync();
    both.grad.max().itemSync();
    expect(sorts).toBe(2);
  });

  test("results of vmap", () => {
    const x = tensor(
      Float32Array.from({ length: 2 * size }, (_, i) => -i),
      { shape: [2, size] },
    );
    const y = vmap((row: Tensor) => row.sort().values)(x);
    const readers = ten((i) => y.mul(i).sum());
    for (const reader of readers) reader.itemSync();
    expect(sorts).toBe(1);
  });

  test("random draws that wait", () => {
    const w = normal(tensor([1, size], { dtype: "u32" }), [64]);
    const before = w.sum();
    const first = before.itemSync();
    expect(w.sum().itemSync()).toBeCloseTo(first, 4); // the order of a sum depends on what is fused with it
    w.max().itemSync();
    expect(w.isComputed).toBe(true);
  });

  test("cells that are set to a value that waits, and a first value that others read", () => {
    const y = sorted();
    const cell = new Cell(zeros([size]), "c");
    cell.set(y);
    ten(() => y.add(1).dataSync());
    expect(sorts).toBe(1);
    const z = sorted();
    const cells = [new Cell(z, "a"), new Cell(z, "b")];
    const reader = z.max();
    expect(reader.itemSync()).toBe(size - 1);
    expect(cells.map((c) => [...c.value.dataSync()])).toEqual([ascending(), ascending()]);
    z.add(1).dataSync();
    z.add(2).dataSync();
    expect(sorts).toBeLessThanOrEqual(3);
  });
});

describe("nothing else is kept", () => {
  test("of a chain of which only the end is read", () => {
    const steps = [tensor([1, 2])];
    for (let i = 0; i < 20; i++) steps.push(steps.at(-1)!.mul(2).add(i));
    steps.at(-1)!.dataSync();
    expect(steps.slice(1, -1).filter((x) => x.isComputed)).toEqual([]);
  });

  test("a loop that reads a sum of each state computes each state once, and keeps what it passes on alone", () => {
    let x = sorted();
    const states: Tensor[] = [];
    for (let i = 0; i < 10; i++) {
      const inner = x.mul(0.5);
      x = inner.add(1).sort().values;
      x.sum().itemSync();
      states.push(inner);
    }
    expect(sorts).toBe(11);
    expect(states.filter((inner) => inner.isComputed)).toEqual([]);
  });

  test("a constant, or one number everywhere", () => {
    const c = zeros([size]).reshape([size, 1]);
    const readers = ten((i) => c.add(i));
    readers[0]!.dataSync();
    expect(c.isComputed).toBe(false);
  });
});
