/**
 * @file checkpoint: the same values and gradients with the intermediates computed again in the backward pass, not kept and not merged
 * (Griewank & Walther 2008, ch. 12; AD-7 in part).
 */
import { describe, expect, test } from "vitest";
import type { AnyFunction } from "../../src/function/capture.ts";
import { compile } from "../../src/function/compile.ts";
import { checkpoint } from "../../src/function/control.ts";
import { backward, grad, jvp } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { vmap } from "../../src/function/vmap.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { elements, expectClose, f64, onBothBackends } from "./backends.ts";

const block = (x: Tensor, w: Tensor): Tensor => x.mul(w).tanh().mul(w).sin();
const chain =
  (f: typeof block) =>
  (x: Tensor, w: Tensor): Tensor =>
    f(f(f(x, w), w), w).sum();

onBothBackends("checkpoint", () => {
  const x = f64([0.3, -1, 2]);
  const w = f64([1.1, 0.7, -0.4]);
  const [plain, kept] = [chain(block), chain(checkpoint(block))];
  const v = f64([1, -2, 0.5]);

  test("changes neither values nor gradients", () => {
    expectClose(kept(x, w), plain(x, w));
    expectClose(grad(([a, b]: Tensor[]) => kept(a!, b!))([x, w]), grad(([a, b]: Tensor[]) => plain(a!, b!))([x, w]));
  });

  test("forward, second order, batched, compiled", () => {
    expectClose(jvp(kept)([x, w], [v, w]), jvp(plain)([x, w], [v, w]));
    const hvp = (f: typeof plain) => (a: Tensor) => grad((b: Tensor) => grad(f)(b, w).mul(v).sum())(a);
    expectClose(hvp(kept)(x), hvp(plain)(x));
    expectClose(jvp(grad(kept))([x, w], [v, v]), jvp(grad(plain))([x, w], [v, v]));
    const xs = f64([
      [1, 2, 3],
      [0.1, 0.2, 0.3],
    ]);
    expectClose(vmap(grad(kept), { inAxes: [0, null] })(xs, w), vmap(grad(plain), { inAxes: [0, null] })(xs, w));
    expectClose(grad((a: Tensor) => vmap(kept, { inAxes: [0, null] })(a, w).sum())(xs), vmap(grad(plain), { inAxes: [0, null] })(xs, w));
    expectClose(compile(grad(kept))(x, w), grad(plain)(x, w));
    expectClose(compile(hvp(kept))(x), hvp(plain)(x));
  });

  test("nested in itself", () => {
    const twice = checkpoint((a: Tensor) => checkpoint(block)(checkpoint(block)(a, w), w));
    expectClose(grad((a: Tensor) => twice(a).sum())(x), grad((a: Tensor) => block(block(a, w), w).sum())(x));
  });

  test("what it closes over is differentiated", () => {
    expectClose(grad((c: Tensor) => checkpoint((a: Tensor) => block(a, c))(x).sum())(w), grad((c: Tensor) => block(x, c).sum())(w));
  });

  test("cells: first read inside, written inside, written once", () => {
    const run = (wrap: <F extends AnyFunction>(f: F) => F, outer: <F extends AnyFunction>(f: F) => F): number[] => {
      const [c, count] = [new Cell(w, "c"), new Cell(f64(0), "count")];
      const body = wrap((a: Tensor) => {
        count.set(count.value.add(1));
        return a.mul(c.value).sin().mul(count.value).sum();
      });
      const both = outer(() => backward(() => body(x), [c]))();
      return elements([both, count.value]);
    };
    const same: <F extends AnyFunction>(f: F) => F = (f) => f;
    const want = run(same, same);
    expect(want.at(-1)).toBe(1);
    expectClose(run(checkpoint, same), want);
    expectClose(run(checkpoint, compile), want);
  });
});

describe("the recomputation", () => {
  /** Layers whose intermediates cannot be recomputed in passing: each ends in a product with a matrix. */
  const network = (wrap: <F extends AnyFunction>(f: F) => F) => {
    const layer = wrap((x: Tensor, w: Tensor) => x.matmul(w).tanh().matmul(w).tanh().matmul(w).tanh());
    return grad((w: Tensor, x: Tensor) => layer(layer(layer(layer(x, w), w), w), w).sum());
  };
  const optimized = (fn: AnyFunction) => {
    const recording = recordFunction(fn, [zeros([64, 64]).named("w"), zeros([256, 64]).named("x")]);
    return { recording, region: optimize(recording.region) };
  };
  const count = (fn: AnyFunction, op: string): number => tapeOfRegion(optimized(fn).region).filter((i) => i.op.name === op).length;
  const same: <F extends AnyFunction>(f: F) => F = (f) => f;

  test("really happens: the forward products of every block are there twice, and common subexpressions are not merged over it", () => {
    expect(count(network(same), "tanh")).toBe(12);
    // The last layer's tanh of the first pass is needed by nobody: its sum is not asked for.
    const again = count(network(checkpoint), "tanh");
    expect(again).toBeGreaterThanOrEqual(12 + 9);
    expect(again).toBeLessThanOrEqual(24);
  });

  test("takes less memory", () => {
    const scratch = (fn: AnyFunction): number => {
      const { recording, region } = optimized(fn);
      return plan(region, recording, []).scratch;
    };
    expect(scratch(network(checkpoint))).toBeLessThan(0.75 * scratch(network(same)));
  });
});
