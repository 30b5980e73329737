/**
 * @file vmap: a function of one example becomes a function of a batch; what is not mapped stays single (AD-6).
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { show } from "../../src/function/show.ts";
import { vmap } from "../../src/function/vmap.ts";
import { manualSeed, normal, randomKey, uniform } from "../../src/math/random.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { elements, expectClose, f64, onBothBackends, range } from "./backends.ts";

const shapes = (...list: Tensor[]): string => list.map((t) => `[${t.shape}]`).join(" ");

onBothBackends("vmap", () => {
  const x = f64([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  test("maps axis 0 of every argument and puts the batch first", () => {
    const y = vmap((a: Tensor, b: Tensor) => a.mul(b).sum())(x, x.add(1));
    expect(elements(y)).toEqual([1 * 2 + 2 * 3 + 3 * 4, 4 * 5 + 5 * 6 + 6 * 7]);
  });

  test("inAxes chooses the axis of each argument, also from the end; null shares the argument", () => {
    const f = (a: Tensor, b: Tensor): Tensor => a.mul(b).sum();
    expect(elements(vmap(f, { inAxes: [1, null] })(x, f64([10, 1])))).toEqual([14, 25, 36]);
    expect(elements(vmap(f, { inAxes: [-1, null] })(x, f64([10, 1])))).toEqual([14, 25, 36]);
    expect(elements(vmap((a: Tensor) => a.sum(), { inAxes: 1 })(x))).toEqual([5, 7, 9]);
  });

  test("outAxis says where the batch stands in the result", () => {
    const y = vmap((a: Tensor) => a.mul(2), { outAxis: 1 })(x);
    expect(shapes(y)).toBe("[3,2]");
    expect(elements(y)).toEqual([2, 8, 4, 10, 6, 12]);
  });

  test("trees in, trees out; statics pass; a result that does not depend on the batch is repeated", () => {
    const y = vmap((p: { a: Tensor; scale: number }) => ({ twice: p.a.mul(p.scale), one: f64(1) }))({ a: x, scale: 2 });
    expect(shapes(y.twice, y.one)).toBe("[2,3] [2]");
    expect(elements(y)).toEqual([2, 4, 6, 8, 10, 12, 1, 1]);
  });

  test("nested: an outer product from scalar multiplication", () => {
    const outer = vmap((a: Tensor) => vmap((b: Tensor) => a.mul(b))(f64([1, 10])));
    expect(elements(outer(f64([2, 3, 4])))).toEqual([2, 20, 3, 30, 4, 40]);
  });

  test("nested over different axes of one argument: all pairs", () => {
    const f = vmap((col: Tensor) => vmap((v: Tensor) => v.mul(v))(col), { inAxes: 1 });
    const y = f(x);
    expect(shapes(y)).toBe("[3,2]");
    expect(elements(y)).toEqual([1, 16, 4, 25, 9, 36]);
  });

  test("equals the loop over examples, for a function of many kinds of ops", () => {
    const f = (a: Tensor): Tensor =>
      a
        .reshape([1, 1, 3, 2])
        .conv(
          f64([
            [
              [
                [1, -1],
                [2, 0.5],
              ],
            ],
          ]),
          { padding: 1 },
        )
        .relu()
        .flatten()
        .concat([a.reshape([3, 2]).max(0), a.flip().tanh().slice([1], [5], [2])]);
    const xs = range(4, (n) => f64(range(6, (i) => Math.sin(7 * n + i))));
    const batch = f64(xs.map((t) => [...t.dataSync()]));
    expectClose(
      vmap(f)(batch),
      xs.flatMap((t) => elements(f(t))),
    );
    expectClose(
      compile(vmap(f))(batch),
      xs.flatMap((t) => elements(f(t))),
    );
  });

  test("derivatives through vmap, and vmap of derivatives, equal the loop", () => {
    const f = (a: Tensor): Tensor => a.mul(a).mul(a.cast("f32").cast("f64")).sum();
    expectClose(
      grad((b: Tensor) => vmap(f)(b).sum())(x),
      elements(x).map((v) => 3 * v * v),
    );
    expectClose(
      vmap(grad(f))(x),
      elements(x).map((v) => 3 * v * v),
    );
    expectClose(vmap((a: Tensor) => jvp(f)([a], [a.like(1)]).tangent)(x), [3 * 14, 3 * 77]);
    expectClose(jvp((b: Tensor) => vmap(f)(b))([x], [x.like(1)]).tangent, [3 * 14, 3 * 77]);
    expectClose(vmap(vmap(grad((v: Tensor) => v.sin())))(x), elements(x).map(Math.cos));
  });
});

describe("nothing unmapped is expanded", () => {
  const batch = zeros([8, 3]);
  const w = tensor(range(3, (i) => [i, 1, 2, 3, 4])).named("w");

  test("vmap of a matrix-vector product is one matrix product", () => {
    const tape = show(
      vmap((x: Tensor) => x.matmul(w)),
      batch,
    );
    expect(tape.match(/ = dot /g)).toHaveLength(1);
    expect(tape).not.toMatch(/broadcast|f32\[8,3,5\]/);
  });

  test("and so is its derivative with respect to the matrix", () => {
    const loss = (m: Tensor): Tensor => vmap((x: Tensor) => x.matmul(m).sum())(batch).sum();
    const tape = show(grad(loss), w);
    expect(tape.match(/ = dot /g)).toHaveLength(1);
    expect(tape).not.toMatch(/\[8,3,5\]/);
  });

  test("what does not depend on the batch is computed once", () => {
    const tape = show(
      vmap((x: Tensor) => x.add(w.sum(1).tanh().sum())),
      batch,
    );
    expect(tape).toMatch(/f32\[3\] = tanh/);
  });
});

onBothBackends("cells and randomness under vmap", () => {
  test("a mapped value may not be written to a cell; the message says what to do", () => {
    const c = new Cell(f64(1), "running mean");
    const f = vmap((x: Tensor) => {
      c.set(x);
      return x;
    });
    expect(() => f(f64([1, 2]))).toThrow(/vmap: running mean .*differs between the examples.*Return the value.*mean/);
    expect(c.value.itemSync()).toBe(1);
  });

  test("a value that all examples share may be", () => {
    const c = new Cell(f64(1), "count");
    vmap((x: Tensor) => {
      c.set(c.value.add(1));
      return x;
    })(f64([1, 2, 3]));
    expect(c.value.itemSync()).toBe(2);
  });

  test("implicit keys differ from example to example and from call to call, and follow the seed", () => {
    const draw = vmap((x: Tensor) => x.add(uniform(randomKey(), [2])));
    manualSeed(7);
    const [a, b] = [elements(draw(zeros([3]))), elements(draw(zeros([3])))];
    expect(new Set([...a, ...b]).size).toBe(12);
    manualSeed(7);
    expect(elements(draw(zeros([3])))).toEqual(a);
    expect(elements(compile(draw)(zeros([3])))).toEqual(b);
  });

  test("nested vmaps fold in both indices", () => {
    manualSeed(1);
    const y = vmap((row: Tensor) => vmap((x: Tensor) => x.add(normal(randomKey(), [])))(row))(zeros([3, 4]));
    expect(new Set(elements(y)).size).toBe(12);
  });
});

describe("what vmap refuses", () => {
  test("batches of different sizes, missing axes, nothing to map", () => {
    const f = vmap((a: Tensor, b: Tensor) => a.add(b));
    expect(() => f(zeros([2]), zeros([3]))).toThrow(/argument 1 has 3 examples along axis 0 of \[3\], others have 2/);
    expect(() => vmap((a: Tensor) => a)(f64(1))).toThrow(/vmap: argument 0/);
    expect(() => vmap((a: Tensor) => a, { inAxes: null as never })(f64(1))).toThrow();
    expect(() => vmap(() => f64(1))()).toThrow(/no tensor is mapped/);
  });

  test("reading one example's value", () => {
    expect(() => vmap((a: Tensor) => a.mul(a.itemSync()))(f64([1, 2]))).toThrow(/vmap: .*cannot be read(.|\n)*where/);
  });
});
