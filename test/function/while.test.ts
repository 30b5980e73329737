/** @file whileLoop: values, cells, forward mode, batches, and the message of reverse mode. */
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { jacfwd } from "../../src/function/jacobian.ts";
import { vmap } from "../../src/function/vmap.ts";
import { whileLoop } from "../../src/function/while.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { elements, expectClose, f64, onBothBackends } from "./backends.ts";

/** √a by Newton's iteration, until it stands still. */
function root(a: Tensor): Tensor {
  const next = (x: Tensor): Tensor => x.add(a.div(x)).mul(0.5);
  return whileLoop(
    ([x, before]: [Tensor, Tensor]) => x.sub(before).abs().gt(1e-12),
    ([x]) => [next(x), x] as [Tensor, Tensor],
    [a.like(1), a.like(0)],
  )[0];
}

onBothBackends("whileLoop", () => {
  test("runs until the test fails, not at all if it fails at once", () => {
    const count = (limit: number): Tensor =>
      whileLoop(
        (n: Tensor) => n.lt(limit),
        (n) => n.add(1),
        tensor(0, { dtype: "i32" }),
      );
    expect(count(5).itemSync()).toBe(5);
    expect(count(-3).itemSync()).toBe(0);
  });

  test("uses outside values in test and body, eager and compiled, also twice and nested", () => {
    expectClose(root(f64(2)), Math.SQRT2);
    expectClose(compile(root)(f64(2)), Math.SQRT2);
    const sumOfRoots = (a: Tensor): Tensor =>
      whileLoop(
        ([i, _]: [Tensor, Tensor]) => i.lt(3.5),
        ([i, s]) => [i.add(1), s.add(root(a.mul(i)))] as [Tensor, Tensor],
        [a.like(1), a.like(0)],
      )[1];
    expectClose(compile(sumOfRoots)(f64(2)), Math.sqrt(2) + Math.sqrt(4) + Math.sqrt(6));
  });

  test("reads cells, and carries those that the body sets", () => {
    const [step, total] = [new Cell(f64(2)), new Cell(f64(0))];
    const run = compile((limit: Tensor) =>
      whileLoop(
        (x: Tensor) => x.lt(limit),
        (x) => {
          total.set(total.value.add(x));
          return x.mul(step.value);
        },
        limit.like(1),
      ),
    );
    expect(run(f64(10)).itemSync()).toBe(16);
    expect(total.value.itemSync()).toBe(15);
    expect(run(f64(3)).itemSync()).toBe(4);
    expect(total.value.itemSync()).toBe(18);
  });

  test("forward mode goes through it, also where a carry only catches a tangent on the way", () => {
    expectClose(jvp(root)([f64(2)], [f64(3)]).tangent, 3 / (2 * Math.SQRT2));
    expectClose(jacfwd(jacfwd(root))(f64(2)), -0.25 * 2 ** -1.5);
  });

  test("a batch is a loop, whatever is mapped, also where examples stop at different times", () => {
    const a = f64([1e-6, 2, 1e6]);
    expectClose(
      vmap(root)(a),
      [...a.dataSync()].map((x) => Math.sqrt(x)),
    );
    const power = (x: Tensor, n: Tensor): Tensor =>
      whileLoop(
        ([i]: [Tensor, Tensor]) => i.lt(n),
        ([i, y]) => [i.add(1), y.mul(x)] as [Tensor, Tensor],
        [n.like(0), x.like(1)],
      )[1];
    const [x, n] = [f64([2, 3]), f64([3, 2])];
    expect(elements(vmap(power, { inAxes: [0, null] })(x, f64(2)))).toEqual([4, 9]);
    expect(elements(vmap(power, { inAxes: [null, 0] })(f64(2), n))).toEqual([8, 4]);
    expect(elements(vmap(power)(x, n))).toEqual([8, 9]);
    expectClose(jvp(vmap(power))([x, n], [f64([1, 1]), f64([0, 0])]).tangent, [12, 6]);
  });

  test("reverse mode says why not, and what to do", () => {
    expect(() => grad(root)(f64(2))).toThrow(/whileLoop: the number of steps is not known.*scan/);
  });

  test("wrong calls", () => {
    const x = f64([1, 2]);
    expect(() =>
      whileLoop(
        (c: Tensor) => c.lt(1),
        (c) => c,
        x,
      ),
    ).toThrow(/one bool scalar/);
    expect(() =>
      whileLoop(
        (c: Tensor) => c.sum().lt(9),
        (c) => c.sum(),
        x,
      ),
    ).toThrow(/must keep its type/);
  });
});
