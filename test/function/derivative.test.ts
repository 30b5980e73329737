/**
 * @file Derivatives of functions: fresh seeds, trees and cells, forward and reverse, in any composition and inside compile (AD-1, AD-2, AD-6).
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward, grad, jvp, valueAndGrad, vjp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { elements, expectClose, f64, onBothBackends } from "./backends.ts";

const scalar = (x: number): Tensor => f64(x);

onBothBackends("fresh seeds", () => {
  test("grad(y ↦ y·x)(x) at 3 is 3, not 6: the caller's x is a constant of the function", () => {
    const x = scalar(3);
    expect(grad((y: Tensor) => y.mul(x))(x).itemSync()).toBe(3);
  });

  test("d/dx x·(d/dy (x + y)) is 1, not 2: no perturbation confusion", () => {
    const outer = grad((x: Tensor) => x.mul(grad((y: Tensor) => x.add(y))(x)));
    expect(outer(scalar(3)).itemSync()).toBe(1);
  });

  test("the same with jvp inside jvp, and mixed", () => {
    const d = (f: (x: Tensor) => Tensor) => (x: Tensor) => jvp(f)([x], [x.like(1)]).tangent;
    expect(d((x) => x.mul(d((y) => x.add(y))(x)))(scalar(3)).itemSync()).toBe(1);
    expect(d((x) => x.mul(grad((y: Tensor) => x.add(y))(x)))(scalar(3)).itemSync()).toBe(1);
    expect(grad((x: Tensor) => x.mul(d((y) => x.add(y))(x)))(scalar(3)).itemSync()).toBe(1);
  });

  test("a cell inside grad is a constant, unless it is what is differentiated", () => {
    const w = new Cell(scalar(3), "w");
    expect(grad((y: Tensor) => y.mul(w.value))(w.value).itemSync()).toBe(3);
  });

  test("backward nested in grad: x·(d/dw (x + w)) has derivative 1", () => {
    const w = new Cell(scalar(3), "w");
    const f = (x: Tensor): Tensor => x.mul(backward(() => x.add(w.value), [w]).grads[0]!);
    expect(grad(f)(scalar(3)).itemSync()).toBe(1);
  });

  test("backward in backward: the inner seed of a cell is not the outer one", () => {
    const w = new Cell(scalar(3), "w");
    const inner = (): Tensor => {
      const outside = w.value;
      return backward(() => outside.add(w.value), [w]).grads[0]!;
    };
    const { value, grads } = backward(() => w.value.mul(inner()), [w]);
    expect(elements([value, grads])).toEqual([3, 1]);
  });

  test("backward in backward gives second derivatives: d²/dw² w³ = 6w", () => {
    const w = new Cell(scalar(3), "w");
    const cube = (): Tensor => w.value.mul(w.value).mul(w.value);
    const first = (): Tensor => backward(cube, [w]).grads[0]!;
    expect(backward(first, [w]).grads[0]!.itemSync()).toBe(18);
  });
});

class Pair {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly note = "kept";
  constructor(a: Tensor, b: Tensor) {
    this.a = a;
    this.b = b;
  }
  product(): Tensor {
    return this.a.mul(this.b).sum();
  }
}

onBothBackends("gradients over trees", () => {
  test("of an object: an object of the same keys", () => {
    const p = { w: f64([2, 3]), b: { c: scalar(5) } };
    const g = grad((q: typeof p) => q.w.mul(q.w).sum().mul(q.b.c))(p);
    expect(Object.keys(g)).toEqual(["w", "b"]);
    expect(elements(g)).toEqual([20, 30, 13]);
  });

  test("of an array: an array", () => {
    const g = grad(([x, y]: [Tensor, Tensor]) => x.mul(y))([scalar(2), scalar(7)]);
    expect(Array.isArray(g)).toBe(true);
    expect(elements(g)).toEqual([7, 2]);
  });

  test("of a class instance: an instance, with its methods and statics", () => {
    const g = grad((p: Pair) => p.product())(new Pair(f64([1, 2]), f64([3, 4])));
    expect(g).toBeInstanceOf(Pair);
    expect(g.note).toBe("kept");
    expect(g.product().itemSync()).toBe(11);
  });

  test("valueAndGrad gives both, and may differentiate another argument", () => {
    const f = valueAndGrad((x: Tensor, y: Tensor) => x.mul(y).mul(y), { argument: 1 });
    const { value, grad: dy } = f(scalar(2), scalar(3));
    expect([value.itemSync(), dy.itemSync()]).toEqual([18, 12]);
  });

  test("integers are constants and get zeros of their own type", () => {
    const g = grad((p: { x: Tensor; i: Tensor }) => p.x.mul(p.i).sum())({ x: f64([1, 2]), i: tensor([3, 4], { dtype: "i32" }) });
    expect(elements(g)).toEqual([3, 4, 0, 0]);
    expect(g.i.dtype).toBe("i32");
  });

  test("an unused leaf has gradient zero; a leaf used twice has both parts", () => {
    expect(elements(grad((p: { x: Tensor; y: Tensor }) => p.x.add(p.x.mul(p.x)))({ x: scalar(4), y: scalar(1) }))).toEqual([9, 0]);
  });

  test("one tensor in two places of a tree gets two gradients", () => {
    const x = scalar(3);
    expect(elements(grad(([a, b]: Tensor[]) => a!.mul(a!).mul(b!))([x, x]))).toEqual([18, 9]);
  });
});

onBothBackends("backward over cells", () => {
  test("an unused parameter has gradient zero of its type, and order is the caller's", () => {
    const [u, v, w] = [new Cell(scalar(2), "u"), new Cell(f64([1, 2]), "v"), new Cell(tensor([1, 2, 3]), "w")];
    const { value, grads } = backward(() => v.value.sum().mul(u.value), [w, v, u]);
    expect(value.itemSync()).toBe(6);
    expect(grads.map(String)).toEqual(["f32[3]", "f64[2]", "f64[]"].map((t) => expect.stringContaining(t)));
    expect(elements(grads)).toEqual([0, 0, 0, 2, 2, 3]);
  });

  test("a cell read twice is one parameter", () => {
    const w = new Cell(scalar(5), "w");
    expect(backward(() => w.value.mul(w.value), [w]).grads[0]!.itemSync()).toBe(10);
  });

  test("a cell written inside takes effect, and reading it back reads the new value", () => {
    const w = new Cell(scalar(5), "w");
    const mean = new Cell(scalar(0), "mean");
    const { value, grads } = backward(() => {
      mean.set(w.value.mul(2));
      return mean.value.mul(w.value);
    }, [w]);
    expect(elements([value, grads, mean.value])).toEqual([50, 20, 10]);
  });

  test("a parameter written inside is differentiated at its old value", () => {
    const w = new Cell(scalar(3), "w");
    const { grads } = backward(() => {
      const old = w.value;
      w.set(old.mul(old));
      return w.value.mul(old);
    }, [w]);
    expect(elements([grads, w.value])).toEqual([27, 9]);
  });

  test("if the function throws, no cell has changed", () => {
    const w = new Cell(scalar(3), "w");
    const fail = (): Tensor => {
      w.set(w.value.mul(2));
      throw new Error("on purpose");
    };
    expect(() => backward(fail, [w])).toThrow("on purpose");
    expect(w.value.itemSync()).toBe(3);
  });
});

onBothBackends("jvp and vjp", () => {
  const f = ({ x, y }: { x: Tensor; y: Tensor }): { p: Tensor; q: Tensor } => ({ p: x.mul(y), q: x.sin() });
  const at = () => ({ x: scalar(0.5), y: scalar(4) });

  test("jvp: value and directional derivative, in the structure of the result", () => {
    const { value, tangent } = jvp(f)([at()], [{ x: scalar(1), y: scalar(10) }]);
    expectClose(value, [2, Math.sin(0.5)]);
    expectClose(tangent, [4 + 5, Math.cos(0.5)]);
  });

  test("vjp: the pullback may be called more than once", () => {
    const { value, pullback } = vjp(f)(at());
    expectClose(value, [2, Math.sin(0.5)]);
    expectClose(pullback({ p: scalar(1), q: scalar(0) }), [4, 0.5]);
    expectClose(pullback({ p: scalar(0), q: scalar(2) }), [2 * Math.cos(0.5), 0]);
  });

  test("a pullback made of values that have been read meanwhile is unchanged", () => {
    const { value, pullback } = vjp((x: Tensor) => x.mul(x).mul(x))(scalar(2));
    expect(value.itemSync()).toBe(8);
    expect(pullback(scalar(1))[0].itemSync()).toBe(12);
  });

  test("a result that does not depend on the argument has tangent zero", () => {
    expect(jvp((x: Tensor) => [x, x.like(7)])([scalar(1)], [scalar(2)]).tangent.map((t) => t.itemSync())).toEqual([2, 0]);
  });

  test("cells written inside take effect", () => {
    const c = new Cell(scalar(0), "c");
    const keep = (x: Tensor): Tensor => {
      c.set(x.mul(2));
      return c.value.mul(x);
    };
    expect(jvp(keep)([scalar(3)], [scalar(1)]).tangent.itemSync()).toBe(12);
    expect(c.value.itemSync()).toBe(6);
    expect(vjp(keep)(scalar(4)).pullback(scalar(1))[0].itemSync()).toBe(16);
    expect(c.value.itemSync()).toBe(8);
  });
});

/** Derivatives of tanh and sin up to the third, in closed form. */
const third: Readonly<Record<string, { f: (x: Tensor) => Tensor; of: (x: number) => number }>> = {
  tanh: { f: (x) => x.tanh(), of: (x) => (1 - Math.tanh(x) ** 2) * (6 * Math.tanh(x) ** 2 - 2) },
  sin: { f: (x) => x.sin(), of: (x) => -Math.cos(x) },
};

