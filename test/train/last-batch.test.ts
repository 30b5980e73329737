/** @file The last batch of an epoch filled up: the update of the smaller batch, by the program of the others. */
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/dataset.ts";
import { batches } from "../../src/data/loader.ts";
import * as nb from "../../src/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import { counters } from "../../src/runtime/compile.ts";
import { canFill, filled } from "../../src/train/last-batch.ts";
import { Meter } from "../../src/train/meter.ts";
import { compileStep } from "../../src/train/step.ts";
import { batchTensors, classLoss, defaultLoss } from "../../src/train/task.ts";

const { nn, optim, train } = nb;

const SIZE = 8;
const COUNT = 12 * SIZE + 3;
const split = (count: number) => ({
  inputs: Float32Array.from({ length: 4 * count }, (_, i) => Math.sin(i * i)),
  targets: Int32Array.from({ length: count }, (_, i) => (i * 7) % 3),
  count,
});
const set: Dataset = {
  name: "three classes",
  task: "classification",
  inputShape: [4],
  classes: ["a", "b", "c"],
  train: split(COUNT),
  test: split(10),
};

function net(...more: Layer[]): nb.nn.Sequential {
  nb.manualSeed(5);
  return new nn.Sequential(new nn.Linear(4, 6), new nn.Tanh(), ...more, new nn.Linear(6, 3));
}

const options = (model: Layer) => ({ optimizer: new optim.SGD(model.parameters(), { lr: 0.5 }), epochs: 1, batchSize: SIZE });

test("one program, and the loss, accuracy and update of the examples that there are", async () => {
  const [a, b] = [net(), net()];
  const results = await Promise.all(
    [a, b].map(async (model, i) => {
      const meter = new Meter("classification");
      const step = compileStep(model, options(model).optimizer, { loss: defaultLoss(set), meter });
      const losses: number[] = [];
      for await (const batch of batches(set.train, { batchSize: SIZE })) {
        const { x, y } = batchTensors(set, i === 0 ? filled(batch, SIZE) : batch);
        losses.push(step(x, y).itemSync());
      }
      return { losses, metrics: await meter.read(), programs: step.recompilations };
    }),
  );
  expect(results.map(({ programs }) => programs)).toEqual([1, 2]);
  const [one, two] = results;
  expect(one!.losses.length).toBe(13);
  one!.losses.forEach((loss, i) => void expect(loss).toBeCloseTo(two!.losses[i]!, 6));
  expect(one!.metrics.accuracy).toBe(two!.metrics.accuracy);
  expect(one!.metrics.loss).toBeCloseTo(two!.metrics.loss, 6);
  for (const [name, cell] of a.stateDict())
    expect(nb.allclose(cell.value, b.stateDict().get(name)!.value, { rtol: 1e-5, atol: 1e-6 }), name).toBe(true);
});

test("fit compiles one program to train, and counts the examples that there are", async () => {
  const trained = async (more: object): Promise<{ compiled: number; loss: number }> => {
    const model = net();
    const before = counters.compilations;
    const { epochs } = await train.fit(model, set, { ...options(model), ...more, epochs: 2 });
    return { compiled: counters.compilations - before, loss: epochs[1]!.trainLoss };
  };
  await trained({}); // whatever else must be compiled once
  const [one, two] = [await trained({}), await trained({ loss: (x: nb.Tensor, y: nb.Tensor) => nn.crossEntropy(x, y) })];
  expect(two.compiled - one.compiled).toBe(1);
  expect(one.loss).toBeCloseTo(two.loss, 6);
});

describe("where it is right", () => {
  const cases: Record<string, readonly [model: Layer, expected: boolean, more?: object, steps?: number]> = {
    "dense layers": [net(), true],
    "layer normalization": [net(new nn.LayerNorm(6)), true],
    "statistics of the batch": [net(new nn.BatchNorm1d(6)), false],
    "statistics that nobody keeps": [net(new nn.BatchNorm1d(6, { trackRunningStats: false })), false],
    dropout: [net(new nn.Dropout()), false],
    "a loss of one's own": [net(), false, { loss: (x: nb.Tensor, y: nb.Tensor) => nn.crossEntropy(x, y) }],
    "cross-entropy by its name": [net(), true, { loss: nn.crossEntropy }],
    "cross-entropy with options": [net(), true, { loss: classLoss({ labelSmoothing: 0.1 }) }],
    augmentation: [net(), false, { augment: (x: nb.Tensor) => x }],
    "few steps": [net(), false, {}, 9],
  };
  test.each(Object.entries(cases))("%s", (_, [model, expected, more = {}, steps = 13]) => {
    expect(canFill(model, set, { ...options(model), ...more }, steps)).toBe(expected);
  });
});

test("examples again and again, of which none has a class", () => {
  const batch = { inputs: Float32Array.of(1, 2, 3, 4), targets: Int32Array.of(0, 1), count: 2, indices: Int32Array.of(0, 1) };
  const { inputs, targets, count } = filled(batch, 5);
  expect([...inputs]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2]);
  expect([...targets]).toEqual([0, 1, -100, -100, -100]);
  expect(count).toBe(5);
  expect(filled(batch, 2)).toBe(batch);
});
