/**
 * @file Loop fission: which products leave a loop, that results and gradients stay what the loop written out gives, and what it does not do for want of memory.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import type { AnyFunction } from "../../src/function/capture.ts";
import { compile } from "../../src/function/compile.ts";
import { checkpoint, scan } from "../../src/function/control.ts";
import { grad, valueAndGrad } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { vmap } from "../../src/function/vmap.ts";
import { gru, lstm, lstmCell, rnn } from "../../src/math/recurrent.ts";
import { stack, tensor, zeros } from "../../src/ops/create.ts";
import type { Instruction, Region } from "../../src/ops/op.ts";
import type { Scan } from "../../src/ops/scan.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { multiplyAdds } from "../../src/optimize/work.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize, tidy } from "../../src/runtime/passes.ts";
import { verification } from "../../src/runtime/verification.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { expectClose, range } from "../function/backends.ts";
import { sized } from "../size.ts";

beforeAll(() => {
  verification.on = true;
});
afterAll(() => {
  verification.on = false;
});

const optimized = (fn: AnyFunction, ...args: unknown[]): Region => optimize(recordFunction(fn, args).region);
const scansOf = (region: Region): Instruction[] => tapeOfRegion(region).filter((i) => i.op.name === "scan");
const dotsOf = (region: Region): string[] => tapeOfRegion(region).flatMap((i) => (i.op.name === "dot" ? [`[${i.results[0]!.shape}]`] : []));
/** Shapes of the products inside loops, and outside. */
const products = (region: Region): { inside: string[]; outside: string[] } => ({
  inside: scansOf(region).flatMap((i) => dotsOf(i.regions[0]!)),
  outside: dotsOf(region),
});

describe("what leaves a loop", () => {
  const [x, h, w, v] = [zeros([7, 2, 3]), zeros([2, 4]), zeros([3, 4]), zeros([4, 5])];

  test("a product of slices goes ahead, with what is made between products", () => {
    const one = optimized((x: Tensor, w: Tensor, h: Tensor) => scan((h: Tensor, x: Tensor) => [h.mul(x.matmul(w)), h], h, x), x, w, h);
    expect(products(one)).toEqual({ inside: [], outside: ["[7,2,4]"] });
    const two = (x: Tensor, w: Tensor, u: Tensor, h: Tensor) =>
      scan((h: Tensor, x: Tensor) => [h.mul(x.matmul(w).relu().matmul(u)), h], h, x);
    expect(products(optimized(two, zeros([7, 2, 9]), zeros([9, 4]), zeros([4, 4]), h))).toEqual({
      inside: [],
      outside: ["[7,2,4]", "[7,2,4]"],
    });
  });

  test("a product that only goes out comes behind, with what is made of it", () => {
    const f = (x: Tensor, h: Tensor, v: Tensor) =>
      scan((h: Tensor, x: Tensor) => [h.mul(x.sum()).tanh(), h.matmul(v).add(x.sum()).sigmoid()], h, x);
    const region = optimized(f, x, h, v);
    expect(products(region)).toEqual({ inside: [], outside: ["[7,2,5]"] });
    expect(scansOf(region)[0]!.results.map(({ shape }) => shape)).toEqual([[2, 4], [7, 2, 4], [7]]);
  });

  test("a sum of products comes behind, and its carry is gone; sums of the same factors too", () => {
    const f = (x: Tensor) =>
      scan(
        ([h, s, b]: Tensor[], x: Tensor) => {
          const next = h!.add(x).tanh();
          return [[next, s!.add(next.dot(x, "bi,bj->ij").mul(1).neg()), next.sum(0).add(b!)], null];
        },
        [zeros([2, 30]), zeros([30, 30]), zeros([30])],
        x,
      );
    const region = optimized(f, zeros([7, 2, 30]));
    expect(products(region)).toEqual({ inside: [], outside: ["[30,30]"] });
    expect((scansOf(region)[0]!.params as Scan).carry).toBe(1);
  });

  test.each([
    ["rnn", rnn, 1],
    ["lstm", lstm, 4],
    ["gru", gru, 3],
  ] as const)("of the backward pass of %s all but the product with the next state's gradient", (_, layer, gates) => {
    const f = (weightHh: Tensor, x: Tensor) => {
      const weights = [{ weightIh: zeros([16 * gates, 3]), weightHh, biasHh: zeros([16 * gates]) }];
      return (layer as typeof rnn)(x, undefined, weights).output.square().sum();
    };
    const region = optimized(grad(f), zeros([16 * gates, 16]), zeros([9, 2, 3]));
    expect(scansOf(region).map((i) => dotsOf(i.regions[0]!))).toEqual([[`[2,${16 * gates}]`], ["[2,16]"]]);
  });

  test("the multiply-adds stay what they are", () => {
    const f = grad((w: Tensor[], x: Tensor) => recurrent(scan)(w, x).square().sum(), { unused: "ignore" });
    const given = [weights(2, 3, 4), zeros([6, 2, 3])];
    const region = recordFunction(f, given).region;
    expect(multiplyAdds(optimize(region))).toBe(multiplyAdds(tidy(region)));
  });
});

