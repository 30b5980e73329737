/** @file Sums of many large terms grow in one place: their memory does not grow with the number of terms, and their values are those of the terms. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { checkpointChain, scan } from "../../src/function/control.ts";
import { backward, grad, valueAndGrad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import "../../src/runtime/evaluate.ts";
import { Linear } from "../../src/nn/linear.ts";
import { fromArray, stack, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const D = 32;
const WEIGHT = D * D * 4;

function random(shape: readonly number[], seed = 1): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return fromArray(
    Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) * seed) * 0.3),
    { shape, dtype: "f32" },
  );
}

/** A gradient in the weight from part i of the inputs. */
const term = (w: Tensor, x: Tensor, i: number): Tensor =>
  grad((v: Tensor) =>
    x
      .narrow(0, 4 * i, 4)
      .matmul(v)
      .tanh()
      .square()
      .sum(),
  )(w);
const loss = (w: Tensor, x: Tensor, i: number): Tensor =>
  x
    .narrow(0, 4 * i, 4)
    .matmul(w)
    .tanh()
    .square()
    .sum();

type Sum = (w: Tensor, x: Tensor, k: number) => Tensor;
const range = (k: number): number[] => Array.from({ length: k }, (_, i) => i);
const terms = (w: Tensor, x: Tensor, k: number): Tensor[] => range(k).map((i) => term(w, x, i));

function pairs(list: readonly Tensor[]): Tensor {
  if (list.length === 1) return list[0]!;
  const half = Math.ceil(list.length / 2);
  return pairs(list.slice(0, half)).add(pairs(list.slice(half)));
}

/** All are the sum of the k gradients. */
const SUMS: Record<string, Sum> = {
  "added as they come": (w, x, k) => range(k).reduce((sum, i) => sum.add(term(w, x, i)), w.like(0)),
  "all first, then a chain": (w, x, k) => terms(w, x, k).reduce((a, b) => a.add(b)),
  "a chain from the end": (w, x, k) => terms(w, x, k).reduceRight((a, b) => a.add(b)),
  "a tree": (w, x, k) => pairs(terms(w, x, k)),
  "the sum of a stack": (w, x, k) => stack(terms(w, x, k)).sum(0),
  "the mean of a stack along another axis": (w, x, k) =>
    stack(terms(w, x, k), 1)
      .mean(1)
      .mul(k),
  "scaled terms": (w, x, k) =>
    terms(w, x, k)
      .map((t) => t.mul(0.5))
      .reduce((a, b) => a.add(b))
      .mul(2),
  differences: (w, x, k) =>
    terms(w, x, k)
      .reduce((a, b) => a.sub(b), w)
      .sub(w)
      .neg(),
  "transposed terms": (w, x, k) =>
    terms(w, x, k)
      .map((t) => t.transpose())
      .reduce((a, b) => a.add(b))
      .transpose(),
  "a sum of losses": (w, x, k) =>
    grad((v: Tensor) =>
      range(k)
        .map((i) => loss(v, x, i))
        .reduce((a, b) => a.add(b)),
    )(w),
  "the value and gradient of a mean of losses": (w, x, k) =>
    valueAndGrad((v: Tensor) => stack(range(k).map((i) => loss(v, x, i))).mean())(w).grad.mul(k),
  "the sum of a batch of gradients": (w, x, k) =>
    vmap((part: Tensor) => grad((v: Tensor) => part.matmul(v).tanh().square().sum())(w))(x.reshape([k, 4, D])).sum(0),
};

const known = new Map<number, Float32Array>();

function wanted(w: Tensor, x: Tensor, k: number): Float32Array {
  if (!known.has(k)) {
    const sum = new Float32Array(D * D);
    for (const t of compile(() => terms(w, x, k))())
      t.dataSync().forEach((v, j) => {
        sum[j]! += v;
      });
    known.set(k, sum);
  }
  return known.get(k)!;
}

