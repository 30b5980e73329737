/**
 * @file compile: one program per signature, state updated in place, nothing allocated per step, and errors that say what to do.
 */
import { afterEach, describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { Cell, guarded } from "../../src/runtime/cell.ts";
import { counters } from "../../src/runtime/compile.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { elements, expectClose, f64, onBothBackends, range } from "./backends.ts";

afterEach(() => setBackend("wasm"));

describe("a program is recorded once per signature", () => {
  /** How often the function is recorded while `calls` are made. */
  const recordings = (calls: (f: (...args: unknown[]) => unknown) => void): number => {
    let n = 0;
    const f = compile((...args: unknown[]) => {
      n++;
      return args[0];
    });
    calls(f);
    expect(f.recompilations).toBe(n);
    return n;
  };
  const x = (): Tensor => tensor([1, 2]);

  test("other values are the same signature", () => {
    expect(recordings((f) => [f(tensor([1, 2])), f(tensor([3, 4])), f(x().add(1))])).toBe(1);
  });

  test("another shape, dtype, structure or static value is another", () => {
    expect(recordings((f) => [f(x()), f(tensor([1, 2, 3])), f(x()), f(tensor([[1, 2]]))])).toBe(3);
    expect(recordings((f) => [f(x()), f(f64([1, 2])), f(tensor([1, 2], { dtype: "i32" }))])).toBe(3);
    expect(recordings((f) => [f(x(), { a: x() }), f(x(), { b: x() }), f(x(), [x()]), f(x(), { a: x() })])).toBe(3);
    expect(recordings((f) => [f(x(), 1), f(x(), 2), f(x(), 1), f(x(), true), f(x(), "1"), f(x())])).toBe(5);
  });

  test("another backend is another", () => {
    const f = compile((a: Tensor) => a.mul(2));
    setBackend("wasm");
    expect(elements(f(x()))).toEqual([2, 4]);
    setBackend("interpreter");
    expect(elements(f(x()))).toEqual([2, 4]);
    expect(f.recompilations).toBe(2);
    setBackend("wasm");
    f(x());
    expect(f.recompilations).toBe(2);
  });

  test("what is guarded while recording is part of the signature", () => {
    const mode = { training: true };
    const f = compile((a: Tensor) => (guarded(() => mode.training) ? a.mul(2) : a));
    const run = (training: boolean): number => {
      mode.training = training;
      return f(tensor(3)).itemSync();
    };
    expect([run(true), run(false), run(true), run(false)]).toEqual([6, 3, 6, 3]);
    expect(f.recompilations).toBe(2);
  });

  test("guards inside other transforms count too", () => {
    const mode = { scale: 2 };
    const f = compile(grad((a: Tensor) => vmap((v: Tensor) => v.mul(guarded(() => mode.scale)))(a).sum()));
    expect(elements(f(x()))).toEqual([2, 2]);
    mode.scale = 5;
    expect(elements(f(x()))).toEqual([5, 5]);
  });

  test("dispose frees the programs; the next call compiles anew", () => {
    const f = compile((a: Tensor) => a.add(1));
    f(x());
    f.dispose();
    expect(elements(f(x()))).toEqual([2, 3]);
    expect(f.recompilations).toBe(2);
  });
});

onBothBackends("a training step", () => {
  const make = () => {
    const w = new Cell(
      tensor(
        range(64 * 64, (i) => Math.sin(i) / 64),
        { shape: [64, 64] },
      ),
      "w",
    );
    const velocity = new Cell(zeros([64, 64]), "velocity");
    const rate = new Cell(tensor(0.1), "rate");
    const step = compile((x: Tensor) => {
      const { value, grads } = backward(() => x.matmul(w.value).tanh().square().mean(), [w]);
      velocity.set(velocity.value.mul(0.9).add(grads[0]!));
      w.set(w.value.sub(velocity.value.mul(rate.value)));
      return value;
    });
    return { w, velocity, rate, step };
  };
  const steps = 200;

  test("compiles once, does not grow the arena, copies less than 1 kB out, and learns", () => {
    const { step, rate } = make();
    const x = tensor(
      range(4 * 64, (i) => Math.cos(i)),
      { shape: [4, 64] },
    );
    const first = step(x).itemSync();
    step(x);
    const [used, size, programs] = [theArena().used, theArena().size, counters.compilations];
    let last = first;
    for (let i = 0; i < steps; i++) last = step(x).itemSync();
    expect(step.recompilations).toBe(1);
    expect([theArena().used, theArena().size, counters.compilations]).toEqual([used, size, programs]);
    expect(step.footprint.out).toBeLessThan(1024);
    expect(step.footprint.in).toBe(4 * 64 * 4);
    expect(last).toBeLessThan(0.5 * first);
    // A hyperparameter in a cell changes without recompiling.
    rate.set(tensor(0));
    step(x);
    expect(step(x).itemSync()).toBeCloseTo(step(x).itemSync(), 1);
    expect(step.recompilations).toBe(1);
  });

  test("is updated in place: the program copies no cell", () => {
    const { step } = make();
    step(zeros([4, 64]));
    // All of the state is 2 · 16 KiB; the scratch zone holds at most the gradient and the batch.
    expect(step.footprint.scratch).toBeLessThan(2 * 64 * 64 * 4);
  });
});

onBothBackends("donation: a cell that is read and written is updated in place, and", () => {
  const twice = (f: () => unknown): unknown[] => [f(), f()];

  test("the old value may be returned too", () => {
    const c = new Cell(f64([1, 2]), "c");
    const f = compile(() => {
      const old = c.value;
      c.set(old.mul(2));
      return old;
    });
    expect(twice(() => elements(f()))).toEqual([
      [1, 2],
      [2, 4],
    ]);
    expect(elements(c.value)).toEqual([4, 8]);
  });

  test("two cells may swap, and three may rotate", () => {
    const cells = [f64([1, 1]), f64([2, 2]), f64([3, 3])].map((t, i) => new Cell(t, `c${i}`));
    const [a, b, c] = cells as [Cell, Cell, Cell];
    const swap = compile(() => {
      const old = a.value;
      a.set(b.value);
      b.set(old);
    });
    swap();
    expect(elements(cells.map((x) => x.value))).toEqual([2, 2, 1, 1, 3, 3]);
    swap();
    expect(elements(cells.map((x) => x.value))).toEqual([1, 1, 2, 2, 3, 3]);
    const rotate = compile(() => {
      const [x, y, z] = [a.value, b.value, c.value];
      a.set(z.add(0.5));
      b.set(x);
      c.set(y);
    });
    rotate();
    expect(elements(cells.map((x) => x.value))).toEqual([3.5, 3.5, 1, 1, 2, 2]);
  });

  test("the old value may be read by a later kernel, at other elements", () => {
    const c = new Cell(f64([1, 2, 3]), "c");
    const f = compile((x: Tensor) => {
      const old = c.value;
      const now = old.flip().add(x);
      c.set(now);
      return [now.sum(), old.slice([1]).mul(now.slice([0], [2])), old.sum()];
    });
    expect(elements(f(f64([10, 20, 30])))).toEqual([66, 2 * 13, 3 * 22, 6]);
    expect(elements(c.value)).toEqual([13, 22, 31]);
  });

  test("a reduction of the old value may depend on the new one", () => {
    const c = new Cell(
      f64([
        [1, 2],
        [3, 4],
      ]),
      "c",
    );
    const f = compile(() => {
      const old = c.value;
      c.set(old.matmul(old));
      return old.sum().add(c.value.sum());
    });
    expect(f().itemSync()).toBe(10 + 54);
    expect(elements(c.value)).toEqual([7, 10, 15, 22]);
  });

  test("one value may be set to two cells, and a cell to an argument or a constant", () => {
    const [a, b, c] = [new Cell(f64([0, 0])), new Cell(f64([0, 0])), new Cell(f64([0, 0]))];
    const f = compile((x: Tensor) => {
      const y = x.add(a.value);
      a.set(y);
      b.set(y);
      c.set(x);
      return y;
    });
    f(f64([1, 2]));
    expect(elements([f(f64([1, 2])), a.value, b.value, c.value])).toEqual([2, 4, 2, 4, 2, 4, 1, 2]);
  });

  test("a tensor read outside and kept is not changed by later steps", () => {
    const c = new Cell(f64([1, 2]), "c");
    const f = compile(() => {
      c.set(c.value.mul(10));
    });
    f();
    const kept = c.value;
    f();
    const later = c.value;
    f();
    expect(elements([kept, later, c.value])).toEqual([10, 20, 100, 200, 1000, 2000]);
  });

  test("so with a tensor that a pending computation still needs", () => {
    const c = new Cell(f64([1, 2]), "c");
    const f = compile(() => {
      c.set(c.value.mul(10));
    });
    f();
    const pending = c.value.add(1);
    f();
    f();
    expect(elements(pending)).toEqual([11, 21]);
    expect(elements(c.value)).toEqual([1000, 2000]);
  });

  test("cells set outside between steps are seen", () => {
    const c = new Cell(f64([1, 2]), "c");
    const f = compile(() => {
      c.set(c.value.add(1));
      return c.value.sum();
    });
    expect(f().itemSync()).toBe(5);
    c.set(f64([10, 20]).mul(2));
    expect(f().itemSync()).toBe(62);
    c.set(c.value.add(c.value));
    expect(elements(c.value)).toEqual([42, 82]);
    expect(f().itemSync()).toBe(126);
  });

  test("two programs share a cell", () => {
    const c = new Cell(f64(1), "c");
    const double = compile(() => c.set(c.value.mul(2)));
    const increase = compile((x: Tensor) => c.set(c.value.add(x)));
    double();
    increase(f64(5));
    double();
    expect(c.value.itemSync()).toBe(14);
  });
});

onBothBackends("around a program", () => {
  test("an exception inside leaves the cells untouched, and the next call works", () => {
    const c = new Cell(f64(1), "c");
    let fail = true;
    const f = compile((x: Tensor) => {
      c.set(c.value.add(x));
      if (fail) throw new Error("on purpose");
      return c.value;
    });
    expect(() => f(f64(1))).toThrow("on purpose");
    expect(c.value.itemSync()).toBe(1);
    fail = false;
    expect(f(f64(1)).itemSync()).toBe(2);
  });

  test("tensors closed over are constants; pending ones are computed first", () => {
    const k = f64([1, 2]).mul(3);
    const f = compile((x: Tensor) => x.add(k));
    expect(elements(f(f64([1, 1])))).toEqual([4, 7]);
    expect(elements(f(f64([2, 2])))).toEqual([5, 8]);
  });

  test("a compiled function inside another is simply the function, also inside grad and vmap", () => {
    const square = compile((x: Tensor) => x.mul(x));
    const f = compile((x: Tensor) => square(x).add(1));
    expect(f(f64(3)).itemSync()).toBe(10);
    expect(square.recompilations).toBe(0);
    expect(grad((x: Tensor) => square(x))(f64(3)).itemSync()).toBe(6);
    expect(elements(vmap(square)(f64([1, 2])))).toEqual([1, 4]);
  });

  test("results go on into eager computation and into other programs", () => {
    const f = compile((x: Tensor) => ({ y: x.mul(2), z: [x.sum()] }));
    const { y, z } = f(f64([1, 2]));
    expect(elements(y.add(z[0]!))).toEqual([5, 7]);
    expect(elements(f(f(y).y))).toEqual([8, 16, 12]);
    expect(elements(grad((x: Tensor) => x.mul(y).sum())(y))).toEqual([2, 4]);
  });

  test("a result may be an argument, a constant, or the same tensor twice", () => {
    const f = compile((x: Tensor) => [x, x, x.like(7), f64([5])]);
    expect(elements(f(f64([1, 2])))).toEqual([1, 2, 1, 2, 7, 7, 5]);
  });

  test("statics in the result are what they were when it was recorded; no result is fine", () => {
    expect(compile((x: Tensor) => ({ x, name: "n", none: null }))(f64(1))).toMatchObject({ name: "n", none: null });
    expect(compile(() => undefined)()).toBeUndefined();
  });

  test("random numbers inside advance their state from call to call", async () => {
    const { manualSeed, randomKey, uniform } = await import("../../src/math/random.ts");
    const f = compile(() => uniform(randomKey(), [3]));
    manualSeed(3);
    const first = elements([f(), f()]);
    expect(new Set(first).size).toBe(6);
    manualSeed(3);
    expect(elements([uniform(randomKey(), [3]), f()])).toEqual(first);
  });

  test("empty tensors pass", () => {
    const f = compile((x: Tensor) => [x.mul(2), x.sum()]);
    expectClose(f(zeros([0, 3], "f64")), [0]);
  });
});

describe("what compile refuses", () => {
  test("promises", () => {
    expect(() => compile(async (x: Tensor) => x)(f64(1))).toThrow(/compile: the function returned a promise.*synchronous/);
  });

  test("reading a value while recording: the message names where, cond and scan, and shows the remedy", () => {
    const f = compile((x: Tensor) => (x.sum().itemSync() > 0 ? x.neg() : x));
    expect(() => f(f64([1]))).toThrow(/compile: .*cannot be read(.|\n)*wrong:(.|\n)*right:(.|\n)*where or cond(.|\n)*scan/);
    const c = new Cell(f64(1), "rate");
    expect(() => compile(() => c.value.itemSync())()).toThrow(/rate.*cannot be read/);
  });

  test("a placeholder that escapes says so when it is read", () => {
    let escaped: Tensor | undefined;
    compile((x: Tensor) => {
      escaped = x.mul(2);
      return x;
    })(f64(1));
    expect(() => escaped!.itemSync()).toThrow(/cannot be read/);
  });

  test("setting a cell to another type", () => {
    const c = new Cell(f64(1), "w");
    expect(() => compile(() => c.set(f64([1])))()).toThrow(/set: w holds f64\[\], got f64\[1\]/);
  });
});
