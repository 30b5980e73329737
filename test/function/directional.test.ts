/**
 * @file AD-10: the directional derivative df_a(u) = ∇f(a)ᵀu is one jvp, and of all directions of length 1 the negative gradient descends most.
 */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const f = (x: Tensor): Tensor => x.sin().mul(x.select(0, 0)).sum().exp();
const a = tensor(Float64Array.of(0.3, -0.7, 0.2));
const along = (u: Tensor): number => jvp(f)([a], [u]).tangent.itemSync();
const unit = (u: Tensor): Tensor => u.div(u.square().sum().sqrt());

test("df_a(u) is the inner product with the gradient, and the slope along u", () => {
  const u = normal(keyOf(1), [3], { dtype: "f64" });
  expect(along(u)).toBeCloseTo(grad(f)(a).mul(u).sum().itemSync(), 12);
  const h = 1e-6;
  const slope = (f(a.add(u.mul(h))).itemSync() - f(a.sub(u.mul(h))).itemSync()) / (2 * h);
  expect(along(u)).toBeCloseTo(slope, 8);
});

test("no direction descends faster than the negative gradient", () => {
  const gradient = grad(f)(a);
  const steepest = along(unit(gradient.neg()));
  expect(steepest).toBeCloseTo(-gradient.square().sum().sqrt().itemSync(), 12);
  for (let seed = 0; seed < 50; seed++) {
    expect(along(unit(normal(keyOf(seed), [3], { dtype: "f64" })))).toBeGreaterThanOrEqual(steepest - 1e-12);
  }
});
