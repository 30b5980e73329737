/**
 * @file scan: a loop equals its unrolling in every mode, its program does not grow with its length, and cells that it sets are carried.
 */
import { describe, expect, test } from "vitest";
import type { AnyFunction } from "../../src/function/capture.ts";
import { compile } from "../../src/function/compile.ts";
import { checkpoint, cond, scan } from "../../src/function/control.ts";
import { backward, grad, jvp } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { vmap } from "../../src/function/vmap.ts";
import { stack, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { elements, expectClose, f64, onBothBackends, range } from "./backends.ts";

type Step = (h: Tensor, x: Tensor) => readonly [Tensor, Tensor];

/** The loop written out. */
function unrolled(step: Step, h: Tensor, xs: Tensor, reverse = false): [Tensor, Tensor] {
  const ys: Tensor[] = [];
  const order = range(xs.shape[0]!);
  for (const i of reverse ? order.reverse() : order) {
    const [next, y] = step(h, xs.select(0, i));
    h = next;
    ys[i] = y;
  }
  return [h, stack(ys)];
}

const W = f64([
  [0.5, -0.3],
  [0.2, 0.8],
]);
const h0 = f64([0.1, -0.2]);
const xs = f64(range(5, (i) => [Math.sin(i + 1), Math.cos(3 * i)]));

/** A recurrent network and a number made of all that it returns. */
const network =
  (loop: typeof unrolled) =>
  ([w, h, x]: readonly [Tensor, Tensor, Tensor]): Tensor => {
    const [last, ys] = loop(
      (a, b) => {
        const next = a.matmul(w).add(b).tanh();
        return [next, next.mul(b)];
      },
      h,
      x,
    );
    return last.mul(last).sum().add(ys.sin().sum());
  };
const looped = network((step, h, x) => scan(step, h, x));
const written = network(unrolled);
const args = (): [Tensor, Tensor, Tensor] => [W, h0, xs];

onBothBackends("scan equals the unrolled loop", () => {
  test("forward", () => {
    const step: Step = (h, x) => [h.mul(2).add(x), h.sub(x)];
    expectClose(scan(step, h0, xs), unrolled(step, h0, xs));
    expectClose(looped(args()), written(args()));
  });

  test("backwards over the slices", () => {
    const step: Step = (h, x) => [h.mul(0.5).add(x), h.mul(x)];
    expectClose(scan(step, h0, xs, { reverse: true }), unrolled(step, h0, xs, true));
    const loss = (loop: typeof unrolled) => grad((x: Tensor) => loop(step, h0, x, true)[1].sin().sum());
    expectClose(loss((s, h, x, reverse) => scan(s, h, x, { reverse: reverse! }))(xs), loss(unrolled)(xs));
  });

  test("in reverse mode, with respect to constants, carry and slices", () => {
    expectClose(grad(looped)(args()), grad(written)(args()));
  });

  test("with respect to what is closed over", () => {
    const loss = (loop: typeof unrolled) => (w: Tensor) => loop((h, x) => [h.matmul(w).add(x).tanh(), h], h0, xs)[0].sum();
    expectClose(grad(loss((s, h, x) => scan(s, h, x)))(W), grad(loss(unrolled))(W));
  });

  test("in forward mode", () => {
    const directions = args().map((t) => t.mul(0.7).add(0.1)) as unknown as readonly [Tensor, Tensor, Tensor];
    expectClose(jvp(looped)([args()], [directions]), jvp(written)([args()], [directions]));
  });

  test("batched: over carry, slices, constants, or all", () => {
    const many = args().map((t) => stack(range(3, (i) => t.mul(1 + 0.1 * i)))) as [Tensor, Tensor, Tensor];
    for (const axes of [
      [0, 0, 0],
      [null, 0, null],
      [null, null, 0],
      [0, null, null],
    ] as const) {
      const at = axes.map((axis, i) => (axis === null ? args()[i]! : many[i]!)) as [Tensor, Tensor, Tensor];
      const over = (f: typeof looped) => vmap((w: Tensor, h: Tensor, x: Tensor) => f([w, h, x]), { inAxes: axes })(...at);
      expectClose(over(looped), over(written));
      const gradOver = (f: typeof looped) => vmap((w: Tensor, h: Tensor, x: Tensor) => grad(f)([w, h, x]), { inAxes: axes })(...at);
      expectClose(gradOver(looped), gradOver(written));
    }
  });

  test("in second order", () => {
    const hvp = (f: typeof looped) => (w: Tensor) => grad((v: Tensor) => grad(f)([v, h0, xs])[0].mul(W).sum())(w);
    expectClose(hvp(looped)(W), hvp(written)(W));
    const forwardOver = (f: typeof looped) => jvp((v: Tensor) => grad(f)([v, h0, xs])[0])([W], [h0.mul(W)]).tangent;
    expectClose(forwardOver(looped), forwardOver(written));
  });

  test("compiled, with its gradient", () => {
    expectClose(compile(looped)(args()), written(args()));
    expectClose(compile(grad(looped))(args()), grad(written)(args()));
  });
});

onBothBackends("the edges of scan", () => {
  test("zero slices: the carry passes, the stacked results are empty, gradients are zero", () => {
    const none = zeros([0, 2], "f64");
    const f = (h: Tensor, x: Tensor): [Tensor, Tensor] => scan((a: Tensor, b: Tensor) => [a.add(b), a], h, x);
    const [h, ys] = f(h0, none);
    expect(elements(h)).toEqual(elements(h0));
    expect(ys.shape).toEqual([0, 2]);
    expect(elements(grad((a: Tensor) => f(a, none)[0].sum())(h0))).toEqual([1, 1]);
  });

  test("nothing stacked: the number of steps is given", () => {
    const [h] = scan((a: Tensor) => [a.mul(2), null], f64(1), null, { length: 10 });
    expect(h.itemSync()).toBe(1024);
  });

  test("carry and slices may be trees; numbers become scalars", () => {
    const [carry, y] = scan(
      ({ n, total }: { n: Tensor; total: Tensor }, { a, b }: { a: Tensor; b: Tensor }) => [
        { n: n.add(1), total: total.add(a.mul(b)) },
        { product: a.mul(b) },
      ],
      { n: tensor(0, { dtype: "i32" }), total: f64(0) },
      { a: f64([1, 2, 3]), b: f64([4, 5, 6]) },
    );
    expect(elements(carry)).toEqual([3, 32]);
    expect(elements(y)).toEqual([4, 10, 18]);
    expect(scan((a: Tensor) => [a.add(1), a], 0 as unknown as Tensor, null, { length: 3 })[0].itemSync()).toBe(3);
  });

  test("two carries may change places", () => {
    const [[a, b]] = scan(([p, q]: Tensor[]) => [[q!, p!.add(q!)], null], [f64(0), f64(1)], null, { length: 10 });
    expect(elements([a, b])).toEqual([55, 89]);
  });

  test("a carry may be returned as a slice, and a slice as the carry", () => {
    const shift = scan((last: Tensor, x: Tensor) => [x, last], f64(0), f64([1, 2, 3]));
    expect(elements(shift)).toEqual([3, 0, 1, 2]);
  });

  test("a carry that catches its tangent on the way round", () => {
    // The carry b starts as a constant and receives what depends on w from a.
    const f = (w: Tensor): Tensor => {
      const [[, b]] = scan(([p, q]: Tensor[]) => [[p!.mul(w), q!.add(p!)], null], [f64(1), f64(0)], null, { length: 4 });
      return b!;
    };
    expect(f(f64(2)).itemSync()).toBe(1 + 2 + 4 + 8);
    expect(grad(f)(f64(2)).itemSync()).toBe(1 + 2 * 2 + 3 * 4);
    expect(jvp(f)([f64(2)], [f64(1)]).tangent.itemSync()).toBe(17);
    expect(elements(vmap(f)(f64([2, 3])))).toEqual([15, 40]);
  });

  test("integers may be carried beside floats, and indices used", () => {
    const table = f64([10, 20, 30]);
    const f = (t: Tensor): Tensor =>
      scan(([i, s]: Tensor[]) => [[i!.add(1), s!.add(t.take(i!).mul(i!))], null], [tensor(0, { dtype: "i32" }), f64(0)], null, {
        length: 3,
      })[0][1];
    expect(f(table).itemSync()).toBe(80);
    expect(elements(grad(f)(table))).toEqual([0, 1, 2]);
  });

  test("scan inside scan", () => {
    const f = (m: Tensor): Tensor =>
      scan((total: Tensor, row: Tensor) => [scan((s: Tensor, v: Tensor) => [s.mul(0.5).add(v), null], total, row)[0], total], f64(0), m)[0];
    const flat = (m: Tensor): Tensor => scan((s: Tensor, v: Tensor) => [s.mul(0.5).add(v), null], f64(0), m.flatten())[0];
    const m = f64([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expectClose(f(m), flat(m));
    expectClose(grad(f)(m), grad(flat)(m));
    expectClose(compile(grad(f))(m), grad(flat)(m));
    expectClose(vmap(grad(f))(stack([m, m.mul(2)])), [...elements(grad(flat)(m)), ...elements(grad(flat)(m))]);
  });

  test("scan inside cond and cond inside scan", () => {
    const inCond = (p: Tensor, v: Tensor): Tensor =>
      cond(
        p,
        (x: Tensor) => scan((s: Tensor, e: Tensor) => [s.add(e.mul(e)), null], f64(0), x)[0],
        (x: Tensor) => x.sum(),
        v,
      );
    const v = f64([1, 2, 3]);
    expect(inCond(tensor(true), v).itemSync()).toBe(14);
    expect(inCond(tensor(false), v).itemSync()).toBe(6);
    expect(elements(grad((x: Tensor) => inCond(tensor(true), x))(v))).toEqual([2, 4, 6]);
    expect(elements(compile(grad((x: Tensor, p: Tensor) => inCond(p, x)))(v, tensor(false)))).toEqual([1, 1, 1]);
    const inScan = (x: Tensor): Tensor =>
      scan(
        (s: Tensor, e: Tensor) => [
          cond(
            e.gt(2),
            (a: Tensor) => a.mul(e),
            (a: Tensor) => a.add(e),
            s,
          ),
          null,
        ],
        f64(1),
        x,
      )[0];
    expect(inScan(v).itemSync()).toBe((1 + 1 + 2) * 3);
    expect(elements(grad(inScan)(v))).toEqual([3, 3, 4]);
    expect(elements(compile(grad(inScan))(v))).toEqual([3, 3, 4]);
  });
});

onBothBackends("cells in scan", () => {
  test("a cell that is read is a constant of the loop, differentiated like one", () => {
    const w = new Cell(f64(2), "w");
    const loss = (): Tensor => scan((h: Tensor, x: Tensor) => [h.mul(w.value).add(x), null], f64(1), f64([1, 1]))[0];
    // ((w + 1)·w + 1)
    expect(elements(backward(loss, [w]))).toEqual([7, 5]);
    expect(elements(compile(() => backward(loss, [w]))())).toEqual([7, 5]);
  });

  test("a cell that is set is carried, and holds the last value afterwards", () => {
    const count = new Cell(f64(10), "count");
    const f = (x: Tensor): Tensor =>
      scan(
        (_: null, v: Tensor) => {
          count.set(count.value.add(v));
          return [null, count.value];
        },
        null,
        x,
      )[1];
    expect(elements(f(f64([1, 2, 3])))).toEqual([11, 13, 16]);
    expect(count.value.itemSync()).toBe(16);
    expect(elements(compile(f)(f64([1, 2])))).toEqual([17, 19]);
    expect(count.value.itemSync()).toBe(19);
  });

  test("a cell set without being read first, and one read after being set", () => {
    const last = new Cell(f64(0), "last");
    scan(
      (_: null, v: Tensor) => {
        last.set(v.mul(2));
        return [null, null];
      },
      null,
      f64([1, 2, 3]),
    );
    expect(last.value.itemSync()).toBe(6);
  });

  test("gradients flow through a carried cell", () => {
    const [w, state] = [new Cell(f64(3), "w"), new Cell(f64(1), "state")];
    const loss = (): Tensor => {
      scan(
        (_: null) => {
          state.set(state.value.mul(w.value));
          return [null, null];
        },
        null,
        null,
        { length: 3 },
      );
      return state.value;
    };
    expect(elements(backward(loss, [w]))).toEqual([27, 27]);
    expect(state.value.itemSync()).toBe(27);
  });

  test("under checkpoint inside the loop", () => {
    const [w, state] = [new Cell(f64(0.5), "w"), new Cell(f64(1), "state")];
    const block = (x: Tensor): Tensor => {
      state.set(state.value.mul(w.value).add(x).sin());
      return state.value.mul(x);
    };
    const loss = (step: (x: Tensor) => Tensor) => () => {
      const [, ys] = scan((_: null, x: Tensor) => [null, step(x)], null, f64([1, 2, 3]));
      return ys.sum();
    };
    const plain = backward(loss(block), [w]);
    const want = elements([plain, state.value]);
    state.set(f64(1));
    const again = backward(loss(checkpoint(block)), [w]);
    expectClose([again, state.value], want);
    state.set(f64(1));
    expectClose([compile(() => backward(loss(checkpoint(block)), [w]))(), state.value], want);
  });
});

describe("the program of a scan", () => {
  /** The optimized and scheduled program of a function. */
  const programOf = (fn: AnyFunction, ...given: unknown[]) => {
    const recording = recordFunction(fn, given);
    return plan(optimize(recording.region), recording, []);
  };

  test("does not grow with the number of steps, forward or backward", () => {
    const f = grad((x: Tensor) => scan((h: Tensor, v: Tensor) => [h.mul(v).sin(), h], tensor(1), x)[0]);
    const [short, long] = [programOf(f, zeros([2])), programOf(f, zeros([1000]))];
    expect(long.program.kernels.length).toBe(short.program.kernels.length);
    expect(JSON.stringify(long.program.steps).length).toBeLessThan(1.5 * JSON.stringify(short.program.steps).length);
  });

  test("what is the same in all steps is not stacked for the backward pass, nor what comes in slices", () => {
    const f = ([w, h, x]: readonly [Tensor, Tensor, Tensor]): Tensor =>
      scan((a: Tensor, b: Tensor) => [a.matmul(w.transpose().exp()).mul(b).tanh(), null], h, x)[0].sum();
    const both = recordFunction(grad(f), [[zeros([5, 5]), zeros([3, 5]), zeros([7, 3, 5])]]);
    const scans = tapeOfRegion(optimize(both.region)).filter((i) => i.op.name === "scan");
    // The product a · exp wᵀ, the state that enters it, and the state that leaves; the gradient of the slices.
    expect(scans.map((i) => i.results.map(({ shape }) => shape).filter((shape) => shape[0] === 7))).toEqual([
      [
        [7, 3, 5],
        [7, 3, 5],
        [7, 3, 5],
      ],
      [[7, 3, 5]],
    ]);
  });

  test("a thousand steps are compiled once and give the closed form", () => {
    const f = compile((x: Tensor) => scan((h: Tensor, v: Tensor) => [h.add(v), h], tensor(0), x)[0]);
    expect(f(tensor(range(1000))).itemSync()).toBe(499500);
    expect(f(tensor(range(1000, () => 1))).itemSync()).toBe(1000);
    expect(f.recompilations).toBe(1);
  });
});

describe("what scan refuses", () => {
  const xs1 = f64([1, 2]);

  test("a carry that changes its type or structure", () => {
    expect(() => scan((h: Tensor, x: Tensor) => [h.add(x).unsqueeze(0), h], f64(0), xs1)).toThrow(
      /carry 0 enters as f64\[\] and leaves the body as f64\[1\]/,
    );
    expect(() => scan(((h: Tensor) => [[h, h], h]) as never, f64(0), xs1)).toThrow(/enters with 1 tensors and leaves with 2/);
  });

  test("slices of different numbers, or no length at all", () => {
    expect(() => scan((h: Tensor) => [h, h], f64(0), [xs1, f64([1, 2, 3])])).toThrow(/want 2 slices along axis 0, got \[3\]/);
    expect(() => scan((h: Tensor) => [h, h], f64(0), null)).toThrow(/give the number of steps/);
  });

  test("a body that returns something else than a pair", () => {
    expect(() => scan(((h: Tensor) => h) as never, f64(0), xs1)).toThrow(/must return \[carry, y\]/);
  });

  test("reading a value inside", () => {
    expect(() => scan((h: Tensor, x: Tensor) => [h.mul(x.itemSync()), h], f64(0), xs1)).toThrow(/scan: .*cannot be read/);
  });
});
