/** @file SGD and Adam (row OPT-1): state, learning rate, tiny moments, and what they refuse. Their trajectories are golden cases. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { show } from "../../src/function/show.ts";
import { BatchNorm1d, Linear, Parameter, Sequential } from "../../src/nn/index.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, Adamax, AdamW, LAMB, NAdam, type Optimizer, oneCycleMomentum, RAdam, RMSProp, SGD } from "../../src/optim/index.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number): void {
  for (let i = 0; i < want.length; i++) expect(Math.abs(got[i] - want[i])).toBeLessThan(tolerance);
}

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

describe("momentum", () => {
  test.each([
    ["SGD", (p: Cell) => new SGD([p], { lr: 1, momentum: 0.9 }), (p: Cell) => new SGD([p], { lr: 1, momentum: 0.5 })],
    ["RMSProp", (p: Cell) => new RMSProp([p], { momentum: 0.9 }), (p: Cell) => new RMSProp([p], { momentum: 0.5 })],
    ["Adam", (p: Cell) => new Adam([p]), (p: Cell) => new Adam([p], { betas: [0.5, 0.999] })],
  ])("of %s changes without compiling anew", (_, make, wanted) => {
    const [p, q] = [new Cell(zeros([1])), new Cell(zeros([1]))];
    const [changed, right] = [make(p), wanted(q)];
    const [one, two] = [compile((g: Tensor) => changed.step([g])), compile((g: Tensor) => right.step([g]))];
    one(zeros([1])); // compiles; nothing moves, and no moment is left
    two(zeros([1]));
    expect(changed.momentum).toBe(0.9);
    changed.momentum = 0.5;
    for (const g of [1, -2, 0.5]) {
      one(tensor([g]));
      two(tensor([g]));
    }
    expect(p.value.itemSync()).toBe(q.value.itemSync());
    expect(one.recompilations).toBe(1);
  });

  test("follows a schedule", () => {
    const optimizer = new SGD([new Cell(zeros([1]))], { lr: 1, momentum: 0.9 });
    const at = oneCycleMomentum({ steps: 10 });
    optimizer.momentum = at(2);
    expect(optimizer.momentum).toBeCloseTo(at(2), 6);
  });

  test("cannot start where no velocity is kept", () => {
    const optimizer = new SGD([new Cell(zeros([1]))], { lr: 1 });
    expect(optimizer.momentum).toBe(0);
    expect(() => {
      optimizer.momentum = 0.9;
    }).toThrow("SGD: there is no momentum to change; start with one above 0");
    expect(() => {
      new Adam([new Cell(zeros([1]))]).momentum = 1;
    }).toThrow("momentum must be a number from 0 to below 1, got 1");
  });
});

describe("state", () => {
  test("has names, and makes a copy go on in the same way", () => {
    const make = (): { p: Cell; optimizer: Adam } => {
      const p = new Cell(tensor([1, 2]), "p");
      return { p, optimizer: new Adam([p], { lr: 0.1 }) };
    };
    const [a, b] = [make(), make()];
    expect([...a.optimizer.stateDict().keys()]).toEqual(["lr", "t", "m.0", "v.0", "momentum"]);
    a.optimizer.step([tensor([1, -3])]);
    for (const [name, cell] of a.optimizer.stateDict()) b.optimizer.stateDict().get(name)!.set(cell.value);
    b.p.set(a.p.value);
    for (const { optimizer } of [a, b]) optimizer.step([tensor([0.5, 0.25])]);
    expect([...b.p.value.dataSync()]).toEqual([...a.p.value.dataSync()]);
  });

  test("SGD keeps velocities only with momentum", () => {
    const p = new Cell(zeros([1]));
    expect([...new SGD([p], { lr: 1 }).stateDict().keys()]).toEqual(["lr"]);
    expect([...new SGD([p], { lr: 1, momentum: 0.9 }).stateDict().keys()]).toEqual(["lr", "momentum", "velocity.0"]);
    expect([...new SGD([p], { lr: 1, momentum: 0.9, dampening: 0.1 }).stateDict().keys()]).toEqual([
      "lr",
      "started",
      "momentum",
      "velocity.0",
    ]);
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

describe("frozen parameters", () => {
  const RULES: [string, (parameters: Cell[]) => Optimizer][] = [
    ["SGD", (p) => new SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.1 })],
    ["Adam", (p) => new Adam(p, { lr: 0.1, weightDecay: 0.1 })],
    ["AdamW", (p) => new AdamW(p, { lr: 0.1 })],
    ["NAdam", (p) => new NAdam(p, { lr: 0.1 })],
    ["RAdam", (p) => new RAdam(p, { lr: 0.1 })],
    ["Adamax", (p) => new Adamax(p, { lr: 0.1 })],
    ["LAMB", (p) => new LAMB(p, { lr: 0.1 })],
  ];

  test.each(RULES)("%s leaves them, and starts them as if they were new", (_, make) => {
    const [late, early, fresh] = [1, 2, 1].map((x) => new Parameter(tensor([x, -x])));
    const [optimizer, beside] = [make([late, early]), make([fresh])];
    const step = compile((g: Tensor) => optimizer.step([g, g]));
    const other = compile((g: Tensor) => beside.step([g]));
    late.requiresGrad = false;
    for (const g of [1, 3, 2]) step(tensor([g, -g]));
    expect([...late.value.dataSync()]).toEqual([1, -1]);
    expect(early.value.dataSync()[0]).not.toBe(2);
    late.requiresGrad = true;
    for (const g of [1, 3, 2, 5, 1, 4]) {
      step(tensor([g, -g]));
      other(tensor([g, -g]));
    }
    // NAdam's product of momenta is that of all steps: smaller first steps, never larger ones.
    if (optimizer instanceof NAdam) expect(late.value.dataSync()[0]).toBeGreaterThanOrEqual(fresh.value.dataSync()[0]);
    else expectClose(late.value.dataSync(), fresh.value.dataSync(), 1e-4);
    expect(step.recompilations).toBe(2);
    // Both states are remembered: freezing every other step, as is done with adversaries, compiles nothing.
    for (const on of [false, true, false, true]) {
      late.requiresGrad = on;
      step(tensor([1, 1]));
    }
    expect(step.recompilations).toBe(2);
  });

  test("one that rests in between goes on where it was", () => {
    const run = (rests: boolean): number[] => {
      const [a, b] = [new Parameter(tensor([1])), new Parameter(tensor([1]))];
      const optimizer = new Adam([a, b], { lr: 0.1 });
      const step = compile((g: Tensor) => optimizer.step([g, g]));
      step(tensor([1]));
      a.requiresGrad = false;
      for (const g of rests ? [5, 6, 7] : []) step(tensor([g]));
      a.requiresGrad = true;
      step(tensor([-2]));
      return [...a.value.dataSync()];
    };
    expectClose(run(true), run(false), 1e-6);
  });

  test("backward does not differentiate by them, and gives zeros", () => {
    const model = new Sequential(new Linear(2, 2), new Linear(2, 1));
    const x = tensor([[1, 2]]);
    const sizes = [true, false].map((on) => {
      model[0].requiresGrad(on);
      const gradients = () => backward(() => model.forward(x).sum(), model.parameters()).grads;
      expect(gradients()[0].toArray()).toEqual(on ? expect.anything() : zeros([2, 2]).toArray());
      return show(gradients).split("\n").length;
    });
    expect(sizes[1]).toBeLessThan(sizes[0]);
  });

  test("freeze takes running statistics and dropout along, unfreeze brings them back", () => {
    const norm = new BatchNorm1d(2);
    const model = new Sequential(norm, new Linear(2, 1));
    norm.freeze();
    model.train();
    expect([norm.training, model.training, norm.weight!.requiresGrad, norm.isFrozen]).toEqual([false, true, false, true]);
    norm.unfreeze();
    expect([norm.training, norm.weight!.requiresGrad, norm.isFrozen]).toEqual([true, true, false]);
    model.requiresGrad(false).train();
    expect([norm.training, norm.weight!.requiresGrad]).toEqual([true, false]);
    expect(() => {
      norm.weight!.requiresGrad = 1 as unknown as boolean;
    }).toThrow("requiresGrad is true or false");
  });
});

describe("added groups", () => {
  test("start as in a new optimizer, with options of their own; a compiled step follows", () => {
    const [first, added, fresh] = [1, 1, 1].map((x) => new Parameter(tensor([x, -x])));
    const optimizer = new Adam([first], { lr: 0.1 });
    const beside = new Adam([fresh], { lr: 0.5, betas: [0.8, 0.99] });
    const step = compile((g: Tensor) => optimizer.step(optimizer.parameters.map(() => g)));
    for (const g of [1, 3, 2]) step(tensor([g, -g]));
    optimizer.addParameterGroup({ parameters: [added], lr: 0.5, betas: [0.8, 0.99] });
    for (const g of [1, 3, 2]) {
      step(tensor([g, -g]));
      beside.step([tensor([g, -g])]);
    }
    expectClose(added.value.dataSync(), fresh.value.dataSync(), 1e-5);
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0.1, 0.5]);
    expect([...optimizer.stateDict().keys()].sort()).toEqual([
      "lr.0",
      "lr.1",
      "m.0",
      "m.1",
      "missed.1",
      "momentum.0",
      "momentum.1",
      "t",
      "v.0",
      "v.1",
    ]);
    // Another optimizer with the same groups takes its state.
    const copy = new Adam([{ parameters: [new Parameter(tensor([0, 0]))] }, { parameters: [new Parameter(tensor([0, 0]))], lr: 1 }], {
      lr: 1,
    });
    copy.loadStateDict(optimizer.stateDict());
    expect(copy.stateDict().get("missed.1")!.value.itemSync()).toBe(3);
    expect(() => optimizer.loadStateDict(new Adam([first], { lr: 1 }).stateDict())).toThrow("missing lr.0");
  });

  test("refuse what cannot be, and change nothing then", () => {
    const p = new Parameter(zeros([1]));
    const optimizer = new SGD([p], { lr: 0.1, momentum: 0.9 });
    expect(() => optimizer.addParameterGroup({ parameters: [p] })).toThrow("is trained already");
    expect(() => optimizer.addParameterGroup({ parameters: [] })).toThrow("there is nothing to train");
    expect(() => optimizer.addParameterGroup([new Parameter(zeros([1]))] as never)).toThrow(
      "addParameterGroup wants { parameters, ...options }",
    );
    expect(() => optimizer.addParameterGroup({ parameters: [new Parameter(zeros([1]))], lr: -1 })).toThrow("lr must be a number >= 0");
    expect(() => optimizer.addParameterGroup({ parameters: [new Parameter(zeros([1]))], rate: 1 } as never)).toThrow(
      "there is no option rate",
    );
    expect(optimizer.groups).toHaveLength(1);
    expect(optimizer.parameters).toEqual([p]);
  });
});
