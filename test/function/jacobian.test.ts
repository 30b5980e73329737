/** @file linearize, jacfwd, jacrev, hessian, hvp, gnvp, stopGradient: against each other and against formulas, over trees, compiled, batched. */
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { checkpoint } from "../../src/function/control.ts";
import { grad, jvp, linearize, stopGradient } from "../../src/function/derivative.ts";
import { gnvp, hessian, hvp, jacfwd, jacrev } from "../../src/function/jacobian.ts";
import { vmap } from "../../src/function/vmap.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64, onBothBackends } from "./backends.ts";

const x = f64([0.3, -1.2, 0.7]);
const w = f64([
  [1, 2, -1],
  [0.5, -0.3, 0.2],
]);
const f = (z: Tensor): Tensor => w.matmul(z).tanh();

onBothBackends("whole derivatives", () => {
  test("linearize gives a function of tangents that can be called again, mapped and compiled", () => {
    const { value, pushforward } = linearize(f)(x);
    expectClose(value, f(x));
    const v = f64([1, 0.5, -2]);
    expectClose(pushforward(v), jvp(f)([x], [v]).tangent);
    expectClose(pushforward(v.mul(2)), jvp(f)([x], [v]).tangent.mul(2));
    expectClose(compile((z: Tensor, d: Tensor) => linearize(f)(z).pushforward(d))(x, v), pushforward(v));
    expectClose(linearize((z: Tensor) => z)(x).pushforward(v), v);
  });

  test("columns equal rows equal the formula", () => {
    const y = f(x);
    const want = w.mul(y.like(1).sub(y.mul(y)).unsqueeze(1));
    for (const jacobian of [jacfwd, jacrev]) {
      expect(jacobian(f)(x).shape).toEqual([2, 3]);
      expectClose(jacobian(f)(x), want);
      expectClose(compile(jacobian(f))(x), want);
      expectClose(jacobian(checkpoint(f))(x), want);
      expectClose(vmap(jacobian(f))(x.expandFront(2)).select(0, 1), want);
    }
  });

  test("trees in, trees out", () => {
    const g = ({ a, b }: { a: Tensor; b: Tensor }, c: Tensor): { sum: Tensor; list: [Tensor] } => ({
      sum: a.mul(b).sum().mul(c),
      list: [a.unsqueeze(0).mul(b.unsqueeze(1))],
    });
    const [a, b, c] = [f64([1, 2]), f64([3, 4]), f64(5)];
    for (const jacobian of [jacfwd, jacrev]) {
      const j = jacobian(g)({ a, b }, c);
      expectClose(j.sum.a, b.mul(5));
      expect(j.list[0].b.shape).toEqual([2, 2, 2]);
      expectClose(j.list[0].b, [1, 0, 2, 0, 0, 1, 0, 2]);
      expectClose(jacobian(g, { argument: 1 })({ a, b }, c).sum, f64(11));
    }
  });

  test("the Hessian, and products with it", () => {
    const h = (z: Tensor): Tensor =>
      z
        .mul(z)
        .mul(z)
        .sum()
        .add(z.select(0, 0).mul(z.select(0, 1)));
    const want = [6 * 0.3, 1, 0, 1, 6 * -1.2, 0, 0, 0, 6 * 0.7];
    expectClose(hessian(h)(x), want);
    expectClose(compile(hessian(h))(x), want);
    const v = f64([1, -2, 0.5]);
    expectClose(hvp(h)([x], v), hessian(h)(x).matmul(v));
    const two = hessian(({ p, q }: { p: Tensor; q: Tensor }) => p.mul(q).sum())({ p: x, q: x });
    expectClose(two.p.q, [1, 0, 0, 0, 1, 0, 0, 0, 1]);
    expectClose(two.p.p, new Array(9).fill(0));
  });

  test("the Gauss-Newton product is JᵀHJv", () => {
    const loss = (z: Tensor): Tensor => z.exp().sum();
    const v = f64([1, -2, 0.5]);
    const j = jacfwd(f)(x);
    expectClose(gnvp(f, loss)([x], v), j.transpose().matmul(hessian(loss)(f(x)).matmul(j.matmul(v))));
  });

  test("stopGradient makes constants of a tree", () => {
    expectClose(grad((z: Tensor) => z.mul(stopGradient({ z }).z).sum())(x), x);
  });

  test("wrong calls", () => {
    expect(() => jacfwd((z: Tensor) => z.gt(0))(x)).toThrow(/jacfwd: the results must be float tensors, found bool\[3\]/);
    expect(() => jacrev((z: Tensor) => z)(x.cast("i32"))).toThrow(/differentiated argument must be float/);
    expect(() => jacfwd(f, { argument: 1 })(x)).toThrow(/argument 1/);
    expect(elements(x)).toHaveLength(3);
  });
});