onBothBackends("composition", () => {
  const d = (f: (x: Tensor) => Tensor) => (x: Tensor) => jvp(f)([x], [x.like(1)]).tangent;
  const xs = [-1.5, 0.25, 0.8];

  test.each(Object.keys(third))("third derivative of %s, by grad, by jvp, mixed, and compiled", (name) => {
    const { f, of } = third[name]!;
    for (const x of xs) {
      const want = of(x);
      for (const derivative of [grad(grad(grad(f))), d(d(d(f))), grad(d(grad(f))), d(grad(d(f))), compile(grad(grad(grad(f))))]) {
        expectClose(derivative(scalar(x)), want);
      }
    }
  });

  test("jvp ∘ grad is grad ∘ jvp is a Hessian-vector product", () => {
    const f = (x: Tensor): Tensor => x.mul(x).mul(x).sum().mul(x.sum());
    const [x, v] = [f64([1, 2, -1]), f64([0.5, -1, 2])];
    const forwardOverReverse = (a: Tensor): Tensor => jvp(grad(f))([a], [v]).tangent;
    const reverseOverForward = grad((a: Tensor) => jvp(f)([a], [v]).tangent);
    // H = 3x²·1ᵀ + 1·(3x²)ᵀ + diag(6x)·Σx
    const [a, b] = [
      [1, 2, -1],
      [0.5, -1, 2],
    ];
    const dot = (p: number[], q: number[]): number => p.reduce((s, e, i) => s + e * q[i]!, 0);
    const want = a!.map(
      (e, i) =>
        3 * e * e * dot([1, 1, 1], b!) +
        dot(
          a!.map((u) => 3 * u * u),
          b!,
        ) +
        6 * e * 2 * b![i]!,
    );
    expectClose(forwardOverReverse(x), want);
    expectClose(reverseOverForward(x), want);
    expectClose(compile(forwardOverReverse)(x), want);
  });

  test("vmap ∘ grad gives per-example gradients; grad ∘ vmap of the sum gives their sum", () => {
    const loss = (w: Tensor, x: Tensor): Tensor => w.mul(x).sum().tanh();
    const [w, x] = [
      f64([0.1, -0.2]),
      f64([
        [1, 2],
        [3, 4],
        [5, -6],
      ]),
    ];
    const each = [
      [1, 2],
      [3, 4],
      [5, -6],
    ].map(([p, q]) => {
      const slope = 1 - Math.tanh(0.1 * p! - 0.2 * q!) ** 2;
      return [slope * p!, slope * q!];
    });
    const perExample = vmap(grad(loss), { inAxes: [null, 0] });
    expectClose(perExample(w, x), each.flat());
    const total = grad((v: Tensor) => vmap(loss, { inAxes: [null, 0] })(v, x).sum());
    expectClose(
      total(w),
      [0, 1].map((j) => each.reduce((s, g) => s + g[j]!, 0)),
    );
    expectClose(compile(perExample)(w, x), each.flat());
    expectClose(compile(total)(w), total(w));
  });

  test("backward inside compile inside a loop of steps equals the same outside", () => {
    const make = (): { w: Cell; step: (x: Tensor) => Tensor } => {
      const w = new Cell(f64([0.5, -0.5]), "w");
      const step = (x: Tensor): Tensor => {
        const { value, grads } = backward(() => w.value.mul(x).tanh().sum(), [w]);
        w.set(w.value.sub(grads[0]!.mul(0.1)));
        return value;
      };
      return { w, step };
    };
    const [eager, compiled] = [make(), make()];
    const fast = compile(compiled.step);
    for (let i = 0; i < 5; i++) expectClose(fast(f64([i, 1])), eager.step(f64([i, 1])));
    expectClose(compiled.w.value, eager.w.value);
  });
});

