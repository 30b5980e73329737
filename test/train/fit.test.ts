/** @file The training loop: it learns, it repeats itself, it stops when told or when the loss is no number, and it copies next to nothing out. */
import { describe, expect, test } from "vitest";
import { type Dataset, digits, type Split, xor } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import { Mlp, Xor } from "../../src/models/index.ts";
import { CrossEntropyLoss, crossEntropy, Dropout, Flatten, Linear, Sequential } from "../../src/nn/index.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import * as optim from "../../src/optim/index.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { counters } from "../../src/runtime/compile.ts";
import {
  type Callback,
  compileStep,
  DivergenceError,
  type EpochRecord,
  evaluate,
  type FitOptions,
  findLearningRate,
  type Loss,
  overfitOneBatch,
  type Progress,
  predict,
  fit as trainModel,
} from "../../src/train/index.ts";
import { Meter } from "../../src/train/meter.ts";
import { batchTensors, defaultLoss } from "../../src/train/task.ts";
// The instruments say why a loss is no number.
import "../../src/inspect/index.ts";
import "../../src/runtime/evaluate.ts";

const data = await digits();
const cut = (split: Split, count: number): Split => ({
  inputs: split.inputs.subarray(0, count * 64),
  targets: split.targets.subarray(0, count),
  count,
});
/** Seventy digits to train on and fifty to test: enough to see that everything runs. */
const few: Dataset = { ...data, train: cut(data.train, 70), test: cut(data.test, 50) };

function setUp(lr = 1e-3): { model: Mlp; optimizer: Adam } {
  manualSeed(1);
  const model = new Mlp([64, 32, 10]);
  return { model, optimizer: new Adam(model.parameters(), { lr }) };
}

const options = (more: Partial<FitOptions> & Pick<FitOptions, "optimizer">): FitOptions => ({ epochs: 2, batchSize: 32, ...more });
const shown = (epochs: readonly EpochRecord[]) => epochs.map(({ seconds, ...rest }) => rest);

describe("learning", () => {
  test("xor, as regression", async () => {
    manualSeed(0);
    const model = new Xor();
    const history = await trainModel(model, xor(), { optimizer: new Adam(model.parameters(), { lr: 0.1 }), epochs: 60, batchSize: 4 });
    expect(history.epochs).toHaveLength(60);
    expect(history.epochs.at(-1)!.testLoss).toBeLessThan(1e-3);
    expect(history.epochs.at(-1)!.testAccuracy).toBeNull();
  });

  test("digits, as classification", async () => {
    manualSeed(0);
    const model = new Mlp([64, 32, 10]);
    const history = await trainModel(model, data, { optimizer: new Adam(model.parameters(), { lr: 3e-3 }), epochs: 5 });
    const [first, last] = [history.epochs[0], history.epochs.at(-1)!];
    expect(last.trainLoss).toBeLessThan(first.trainLoss / 3);
    expect(last.testAccuracy).toBeGreaterThan(0.88);
    expect(history.examplesPerSecond).toBeGreaterThan(0);
    expect(history.stopped).toBe(false);

    const again = await evaluate(model, data);
    expect(again).toEqual({ loss: last.testLoss, accuracy: last.testAccuracy });
    const predicted = await predict(model, data);
    const right = predicted.filter((c, i) => c === data.test.targets[i]).length;
    expect(right / data.test.count).toBe(last.testAccuracy);
    expect(model.training).toBe(true);
  });
});

describe("repetition", () => {
  const run = async (seed: number): Promise<unknown> => {
    const { model, optimizer } = setUp();
    return shown((await trainModel(model, few, options({ optimizer, seed }))).epochs);
  };

  test("the seed decides the order, bit for bit", async () => {
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
  });

  test("with dropout too", async () => {
    const dropping = async (): Promise<unknown> => {
      manualSeed(4);
      const model = new Sequential(new Flatten(), new Linear(64, 16), new Dropout(0.5), new Linear(16, 10));
      return shown((await trainModel(model, few, options({ optimizer: new Adam(model.parameters()), epochs: 1, batchSize: 35 }))).epochs);
    };
    expect(await dropping()).toEqual(await dropping());
  });
});

describe("programs and memory", () => {
  test("two programs for training (a smaller last batch is a second signature), two for testing (outputs, and what is measured of them), however long it runs", async () => {
    const { model, optimizer } = setUp();
    await trainModel(model, few, options({ optimizer, epochs: 1 })); // whatever else must be compiled once
    const before = counters.compilations;
    await trainModel(model, few, options({ optimizer, epochs: 5 }));
    expect(counters.compilations - before).toBe(4);
  });

  test("less than 1 kB is copied out per step, and the arena does not grow", async () => {
    const { model, optimizer } = setUp();
    const meter = new Meter("classification");
    const step = compileStep(model, optimizer, { loss: defaultLoss(few), meter });
    const batch = () =>
      batchTensors(few, { inputs: few.train.inputs.slice(), targets: few.train.targets.slice(), count: 70, indices: new Int32Array() });
    const once = (): number => {
      const { x, y } = batch();
      return step(x, y).itemSync();
    };
    once();
    expect(step.footprint.out).toBeLessThan(1024);
    const { used } = theArena();
    for (let i = 0; i < 300; i++) once();
    expect(theArena().used).toBe(used);
    expect(step.recompilations).toBe(1);
    expect((await meter.read()).accuracy).toBeGreaterThan(0.5);
  });
});

