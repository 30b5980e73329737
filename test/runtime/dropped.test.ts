/**
 * @file Memory that nobody holds any more comes back: models and programs that are created and dropped in a synchronous loop, where no finalizer
 * runs; and what is still held comes back from eviction with its values. The arena is made small, so that it is full at once.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Parameter, State } from "../../src/nn/parameter.ts";
import { full, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { residencyOf } from "../../src/runtime/residency.ts";
import { elements } from "../function/backends.ts";
import { sized } from "../size.ts";

const MIB = 2 ** 20;
const arena = theArena();
const { most } = arena;

beforeEach(() => {
  arena.most = 8 * MIB;
});

afterEach(() => {
  arena.most = most;
});

function stepOf(model: Linear, optimizer: Adam): (x: Tensor) => Tensor {
  return compile((x: Tensor) => {
    const { value, grads } = backward(() => model.forward(x).square().mean(), model.parameters());
    optimizer.step(grads);
    return value;
  });
}

describe("models that are created and dropped in a synchronous loop", () => {
  const train = (): { model: Linear; optimizer: Adam; loss: number } => {
    const model = new Linear(200, 200); // with Adam's moments half a megabyte
    const optimizer = new Adam(model.parameters());
    const step = stepOf(model, optimizer);
    step(full([1, 200], 1));
    return { model, optimizer, loss: step(full([1, 200], 1)).itemSync() };
  };

  test("never fill the arena", () => {
    for (let i = 0; i < sized(20, 40); i++) expect(train().loss).toBeGreaterThan(0);
    expect(arena.size).toBeLessThanOrEqual(8 * MIB);
  });

  test.each([false, true])("never fill it, hundreds of them (disposed of: %s)", (dispose) => {
    const x = full([1, 200], 1);
    for (let i = 0; i < sized(200, 500); i++) {
      const model = new Linear(200, 200);
      const optimizer = new Adam(model.parameters());
      const { value, grads } = backward(() => model.forward(x).square().mean(), model.parameters());
      optimizer.step(grads);
      expect(value.itemSync()).toBeGreaterThan(0);
      if (dispose) for (const owner of [model, optimizer]) owner.dispose();
    }
    expect(arena.size).toBeLessThanOrEqual(8 * MIB);
  });

  test("take no memory at all when they are disposed of", () => {
    arena.evictAll();
    const { used } = arena;
    for (let i = 0; i < 4; i++) {
      const { model, optimizer } = train();
      model.dispose();
      optimizer.dispose();
    }
    arena.evictAll(); // the scratch zone
    expect(arena.used).toBe(used);
  });

  test("and do not when they were never run, or only read", () => {
    const { used } = arena;
    for (let i = 0; i < 500; i++) new Adam(new Linear(300, 300).parameters());
    for (let i = 0; i < 5; i++) expect(new Linear(300, 300).forward(zeros([1, 300])).size).toBe(300);
    expect(tensor([1]).add(1).itemSync()).toBe(2);
    expect(arena.used - used).toBeLessThan(4 * MIB);
  });

  test("leave a model that is in use its values", () => {
    const kept = train();
    const weight = elements(kept.model.weight.value);
    const step = stepOf(kept.model, kept.optimizer);
    for (let i = 0; i < 20; i++) train();
    expect(residencyOf(kept.model.weight)).toBe("evicted");
    expect(elements(kept.model.weight.value)).toEqual(weight);
    const before = kept.loss;
    expect(step(full([1, 200], 1)).itemSync()).toBeLessThan(before);
    expect(residencyOf(kept.model.weight)).toBe("resident");
  });
});

describe("programs that are created and dropped", () => {
  test("give their constants back", () => {
    const { used } = arena;
    for (let i = 0; i < 50; i++) {
      const constant = tensor(new Float32Array(50_000).fill(i));
      expect(compile((): Tensor => constant.sum())().itemSync()).toBe(50_000 * i);
    }
    for (let i = 0; i < 5; i++) {
      const constant = tensor(new Float32Array(50_000).fill(i));
      using total = compile((): Tensor => constant.sum());
      total();
    }
    expect(arena.size).toBeLessThanOrEqual(8 * MIB);
    expect(arena.used - used).toBeLessThan(8 * MIB);
  });

  test("leave no block behind that is not a cell's", () => {
    const x = tensor([1, 2]);
    const run = (): number => compile((y: Tensor): Tensor => y.mul(2).sum())(x).itemSync();
    run();
    const { used } = arena;
    for (let i = 0; i < 30; i++) run();
    expect(arena.used).toBe(used);
  });
});

describe("a full arena", () => {
  const mib = (n: number, value: number): Cell => new Cell(full([n, MIB / 4], value));
  const add = (cell: Cell): void => compile(() => cell.set(cell.value.add(1)))();
  const first = (cell: Cell): number => cell.value.dataSync()[0]!;

  test("evicts what was not used for the longest time", () => {
    const [a, b, c] = [mib(3, 1), mib(3, 2), mib(3, 3)];
    add(a);
    add(b);
    add(a);
    add(c);
    expect([a, b, c].map(residencyOf)).toEqual(["resident", "evicted", "resident"]);
    expect([a, b, c].map(first)).toEqual([3, 3, 4]);
    add(b);
    expect(first(b)).toBe(4);
  });

  test("makes room for a large cell among small ones that are idle", () => {
    const small = Array.from({ length: 28 }, (_, i) => new Cell(full([MIB / 16], i)));
    for (const cell of small) add(cell);
    // Every other one goes, so that no gap is large.
    for (let i = 0; i < 28; i += 2) small[i]!.dispose();
    const large = mib(6, 5);
    add(large);
    expect(first(large)).toBe(6);
    for (let i = 1; i < 28; i += 2) expect(first(small[i]!)).toBe(i + 1);
  });

  test("moves the cells of a program together when only that makes room", () => {
    const parts = Array.from({ length: 7 }, (_, i) => new Cell(full([MIB / 4], i)));
    for (const cell of parts) add(cell);
    const kept = [parts[0]!, parts[2]!, parts[4]!, parts[6]!];
    for (const i of [1, 3, 5]) parts[i]!.dispose();
    const large = mib(3, 10);
    const all = compile(() => {
      const sum = kept.reduce((total: Tensor, cell) => total.add(cell.value), zeros([MIB / 4]));
      large.set(large.value.add(sum));
      for (const cell of kept) cell.set(cell.value.add(1));
    });
    all();
    expect(first(large)).toBe(10 + 1 + 3 + 5 + 7);
    expect(kept.map(first)).toEqual([2, 4, 6, 8]);
  });

  test("is given the scratch zone back", () => {
    const wide = compile((x: Tensor): Tensor => x.add(1));
    wide(zeros([MIB / 2])); // 2 MiB in, 2 MiB out
    const cell = mib(5, 1);
    add(cell);
    expect(first(cell)).toBe(2);
    expect(wide(zeros([10])).dataSync()[9]).toBe(1);
  });

  test("refuses what cannot be, with the sizes, and all goes on as before", () => {
    const [a, b] = [mib(5, 1), mib(5, 2)];
    const both = compile(() => {
      a.set(a.value.add(b));
      b.set(b.value.add(1));
    });
    const { used } = arena;
    expect(both).toThrow(/needs \d+ MiB of scratch memory and 10 MiB for its cells, and the memory ends at 8 MiB/);
    expect([a, b].map(first)).toEqual([1, 2]);
    expect(arena.used).toBe(used);
    add(a);
    add(b);
    expect([a, b].map(first)).toEqual([2, 3]);
  });

  test("grows behind the free range at its end", () => {
    const rows = (n: number): number =>
      full([n, MIB / 4], 1)
        .add(zeros([1, 1]))
        .dataSync().length;
    expect(rows(3)).toBe((3 * MIB) / 4);
    expect(rows(4)).toBe(MIB);
    expect(rows(5)).toBe((5 * MIB) / 4);
    expect(rows(6)).toBe((6 * MIB) / 4);
  });
});

describe("dispose", () => {
  test("frees at once, and using the cell is an error that names it", () => {
    const weight = new Parameter(full([MIB / 4], 1), "weight");
    const step = compile((): Tensor => {
      weight.set(weight.value.mul(2));
      return weight.value.sum();
    });
    step();
    const { used } = arena;
    weight.dispose();
    expect(arena.used).toBe(used - MIB);
    const disposed = /weight: f32\[262144\] was disposed of/;
    expect(() => weight.value).toThrow(disposed);
    expect(() => weight.set(full([MIB / 4], 1))).toThrow(disposed);
    expect(() => step()).toThrow(disposed);
    expect(() => compile((): Tensor => weight.value.sum())()).toThrow(disposed);
    expect(() => full([MIB / 4], 1).add(weight)).toThrow(disposed);
    expect(residencyOf(weight)).toBe("disposed");
    weight.dispose();
  });

  test("leaves tensors that were read before their elements", () => {
    const cell = new State(tensor([1, 2, 3]), { label: "kept" });
    compile(() => cell.set(cell.value.mul(2)))();
    const held = cell.value;
    const pending = cell.value.add(1);
    cell.dispose();
    expect(elements(held)).toEqual([2, 4, 6]);
    expect(elements(pending)).toEqual([3, 5, 7]);
  });

  test("of a model and an optimizer leaves nothing, and a step then changes nothing", () => {
    const { used } = arena;
    const other = new Parameter(tensor([1]), "other");
    {
      using model = new Linear(200, 200);
      using optimizer = new Adam(model.parameters());
      const step = stepOf(model, optimizer);
      step(zeros([1, 200]));
      expect(arena.used).toBeGreaterThan(used);
    }
    const model = new Linear(2, 2);
    const optimizer = new Adam([...model.parameters(), other]);
    model.bias!.dispose();
    expect(() => optimizer.step(optimizer.parameters.map((p) => full(p.shape, 1)))).toThrow(/bias.* was disposed of/);
    expect(elements(other.value)).toEqual([1]);
    optimizer.dispose();
    expect(() => new Adam([other]).loadStateDict(optimizer.stateDict())).toThrow();
    expect(arena.used - used).toBeLessThan(65536);
  });
});
