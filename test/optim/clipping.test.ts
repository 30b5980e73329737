/** @file Gradient clipping and averages of weights. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { clipAdaptively, clipByGlobalNorm, clipByNorm, clipByValue, EMA, SWA } from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

const shown = (grads: readonly Tensor[]): string[][] => grads.map((g) => [...g.dataSync()].map((x) => x.toFixed(3)));

describe("clipping", () => {
  const grads = (): Tensor[] => [tensor([3, -4]), tensor([0.3, 0.4])];

  test("by value", () => {
    expect(shown(clipByValue(grads(), 0.35))).toEqual([
      ["0.350", "-0.350"],
      ["0.300", "0.350"],
    ]);
  });

  test("each by its norm", () => {
    expect(shown(clipByNorm(grads(), 1))).toEqual([
      ["0.600", "-0.800"],
      ["0.300", "0.400"],
    ]);
  });

  test("all by one norm", () => {
    const { grads: clipped, total } = clipByGlobalNorm([tensor([3, 0]), tensor([0, 4])], 1);
    expect(total.itemSync()).toBeCloseTo(5, 6);
    expect(shown(clipped)).toEqual([
      ["0.600", "0.000"],
      ["0.000", "0.800"],
    ]);
    expect(shown(clipByGlobalNorm([zeros([2])], 1).grads)).toEqual([["0.000", "0.000"]]);
  });

  test("by rows, measured by the parameters' rows", () => {
    const w = new Cell(
      tensor([
        [3, 4],
        [0, 0],
      ]),
    ); // norms 5 and 0
    const g = tensor([
      [30, 40],
      [1, 0],
    ]);
    expect(shown(clipAdaptively([g], [w], { clip: 0.1, eps: 1 }))).toEqual([["0.300", "0.400", "0.100", "0.000"]]);
    expect(shown(clipAdaptively([tensor(2)], [new Cell(tensor(1))], { clip: 0.5 }))).toEqual([["0.500"]]);
  });

  test("a NaN shows", () => {
    expect(clipByGlobalNorm([tensor([Number.NaN]), ones([1])], 1).grads.map((g) => g.itemSync())).toEqual([Number.NaN, Number.NaN]);
  });

  test("refuses", () => {
    expect(() => clipByValue(grads(), -1)).toThrow("limit must be a number >= 0, got -1");
    expect(() => clipByGlobalNorm([], 1)).toThrow("clipByGlobalNorm: got no gradients");
    expect(() => clipAdaptively(grads(), [])).toThrow("clipAdaptively: got 2 gradients for 0 parameters");
  });
});

describe("averages", () => {
  test("SWA is the mean of what it saw, compiled once", () => {
    const p = new Cell(tensor([9]));
    const swa = new SWA([p]);
    const update = compile((x: Tensor) => {
      p.set(x);
      swa.update();
    });
    for (const x of [1, 2, 6]) update(tensor([x]));
    expect(swa.averages[0].value.itemSync()).toBeCloseTo(3, 6);
    expect(update.recompilations).toBe(1);
  });

  test("EMA starts where the parameters start; swap goes there and back", () => {
    const p = new Cell(tensor([1]));
    const ema = new EMA([p], { decay: 0.75 });
    p.set(tensor([5]));
    ema.update();
    ema.swap();
    expect([p, ...ema.averages].map(({ value }) => value.itemSync())).toEqual([2, 5]);
    ema.swap();
    expect([p, ...ema.averages].map(({ value }) => value.itemSync())).toEqual([5, 2]);
  });

  test("state", () => {
    const [p, q] = [new Cell(tensor([1])), new Cell(tensor([1]))];
    const [a, b] = [new SWA([p]), new SWA([q])];
    p.set(tensor([3]));
    a.update();
    expect([...a.stateDict().keys()]).toEqual(["updates", "average.0"]);
    b.loadStateDict(a.stateDict());
    q.set(tensor([5]));
    b.update();
    expect(b.averages[0].value.itemSync()).toBe(4);
    expect(() => b.loadStateDict(new Map())).toThrow("loadStateDict: the entries do not fit SWA: missing updates, average.0");
  });

  test("refuses", () => {
    expect(() => new EMA([])).toThrow("EMA: there is nothing to average");
    expect(() => new EMA([new Cell(ones([1]))], { decay: 1 })).toThrow("decay must be a number from 0 to below 1, got 1");
  });
});