describe("what cannot be differentiated says so", () => {
  const x = scalar(2);

  test("a function that does not return one float scalar", () => {
    expect(() => grad((v: Tensor) => v.mul(f64([1, 2])))(x)).toThrow(/float scalar, got f64\[2\]; reduce it/);
    expect(() => grad((v: Tensor) => v.gt(1))(x)).toThrow(/float scalar/);
    expect(() => grad(((v: Tensor) => [v, v]) as never)(x)).toThrow(/one scalar tensor, got 2/);
  });

  test("an argument that is not there, or holds no floats", () => {
    expect(() => grad((v: Tensor) => v, { argument: 1 })(x)).toThrow(/argument 1 is to be differentiated, but 1 were given/);
    expect(() => grad((v: Tensor) => v.cast("f32"))(tensor(3, { dtype: "i32" }))).toThrow(/no float tensor/);
  });

  test("tangents or cotangents of another type", () => {
    expect(() => jvp((v: Tensor) => v)([x], [tensor(1)])).toThrow(/f64\[\].*f32\[\].*one type/);
    expect(() => vjp((v: Tensor) => v)(x).pullback(f64([1]))).toThrow(/must have one type/);
  });

  test("a value that is read inside: it would be computed, and its history forgotten, before it is differentiated", () => {
    const reads = (v: Tensor): Tensor => (v.mul(v).itemSync() > 0 ? v : v.neg());
    expect(() => grad(reads)(x)).toThrow(/grad: .*cannot be read(.|\n)*where/);
    expect(() => jvp(reads)([x], [x])).toThrow(/jvp: .*cannot be read/);
    const w = new Cell(scalar(1), "w");
    expect(() => backward(() => reads(w.value), [w])).toThrow(/backward: .*cannot be read/);
  });

  test("an asynchronous function", () => {
    expect(() => grad((async (v: Tensor) => v) as never)(x)).toThrow(/promise/);
  });
});

test("a function of thousands of steps is not cut by the flushing of long pending lists", () => {
  const f = (x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < 4500; i++) y = y.add(x);
    return y;
  };
  expect(grad(f)(scalar(1)).itemSync()).toBe(4501);
});
