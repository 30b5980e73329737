import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { backward, grad, jvp } from "../../src/function/derivative.ts";
import { show } from "../../src/function/show.ts";
import { vmap } from "../../src/function/vmap.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { setBackend } from "../../src/runtime/backend.ts";
import { Cell } from "../../src/runtime/cell.ts";

for (const backend of ["interpreter", "wasm"] as const) {
  test(`basic ${backend}`, () => {
    setBackend(backend);
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([...x.add(1).mul(2).dataSync()]).toEqual([4, 6, 8, 10, 12, 14]);
    expect([...x.sum(0).dataSync()]).toEqual([5, 7, 9]);
    expect([...x.transpose().dataSync()]).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...x.matmul(x.transpose()).dataSync()]).toEqual([14, 32, 32, 77]);
    expect([...x.maxWithIndex(1).indices.dataSync()]).toEqual([2, 2]);
    const g = grad((t: Tensor) => t.mul(t).sum())(x);
    expect([...g.dataSync()]).toEqual([2, 4, 6, 8, 10, 12]);
    const h = grad((t: Tensor) => grad((u: Tensor) => u.mul(t).mul(u).sum())(t).sum())(x);
    expect([...h.dataSync()]).toEqual([4, 8, 12, 16, 20, 24].map((v) => v));
  });
  test(`compile ${backend}`, () => {
    setBackend(backend);
    const w = new Cell(
      tensor([
        [1, 2],
        [3, 4],
      ]),
      "w",
    );
    const step = compile((x: Tensor) => {
      const { value, grads } = backward(() => x.matmul(w.value).tanh().sum(), [w]);
      w.set(w.value.sub(grads[0]!.mul(0.1)));
      return value;
    });
    const a = step(tensor([[1, 0]])).itemSync();
    expect(a).toBeCloseTo(Math.tanh(1) + Math.tanh(2), 5);
    const b = step(tensor([[1, 0]])).itemSync();
    expect(b).toBeLessThan(a);
    expect(step.recompilations).toBe(1);
    console.log(show((x: Tensor) => backward(() => x.matmul(w.value).tanh().sum(), [w]).grads, tensor([[1, 0]])));
  });
}
