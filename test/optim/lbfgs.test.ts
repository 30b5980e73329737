/** @file L-BFGS: convergence, stopping, both kinds of step, state, and the line search by its two conditions. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import { type Closure, LBFGS, type LbfgsOptions } from "../../src/optim/index.ts";
import { type LinePoint, strongWolfe } from "../../src/optim/strong-wolfe.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

/** Rosenbrock's valley in two parameters. */
function valley(): { cells: Cell[]; closure: Closure } {
  const [x, y] = [new Cell(tensor(-1.2).cast("f64"), "x"), new Cell(tensor(1).cast("f64"), "y")];
  const closure = compile(() => backward(() => x.value.sub(1).square().add(y.value.sub(x.value.square()).square().mul(100)), [x, y]));
  return { cells: [x, y], closure };
}

const search: LbfgsOptions = { lineSearch: "strong-wolfe" };

describe("L-BFGS", () => {
  test("finds the bottom of the valley in about 50 evaluations", () => {
    const { cells, closure } = valley();
    const optimizer = new LBFGS(cells, { ...search, maxIterations: 100, toleranceChange: 1e-14 });
    expect(optimizer.step(closure)).toBeCloseTo(24.2, 3);
    for (const cell of cells) expect(cell.value.itemSync()).toBeCloseTo(1, 6);
    expect(optimizer.evaluations).toBeLessThan(70);
  });

  test("solves a quadratic without a line search", () => {
    const x = new Cell(zeros([3]), "x");
    const closure: Closure = compile(() =>
      backward(
        () =>
          x.value
            .sub(tensor([1, 2, 3]))
            .square()
            .mul(tensor([1, 4, 9]))
            .sum(),
        [x],
      ),
    );
    const optimizer = new LBFGS([x], { maxIterations: 30 });
    optimizer.step(closure);
    [1, 2, 3].forEach((want, i) => {
      expect(x.value.dataSync()[i]).toBeCloseTo(want, 4);
    });
  });

  test("stops where the gradient is zero, and at its number of evaluations", () => {
    const { cells, closure } = valley();
    const optimizer = new LBFGS(cells, { maxIterations: 20, maxEvaluations: 3, lr: 1e-3 });
    optimizer.step(closure);
    expect(optimizer.evaluations).toBe(3);
    for (const cell of cells) cell.set(ones([], "f64"));
    optimizer.step(closure);
    expect(optimizer.evaluations).toBe(4);
  });

  test("saved state goes on in the same way", () => {
    const [a, b] = [valley(), valley()];
    const [one, two] = [a, b].map(({ cells }) => new LBFGS(cells, { ...search, maxIterations: 3, historySize: 2 }));
    one.step(a.closure);
    one.step(a.closure);
    two.loadStateDict(one.stateDict());
    a.cells.forEach((cell, i) => {
      b.cells[i].set(cell.value);
    });
    one.step(a.closure);
    two.step(b.closure);
    expect(b.cells.map(({ value }) => value.itemSync())).toEqual(a.cells.map(({ value }) => value.itemSync()));
    expect(() => two.loadStateDict(new Map())).toThrow("loadStateDict: the entries do not fit LBFGS: missing scalars");
  });

  test.each([
    [() => new LBFGS([]), "LBFGS: there is nothing to train"],
    [() => new LBFGS([new Cell(zeros([1]))], { historySize: 0 }), "historySize must be a number >= 1, got 0"],
    [() => new LBFGS([new Cell(zeros([1]))], { lineSearch: "armijo" as "strong-wolfe" }), 'LBFGS: lineSearch must be "strong-wolfe"'],
    [() => new LBFGS([new Cell(zeros([1]))]).step(() => ({ value: zeros([]), grads: [] })), "LBFGS: the closure gives 0 gradients for 1"],
  ])("%s", (attempt, message) => {
    expect(attempt).toThrow(message);
  });
});

describe("line search", () => {
  const functions: Record<string, [f: (t: number) => number, slope: (t: number) => number]> = {
    parabola: [(t) => (t - 3) ** 2, (t) => 2 * (t - 3)],
    quartic: [(t) => (t - 0.01) ** 4, (t) => 4 * (t - 0.01) ** 3],
    waves: [(t) => -Math.sin(t) - 0.2 * Math.sin(7 * t), (t) => -Math.cos(t) - 1.4 * Math.cos(7 * t)],
    cusp: [(t) => Math.log(1 + (t - 5) ** 2), (t) => (2 * (t - 5)) / (1 + (t - 5) ** 2)],
  };
  for (const [name, [f, slope]] of Object.entries(functions)) {
    test.each([1e-3, 1, 50])(`${name}, first step %s: falls enough, flat enough`, (first) => {
      const probe = (t: number): LinePoint => ({ t, f: f(t), g: Float64Array.of(slope(t)), slope: slope(t) });
      const { point, evaluations } = strongWolfe(probe, probe(0), first, 1);
      expect(point.f).toBeLessThanOrEqual(f(0) + 1e-4 * point.t * slope(0));
      expect(Math.abs(point.slope)).toBeLessThanOrEqual(0.9 * Math.abs(slope(0)));
      expect(evaluations).toBeLessThanOrEqual(26);
    });
  }
});
