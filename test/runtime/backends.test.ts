/**
 * @file What a backend must be, shown on one whose memory the host cannot read at once: values stay there, reads give the value at the time of the
 * call, and what needs a value at once says why it cannot have it.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import { nonzero } from "../../src/math/indexing.ts";
import { Linear } from "../../src/nn/linear.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { LBFGS } from "../../src/optim/lbfgs.ts";
import { BACKENDS, type BackendName, backendName, theArena, theBackend } from "../../src/runtime/backends.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { toy } from "./toy.ts";

const before = backendName();
beforeAll(() => {
  BACKENDS.set("toy", toy);
  setBackend("toy" as BackendName);
});
afterAll(() => {
  setBackend(before);
  BACKENDS.delete("toy");
});

const away = /the elements lie in the memory of the backend "toy", which cannot be read at once; use await x\.data\(\)/;

describe("a backend whose reads take 10 ms", () => {
  test("computes, eagerly and compiled", async () => {
    const x = tensor([1, 2, 3]);
    const y = x.mul(2).add(1);
    expect([...(await y.data())]).toEqual([3, 5, 7]);
    const f = compile((a: Tensor, b: Tensor) => ({ dot: a.mul(b).sum(), slope: grad((c: Tensor) => c.mul(c).sum())(a) }));
    // A result is an argument of the next program without coming to the host.
    const { dot, slope } = f(x, y);
    expect([await dot.item(), ...(await slope.data())]).toEqual([34, 2, 4, 6]);
    expect([...(await f(slope, y).slope.data())]).toEqual([4, 8, 12]);
    expect(theBackend().features()).toEqual(["slow reads"]);
  });

  test("programs are planned for its machine, within a budget too", async () => {
    for (const memory of [undefined, "1MB"]) {
      const texts: string[] = [];
      const f = compile((a: Tensor) => a.mul(a).add(a.sigmoid()), {
        memory,
        dump: (pass, text) => pass === "schedule" && texts.push(text),
      });
      const y = f(tensor(Float32Array.from({ length: 40 }, (_, i) => i)));
      expect((await y.data())[3]).toBeCloseTo(9 + 1 / (1 + Math.exp(-3)), 5);
      expect(texts.join()).toMatch(/:8\]/);
    }
  });

  test("data() gives the value at the time of the call, whatever steps run before it resolves", async () => {
    const cell = new Cell(tensor([1, 1]));
    const step = compile(() => cell.set(cell.value.add(1)));
    step();
    const reads = Array.from({ length: 4 }, () => {
      const read = cell.value.data();
      step();
      step();
      return read;
    });
    cell.set(tensor([0, 0]));
    expect((await Promise.all(reads)).map((values) => [...values])).toEqual([2, 4, 6, 8].map((n) => [n, n]));
    const last = cell.value.add(5).data();
    step();
    cell.dispose();
    tensor([9, 9]).add(1);
    expect([...(await last)]).toEqual([5, 5]);
  });

  test("a tensor that someone holds keeps its elements when its cell is written or disposed of", async () => {
    const cell = new Cell(tensor([1, 2]));
    const step = compile(() => cell.set(cell.value.mul(10)));
    step();
    const held = cell.value;
    step();
    const later = cell.value;
    cell.dispose();
    const other = new Cell(zeros([2]));
    compile(() => other.set(other.value.add(7)))();
    expect([...(await held.data()), ...(await later.data()), ...(await other.value.data())]).toEqual([10, 20, 100, 200, 7, 7]);
  });

  test("training in place takes no more memory after the first steps", async () => {
    const model = new Linear(3, 2);
    const optimizer = new Adam(model.parameters(), { lr: 0.1 });
    const x = tensor([[1, 2, 3]]);
    const step = compile(() => {
      const { value, grads } = backward(() => model.forward(x).mul(model.forward(x)).sum(), optimizer.parameters);
      optimizer.step(grads);
      return value;
    });
    const first = await step().item();
    const { used } = theArena();
    for (let i = 0; i < 20; i++) step();
    expect(await step().item()).toBeLessThan(first);
    // Results that nobody reads wait for the collector: 64 bytes each.
    expect(theArena().used - used).toBeLessThanOrEqual(21 * 64);
  });

  test("what needs a value at once names the backend", () => {
    const y = tensor([1, 0]).mul(2);
    expect(() => y.dataSync()).toThrow(away);
    expect(() => y.sum().itemSync()).toThrow(away);
    expect(() => y.toArray()).toThrow(away);
    expect(() => nonzero(y)).toThrow(away);
    expect(y.toString()).toBe('Tensor f32[2] (in the memory of the backend "toy")');
    const model = new Linear(2, 1);
    const optimizer = new LBFGS(model.parameters());
    expect(() => optimizer.step(() => backward(() => model.forward(tensor([[1, 2]])).sum(), optimizer.parameters))).toThrow(away);
    const hunted = compile((x: Tensor) => x.sqrt(), { debug: "nan" });
    expect(() => hunted(y)).toThrow(away);
  });

  test("values move to another backend only if the host can read them", async () => {
    const cell = new Cell(tensor([1, 2]));
    const step = compile(() => cell.set(cell.value.add(1)));
    setBackend("wasm");
    step();
    setBackend("toy" as BackendName);
    step();
    setBackend("wasm");
    expect(step).toThrow(away);
    setBackend("toy" as BackendName);
    expect([...(await cell.value.data())]).toEqual([3, 4]);
  });
});
