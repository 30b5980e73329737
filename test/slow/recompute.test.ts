/** @file Memory budgets and checkpoints of an MLP of 64 layers: the orders of magnitude of AD-7, and every budget kept. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { leastAdvances } from "../../src/base/reversal.ts";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { checkpoint, checkpointChain } from "../../src/function/control.ts";
import { grad } from "../../src/function/derivative.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { verification } from "../../src/runtime/verification.ts";
import { elements, expectClose } from "../function/backends.ts";

beforeAll(() => {
  verification.on = true;
});
afterAll(() => {
  verification.on = false;
});

type Layer = (h: Tensor) => Tensor;
type Params = { w: Tensor; b: Tensor }[];
type Activation = "tanh" | "relu" | "sigmoid";

let seed = 0;
/** Numbers without a pattern. */
const normal = (shape: [number, number?]): Tensor => {
  const [n, m = 1] = shape;
  return tensor(Float32Array.from({ length: n * m }, () => Math.sin(12.9 * ++seed) + Math.cos(78.2 * seed))).reshape(shape as number[]);
};

const mlp = (depth: number, width: number): Params =>
  Array.from({ length: depth }, () => ({ w: normal([width, width]).mul(0.25), b: normal([width]).mul(0.1) }));
const run = (layers: readonly Layer[], x: Tensor): Tensor => layers.reduce((h, layer) => layer(h), x);
const gradient = (chain: typeof run, activation: Activation = "tanh") =>
  grad((params: Params, x: Tensor) =>
    chain(
      params.map(
        ({ w, b }): Layer =>
          (h) =>
            h.matmul(w).add(b)[activation](),
      ),
      x,
    )
      .square()
      .sum(),
  );

describe("an MLP of 64 layers", () => {
  const [params, x] = [mlp(64, 16), normal([128, 16])];
  const blocks = (layers: readonly Layer[], h: Tensor): Tensor =>
    layers.length === 0 ? h : blocks(layers.slice(8), checkpoint((y: Tensor) => run(layers.slice(0, 8), y))(h));
  const plain = compile(gradient(run));
  const want = elements(plain(params, x));
  const { scratch, work } = plain.footprint;
  const products = (n: number): number => n * 128 * 16 * 16;

  test("peaks and products: everything kept > checkpoints by hand > optimal, with as many products but for one", () => {
    const byHand = compile(gradient(blocks));
    const optimal = compile(gradient(run), { memory: "sqrt" });
    expectClose(elements(byHand(params, x)), want, 1e-5);
    expectClose(elements(optimal(params, x)), want, 1e-5);
    expect(work).toBe(products(3 * 64 - 1));
    expect(byHand.footprint.scratch).toBeLessThan(0.5 * scratch);
    expect(optimal.footprint.scratch).toBeLessThan(byHand.footprint.scratch);
    // √64 values stored; the fewest that run again, the first pass not counted.
    expect(optimal.footprint.work).toBe(work + products(leastAdvances(64 + 1, 8 + 1) - 64));
    expect(byHand.footprint.work).toBeLessThanOrEqual(work + products(64));
  });

  test("along binomial plans: the fewer slots, the less memory and the more products", () => {
    const found = [16, 8, 4].map((slots) => {
      const step = compile(gradient((layers, h) => checkpointChain(layers, h, slots)));
      expectClose(elements(step(params, x)), want, 1e-5);
      return step.footprint;
    });
    found.reduce((more, less) => {
      expect(less.scratch).toBeLessThan(more.scratch);
      expect(less.work).toBeGreaterThan(more.work);
      return less;
    }, plain.footprint);
  });

  test.each(["tanh", "relu", "sigmoid"] as const)(
    "with %s: any budget that is given is kept, with the more work the tighter it is",
    (name) => {
      const free = compile(gradient(run, name));
      const expected = elements(free(params, x));
      let before = free.footprint.work;
      for (const part of [1, 0.7, 0.5, 0.35]) {
        const memory = Math.floor(part * free.footprint.scratch);
        const step = compile(gradient(run, name), { memory });
        expectClose(elements(step(params, x)), expected, 1e-5);
        expect(step.footprint.scratch).toBeLessThanOrEqual(memory);
        expect(step.footprint.work).toBeGreaterThanOrEqual(before);
        before = step.footprint.work;
      }
      expect(before).toBeGreaterThan(free.footprint.work);
    },
  );

  test("a budget that cannot be kept is refused with the least that can, which then can", () => {
    const step = (memory: number) => compile(gradient(run), { memory })(params, x);
    let least = 0;
    try {
      step(1000);
    } catch (error) {
      least = Number(/the least that recomputation reaches is (\d+) bytes/.exec((error as Error).message)?.[1]);
    }
    expect(least).toBeGreaterThan(1000);
    expect(least).toBeLessThan(0.3 * scratch);
    expectClose(elements(step(least)), want, 1e-5);
  });
});
