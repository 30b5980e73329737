/**
 * @file cond: one of two branches runs; a predicate per example chooses per example; cells that a branch sets are outputs of both.
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { cond } from "../../src/function/control.ts";
import { backward, grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { elements, expectClose, f64, onBothBackends } from "./backends.ts";

const f = (p: Tensor, x: Tensor): Tensor =>
  cond(
    p,
    (a: Tensor) => a.sin(),
    (a: Tensor) => a.mul(a),
    x,
  );

onBothBackends("cond", () => {
  const x = f64([2, 3]);

  test("gives the branch that the predicate names, eager and compiled", () => {
    for (const g of [f, compile(f)]) {
      expectClose(g(tensor(true), x), [Math.sin(2), Math.sin(3)]);
      expectClose(g(tensor(false), x), [4, 9]);
    }
  });

  test("is differentiated branch by branch, forward, reverse, twice and compiled", () => {
    const loss = (v: Tensor, p: Tensor): Tensor => f(p, v).sum();
    for (const g of [grad(loss), compile(grad(loss))]) {
      expectClose(g(x, tensor(true)), [Math.cos(2), Math.cos(3)]);
      expectClose(g(x, tensor(false)), [4, 6]);
    }
    expectClose(jvp((v: Tensor) => f(tensor(false), v))([x], [f64([1, 10])]).tangent, [4, 60]);
    const second = grad((v: Tensor) => grad(loss)(v, tensor(true)).sum());
    expectClose(second(x), [-Math.sin(2), -Math.sin(3)]);
  });

  test("a branch may return its argument, a constant, or ignore what the other uses", () => {
    const w = f64([10, 20]);
    const g = (p: Tensor, v: Tensor): { y: Tensor; n: Tensor } =>
      cond(
        p,
        (a: Tensor) => ({ y: a, n: f64(1) }),
        (a: Tensor) => ({ y: a.mul(w), n: a.sum() }),
        v,
      );
    expect(elements(g(tensor(true), x))).toEqual([2, 3, 1]);
    expect(elements(g(tensor(false), x))).toEqual([20, 60, 5]);
    const slopes = (p: boolean): number[] =>
      elements(
        grad((v: Tensor) =>
          g(tensor(p), v)
            .y.sum()
            .add(g(tensor(p), v).n),
        )(x),
      );
    expect(slopes(true)).toEqual([1, 1]);
    expect(slopes(false)).toEqual([11, 21]);
  });

  test("what a branch closes over is differentiated", () => {
    const g = (w: Tensor, p: Tensor): Tensor =>
      cond(
        p,
        () => w.mul(x).sum(),
        () => w.sum(),
      );
    expect(elements(grad(g)(f64([1, 1]), tensor(true)))).toEqual([2, 3]);
    expect(elements(grad(g)(f64([1, 1]), tensor(false)))).toEqual([1, 1]);
  });

  test("batched over the argument it stays one branch; over the predicate each example takes its own", () => {
    const xs = f64([
      [1, 2],
      [3, 4],
    ]);
    expectClose(vmap((v: Tensor) => f(tensor(false), v))(xs), [1, 4, 9, 16]);
    const each = vmap(f)(tensor([true, false]), xs);
    expectClose(each, [Math.sin(1), Math.sin(2), 9, 16]);
    expectClose(vmap((p: Tensor) => f(p, x), { inAxes: 0 })(tensor([true, false])), [Math.sin(2), Math.sin(3), 4, 9]);
    const slopes = vmap(grad((v: Tensor, p: Tensor) => f(p, v).sum()))(xs, tensor([true, false]));
    expectClose(slopes, [Math.cos(1), Math.cos(2), 6, 8]);
    expectClose(grad((v: Tensor) => vmap(f)(tensor([true, false]), v).sum())(xs), slopes);
  });

  test("the predicate may depend on what is differentiated", () => {
    const relu = (v: Tensor): Tensor =>
      cond(
        v.gt(0),
        (a: Tensor) => a,
        (a: Tensor) => a.mul(0),
        v,
      );
    expect([2, -2].map((v) => grad(relu)(f64(v)).itemSync())).toEqual([1, 0]);
    expect(elements(vmap(grad(relu))(f64([1, -1, 3])))).toEqual([1, 0, 1]);
  });
});

onBothBackends("cells in cond", () => {
  const make = (): { w: Cell; best: Cell; step: (x: Tensor) => Tensor } => {
    const [w, best] = [new Cell(f64(3), "w"), new Cell(f64(0), "best")];
    const step = (x: Tensor): Tensor =>
      cond(
        x.gt(best.value),
        (v: Tensor) => {
          best.set(v.mul(w.value));
          return best.value;
        },
        (v: Tensor) => v,
        x,
      );
    return { w, best, step };
  };

  test("a cell that one branch sets keeps its value in the other", () => {
    for (const wrap of [(g: (x: Tensor) => Tensor) => g, compile]) {
      const { best, step } = make();
      const run = wrap(step);
      expect([run(f64(2)), best.value, run(f64(1)), best.value].map((t) => t.itemSync())).toEqual([6, 6, 1, 6]);
    }
  });

  test("a cell first read in a branch is differentiated", () => {
    const { w, best, step } = make();
    expect(elements(backward(() => step(f64(2)), [w]))).toEqual([6, 2]);
    expect(best.value.itemSync()).toBe(6);
    expect(elements(backward(() => step(f64(1)), [w]))).toEqual([1, 0]);
    expect(elements(compile(() => backward(() => step(f64(7)), [w]))())).toEqual([21, 7]);
    expect(best.value.itemSync()).toBe(21);
  });
});

describe("what cond refuses", () => {
  const p = tensor(true);
  const x = f64([1, 2]);

  test("a predicate that is not one bool", () => {
    expect(() => f(x, x)).toThrow(/predicate must be a bool scalar, got f64\[2\]/);
    expect(() => f(tensor([true, false]), x)).toThrow(/bool scalar, got bool\[2\]/);
  });

  test("branches of different types or structures", () => {
    expect(() =>
      cond(
        p,
        (a: Tensor) => a,
        (a: Tensor) => a.sum(),
        x,
      ),
    ).toThrow(/same types, got \(f64\[2\]\) and \(f64\[\]\)/);
    expect(() =>
      cond(
        p,
        (a: Tensor) => ({ a }) as object,
        (a: Tensor) => ({ b: a }),
        x,
      ),
    ).toThrow(/same structure/);
  });
});