describe("what stays", () => {
  const inside = (fn: AnyFunction, ...args: unknown[]): number => products(optimized(fn, ...args)).inside.length;

  test("a sum that a step reads, that is stacked, or of which a step adds twice", () => {
    const sums = (step: (s: Tensor, x: Tensor) => [Tensor, Tensor | null]) =>
      inside((x: Tensor) => scan(step, zeros([9, 9]), x), zeros([5, 2, 9]));
    const outer = (x: Tensor): Tensor => x.dot(x, "bi,bj->ij");
    expect(sums((s, x) => [s.add(outer(x)), null])).toBe(0);
    expect(sums((s, x) => [s.add(outer(x)), s.sum()])).toBe(1);
    expect(sums((s, x) => [s.mul(0.5).add(outer(x)), null])).toBe(1);
    expect(sums((s, x) => [s.add(outer(x).mul(x.sum())), null])).toBe(1);
  });

  test("products of many rows, which gain nothing", () => {
    const f = (x: Tensor, w: Tensor) => scan((h: Tensor, x: Tensor) => [h.add(x.matmul(w)).tanh(), h], zeros([x.shape[1]!, 4]), x);
    expect(inside(f, zeros([5, 15, 4]), zeros([4, 4]))).toBe(0);
    expect(inside(f, zeros([5, 16, 4]), zeros([4, 4]))).toBe(1);
  });

  test("what would take more than twice the memory of the loop's stacks", () => {
    const f = (x: Tensor, w: Tensor) => scan((h: Tensor, x: Tensor) => [h.add(x.matmul(w)).tanh(), null], zeros([2, w.shape[1]!]), x);
    expect(inside(f, zeros([5, 2, 4]), zeros([4, 4]))).toBe(0);
    expect(inside(f, zeros([5, 2, 4]), zeros([4, 5]))).toBe(1);
  });

  test("a product in a loop of one step", () => {
    const f = (x: Tensor, w: Tensor) => scan((h: Tensor, x: Tensor) => [h.mul(x.matmul(w)), h], zeros([2, 4]), x);
    expect(inside(f, zeros([1, 2, 4]), zeros([4, 4]))).toBe(1);
  });
});

test("a memory budget that only the loop as it was fits is kept", () => {
  const [x, w] = [numbers([40, 8, 64], 1), numbers([64, 64], 2)];
  const f = grad((w: Tensor, x: Tensor) =>
    scan((h: Tensor, x: Tensor) => [h.add(x.matmul(w)).tanh(), null], zeros([8, 64]), x)[0]
      .square()
      .sum(),
  );
  const free = compile(f);
  const want = free(w, x);
  const recording = recordFunction(f, [w, x]);
  const least = plan(tidy(recording.region), recording, []).scratch;
  expect(least).toBeLessThan(free.footprint.scratch);
  const tight = compile(f, { memory: least });
  expectClose(tight(w, x), want, 1e-5);
  expect(tight.footprint.scratch).toBeLessThanOrEqual(least);
});

