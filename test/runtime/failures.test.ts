/**
 * @file Every failure inside the runtime leaves cells, pending values and the arena as they were: each thing that the runtime takes (a block, an
 * array, a module, an instance, a host function's work) fails in turn, and then all goes on as if nothing had been.
 */

import { afterEach, describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { scan } from "../../src/function/control.ts";
import { backward } from "../../src/function/derivative.ts";
import { cholesky } from "../../src/math/linalg.ts";
import * as random from "../../src/math/random.ts";
import { Linear } from "../../src/nn/linear.ts";
import { full, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { Arena, faults } from "../../src/runtime/arena.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { Executable } from "../../src/runtime/executable.ts";
import { residencyOf } from "../../src/runtime/residency.ts";
import { LinearMemory } from "../../src/runtime/wasm/memory.ts";
import { fit } from "../../src/train/fit.ts";
import { elements, f64 } from "../function/backends.ts";

class Injected extends Error {}

const { Module, Instance } = WebAssembly;
const { sqrt } = Math;

/** Calls of things that can fail, so far; number `failing` does. */
let calls = 0;
let failing = Number.POSITIVE_INFINITY;

function point(): void {
  if (calls++ === failing) throw new Injected(`injected failure ${failing}`);
}

function arm(n: number): void {
  [calls, failing] = [0, n];
  faults.beforeTaking = point;
  const counting = <C extends new (...args: never[]) => object>(original: C): C =>
    new Proxy(original, {
      construct(target, args) {
        point();
        return Reflect.construct(target, args);
      },
    }) as C;
  WebAssembly.Module = counting(Module);
  WebAssembly.Instance = counting(Instance);
  Math.sqrt = (x) => {
    point();
    return sqrt(x);
  };
}

function disarm(): void {
  faults.beforeTaking = undefined;
  WebAssembly.Module = Module;
  WebAssembly.Instance = Instance;
  Math.sqrt = sqrt;
}

afterEach(disarm);

interface Scenario {
  /** What is tried; gives what it computes. */
  run(): number[];
  /** What must not change when it fails. */
  state(): number[];
}

/** Fails at every point in turn; returns how many there were. Each time a new start, a failure, the same state, and the right results after it. */
function failEverywhere(make: () => Scenario): number {
  const reference = make();
  const want = reference.run();
  const after = reference.state();
  for (let n = 0; ; n++) {
    const { run, state } = make();
    // The state is known beforehand, and not read: reading would change where it lies.
    const before = make().state();
    arm(n);
    let failed = true;
    try {
      run();
      failed = false;
    } catch (error) {
      if (!(error instanceof Injected)) throw error;
    } finally {
      disarm();
    }
    if (!failed) return n;
    expect(state(), `state after failure ${n}`).toEqual(before);
    expect(run(), `results after failure ${n}`).toEqual(want);
    expect(state(), `state in the end, after failure ${n}`).toEqual(after);
  }
}

let shape = 20;
/** A size that no earlier program had, so that it must be compiled. */
const fresh = (): number => ++shape;

describe("every failure in turn leaves all as it was", () => {
  test("of reading pending values, and cells with them", () => {
    const points = failEverywhere(() => {
      const n = fresh();
      const x = tensor(Float32Array.from({ length: 12 }, (_, i) => i));
      const y = x
        .mul(2)
        .add(zeros([n, 1]))
        .max(0);
      const z = y.add(1);
      const cell = new Cell(random.uniform(random.keyOf(3), [12]));
      const set = new Cell(zeros([12]), "set");
      set.set(set.value.add(y));
      return {
        run: () => elements([z, cell.value.mul(1)]),
        state: () => elements([x, cell.value]),
      };
    });
    expect(points).toBeGreaterThan(2);
  });

  test("of a compiled step that writes its cells in place", () => {
    const points = failEverywhere(() => {
      const [a, b, held] = [new Cell(f64([1, 2, 3]), "a"), new Cell(full([3], 2, "f64"), "b"), new Cell(zeros([3], "f64"), "held")];
      const step = compile((x: Tensor): Tensor => {
        a.set(a.value.add(x).mul(b.value));
        b.set(a.value.sub(1));
        held.set(held.value.add(a.value));
        return a.value.sum();
      });
      return {
        run: () => {
          const outside = held.value;
          const result = step(f64([1, 1, 1]));
          return elements([result, outside]);
        },
        state: () => elements([a.value, b.value, held.value]),
      };
    });
    expect(points).toBeGreaterThan(4);
  });

  test("of a second step, when all is in place and someone holds a tensor", () => {
    failEverywhere(() => {
      const cell = new Cell(f64([1, 2, 3]), "cell");
      const step = compile((): Tensor => {
        cell.set(cell.value.mul(2));
        return cell.value.sum();
      });
      step();
      const outside = cell.value;
      return { run: () => [...elements(step()), ...elements(outside)], state: () => elements(cell.value) };
    });
  });

  test("of a training step with Adam", () => {
    const points = failEverywhere(() => {
      random.manualSeed(1);
      const model = new Linear(3, 2);
      const optimizer = new Adam(model.parameters());
      const step = compile((x: Tensor) => {
        const { value, grads } = backward(() => model.forward(x).square().mean(), model.parameters());
        optimizer.step(grads);
        return value;
      });
      const cells = [...model.parameters(), ...optimizer.stateDict().values()];
      return { run: () => elements(step(full([4, 3], 0.5))), state: () => elements(cells.map((cell) => cell.value)) };
    });
    expect(points).toBeGreaterThan(10);
  });

  test("of host functions before, between and in loops around writes", () => {
    const points = failEverywhere(() => {
      const [a, b, c] = [
        new Cell(
          f64([
            [4, 1],
            [1, 3],
          ]),
          "a",
        ),
        new Cell(zeros([2, 2], "f64"), "b"),
        new Cell(full([2, 2], 1, "f64"), "c"),
      ];
      const step = compile((): Tensor => {
        a.set(a.value.mul(2));
        const l = cholesky(a.value);
        b.set(b.value.add(l));
        const [, parts] = scan(
          (_: null, x: Tensor) => {
            c.set(c.value.add(cholesky(a.value.mul(x))));
            return [null, c.value.sum()];
          },
          null,
          f64([1, 2, 3]),
        );
        return parts as Tensor;
      });
      step();
      return { run: () => elements(step()), state: () => elements([a.value, b.value, c.value]) };
    });
    expect(points).toBeGreaterThan(8);
  });

  test("of evicting, when the arena is full", () => {
    const arena = theArena();
    const { most } = arena;
    arena.evictAll();
    arena.most = Math.max(arena.size, 4 * 2 ** 20);
    try {
      const cells = Array.from({ length: 5 }, (_, i) => new Cell(full([2 ** 18], i), `c${i}`));
      const add = cells.map((cell) => compile(() => cell.set(cell.value.add(1))));
      const done = cells.map(() => 0);
      for (let n = 0; n < 40; n++) {
        arm(n % 7);
        try {
          add[n % 5]!();
          done[n % 5]!++;
        } catch (error) {
          expect(error).toBeInstanceOf(Injected);
        } finally {
          disarm();
        }
        expect(cells.map((cell) => cell.value.dataSync()[9])).toEqual(done.map((k, i) => k + i));
      }
      expect(done.every((k) => k > 0)).toBe(true);
    } finally {
      arena.most = most;
    }
  });

  test("of fit: a new run gives what it always gives", async () => {
    const inputs = Float32Array.from({ length: 32 }, (_, i) => Math.sin(i));
    const split = { inputs, targets: Int32Array.from({ length: 16 }, (_, i) => i % 2), count: 16 };
    const data = { name: "d", train: split, test: split, classes: ["a", "b"], inputShape: [2], task: "classification" as const };
    const run = async (): Promise<number[]> => {
      random.manualSeed(7);
      const model = new Linear(2, 2);
      await fit(model, data, { epochs: 1, batchSize: 8, optimizer: new Adam(model.parameters()) });
      return elements(model.parameters().map((p) => p.value));
    };
    const want = await run();
    let failures = 0;
    for (const n of [0, 3, 7, 12, 20, 33, 54]) {
      arm(n);
      const failed = await run().then(
        () => false,
        (error) => error instanceof Injected || String(error).includes("injected"),
      );
      disarm();
      if (failed) failures++;
      expect(await run()).toEqual(want);
    }
    expect(failures).toBeGreaterThan(3);
  });
});

describe("a kernel that fails", () => {
  const make = (main: (at: number) => void): { cell: Cell; other: Cell; step: () => unknown } => {
    const arena = new Arena(new LinearMemory());
    const [cell, other] = [new Cell(tensor([1, 2]), "written"), new Cell(tensor([5]), "read")];
    const roles = { inputs: [cell, other], outputs: [cell] };
    const layout = { scratch: 64, inputs: [-1, -1], outputs: [-1], work: 0, atRisk: [] };
    const executable = new Executable(layout, main, arena, [cell, other], roles, { inputs: [cell, other], outputs: [cell] });
    return { cell, other, step: () => executable.run([], [cell, other]) };
  };

  test("loses what it was writing, which says so, until it is set; what it reads stays", () => {
    const { cell, other, step } = make(() => {
      throw new WebAssembly.RuntimeError("unreachable");
    });
    expect(step).toThrow("unreachable");
    expect(residencyOf(cell)).toBe("lost");
    expect(() => cell.value.dataSync()).toThrow(/written: f32\[2\] lost its value when a step failed/);
    expect(() => cell.value.add(1).dataSync()).toThrow(/written: f32\[2\] lost its value/);
    expect(() => compile((): Tensor => cell.value.sum())()).toThrow(/lost its value/);
    expect(elements(other.value)).toEqual([5]);
    cell.set(tensor([3, 4]));
    expect(elements(compile((): Tensor => cell.value.sum())())).toEqual([7]);
  });
});

describe("a memory that does not grow", () => {
  test("is a clear error, and smaller work goes on", () => {
    const arena = theArena();
    const { grow } = arena.memory;
    const cell = new Cell(full([10], 1));
    compile(() => cell.set(cell.value.add(1)))();
    arena.memory.grow = () => false;
    try {
      const n = arena.size / 4;
      expect(() =>
        full([n], 1)
          .add(zeros([1]))
          .mul(tensor([3]))
          .dataSync(),
      ).toThrow(/out of memory: .*the host refuses to grow the memory beyond/);
      expect(elements(cell.value)).toEqual(Array(10).fill(2));
      expect(elements(new Cell(tensor([1, 2])).value.mul(2))).toEqual([2, 4]);
    } finally {
      arena.memory.grow = grow;
    }
  });
});
