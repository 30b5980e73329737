/** @file Newton's method: a quadratic in a step, digits that double, damping, and what it refuses. */
import { describe, expect, test } from "vitest";
import { tensor, zeros } from "../../src/ops/create.ts";
import { Newton } from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

describe("Newton", () => {
  test("solves a quadratic of two cells in one step", () => {
    const [a, b] = [new Cell(zeros([2]), "a"), new Cell(tensor(5), "b")];
    const newton = new Newton([a, b], () =>
      a.value
        .sub(tensor([1, 2]))
        .square()
        .sum()
        .add(a.value.sum().sub(b.value).square()),
    );
    expect(newton.step()).toBeCloseTo(30, 4);
    [1, 2].forEach((want, i) => {
      expect(a.value.dataSync()[i]).toBeCloseTo(want, 5);
    });
    expect(b.value.itemSync()).toBeCloseTo(3, 5);
  });

  test("doubles the digits at every step: x - ln x from 0.5", () => {
    const x = new Cell(tensor(0.5).cast("f64"), "x");
    const newton = new Newton([x], () => x.value.sub(x.value.log()));
    for (let n = 1; n <= 5; n++) {
      newton.step();
      // 1 - x ← (1 - x)² for this function
      expect(1 - x.value.itemSync()).toBeCloseTo(0.5 ** (2 ** n), 12);
    }
  });

  test("damping shortens the step; the length too", () => {
    const moved = [{}, { damping: 2 }, { lr: 0.25 }].map((options) => {
      const x = new Cell(tensor(1), "x");
      new Newton([x], () => x.value.square(), options).step();
      return x.value.itemSync();
    });
    expect(moved).toEqual([0, 0.5, 0.75]);
  });

  test("refuses", () => {
    expect(() => new Newton([], () => zeros([]))).toThrow("Newton: there is nothing to train");
    expect(() => new Newton([new Cell(zeros([1]))], () => zeros([]), { damping: -1 })).toThrow("damping must be a number >= 0, got -1");
  });
});