// ---- the same as the loop written out -------------------------------------------------------------------------------------------------

type Loop = (
  step: (carry: Tensor[], x: Tensor) => readonly [Tensor[], Tensor[]],
  init: Tensor[],
  xs: Tensor,
  options: { reverse?: boolean },
) => readonly [Tensor[], Tensor[]];

const written: Loop = (step, init, xs, { reverse = false }) => {
  const ys: Tensor[][] = [];
  let carry = init;
  const order = range(xs.shape[0]!);
  for (const i of reverse ? order.reverse() : order) [carry, ys[i]] = step(carry, xs.select(0, i)) as [Tensor[], Tensor[]];
  return [carry, ys[0]!.map((_, j) => stack(ys.map((y) => y[j]!)))];
};

const numbers = (shape: readonly number[], seed: number, dtype: "f32" | "f64" = "f32"): Tensor =>
  tensor(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(12.9898 * (i + 1) * seed) * 0.8),
    { dtype },
  ).reshape(shape);

/** Weights for inputs, states, outputs, and what lies between two products. */
const weights = (batch: number, inputs: number, hidden: number): Tensor[] =>
  [[inputs, hidden], [hidden, hidden], [hidden, inputs], [hidden], [inputs, hidden], [batch, hidden]].map((shape, i) =>
    numbers(shape, i + 1, "f64"),
  );

interface Variant {
  readonly reverse?: boolean;
  readonly checkpointed?: boolean;
  /** Products of slices one after another; a function of what goes out; two terms in a sum. */
  readonly deep?: boolean;
  readonly bent?: boolean;
  readonly twice?: boolean;
}

/** A loop with products of all kinds, and a number made of all that it returns. */
const recurrent =
  (loop: Loop, { reverse, checkpointed, deep, bent, twice }: Variant = {}) =>
  ([w, u, v, b, w2, h0]: Tensor[], xs: Tensor): Tensor => {
    const step = ([h, s, c]: Tensor[], x: Tensor): readonly [Tensor[], Tensor[]] => {
      const given = deep ? x.matmul(w!).relu().matmul(u!) : x.matmul(w!);
      const next = given.add(h!.matmul(u!)).add(b!).tanh();
      const out = bent ? next.matmul(v!).sigmoid().mul(x) : next.matmul(v!.mul(2));
      const term = x.dot(next, "bi,bj->ij");
      return [
        [next, s!.add(twice ? term.sub(x.mul(x).dot(h!, "bi,bj->ij").add(w2!)) : term), c!.add(next.sum(0))],
        [out, next.mul(x.sum())],
      ];
    };
    const start = [h0!, w!.sin(), b!.cos()];
    const body = checkpointed ? (checkpoint(step) as typeof step) : step;
    const [carry, ys] = loop(body, start, xs, { reverse: reverse ?? false });
    return [...carry, ...ys].reduce(
      (sum, y, i) =>
        sum.add(
          y
            .sin()
            .mul(i + 1)
            .sum(),
        ),
      xs.sum(),
    );
  };

const looped = scan as unknown as Loop;
const variant = fc.record({
  reverse: fc.boolean(),
  checkpointed: fc.boolean(),
  deep: fc.boolean(),
  bent: fc.boolean(),
  twice: fc.boolean(),
});
const sizes = fc.record({
  steps: fc.integer({ min: 1, max: 5 }),
  batch: fc.integer({ min: 1, max: 2 }),
  inputs: fc.integer({ min: 1, max: 12 }),
  hidden: fc.integer({ min: 1, max: 4 }),
});

// Options leave some of the weights unused.
const unused = "ignore";

