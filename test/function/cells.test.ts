/**
 * @file A cell that is written inside backward, checkpoint, scan and cond, alone and in one another: each in forward mode, in reverse mode,
 * batched and compiled. A write happens once for every time the function is called, however often it is differentiated or recomputed.
 */
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { checkpoint, cond, scan } from "../../src/function/control.ts";
import { backward, grad, jvp, valueAndGrad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { expectClose, f64, onBothBackends, range } from "./backends.ts";

type Unary = (x: Tensor) => Tensor;

/** A function that counts its calls in a cell: tick(x) = sin(w·x) · n, with n the number of calls so far. */
interface Counter {
  readonly w: Cell;
  readonly count: Cell;
  readonly tick: Unary;
}

const W = 0.7;
const START = 2;

function counter(): Counter {
  const [w, count] = [new Cell(f64(W), "w"), new Cell(f64(START), "count")];
  const tick = (x: Tensor): Tensor => {
    count.set(count.value.add(1));
    return x.mul(w).sin().mul(count);
  };
  return { w, count, tick };
}

/** `f` twice in a loop, the results added. */
const looped =
  (f: Unary): Unary =>
  (x) =>
    scan((sum: Tensor) => [sum.add(f(x)), null], x.constantOf({ shape: [], dtype: "f64" }, 0), null, { length: 2 })[0];
const chosen =
  (f: Unary): Unary =>
  (x) =>
    cond(tensor(1).gt(0), f, (y: Tensor) => y, x);
const derived =
  ({ w }: Counter) =>
  (f: Unary): Unary =>
  (x) =>
    backward(() => f(x), [w]).grads[0]!;

/** How the counter is called, how often, and whether by way of the derivative with respect to w. */
const ways: readonly { name: string; wrap: (c: Counter) => Unary; calls: number; derived?: true }[] = [
  { name: "as it is", wrap: (c) => c.tick, calls: 1 },
  { name: "in checkpoint", wrap: (c) => checkpoint(c.tick), calls: 1 },
  { name: "in scan", wrap: (c) => looped(c.tick), calls: 2 },
  { name: "in cond", wrap: (c) => chosen(c.tick), calls: 1 },
  { name: "in backward", wrap: (c) => derived(c)(c.tick), calls: 1, derived: true },
  { name: "in checkpoint in scan", wrap: (c) => looped(checkpoint(c.tick)), calls: 2 },
  { name: "in scan in checkpoint", wrap: (c) => checkpoint(looped(c.tick)), calls: 2 },
  { name: "in scan in cond", wrap: (c) => chosen(looped(c.tick)), calls: 2 },
  { name: "in cond in scan in checkpoint", wrap: (c) => checkpoint(looped(chosen(c.tick))), calls: 2 },
  { name: "in checkpoint in scan in backward", wrap: (c) => derived(c)(looped(checkpoint(c.tick))), calls: 2, derived: true },
  { name: "in backward in scan", wrap: (c) => looped(derived(c)(c.tick)), calls: 2, derived: true },
  { name: "in backward in checkpoint in scan", wrap: (c) => looped(checkpoint(derived(c)(c.tick))), calls: 2, derived: true },
];

/** Σ over the calls of n · sin(w·x), or of its derivative with respect to w; and the derivatives of that with respect to x and to w. */
function expected(x: number, calls: number, isDerived: boolean): { value: number; dx: number; dw: number } {
  const n = range(calls, (i) => START + i + 1).reduce((a, b) => a + b);
  const [s, c] = [Math.sin(W * x), Math.cos(W * x)];
  if (isDerived) return { value: n * x * c, dx: n * (c - x * W * s), dw: -n * x * x * s };
  return { value: n * s, dx: n * W * c, dw: n * x * c };
}

onBothBackends("a cell written", () => {
  const at = 1.3;
  const wrappers = [
    ["eager", (f: () => unknown) => f],
    ["compiled", (f: () => unknown) => compile(f)],
  ] as const;

  test.each(ways)("$name", ({ wrap, calls, derived: isDerived = false }) => {
    const want = expected(at, calls, isDerived);
    const modes: readonly (readonly [string, (f: Unary, c: Counter) => unknown, readonly number[]])[] = [
      ["value", (f) => f(f64(at)), [want.value]],
      ["forward", (f) => jvp(f)([f64(at)], [f64(1)]), [want.value, want.dx]],
      ["reverse", (f) => valueAndGrad(f)(f64(at)), [want.value, want.dx]],
      ["reverse over a cell", (f, { w }) => backward(() => f(f64(at)), [w]), [want.value, want.dw]],
      ["batched", (f) => vmap(f)(f64([at, 2 * at])), [want.value, expected(2 * at, calls, isDerived).value]],
      ["batched reverse", (f) => vmap(grad(f))(f64([at, 2 * at])), [want.dx, expected(2 * at, calls, isDerived).dx]],
    ];
    for (const [how, run] of wrappers) {
      for (const [mode, transform, result] of modes) {
        const c = counter();
        const got = run(() => transform(wrap(c), c))();
        expectClose(got, result);
        expect(c.count.value.itemSync(), `${how}, ${mode}`).toBe(START + calls);
      }
    }
  });
});

onBothBackends("the tensor that a cell held", () => {
  const [a, b] = [new Cell(f64([1, 2]), "a"), new Cell(f64([3, 4]), "b")];
  const double = compile(() => {
    for (const cell of [a, b]) cell.set(cell.value.mul(2));
  });

  test("keeps its elements when the cell is set to another and a program runs", () => {
    a.set(f64([1, 2]));
    double();
    const held = a.value;
    a.set(f64([50, 60]));
    double();
    expect([...held.dataSync()]).toEqual([2, 4]);
    expect([...a.value.dataSync()]).toEqual([100, 120]);
  });

  test("may become another cell's: two cells exchange their values", () => {
    a.set(f64([1, 2]));
    b.set(f64([3, 4]));
    double();
    const [was, is] = [a.value, b.value];
    a.set(is);
    b.set(was);
    double();
    expect([...a.value.dataSync(), ...b.value.dataSync()]).toEqual([12, 16, 4, 8]);
    const [one, other] = [a.value, b.value];
    a.set(other);
    b.set(one);
    double();
    a.set(b.value);
    b.set(tensor([0, 0], { dtype: "f64" }));
    double();
    expect([...a.value.dataSync(), ...b.value.dataSync()]).toEqual([48, 64, 0, 0]);
  });

  test("may come back to its cell after another was there", () => {
    a.set(f64([1, 2]));
    double();
    const first = a.value;
    a.set(f64([7, 7]));
    double();
    a.set(first);
    double();
    expect([...a.value.dataSync(), ...first.dataSync()]).toEqual([4, 8, 2, 4]);
  });
});
