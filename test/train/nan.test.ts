/** @file NaN is never right and never best; neither are infinite metrics. */
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { probe } from "../../src/inspect/probe.ts";
import { type Layer, Linear, Module, Sequential } from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Plateau } from "../../src/optim/index.ts";
import { strongWolfe } from "../../src/optim/strong-wolfe.ts";
import {
  Accuracy,
  type Callback,
  Checkpoints,
  ConfusionMatrix,
  confusionTable,
  diagnose,
  EarlyStopping,
  Ensemble,
  type EpochRecord,
  evaluate,
  Meter,
  memoryStore,
  predict,
  Regression,
  RocAuc,
  scores,
  TopK,
  type Training,
  worstConfusions,
} from "../../src/train/index.ts";
import "../../src/runtime/evaluate.ts";

const NONE = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const X = Number.NaN;
const INF = Number.POSITIVE_INFINITY;

/** Outputs of five examples, of which only the fourth and fifth can be right. */
const outputs = tensor([
  [X, X, X],
  [X, 0, 0],
  [0, 5, X],
  [0, 0, INF],
  [1, 0, -INF],
]);
const targets = tensor(Int32Array.from([0, 0, 1, 2, 0]));

describe("outputs", () => {
  const meter = new Meter("classification");
  const readers: [string, { add(o: Tensor, t: Tensor): void; read(): Promise<unknown> }, number][] = [
    ["Accuracy", new Accuracy(), 0.4],
    ["TopK(1)", new TopK(1), 0.4],
    ["Meter", { add: (o, t) => meter.add(tensor(0), o, t), read: async () => (await meter.read()).accuracy }, 0.4],
    ["TopK(2): one NaN counts as larger", new TopK(2), 0.6],
    ["TopK(9): but its own NaN is never right", new TopK(9), 0.6],
  ];

  test.each(readers)("%s", async (_, metric, want) => {
    metric.add(outputs, targets);
    expect(await metric.read()).toBeCloseTo(want, 6);
  });

  test("a confusion matrix has a column of its own for them, and precision, recall and F1 follow", async () => {
    const matrix = new ConfusionMatrix(3);
    matrix.add(outputs, targets);
    const table = await matrix.read();
    expect(table).toEqual([
      [1, 0, 0, 2],
      [0, 0, 0, 1],
      [0, 0, 1, 0],
    ]);
    expect(confusionTable([-1, -1, -1, 2, 0], [0, 0, 1, 2, 0], 3)).toEqual(table);
    const { accuracy, perClass } = scores(table);
    expect(accuracy).toBe(0.4);
    expect(perClass[0]).toEqual({ precision: 1, recall: 1 / 3, f1: 0.5, support: 3 });
    expect(worstConfusions(table, 5)).toEqual([]);
    matrix.reset();
    matrix.add(outputs.narrow(0, 3, 2), targets.narrow(0, 3, 2));
    expect((await matrix.read())[0]).toEqual([1, 0, 0]);
    expect(() => confusionTable([3], [0], 3)).toThrow("confusionTable: example 0 of class 0 was taken for 3; classes are 0 to 2");
  });

  test("targets that losses ignore do not count", async () => {
    const [top, matrix] = [new TopK(1), new ConfusionMatrix(3)];
    const ignored = tensor(Int32Array.from([-100, -100, -100, 2, 1]));
    for (const metric of [top, matrix]) metric.add(outputs, ignored);
    expect(await top.read()).toBe(0.5);
    expect((await matrix.read()).flat().reduce((a, b) => a + b)).toBe(2);
  });

  test("ROC-AUC takes them for wrong, and infinite logits for what they say", async () => {
    const clean = new RocAuc(2);
    clean.add(
      tensor([
        [INF, 0],
        [0, INF],
        [2, -INF],
        [-3, 3],
      ]),
      tensor(Int32Array.from([0, 1, 0, 1])),
    );
    expect((await clean.read()).macro).toBe(1);
    const spoilt = new RocAuc(2);
    spoilt.add(
      tensor([
        [X, 0],
        [0, X],
        [2, 1],
        [1, 2],
      ]),
      tensor(Int32Array.from([0, 1, 0, 1])),
    );
    expect((await spoilt.read()).macro).toBeCloseTo(0.25, 6);
  });

  test("errors of regression are NaN, R² too", async () => {
    for (const [o, t] of [
      [X, 1],
      [1, X],
    ] as const) {
      const errors = new Regression();
      errors.add(tensor([[1], [o]]), tensor([[2], [t]]));
      for (const value of Object.values(await errors.read())) expect(value).toBeNaN();
    }
  });

  const data: Dataset = {
    name: "spoilt",
    train: { inputs: Float32Array.of(1, 2), targets: Int32Array.of(0, 1), count: 1 },
    test: { inputs: Float32Array.of(1, 0, 0, 1, X, 0), targets: Int32Array.of(0, 1, 0), count: 3 },
    classes: ["a", "b"],
    inputShape: [2],
    task: "classification",
  };
  class Identity extends Module {
    forward(x: Tensor): Tensor {
      return x;
    }
  }

  test("predictions are no class, and evaluation agrees", async () => {
    expect([...(await predict(new Identity(), data))]).toEqual([0, 1, -1]);
    expect((await evaluate(new Identity(), data)).accuracy).toBeCloseTo(2 / 3, 6);
  });

  test("a member of an ensemble has no vote; without any vote the answer is NaN", async () => {
    class Fixed extends Module {
      readonly rows: number[][];

      constructor(rows: number[][]) {
        super();
        this.rows = rows;
      }
      forward(): Tensor {
        return tensor(this.rows);
      }
    }
    const members = [
      new Fixed([
        [X, 9],
        [X, X],
      ]),
      new Fixed([
        [0, 1],
        [0, X],
      ]),
      new Fixed([
        [0, 1],
        [X, 0],
      ]),
    ];
    const ensemble = new Ensemble(members as unknown as Layer[], { vote: "hard" });
    const [first, second] = [ensemble.forward(tensor([[0]])).narrow(0, 0, 1), ensemble.forward(tensor([[0]])).narrow(0, 1, 1)];
    expect(first.argmax(1).itemSync()).toBe(1);
    expect(second.isNaN().all().itemSync()).toBe(1);
  });

  test("in probe a NaN answer never stays the same", async () => {
    class Broken extends Module {
      forward(x: Tensor): Tensor {
        return x.reshape([x.shape[0], -1]).narrow(1, 0, 2).mul(X);
      }
    }
    const { rows } = await probe(new Sequential(new Broken()), { shape: [2, 1, 4, 4], data: new Float32Array(32) });
    expect(rows.every(({ unchanged }) => unchanged === 0)).toBe(true);
  });
});