describe("is the same as the loop written out", () => {
  test("value and gradients, forward or in reverse, with and without checkpoints", () => {
    fc.assert(
      fc.property(variant, sizes, (options, { steps, batch, inputs, hidden }) => {
        const given = [weights(batch, inputs, hidden), numbers([steps, batch, inputs], 7, "f64")] as const;
        const both = [looped, written].map((loop) =>
          compile(valueAndGrad((all: readonly [Tensor[], Tensor]) => recurrent(loop, options)(...all), { unused }))(given as never),
        );
        expectClose(both[0], both[1]);
      }),
      { numRuns: sized(10, 100) },
    );
  });

  test("batched over slices or weights", () => {
    fc.assert(
      fc.property(variant, sizes, fc.boolean(), (options, { steps, batch, inputs, hidden }, overWeights) => {
        const [w, x] = [weights(batch, inputs, hidden), numbers([steps, batch, inputs], 7, "f64")];
        const many = (t: Tensor): Tensor => stack([t, t.mul(0.5).add(0.1)]);
        const both = [looped, written].map((loop) => {
          const f = grad((w: Tensor[], x: Tensor) => recurrent(loop, options)(w, x), { unused });
          const mapped = vmap(f as AnyFunction, { inAxes: overWeights ? [0, null] : [null, 0] });
          return compile(mapped)(...(overWeights ? [w.map(many), x] : [w, many(x)]));
        });
        expectClose(both[0], both[1]);
      }),
      { numRuns: sized(4, 40) },
    );
  });

  test("one loop inside another", () => {
    const f =
      (loop: Loop) =>
      (w: Tensor[], x: Tensor): Tensor => {
        const outer = ([sum, m]: Tensor[], x: Tensor): readonly [Tensor[], Tensor[]] => {
          const value = recurrent(loop)([w[0]!.add(m!.mul(0.1)), ...w.slice(1)], x);
          return [[sum!.add(value), m!.add(x.select(0, 0).dot(w[5]!, "bi,bj->ij"))], [value.reshape([1])]];
        };
        const [[sum, m], [ys]] = loop(outer, [zeros([], "f64"), w[0]!], x, {});
        return sum!.add(m!.sin().sum()).add(ys!.cos().sum());
      };
    const given = [weights(2, 3, 2), numbers([3, 4, 2, 3], 5, "f64")] as const;
    const [got, want] = [looped, written].map((loop) => compile(grad(f(loop)))(...(given as [Tensor[], Tensor])));
    expectClose(got, want);
  });

  test("in second order", () => {
    const given = weights(2, 3, 2);
    const x = numbers([4, 2, 3], 5, "f64");
    const [got, want] = [looped, written].map((loop) => {
      const first = grad((w: Tensor[]) => recurrent(loop, { bent: true })(w, x));
      return compile(grad((w: Tensor[]) => first(w).reduce((sum, g) => sum.add(g.square().sum()), zeros([], "f64"))))(given);
    });
    expectClose(got, want);
  });

  test("cells of a recurrent network as the layer over all steps", () => {
    const [ih, hh] = [numbers([48, 5], 3, "f64"), numbers([48, 12], 4, "f64")];
    const [bi, bh] = [numbers([48], 5, "f64"), numbers([48], 6, "f64")];
    const x = numbers([6, 2, 5], 7, "f64");
    type Four = [Tensor, Tensor, Tensor, Tensor];
    const of = ([weightIh, weightHh, biasIh, biasHh]: Four) => ({ weightIh, weightHh, biasIh, biasHh });
    const layer = (w: Four) => lstm(x, undefined, [of(w)]).output;
    const cells = (w: Four) => {
      const zero = zeros([2, 12], "f64");
      return scan(
        (state: { h: Tensor; c: Tensor }, x: Tensor) => {
          const next = lstmCell(x, [state.h, state.c], of(w));
          return [next, next.h];
        },
        { h: zero, c: zero },
        x,
      )[1];
    };
    const given: Four = [ih, hh, bi, bh];
    const [got, want] = [cells, layer].map((f) => compile(valueAndGrad((w: Four) => f(w).square().sum()))(given));
    expectClose(got, want);
    expect(
      products(
        optimized(
          grad((w: Four) => cells(w).square().sum()),
          given,
        ),
      ).inside,
    ).toEqual(["[2,48]", "[2,12]"]);
  });
});
