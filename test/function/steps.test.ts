/**
 * @file compile with steps: many steps in one program, with the bits of as many calls.
 */
import { describe, expect, test } from "vitest";
import { type CompiledSteps, compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import * as random from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import * as optim from "../../src/optim/index.ts";
import { elements, onBothBackends, range } from "./backends.ts";

type Step = (x: Tensor, y: Tensor) => Tensor;

/** A small net with all that a step may touch: weights, moments, a counter, running statistics, random numbers. */
function task(): { model: nn.Module; optimizer: optim.Optimizer; step: Step } {
  random.manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(5, 8), new nn.BatchNorm1d(8), new nn.Tanh(), new nn.Dropout(0.25), new nn.Linear(8, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  const step: Step = (x, y) => {
    const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), y), optimizer.parameters);
    optimizer.step(grads);
    return value;
  };
  return { model, optimizer, step };
}

const batch = (i: number, n = 7): [Tensor, Tensor] => [
  tensor(
    Float32Array.from({ length: 5 * n }, (_, j) => Math.sin(j * j + 3 * i + 0.5)),
    { shape: [n, 5] },
  ),
  tensor(Int32Array.from({ length: n }, (_, j) => (i + j) % 3)),
];

const stateOf = ({ model, optimizer }: ReturnType<typeof task>): number[] =>
  [...model.stateDict().values(), ...optimizer.stateDict().values(), random.randomState()].flatMap((cell) => elements(cell.value));

/** Losses and state after one call per batch. */
function singly(batches: readonly [Tensor, Tensor][]): { losses: number[]; state: number[] } {
  const t = task();
  const step = compile(t.step);
  const losses = batches.flatMap((args) => elements(step(...args)));
  return { losses, state: stateOf(t) };
}

function inSteps(
  n: number,
  run: (many: CompiledSteps<Step>) => Tensor[],
): { losses: number[]; state: number[]; recompilations: number; shapes: (readonly number[])[] } {
  const t = task();
  const many = compile(t.step, { steps: n });
  const results = run(many);
  return {
    losses: results.flatMap(elements),
    state: stateOf(t),
    recompilations: many.recompilations,
    shapes: results.map(({ shape }) => shape),
  };
}

onBothBackends("many steps in one program have the bits of as many calls", () => {
  const n = 4;
  const batches = range(2 * n, (i) => batch(i));
  const stack = (list: readonly Tensor[]): Tensor => list[0]!.unsqueeze(0).concat(list.slice(1).map((x) => x.unsqueeze(0)));
  const stacked = (from: number): [Tensor, Tensor] => {
    const list = batches.slice(from, from + n);
    return [stack(list.map(([x]) => x)), stack(list.map(([, y]) => y))];
  };

  test("on the same arguments", () => {
    const want = singly(range(2 * n, () => batch(0)));
    const got = inSteps(n, (many) => [many(...batch(0)), many(...batch(0))]);
    expect(got).toEqual({ ...want, recompilations: 1, shapes: [[n], [n]] });
  });

  test("along stacked arguments, and along cells", () => {
    const want = singly(batches);
    expect(inSteps(n, (many) => [many.along(...stacked(0)), many.along(...stacked(n))])).toEqual({
      ...want,
      recompilations: 1,
      shapes: [[n], [n]],
    });
    const [x, y] = stacked(0).map((t) => new nn.State(t)) as [nn.State, nn.State];
    const [u, v] = stacked(n);
    const twice = (many: CompiledSteps<Step>): Tensor[] => {
      const first = many.along(x, y);
      x.set(u);
      y.set(v);
      return [first, many.along(x, y)];
    };
    expect(inSteps(n, twice)).toMatchObject({ ...want, recompilations: 1 });
  });

  test("over a generator, whose last batches fill no call or have another shape", () => {
    const all = [...batches, batch(8), batch(9), batch(10, 3)];
    const got = inSteps(n, (many) => [
      ...many.over(
        (function* () {
          yield* all;
        })(),
      ),
    ]);
    // The loop, the single step, and the single step of the small batch.
    expect(got).toEqual({ ...singly(all), recompilations: 3, shapes: [[4], [4], [2], [1]] });
  });

  test("over batches that change shape in between", () => {
    const all = [batch(0), batch(1, 3), ...batches.slice(0, n)];
    expect(inSteps(n, (many) => [...many.over(all)])).toMatchObject({ ...singly(all), shapes: [[1], [1], [4]] });
  });
});

