/**
 * @file When values are computed: results of one call together, long pending lists on the way, pending cells with whatever is read first.
 */
import { describe, expect, test } from "vitest";
import { backward, jvp, valueAndGrad, vjp } from "../../src/function/derivative.ts";
import { arange, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { counters } from "../../src/runtime/compile.ts";
import { elements, f64, onBothBackends } from "./backends.ts";

/** How many programs are compiled while `fn` runs. */
function compilations(fn: () => unknown): number {
  const before = counters.compilations;
  fn();
  return counters.compilations - before;
}

onBothBackends("results of one call are computed together", () => {
  test("reading the loss computes the gradients too: the forward pass does not run twice", () => {
    const [x, w] = [
      f64([
        [1, 2],
        [3, 4],
      ]),
      f64([0.5, -1.5]),
    ];
    const { value, grad: g } = valueAndGrad((v: Tensor) => x.matmul(v).tanh().sum())(w);
    expect(compilations(() => value.itemSync())).toBeLessThanOrEqual(1);
    expect(g.isComputed).toBe(true);
    expect(compilations(() => elements(g))).toBe(0);
  });

  test("also of backward with the cells it sets, of jvp and of vjp", () => {
    const [w, c] = [new Cell(f64([1, 2]), "w"), new Cell(f64(0), "c")];
    const { value, grads } = backward(() => {
      c.set(w.value.sum());
      return w.value.exp().sum();
    }, [w]);
    value.itemSync();
    expect([grads[0]!, c.value].map((t) => t.isComputed)).toEqual([true, true]);

    const forward = jvp((v: Tensor) => [v.exp(), v.sin()])([f64([1])], [f64([1])]);
    forward.value[0]!.dataSync();
    expect([...forward.value, ...forward.tangent].every((t) => t.isComputed)).toBe(true);

    const { value: y, pullback } = vjp((a: Tensor, b: Tensor) => a.mul(b))(f64(2), f64(3));
    y.itemSync();
    const [da, db] = pullback(f64(1));
    da.itemSync();
    expect(db.isComputed).toBe(true);
  });

  test("but nothing else is: an unrelated pending tensor stays pending", () => {
    const other = f64([1, 2]).exp();
    f64([3]).exp().dataSync();
    expect(other.isComputed).toBe(false);
  });
});

onBothBackends("what is computed is remembered", () => {
  test("a computed tensor is not computed again, and forgets its operands", () => {
    const y = f64([1, 2]).mul(3);
    y.dataSync();
    expect(y.source.operands).toEqual([]);
    expect(compilations(() => y.dataSync())).toBe(0);
  });

  test("the same computation on other values uses the same program", () => {
    const run = (a: number): number =>
      f64([a, 2])
        .mul(f64([3, a]))
        .tanh()
        .sum()
        .itemSync();
    run(1);
    expect(compilations(() => run(2))).toBe(0);
    expect(run(2)).toBeCloseTo(Math.tanh(6) + Math.tanh(4), 12);
  });

  test("constants need no program at all", () => {
    expect(compilations(() => zeros([1000]).dataSync())).toBe(0);
  });

  test("data() and item() are the asynchronous forms", async () => {
    expect([...(await f64([1, 2]).add(1).data())]).toEqual([2, 3]);
    expect(await f64([1, 2]).sum().item()).toBe(3);
    expect(() => f64([1, 2]).itemSync()).toThrow(/has 2 elements, want exactly one/);
  });
});

onBothBackends("cells that wait are computed with whatever is read first", () => {
  test("an optimizer loop without a read of the cells does not pile up work", () => {
    const w = new Cell(f64([1, 2]), "w");
    for (let i = 0; i < 5; i++) {
      w.set(w.value.mul(2));
      f64([i]).exp().dataSync();
      expect(w.current.isComputed).toBe(true);
    }
    expect(elements(w.value)).toEqual([32, 64]);
  });
});

describe("a loop without a read", () => {
  const rounds = 100_000;

  test("of a hundred thousand additions stays bounded in time, memory and programs", () => {
    const one = tensor([1]);
    let total = tensor([0]);
    let deepest = 0;
    const made = compilations(() => {
      for (let i = 0; i < rounds; i++) {
        total = total.add(one);
        deepest = Math.max(deepest, total.depth);
      }
    });
    expect(total.dataSync()[0]).toBe(rounds);
    expect(deepest).toBeLessThan(rounds / 10);
    // Every flush has the same content, so it is one program used again and again.
    expect(made).toBeLessThanOrEqual(2);
  });

  test("is also bounded for cells", () => {
    const c = new Cell(arange(3, "f32").add(0), "c");
    for (let i = 0; i < 20_000; i++) c.set(c.value.add(1));
    expect(elements(c.value)).toEqual([20_000, 20_001, 20_002]);
  });
});
