/**
 * @file customJvp and customVjp: a function's own derivative is used in every mode that it can serve, and refused with a reason in others.
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { checkpoint, customJvp, customVjp, scan } from "../../src/function/control.ts";
import { grad, jvp, vjp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { elements, expectClose, f64, onBothBackends } from "./backends.ts";

// Rules that are wrong by a factor of ten, so that one sees whether they were used.
const tenfoldJvp = customJvp(
  (x: Tensor, y: Tensor) => x.sin().mul(y),
  ([x, y], [dx, dy]) => ({ value: x.sin().mul(y), tangent: x.cos().mul(y).mul(dx).add(x.sin().mul(dy)).mul(10) }),
);
const tenfoldVjp = customVjp((x: Tensor, y: Tensor) => x.sin().mul(y), {
  forward: (x, y) => ({ value: x.sin().mul(y), residuals: { x, y } }),
  backward: ({ x, y }, ct) => [ct.mul(x.cos()).mul(y).mul(10), ct.mul(x.sin()).mul(10)],
});

/** √x whose derivative at 0 is 0 and not ∞: rules of the usual kind, right where they are not special. */
const clipped = customVjp((x: Tensor) => x.mul(x), {
  forward: (x) => ({ value: x.mul(x), residuals: x }),
  backward: (x, ct) => [ct.mul(x).mul(2)],
});

onBothBackends("customJvp", () => {
  const [x, y] = [f64([0.5, 1]), f64([2, 3])];
  const sum = (a: Tensor, b: Tensor): Tensor => tenfoldJvp(a, b).sum();
  const want = [20 * Math.cos(0.5), 30 * Math.cos(1)];

  test("its rule serves forward and reverse mode", () => {
    expectClose(tenfoldJvp(x, y), [2 * Math.sin(0.5), 3 * Math.sin(1)]);
    expectClose(jvp((a: Tensor) => tenfoldJvp(a, y))([x], [x.like(1)]).tangent, want);
    expectClose(grad(sum)(x, y), want);
    expectClose(grad(sum, { argument: 1 })(x, y), [10 * Math.sin(0.5), 10 * Math.sin(1)]);
  });

  test("the derivative of the rule is taken as usual", () => {
    const first = (a: Tensor): Tensor => grad(sum)(a, y).sum();
    expectClose(grad(first)(x), [-20 * Math.sin(0.5), -30 * Math.sin(1)]);
  });

  test("batched: over one argument or both, before and after differentiating", () => {
    const each = vmap(grad((a: Tensor, b: Tensor) => tenfoldJvp(a, b)));
    expectClose(each(x, y), want);
    expectClose(vmap(grad((a: Tensor) => tenfoldJvp(a, f64(2))))(x), [20 * Math.cos(0.5), 20 * Math.cos(1)]);
    expectClose(grad((a: Tensor) => vmap(tenfoldJvp)(a, y).sum())(x), want);
    expectClose(grad((a: Tensor) => vmap(tenfoldJvp, { inAxes: [0, null] })(a, f64(2)).sum())(x), [20 * Math.cos(0.5), 20 * Math.cos(1)]);
    expectClose(compile((a: Tensor) => grad((c: Tensor) => vmap(tenfoldJvp)(c, y).sum())(a))(x), want);
  });

  test("inside scan, checkpoint and compile", () => {
    const loop = (a: Tensor): Tensor => scan((s: Tensor, [u, v]: [Tensor, Tensor]) => [s.add(tenfoldJvp(u, v)), null], f64(0), [a, y])[0];
    expectClose(grad(loop)(x), want);
    expectClose(compile(grad(loop))(x), want);
    expectClose(grad(checkpoint((a: Tensor) => tenfoldJvp(a, y).sum()))(x), want);
    expectClose(
      vmap(grad(loop))(
        f64([
          [0.5, 1],
          [1, 0.5],
        ]),
      ),
      [...want, 20 * Math.cos(1), 30 * Math.cos(0.5)],
    );
  });
});

onBothBackends("customVjp", () => {
  const [x, y] = [f64([0.5, 1]), f64([2, 3])];
  const want = [20 * Math.cos(0.5), 30 * Math.cos(1)];

  test("its rule serves reverse mode", () => {
    expectClose(tenfoldVjp(x, y), [2 * Math.sin(0.5), 3 * Math.sin(1)]);
    expectClose(grad((a: Tensor) => tenfoldVjp(a, y).sum())(x), want);
    expectClose(vjp(tenfoldVjp)(x, y).pullback(f64([1, 0])), [want[0]!, 0, 10 * Math.sin(0.5), 0]);
  });

  test("twice: the backward rule is differentiated as usual", () => {
    expectClose(grad((a: Tensor) => grad((b: Tensor) => clipped(b).sum())(a).sum())(x), [2, 2]);
  });

  test("batched, before and after differentiating", () => {
    expectClose(vmap(grad((a: Tensor, b: Tensor) => tenfoldVjp(a, b)))(x, y), want);
    expectClose(vmap(grad((a: Tensor) => tenfoldVjp(a, f64(2))))(x), [20 * Math.cos(0.5), 20 * Math.cos(1)]);
    expectClose(grad((a: Tensor) => vmap(tenfoldVjp)(a, y).sum())(x), want);
    expectClose(grad((a: Tensor) => vmap(tenfoldVjp, { inAxes: [0, null] })(a, f64(2)).sum())(x), [20 * Math.cos(0.5), 20 * Math.cos(1)]);
  });

  test("inside scan, checkpoint and compile", () => {
    const loop = (a: Tensor): Tensor => scan((s: Tensor, [u, v]: [Tensor, Tensor]) => [s.add(tenfoldVjp(u, v)), null], f64(0), [a, y])[0];
    expectClose(loop(x), [2 * Math.sin(0.5) + 3 * Math.sin(1)]);
    expectClose(grad(loop)(x), want);
    expectClose(compile(grad(loop))(x), want);
    expectClose(grad(checkpoint((a: Tensor) => tenfoldVjp(a, y).sum()))(x), want);
    expectClose(compile(grad((a: Tensor) => tenfoldVjp(a, y).sum()))(x), want);
  });
});

describe("what custom rules refuse", () => {
  const x = f64([1, 2]);

  test("forward mode through a backward rule", () => {
    expect(() => elements(jvp((a: Tensor) => clipped(a))([x], [x]).tangent)).toThrow(/customVjp: .*only its backward rule.*customJvp/);
  });

  test("a derivative with respect to what the function closes over: the rule cannot see it", () => {
    const f = (c: Tensor): Tensor =>
      customJvp(
        (a: Tensor) => a.mul(c),
        ([a], [da]) => ({ value: a.mul(c), tangent: da.mul(c) }),
      )(x).sum();
    expect(() => grad(f)(x)).toThrow(/customJvp: .*value from outside that is being differentiated.*pass it as an argument/);
  });

  test("setting a cell", () => {
    const cell = new Cell(x, "state");
    const f = customJvp(
      (a: Tensor) => {
        cell.set(a);
        return a;
      },
      ([a], [da]) => ({ value: a, tangent: da }),
    );
    expect(() => f(x.mul(1))).toThrow(/customJvp: the function sets state/);
  });
});