describe("what goes in and comes out", () => {
  const double = compile((x: { a: Tensor }, k: number) => ({ twice: x.a.mul(k), rest: [x.a.sum(), "as it is"] as const }), { steps: 3 });

  test("results of any tree are stacked; what is no tensor stays", () => {
    const { twice, rest } = double({ a: tensor([1, 2]) }, 2);
    expect(twice.shape).toEqual([3, 2]);
    expect(elements(rest[0])).toEqual([3, 3, 3]);
    expect(rest[1]).toBe("as it is");
    expect(elements(double.along({ a: tensor([[1], [2], [3]]) }, 10).twice)).toEqual([10, 20, 30]);
  });

  test("a step without results moves its cells", () => {
    const count = new nn.State(zeros([]));
    const many = compile(
      (x: Tensor) => {
        count.set(count.value.add(x));
      },
      { steps: 5 },
    );
    expect(many(tensor(2))).toBeUndefined();
    expect([...many.over([[tensor(1)]])]).toEqual([undefined]);
    expect(elements(count.value)).toEqual([11]);
    expect(many.steps).toBe(5);
    expect(many.footprint.in).toBe(4);
    many.dispose();
  });

  test("inside a recorded function it is a loop", () => {
    const many = compile((x: Tensor) => x.mul(x), { steps: 2 });
    expect(elements(compile((x: Tensor) => many(x).sum())(tensor(3)))).toEqual([18]);
    expect(many.recompilations).toBe(0);
  });

  test("the hunter of NaNs sees into the steps", () => {
    const x = new nn.State(tensor(2));
    const halve = compile(
      (by: Tensor) => {
        x.set(x.value.sub(by));
        return x.value.log();
      },
      { steps: 3, debug: "nan" },
    );
    expect(elements(halve(tensor(0.5)))).toEqual(elements(tensor([1.5, 1, 0.5]).log()));
    expect(() => halve.along(tensor([0.25, 0.25, 1]))).toThrow(/log.*makes -Infinity/);
  });

  test("nothing to go over is no step", () => {
    expect([...double.over([])]).toEqual([]);
  });
});

describe("errors", () => {
  const many = compile((x: Tensor) => x.add(1), { steps: 4 });
  const x = tensor([1, 2, 3]);

  test.each([
    ["no number of steps", () => compile((y: Tensor) => y, { steps: 0 }), /compile: steps must be a positive integer, got 0/],
    ["half a step", () => compile((y: Tensor) => y, { steps: 1.5 }), /compile: steps must be a positive integer, got 1.5/],
    ["a budget", () => compile((y: Tensor) => y, { steps: 2, memory: "1MB" }), /steps and memory exclude each other.*checkpoint/],
    [
      "another number of slices",
      () => many.along(x),
      /along: want the batches of 4 steps along axis 0.*f32\[3\] for argument 0.*over\(batches\)/,
    ],
    ["a scalar", () => many.along(tensor(1)), /along: want the batches of 4 steps.*f32\[\] for argument 0/],
    [
      "no tensor",
      () => compile((k: number) => tensor(k), { steps: 2 }).along(1),
      /along: no argument is a tensor or a cell.*call the function itself/,
    ],
    ["no iterable", () => many.over(x as never), /over: want an iterable of argument lists.*got Tensor f32\[3\]/],
    ["an asynchronous one", () => many.over((async function* () {})() as never), /over: want an iterable.*asynchronous.*for await/],
    [
      "no list of arguments",
      () => [...many.over([x] as never)],
      /over: want each batch as a list of arguments, such as \[x, y\], got Tensor f32\[3\]/,
    ],
    ["recording", () => compile((y: Tensor) => [...many.over([[y]])][0]!)(x), /over: batches are read.*recorded; use along or scan/],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
