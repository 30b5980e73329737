/** @file Hessian-free optimization: exact on a quadratic, and on a small deep net better than SGD with momentum at equal cost. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { HessianFree, SGD } from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

/** Reproducible numbers in (-1, 1). */
const noise = (n: number, seed: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed) ** 3);

/** An autoencoder 8-6-2-6-8 of tanh on 20 points, with the mean of squares. */
function autoencoder(): { cells: Cell[]; model: () => Tensor; loss: (y: Tensor) => Tensor } {
  const x = tensor(noise(160, 1), { shape: [20, 8] });
  const sizes = [8, 6, 2, 6, 8];
  const cells = sizes.slice(1).map((n, i) => new Cell(tensor(noise(n * sizes[i], i + 2), { shape: [sizes[i], n] }).mul(0.7), `w${i}`));
  const model = (): Tensor => cells.reduce((h, w, i) => (i < 3 ? h.matmul(w.value).tanh() : h.matmul(w.value)), x);
  return { cells, model, loss: (y) => y.sub(x).square().mean() };
}

describe("Hessian-free", () => {
  test("solves least squares in a step when nothing damps it", () => {
    const w = new Cell(zeros([2]), "w");
    const a = tensor([
      [1, 2],
      [3, 4],
      [5, 7],
    ]);
    const hf = new HessianFree(
      [w],
      () => a.matmul(w.value),
      (y) =>
        y
          .sub(tensor([5, 11, 19]))
          .square()
          .sum(),
      { damping: 0 },
    );
    const { loss, next, length } = hf.step();
    expect(loss).toBe(25 + 121 + 361);
    expect(next).toBeLessThan(1e-6);
    expect(length).toBe(1);
    expect([...w.value.dataSync()].map((v) => v.toFixed(3))).toEqual(["1.000", "2.000"]);
  });

  test("a preconditioner makes up for parameters of unlike scales, at the price of its gradients", () => {
    const n = 200;
    const scales = Array.from({ length: 40 }, (_, j) => 10 ** (j / 20));
    const a = normal(keyOf(1), [n, 40]).mul(tensor(scales));
    const y = a.matmul(normal(keyOf(2), [40]).div(tensor(scales)));
    const solve = (preconditioner: number): { products: number; gradients: number; next: number } => {
      const w = new Cell(zeros([40]), "w");
      const options = { damping: 1e-3, tolerance: 1e-4, preconditioner };
      const hf = new HessianFree(
        [w],
        () => a.matmul(w.value),
        (z) => z.sub(y).square().mean(),
        options,
      );
      let [products, gradients, next] = [0, 0, Number.POSITIVE_INFINITY];
      for (let step = 0; step < 20 && next > 1e-4; step++) {
        const report = hf.step();
        [products, gradients, next] = [products + report.products, gradients + report.gradients, report.next];
      }
      return { products, gradients, next };
    };
    const [plain, helped] = [solve(0), solve(2)];
    expect(plain.next).toBeLessThan(1e-4);
    expect(helped.next).toBeLessThan(1e-4);
    expect(helped.products).toBeLessThan(plain.products);
    expect(helped.gradients % 3).toBe(0);
    expect(
      () =>
        new HessianFree(
          [new Cell(zeros([2]))],
          () => zeros([2]),
          (z) => z.sum(),
          { preconditioner: -1 },
        ),
    ).toThrow("HessianFree: preconditioner must be");
  });

  test("beats SGD with momentum at the best of five rates, a product counted as two gradients", () => {
    const { cells, model, loss } = autoencoder();
    const hf = new HessianFree(cells, model, loss);
    let cost = 0;
    let reached = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 40; n++) {
      const report = hf.step();
      expect(report.next).toBeLessThanOrEqual(report.loss);
      cost += 1 + 2 * report.products;
      reached = report.next;
    }
    const rivals = [0.03, 0.1, 0.3, 1, 3].map((lr) => {
      const net = autoencoder();
      const sgd = new SGD(net.cells, { lr, momentum: 0.9 });
      const step = compile(() => {
        const { value, grads } = backward(() => net.loss(net.model()), net.cells);
        sgd.step(grads);
        return value;
      });
      let value = 0;
      for (let n = 0; n < cost; n++) value = step().itemSync();
      return Number.isFinite(value) ? value : Number.POSITIVE_INFINITY;
    });
    expect(reached).toBeLessThan(Math.min(...rivals));
  });

  test("saved state goes on in the same way", () => {
    const [a, b] = [autoencoder(), autoencoder()];
    const [one, two] = [a, b].map(({ cells, model, loss }) => new HessianFree(cells, model, loss));
    one.step();
    two.loadStateDict(one.stateDict());
    a.cells.forEach((cell, i) => {
      b.cells[i].set(cell.value);
    });
    expect(two.step()).toEqual(one.step());
  });

  test("refuses", () => {
    expect(
      () =>
        new HessianFree(
          [],
          () => zeros([1]),
          (y) => y.sum(),
        ),
    ).toThrow("HessianFree: there is nothing to train");
    const cell = new Cell(zeros([1]));
    expect(
      () =>
        new HessianFree(
          [cell],
          () => cell.value,
          (y) => y.sum(),
          { damping: -1 },
        ),
    ).toThrow("damping must be a number >= 0, got -1");
  });
});
