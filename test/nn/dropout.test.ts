/** @file Dropout: how much it drops, that it keeps the mean, and that its rate may change without compiling anew. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { manualSeed } from "../../src/math/random.ts";
import { Dropout } from "../../src/nn/index.ts";
import { ones } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const N = 40_000;
const share = (values: ArrayLike<number>, wanted: (value: number) => boolean): number =>
  Array.from(values).filter(wanted).length / values.length;

describe("while training", () => {
  test.each([0.1, 0.5, 0.9])("rate %d: that share becomes 0, the rest 1/(1 - rate)", (rate) => {
    manualSeed(3);
    const y = new Dropout(rate).forward(ones([N])).dataSync();
    const spread = Math.sqrt((rate * (1 - rate)) / N);
    expect(Math.abs(share(y, (v) => v === 0) - rate)).toBeLessThan(5 * spread);
    expect(share(y, (v) => v === 0 || Math.abs(v - 1 / (1 - rate)) < 1e-5)).toBe(1);
  });

  test("rate 0 keeps everything, rate 1 nothing, also backward", () => {
    const gradient = (rate: number): number[] => [...grad((x: Tensor) => new Dropout(rate).forward(x).sum())(ones([5])).dataSync()];
    expect([...new Dropout(0).forward(ones([5])).dataSync()]).toEqual([1, 1, 1, 1, 1]);
    expect([...new Dropout(1).forward(ones([5])).dataSync()]).toEqual([0, 0, 0, 0, 0]);
    expect(gradient(0)).toEqual([1, 1, 1, 1, 1]);
    expect(gradient(1)).toEqual([0, 0, 0, 0, 0]);
  });

  test("the gradient drops the same elements", () => {
    const layer = new Dropout(0.5);
    const run = compile((x: Tensor) => grad((t: Tensor) => layer.forward(t).square().mul(0.5).sum())(x));
    // d/dx ½·(mask·x/(1 - p))² = mask·x/(1 - p)²: 0 or 4 at x = 1.
    const g = run(ones([64])).dataSync();
    expect(share(g, (v) => v === 0 || v === 4)).toBe(1);
    expect(share(g, (v) => v === 4)).toBeGreaterThan(0.2);
  });

  test("every call draws anew, and the seed decides what", () => {
    const draw = (): string =>
      new Dropout(0.5)
        .forward(ones([64]))
        .dataSync()
        .join();
    manualSeed(1);
    const [a, b] = [draw(), draw()];
    manualSeed(1);
    expect(draw()).toBe(a);
    expect(a).not.toBe(b);
  });
});

test("in evaluation mode it is the identity", () => {
  const x = ones([4]);
  expect(new Dropout(0.5).eval().forward(x)).toBe(x);
});

test("changing the rate records nothing anew", () => {
  const layer = new Dropout(0);
  const run = compile((x: Tensor) => layer.forward(x));
  const x = ones([N]);
  const dropped = (): number => share(run(x).dataSync(), (v) => v === 0);
  expect(dropped()).toBe(0);
  layer.rate = 0.25;
  expect(layer.rate).toBe(0.25);
  expect(dropped()).toBeCloseTo(0.25, 1);
  const first = run(x).dataSync().join();
  expect(run(x).dataSync().join()).not.toBe(first);
  expect(run.recompilations).toBe(1);
});

test.each([-0.1, 1.1, Number.NaN])("rate %d is refused", (rate) => {
  expect(() => new Dropout(rate)).toThrow(`Dropout: rate must be from 0 to 1, got ${rate}`);
});
