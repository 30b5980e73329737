/** @file SGD and Adam (row OPT-1) against trajectories, compiled; state, learning rate, tiny moments, and what they refuse. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, type Optimizer, SGD } from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";
import { Golden, type GoldenCase, SKIP_REASON } from "../nn/golden.ts";

const golden = new Golden("optimizers");

function optimizerOf({ op, attrs: a }: GoldenCase, cells: readonly Cell[]): Optimizer {
  const shared = { lr: a.lr, weightDecay: a.weight_decay, maximize: a.maximize };
  return op === "sgd"
    ? new SGD(cells, { ...shared, momentum: a.momentum, dampening: a.dampening, nesterov: a.nesterov })
    : new Adam(cells, { ...shared, betas: a.betas, eps: a.eps, amsgrad: a.amsgrad });
}

/** Steps along stored gradients; p[t] is the parameter after step t. */
function followGiven(c: GoldenCase): Record<string, number[]> {
  const cells = ["p0", "p1"].map((name) => new Cell(golden.tensor(c.inputs[name]), name));
  const [g0, g1] = ["g0", "g1"].map((name) => golden.tensor(c.inputs[name]));
  const optimizer = optimizerOf(c, cells);
  const step = compile((a: Tensor, b: Tensor) => optimizer.step([a, b]));
  const path: Record<string, number[]> = { p0: [], p1: [] };
  for (let t = 0; t < c.attrs.steps; t++) {
    step(g0.select(0, t), g1.select(0, t));
    for (const cell of cells) path[cell.label!].push(...cell.value.dataSync());
  }
  expect(step.recompilations).toBe(1);
  return path;
}

/** Steps down (1 - x)² + 100(y - x²)²; x[t] is the point after step t, loss[t] the value before it. */
function followRosenbrock(c: GoldenCase): Record<string, number[]> {
  const point = new Cell(golden.tensor(c.inputs.x0), "x");
  const optimizer = optimizerOf(c, [point]);
  const step = compile(() => {
    const { value, grads } = backward(() => {
      const [x, y] = [point.value.select(0, 0), point.value.select(0, 1)];
      return x.sub(1).square().add(y.sub(x.square()).square().mul(100));
    }, [point]);
    optimizer.step(grads);
    return value;
  });
  const path: Record<string, number[]> = { x: [], loss: [] };
  for (let t = 0; t < c.attrs.steps; t++) {
    path.loss.push(step().itemSync());
    path.x.push(...point.value.dataSync());
  }
  return path;
}

describe.skipIf(!golden.present)(`golden trajectories (${SKIP_REASON})`, () => {
  const cases = golden.cases.filter((c) => (c.op === "sgd" || c.op === "adam") && c.id !== "sgd_param_groups");
  test.each(cases.map((c) => [c.id, c] as const))("%s", (_, c) => {
    const path = c.problem === "rosenbrock" ? followRosenbrock(c) : followGiven(c);
    for (const [role, name] of Object.entries(c.outputs)) golden.expectClose(path[role], name, c.tol.outputs[role]);
  });
});

describe("learning rate", () => {
  test("reads as it was set", () => {
    const optimizer = new SGD([new Cell(zeros([1]))], { lr: 0.1 });
    expect(optimizer.lr).toBe(0.1);
    optimizer.lr = 0.003;
    expect(optimizer.lr).toBe(0.003);
    expect(new Adam([new Cell(zeros([1]))]).lr).toBe(0.001);
  });

  test("changes without compiling anew", () => {
    const p = new Cell(zeros([1]));
    const optimizer = new SGD([p], { lr: 1 });
    const step = compile((g: Tensor) => optimizer.step([g]));
    step(ones([1]));
    optimizer.lr = 0.5;
    step(ones([1]));
    expect(p.value.itemSync()).toBe(-1.5);
    expect(step.recompilations).toBe(1);
  });
});

describe("state", () => {
  test("has names, and makes a copy go on in the same way", () => {
    const make = (): { p: Cell; optimizer: Adam } => {
      const p = new Cell(tensor([1, 2]), "p");
      return { p, optimizer: new Adam([p], { lr: 0.1 }) };
    };
    const [a, b] = [make(), make()];
    expect([...a.optimizer.stateDict().keys()]).toEqual(["lr", "t", "m.0", "v.0"]);
    a.optimizer.step([tensor([1, -3])]);
    for (const [name, cell] of a.optimizer.stateDict()) b.optimizer.stateDict().get(name)!.set(cell.value);
    b.p.set(a.p.value);
    for (const { optimizer } of [a, b]) optimizer.step([tensor([0.5, 0.25])]);
    expect([...b.p.value.dataSync()]).toEqual([...a.p.value.dataSync()]);
  });

  test("SGD keeps velocities only with momentum", () => {
    const p = new Cell(zeros([1]));
    expect([...new SGD([p], { lr: 1 }).stateDict().keys()]).toEqual(["lr"]);
    expect([...new SGD([p], { lr: 1, momentum: 0.9 }).stateDict().keys()]).toEqual(["lr", "velocity.0"]);
    expect([...new SGD([p], { lr: 1, momentum: 0.9, dampening: 0.1 }).stateDict().keys()]).toEqual(["lr", "started", "velocity.0"]);
  });

  test("moments of gradients that have stopped become 0, never denormal", () => {
    const p = new Cell(ones([2]));
    for (const optimizer of [new Adam([p]), new SGD([p], { lr: 0.01, momentum: 0.5 })]) {
      const step = compile((g: Tensor) => optimizer.step([g]));
      step(tensor([1e-3, 1]));
      for (let t = 0; t < 1200; t++) step(zeros([2]));
      const moment = optimizer.stateDict().get(optimizer instanceof Adam ? "m.0" : "velocity.0")!;
      expect([...moment.value.dataSync()]).toEqual([0, 0]);
    }
  });

  test("a NaN gradient shows", () => {
    const p = new Cell(ones([2]));
    const optimizer = new Adam([p]);
    optimizer.step([tensor([Number.NaN, 1])]);
    expect(p.value.dataSync()[0]).toBeNaN();
    expect(p.value.dataSync()[1]).toBeCloseTo(0.999, 6);
  });
});

describe("what is refused", () => {
  const p = (): Cell => new Cell(zeros([2]), "w");
  test.each([
    [() => new SGD([], { lr: 1 }), "SGD: there is nothing to train; pass model.parameters()"],
    [() => new SGD([new Cell(zeros([1], "i32"), "n")], { lr: 1 }), "SGD: n: i32[1] is no float"],
    [() => new Adam([p()], { lr: -1 }), "lr must be a number >= 0, got -1"],
    [() => new Adam([p()], { betas: [1, 0.9] }), "betas[0] must be a number from 0 to below 1, got 1"],
    [() => new SGD([p()], { lr: 1, nesterov: true }), "Nesterov momentum wants momentum > 0 and dampening 0"],
    [() => new SGD([p()], { lr: Number.NaN }), "lr must be a number >= 0, got NaN"],
    [() => new SGD([p()], { lr: 1 }).step([]), "step: want 1 gradients, one for each parameter, got 0"],
    [() => new SGD([p()], { lr: 1 }).step([zeros([3])]), "step: the gradient of w: f32[2] has the type f32[3]"],
    [
      () => {
        const shared = p();
        return new SGD([shared, shared], { lr: 1 });
      },
      "SGD: a parameter is given twice",
    ],
  ])("%s", (attempt, message) => {
    expect(attempt).toThrow(message);
  });
});