describe("callbacks", () => {
  test("progress counts up, and every epoch is told once", async () => {
    const { model, optimizer } = setUp();
    const progress: Progress[] = [];
    const epochs: [EpochRecord, Progress][] = [];
    const recorder: Callback = { onProgress: (p) => void progress.push(p), onEpoch: (record, p) => void epochs.push([record, p]) };
    const history = await trainModel(model, few, options({ optimizer, epochs: 3, callbacks: [recorder] }));
    expect(progress.filter((p) => p.step === p.steps).map((p) => p.epoch)).toEqual([1, 2, 3]);
    expect(progress.at(-1)).toMatchObject({ epoch: 3, epochs: 3, step: 3, steps: 3, secondsLeft: 0 });
    expect(epochs.map(([record]) => record)).toEqual(history.epochs);
    expect(Object.keys(history.epochs[0])).toEqual(["trainLoss", "trainAccuracy", "testLoss", "testAccuracy", "seconds"]);
  });
});

describe("loss", () => {
  test("a module is a loss, wherever one is taken", async () => {
    const all = async (loss: Loss): Promise<unknown> => {
      const { model, optimizer } = setUp();
      const history = await trainModel(model, few, options({ optimizer, loss, epochs: 1 }));
      const { loss: measured } = await evaluate(model, few, few.test, {}, loss);
      expect(measured).toBe(history.epochs[0].testLoss);
      const overfit = await overfitOneBatch(model, few, { optimizer, loss, steps: 2 });
      const rates = await findLearningRate(model, few, { optimizer, loss, steps: 10 });
      const step = compileStep(model, optimizer, { loss });
      const last = await step(zeros([2, 64]), tensor([1, 2], { dtype: "i32" })).item();
      return [history.epochs[0].trainLoss, measured, overfit.losses, rates.trials, last];
    };
    const asFunction = await all((z, y) => crossEntropy(z, y, { labelSmoothing: 0.1 }));
    expect(await all(new CrossEntropyLoss({ labelSmoothing: 0.1 }))).toEqual(asFunction);
  });

  test("a class, a name and a module without forward(outputs, targets) are refused", async () => {
    const { model, optimizer } = setUp();
    const run = (loss: unknown): Promise<unknown> => trainModel(model, few, options({ optimizer, loss: loss as Loss }));
    await expect(run(CrossEntropyLoss)).rejects.toThrow(
      /fit: loss must be a function of outputs and targets, or a module .*; make one: new CrossEntropyLoss\(\)/,
    );
    await expect(run("crossEntropy")).rejects.toThrow(/fit: loss must be a function .*, got "crossEntropy"/);
  });
});