describe("a sum of k gradients", () => {
  test.each(Object.entries(SUMS))("%s", (_, sum) => {
    const w = random([D, D], 3);
    const extra = (k: number): number => {
      const x = random([4 * k, D]);
      const run = compile((v: Tensor, y: Tensor) => sum(v, y, k));
      const got = run(w, x).dataSync();
      const want = wanted(w, x, k);
      got.forEach((v, j) => {
        expect(Math.abs(v - want[j]!)).toBeLessThan(1e-4);
      });
      return run.footprint.scratch - x.size * 4;
    };
    expect(extra(9) - extra(3)).toBeLessThan(2 * WEIGHT);
  });
});

/** Programs whose gradient in a shared weight is a sum over k uses. */
const SHARED: Record<string, (k: number) => [fn: (w: Tensor) => Tensor, kept: number]> = {
  "layers that share their weight": (k) => [
    (w) =>
      range(k)
        .reduce((h) => h.matmul(w).tanh(), random([2, D]))
        .sum(),
    k * 2 * D * 4,
  ],
  "an unrolled network": (k) => [
    (w) =>
      range(k)
        .reduce(
          (h, i) =>
            h
              .matmul(w)
              .add(random([2, D], i + 1))
              .tanh(),
          zeros([2, D]),
        )
        .sum(),
    2 * k * 2 * D * 4,
  ],
  "a chain with checkpoints": (k) => [
    (w) =>
      checkpointChain(
        Array(k).fill((h: Tensor) => h.matmul(w).tanh()),
        random([2, D]),
        4,
      ).sum(),
    k * 2 * D * 4,
  ],
  "a loop with checkpoints": (k) => [
    (w) =>
      scan((h: Tensor, x: Tensor) => [h.matmul(w).add(x).tanh(), null], zeros([2, D]), random([4 * k, 2, D]), {
        checkpoint: { slots: 4, segment: 4 },
      })[0].sum(),
    8 * k * 2 * D * 4,
  ],
};

test.each(Object.entries(SHARED))("%s", (_, make) => {
  const w = random([D, D], 3);
  const beyond = (k: number): number => {
    const [fn, kept] = make(k);
    const run = compile(grad(fn));
    run(w);
    return run.footprint.scratch - kept;
  };
  expect(beyond(12) - beyond(4)).toBeLessThan(2 * WEIGHT);
});

test("micro-batches of one step: every parameter has one sum", () => {
  const extra = (k: number): number => {
    const model = [new Linear(D, D), new Linear(D, D)];
    const parameters = model.flatMap((layer) => layer.parameters());
    const step = compile((x: Tensor) => {
      let sums: Tensor[] | undefined;
      for (const i of range(k)) {
        const part = x.narrow(0, 4 * i, 4);
        const { grads } = backward(() => model[1]!.forward(model[0]!.forward(part).tanh()).square().mean(), parameters);
        sums = grads.map((g, j) => (sums ? sums[j]!.add(g) : g));
      }
      return sums!;
    });
    step(random([4 * k, D]));
    return step.footprint.scratch - 4 * k * D * 4;
  };
  expect(extra(9) - extra(3)).toBeLessThan(2 * WEIGHT);
});

test("sums of loops, from the first and from the last", () => {
  const w = random([D, D], 3);
  const scratch = (k: number, last: boolean): number => {
    const run = compile((v: Tensor, x: Tensor) => {
      const ends = range(k).map((i) => scan((h: Tensor) => [h.matmul(v).tanh(), null], x.narrow(0, D * i, D), null, { length: 3 })[0]);
      return last ? ends.reduceRight((a, b) => a.add(b)) : ends.reduce((a, b) => a.add(b));
    });
    const x = random([D * k, D]);
    run(w, x);
    return run.footprint.scratch - x.size * 4;
  };
  for (const last of [false, true]) expect(scratch(9, last) - scratch(3, last)).toBeLessThan(2 * WEIGHT);
});
