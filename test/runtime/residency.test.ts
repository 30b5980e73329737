/**
 * @file Where cells live: their first values are computed straight into their blocks, constants need no program, and nobody's tensor changes when a
 * block is written to.
 */

import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import * as random from "../../src/math/random.ts";
import { full, ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Arena } from "../../src/runtime/arena.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { counters } from "../../src/runtime/compile.ts";
import { LinearMemory } from "../../src/runtime/wasm/memory.ts";
import { elements, onBothBackends } from "../function/backends.ts";

const draw = (n: number, seed = 1): Tensor => random.uniform(random.keyOf(seed), [n]);

onBothBackends("first values", () => {
  test("are the tensor's that the cell was made with, whoever reads first", () => {
    const want = elements(draw(100));
    const held = draw(100);
    const cell = new Cell(held);
    const add = compile(() => cell.set(cell.value.add(1)));
    add();
    expect(elements(cell.value)).toEqual(elements(tensor(want).add(1)));
    expect(elements(held)).toEqual(want);

    const before = new Cell(draw(100));
    expect(elements(before.value)).toEqual(want);
    const kept = before.value;
    compile(() => before.set(before.value.mul(2)))();
    expect(elements(kept)).toEqual(want);
    expect(elements(before.value)).toEqual(elements(tensor(want).mul(2)));
  });

  test("of one tensor in two cells are two values", () => {
    const shared = draw(10, 2);
    const [a, b] = [new Cell(shared), new Cell(shared)];
    compile(() => {
      a.set(a.value.add(b));
    })();
    expect(elements(b.value)).toEqual(elements(shared));
    expect(elements(a.value)).toEqual(elements(shared.mul(2)));
  });

  test("are lost where a program only writes the cell", () => {
    const cell = new Cell(draw(10, 3));
    const { compilations } = counters;
    compile(() => cell.set(ones([10])))();
    expect(counters.compilations).toBe(compilations + 1);
    expect(elements(cell.value)).toEqual(Array(10).fill(1));
  });

  test("of another network of the same layout take no other program", () => {
    const net = (seed: number): Cell[] => [7, 12].map((n) => new Cell(draw(n, seed)));
    const run = ([a, b]: Cell[]): number[] => elements(compile((): Tensor => a!.value.sum().add(b!.value.sum()))());
    const first = run(net(4));
    const { compilations } = counters;
    expect(run(net(5))).not.toEqual(first);
    expect(run(net(4))).toEqual(first);
    expect(counters.compilations).toBe(compilations + 2);
  });

  test("that are constants are filled in, also where memory was used before", () => {
    const bytes = 4 * 1000;
    const arena = theArena();
    const at = arena.allocate(bytes);
    arena.memory.fill("u8", at, bytes, 7);
    arena.release(at);
    const cells = [zeros([1000]), full([1000], 2.5), full([1000], -3, "i32"), full([1000], 1, "bool")].map((x) => new Cell(x));
    const { compilations } = counters;
    const sums = compile(() => cells.map((cell) => cell.value.cast("f32").sum()))();
    expect(elements(sums)).toEqual([0, 2500, -3000, 1000]);
    expect(counters.compilations).toBe(compilations + 1);
  });
});

describe("a tensor that someone holds", () => {
  test("survives that its cell is set, and runs again", () => {
    const cell = new Cell(zeros([2]));
    const add = compile(() => cell.set(cell.value.add(1)));
    add();
    const one = cell.value;
    cell.set(full([2], 5));
    add();
    expect(elements(one)).toEqual([1, 1]);
    expect(elements(cell.value)).toEqual([6, 6]);
    cell.set(cell.value);
    const six = cell.value;
    add();
    expect(elements(six)).toEqual([6, 6]);
  });
});

describe("memory", () => {
  test("of random first values is taken once", () => {
    const n = 1 << 20;
    const cell = new Cell(draw(n, 6));
    const total = compile((): Tensor => cell.value.sum());
    const before = theArena().used;
    total();
    expect(theArena().used - before).toBeLessThan(4 * n + 65536);
  });

  test("given out as zeros is zero, fresh or used", () => {
    const arena = new Arena(new LinearMemory());
    const used = arena.allocate(1000);
    arena.memory.view("u8", used, 1000).fill(1);
    arena.release(used);
    for (const bytes of [500, 100_000, 3000]) {
      const at = arena.allocateZeros(bytes);
      expect(arena.memory.view("u8", at, bytes).every((x: number) => x === 0)).toBe(true);
      arena.memory.view("u8", at, bytes).fill(9);
    }
  });
});