describe("schedule", () => {
  test("sets the learning rate step by step, and gives it back at the end", async () => {
    const { model, optimizer } = setUp(0.5);
    const seen: [number, number | undefined][] = [];
    const schedule = (t: number, steps?: number): number => {
      seen.push([t, steps]);
      return 0;
    };
    const before = model.parameters().map((p) => [...p.value.dataSync()]);
    await trainModel(model, few, options({ optimizer, schedule }));
    // The first and the last are looked at before the run.
    expect(seen.slice(2)).toEqual([0, 1, 2, 3, 4, 5].map((t) => [t, 6]));
    expect(model.parameters().map((p) => [...p.value.dataSync()])).toEqual(before);
    expect(optimizer.lr).toBe(0.5);
  });

  test("is the rate itself, as in a loop of one's own", async () => {
    const { model, optimizer } = setUp(0.5);
    const rates: number[] = [];
    const schedule = optim.oneCycle(0.1);
    await trainModel(model, few, options({ optimizer, schedule, callbacks: [{ onStep: ({ lr }) => void rates.push(lr) }] }));
    expect(rates).toHaveLength(6);
    for (const [t, rate] of rates.entries()) expect(rate).toBeCloseTo(schedule(t, 6), 7);
  });

  test("gives other groups their ratio to the first", async () => {
    const { model } = setUp();
    const [first, ...rest] = model.parameters();
    const optimizer = new SGD([{ parameters: [first], lr: 0.25 }, { parameters: rest }], { lr: 0.5 });
    const seen: number[][] = [];
    const onStep = (): void => void seen.push(optimizer.groups.map(({ lr }) => lr));
    await trainModel(
      model,
      few,
      options({ optimizer, schedule: optim.linear(1 / 8, { start: 1, end: 0, steps: 4 }), callbacks: [{ onStep }] }),
    );
    expect(seen.slice(0, 3)).toEqual([
      [1 / 8, 1 / 4],
      [3 / 32, 3 / 16],
      [1 / 16, 1 / 8],
    ]);
  });

  test.each<[string, unknown, RegExp]>([
    [
      "a factor of the share that is done",
      (done: number) => 1 - done,
      /fit: schedule must give a number of at least 0, in step 5 of 6 it gave -4; a schedule gives the learning rate/,
    ],
    [
      "a factor of the step",
      (t: number) => 0.5 ** t,
      /fit: schedule gives 1 in step 0, and the optimizer's own rate is 0\.01; .*optim\.lambda\(0\.01, f\)/,
    ],
    [
      "a builder that was not called",
      optim.cosine,
      /fit: schedule \(cosine\) failed in step 0: cosine: want an object .*; a schedule gives the learning rate in step t: optim\.cosine\(0\.001\)/,
    ],
    ["NaN", () => Number.NaN, /in step 0 of 6 it gave NaN/],
    ["a tensor", () => tensor(1), /in step 0 of 6 it gave Tensor f32\[\]/],
    ["a number", 0.1, /fit: schedule must be a function, got 0\.1/],
    ["a plateau", new optim.Plateau(0.1), /fit: schedule must be a function, got an object of class Plateau/],
  ])("%s is no schedule, which is told before the first step", async (_, schedule, message) => {
    const { model, optimizer } = setUp(0.01);
    const before = model.parameters().map((p) => [...p.value.dataSync()]);
    await expect(trainModel(model, few, options({ optimizer, schedule: schedule as optim.Schedule }))).rejects.toThrow(message);
    expect(model.parameters().map((p) => [...p.value.dataSync()])).toEqual(before);
  });

  test("scales the rates of groups, each its own", async () => {
    const { model } = setUp();
    const [first, ...rest] = model.parameters();
    const optimizer = new SGD([{ parameters: [first], lr: 0.25 }, { parameters: rest }], { lr: 0.5 });
    const before = model.parameters().map((p) => [...p.value.dataSync()]);
    await trainModel(model, few, options({ optimizer, schedule: () => 0 }));
    expect(model.parameters().map((p) => [...p.value.dataSync()])).toEqual(before);
    expect(optimizer.groups.map(({ lr }) => lr)).toEqual([0.25, 0.5]);
  });
});

describe("ends", () => {
  test("a signal stops it after the step at hand", async () => {
    const { model, optimizer } = setUp();
    const controller = new AbortController();
    const abort: Callback = {
      onEpoch: (_, { epoch }) => {
        if (epoch === 2) controller.abort();
      },
    };
    const history = await trainModel(model, few, options({ optimizer, epochs: 50, signal: controller.signal, callbacks: [abort] }));
    expect(history.stopped).toBe(true);
    expect(history.epochs).toHaveLength(2);
  });

  test("a signal from outside arrives", async () => {
    const { model, optimizer } = setUp();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const history = await trainModel(model, few, options({ optimizer, epochs: 1e6, signal: controller.signal }));
    expect(history.stopped).toBe(true);
  });

  test("a loss that is no number is one clear error", async () => {
    manualSeed(1);
    const model = new Mlp([64, 32, 10]);
    const optimizer = new SGD(model.parameters(), { lr: 1e30 });
    const run = trainModel(model, few, options({ optimizer }));
    await expect(run).rejects.toThrow(DivergenceError);
    await expect(run).rejects.toThrow(
      /^the loss became (NaN|Infinity) in epoch 1, step [23]: \S+.* makes (NaN|-?Infinity) at element .* out of finite operands; try a smaller learning rate \(it is 1e\+30\)\nerror: too-fast in \S+: .*\n {2}try: .*$/,
    );
  });
});

describe("what is refused", () => {
  const broken = (change: Partial<Dataset>) => {
    const { model, optimizer } = setUp();
    return trainModel(model, { ...few, ...change }, options({ optimizer }));
  };

  test("classes that are none", async () => {
    const targets = few.test.targets.slice();
    targets[7] = 10;
    await expect(broken({ test: { ...few.test, targets } })).rejects.toThrow("digits: test example 7 has class 10, want 0 to 9");
  });

  test("an empty split", async () => {
    await expect(broken({ train: cut(few.train, 0) })).rejects.toThrow("digits: the training split is empty");
  });

  test.each([{ epochs: 0 }, { epochs: 1.5 }, { batchSize: -1 }])("%o", async (wrong) => {
    const { model, optimizer } = setUp();
    await expect(trainModel(model, few, options({ optimizer, ...wrong }))).rejects.toThrow(
      `fit: ${Object.keys(wrong)[0]} must be a positive integer`,
    );
  });
});
