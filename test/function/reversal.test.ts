/**
 * @file Checkpointed chains: scan and checkpointChain along binomial and mixed plans give the values and gradients of the plain ones, in less
 * memory (AD-7).
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leastAdvances } from "../../src/base/reversal.ts";
import type { AnyFunction } from "../../src/function/capture.ts";
import { compile } from "../../src/function/compile.ts";
import { type Checkpointing, checkpointChain, type ScanOptions, scan } from "../../src/function/control.ts";
import { backward, grad, jvp } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { vmap } from "../../src/function/vmap.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { sized } from "../size.ts";
import { elements, expectClose, f64, onBothBackends, range } from "./backends.ts";

const W = f64([
  [0.5, -0.3],
  [0.2, 0.8],
]);
const h0 = f64([0.1, -0.2]);
const slices = (n: number): Tensor => f64(range(n, (i) => [Math.sin(i + 1), Math.cos(3 * i)]));

/** A number made of all that a recurrent network returns. */
const network =
  (options: ScanOptions) =>
  ([w, h, x]: readonly [Tensor, Tensor, Tensor]): Tensor => {
    const step = (a: Tensor, b: Tensor): [Tensor, Tensor] => {
      const next = a.matmul(w).add(b).tanh();
      return [next, next.mul(b)];
    };
    const [last, ys] = scan(step, h, x, options);
    return last.mul(last).sum().add(ys.sin().sum());
  };

onBothBackends("a checkpointed scan", () => {
  test("equals the plain one, with all gradients, for any length, slots, segments and direction", () => {
    const choices = fc.record({
      n: fc.integer({ min: 1, max: 7 }),
      slots: fc.integer({ min: 1, max: 3 }),
      internal: fc.option(fc.constantFrom(1, 2), { nil: undefined }),
      segment: fc.integer({ min: 1, max: 3 }),
      reverse: fc.boolean(),
    });
    fc.assert(
      fc.property(choices, ({ n, reverse, internal, ...rest }) => {
        const x = slices(n);
        const checkpoint: Checkpointing = internal === undefined ? rest : { ...rest, internal };
        const [plain, kept] = [network({ reverse }), network({ reverse, checkpoint })];
        expectClose(kept([W, h0, x]), plain([W, h0, x]));
        expectClose(compile(grad(kept))([W, h0, x]), compile(grad(plain))([W, h0, x]));
      }),
      { numRuns: sized(6, 60) },
    );
  });

  test("forward, batched, in second order", () => {
    const [plain, kept] = [network({}), network({ checkpoint: 2 })];
    const x = slices(5);
    const along = [W.mul(0.3), h0.mul(2), x.cos()] as const;
    expectClose(jvp(kept)([[W, h0, x]], [along]), jvp(plain)([[W, h0, x]], [along]));
    const many = f64([
      [1, 2],
      [0.1, 0.2],
    ]);
    const each = (f: typeof plain) => vmap((h: Tensor) => grad((a: Tensor) => f([W, a, x]))(h))(many);
    expectClose(each(kept), each(plain));
    const hvp = (f: typeof plain) =>
      grad((w: Tensor) =>
        grad((v: Tensor) => f([v, h0, x]))(w)
          .mul(W)
          .sum(),
      )(W);
    expectClose(hvp(kept), hvp(plain));
  });

  test("carries the cells that it sets, once per step", () => {
    const run = (options: ScanOptions): number[] => {
      const [w, count] = [new Cell(W, "w"), new Cell(f64(0), "count")];
      const loss = () =>
        scan(
          (h: Tensor, x: Tensor) => {
            count.set(count.value.add(1));
            return [h.matmul(w.value).add(x).tanh(), null];
          },
          h0,
          slices(6),
          options,
        )[0].sum();
      return elements([backward(loss, [w]), count.value]);
    };
    expectClose(run({ checkpoint: 2 }), run({}));
    expect(run({ checkpoint: 2 }).at(-1)).toBe(6);
  });
});

describe("the program", () => {
  const optimized = (fn: AnyFunction, ...args: Tensor[]) => {
    const recording = recordFunction(fn, args);
    const region = optimize(recording.region);
    return { region, scratch: plan(region, recording, []).scratch };
  };

  test("runs the steps again that the plan says, and no other", () => {
    const layer = (w: Tensor) => (x: Tensor) => x.matmul(w).tanh();
    for (const [n, slots] of [
      [6, 2],
      [10, 3],
    ] as const) {
      const fn = (w: Tensor, x: Tensor): Tensor =>
        checkpointChain(Array(n).fill(layer(w)), x, slots)
          .square()
          .sum();
      const { region } = optimized((w: Tensor, x: Tensor) => [fn(w, x), grad(fn)(w, x)], zeros([4, 4]), zeros([3, 4]));
      expect(tapeOfRegion(region).filter((i) => i.op.name === "tanh")).toHaveLength(n + leastAdvances(n, slots));
    }
  });

  test("of a long loop takes the less memory the fewer slots it has, and its length does not follow the loop's", () => {
    const steps = (n: number, checkpoint?: number) => {
      const options = checkpoint === undefined ? {} : { checkpoint: { slots: checkpoint, segment: n / 16 } };
      const fn = (w: Tensor, h: Tensor) =>
        scan((a: Tensor) => [a.matmul(w).tanh().matmul(w).sin(), null], h, null, { length: n, ...options })[0].sum();
      return optimized(grad(fn), zeros([16, 16]), zeros([64, 16]));
    };
    const scratch = [undefined, 8, 3].map((slots) => steps(160, slots).scratch);
    expect(scratch[1]).toBeLessThan(0.5 * scratch[0]!);
    expect(scratch[2]).toBeLessThan(scratch[1]!);
    expect(tapeOfRegion(steps(160, 3).region)).toHaveLength(tapeOfRegion(steps(1600, 3).region).length);
  });

  test("a wrong number of slots or steps is refused", () => {
    expect(() => network({ checkpoint: 0 })([W, h0, slices(3)])).toThrow(/1 or more slots, got 0/);
    expect(() => network({ checkpoint: { slots: 2, segment: 0.5 } })([W, h0, slices(3)])).toThrow(/segments of 1 or more/);
  });
});
