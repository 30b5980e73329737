/** @file Weights are overwritten where they are: their updates come behind the last step that reads them. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import * as nn from "../../src/nn/index.ts";
import { ones, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import * as optim from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { cellsOf } from "../../src/runtime/executable.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize } from "../../src/runtime/passes.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";

/** The plan of a function of the given arguments. */
function planOf(fn: (...args: Tensor[]) => unknown, ...args: Tensor[]): Schedule {
  const recording = recordFunction(fn, args);
  return plan(optimize(recording.region), recording, cellsOf(recording));
}

const copies = ({ program }: Schedule): number => program.steps.filter(({ kind }) => kind === "copy").length;

test("a training step copies no weight and no moment, and needs no room for a second one", () => {
  const [inputs, hidden, batch] = [200, 300, 4];
  const model = new nn.Sequential(
    new nn.Linear(inputs, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, 3),
  );
  const optimizer = new optim.Adam(model.parameters());
  const step = (x: Tensor): Tensor => {
    const { value, grads } = backward(() => model.forward(x).square().sum(), optimizer.parameters);
    optimizer.step(grads);
    return value;
  };
  const planned = planOf(step, ones([batch, inputs]));
  expect(copies(planned)).toBe(0);
  expect(planned.scratch).toBeLessThan(4 * hidden * hidden);
});

test("where values change places, copies stay, and nothing is lost", () => {
  const [a, b, c] = [1, 2, 3].map((x) => new Cell(tensor([x, 10 * x]))) as [Cell, Cell, Cell];
  const rotate = (): Tensor => {
    const [x, y, z] = [a.value, b.value, c.value];
    a.set(y.mul(2));
    b.set(z.add(x.sum()));
    c.set(x);
    return z.sub(y);
  };
  expect(copies(planOf(rotate))).toBeGreaterThan(0);
  const difference = compile(rotate)();
  expect([a, b, c].map((cell) => [...cell.value.dataSync()])).toEqual([
    [4, 40],
    [14, 41],
    [1, 10],
  ]);
  expect([...difference.dataSync()]).toEqual([1, 10]);
});

test("an update whose result is needed before stays where it is", () => {
  const w = new Cell(
    tensor([
      [1, 2],
      [3, 4],
    ]),
  );
  const step = compile((x: Tensor): Tensor => {
    const old = w.value;
    const next = x.matmul(old).add(1);
    w.set(next);
    return next.matmul(x).matmul(old);
  });
  const x = tensor([
    [0, 1],
    [1, 0],
  ]);
  // next = [[4, 5], [2, 3]], next·x = [[5, 4], [3, 2]], times the old w.
  expect([...step(x).dataSync()]).toEqual([17, 26, 9, 14]);
  expect([...w.value.dataSync()]).toEqual([4, 5, 2, 3]);
});