const record = (testLoss: number): EpochRecord => ({ trainLoss: 1, trainAccuracy: null, testLoss, testAccuracy: null, seconds: 1 });

describe.each(NONE)("a first metric of %s", (none) => {
  test.each(["min", "max"] as const)("is not the best of EarlyStopping (%s)", (mode) => {
    const model = new Linear(1, 1);
    const stopper = new EarlyStopping({ patience: 2 });
    stopper.watch(model);
    expect(stopper.step(none, mode)).toBe(false);
    expect(stopper.best).toMatchObject({ value: null, epoch: 0 });
    model.weight.set(tensor([[7]]));
    stopper.step(0.5, mode);
    expect(stopper.best).toMatchObject({ value: 0.5, epoch: 2 });
    model.weight.set(tensor([[8]]));
    expect([stopper.step(none, mode), stopper.step(none, mode), stopper.step(none, mode)]).toEqual([false, false, true]);
    stopper.restore();
    expect(model.weight.value.itemSync()).toBe(7);
  });

  test("alone ends a run after its patience, and restores nothing", () => {
    const stopper = new EarlyStopping({ patience: 1 });
    expect([stopper.step(none), stopper.step(none)]).toEqual([false, true]);
    const resumed = new EarlyStopping();
    resumed.state = { value: none, epoch: 1, waited: 3 };
    resumed.step(2);
    expect(resumed.best).toMatchObject({ value: 2, epoch: 5 });
  });

  test("is not the best of Checkpoints", async () => {
    const store = memoryStore();
    const checkpoints = new Checkpoints(store, { last: 1, best: 1, monitor: "testLoss" });
    const training = { total: 0, save: async () => new Uint8Array() };
    for (const [i, loss] of [none, 3, 2, none, 4].entries()) {
      training.total = i + 1;
      await (checkpoints as Required<Pick<Callback, "onEpoch">>).onEpoch(record(loss), {} as never, training as unknown as Training);
    }
    expect(await store.list()).toEqual(["step-00000003.safetensors", "step-00000005.safetensors"]);
  });

  test.each(["min", "max"] as const)("is no improvement to a Plateau (%s)", (mode) => {
    const plateau = new Plateau(1, { mode, patience: 0, factor: 0.5 });
    expect(plateau.step(none)).toBe(0.5);
    expect(plateau.step(3)).toBe(0.5);
    expect(plateau.state.best).toBe(3);
    expect(plateau.step(none)).toBe(0.25);
  });

  test("is told by diagnose", () => {
    const data = {
      name: "d",
      train: { inputs: Float32Array.of(1, 2), targets: Float32Array.of(1, 2), count: 2 },
      classes: [],
      inputShape: [1],
      task: "regression",
    } as unknown as Dataset;
    expect(diagnose(data, [record(none), record(none)], 2)).toMatchObject({ verdict: "under-fitting" });
    expect(diagnose(data, [record(none), record(0.5)], 2).reason).not.toContain("NaN");
  });
});

test("a line search never ends at NaN", () => {
  // Finite only for short steps.
  const probe_ = (t: number) => (t < 0.3 ? { t, f: (t - 0.2) ** 2, slope: 2 * (t - 0.2) } : { t, f: X, slope: X });
  const found = strongWolfe(probe_ as never, { t: 0, f: 0.04, slope: -0.4 } as never, 1, 1);
  expect(Number.isFinite(found.point.f)).toBe(true);
});
