/** @file Looks at a run that is watched: what they say, and that the run does not notice. */
import { expect, test } from "vitest";
import { LiveLooker } from "../../src/cli/live-look.ts";
import type { Dataset } from "../../src/data/index.ts";
import { digits, spirals } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { Adam } from "../../src/optim/index.ts";
import { type Callback, firstExamples, fit, predict } from "../../src/train/index.ts";
import type { LiveLook } from "../../src/train/run-record.ts";
import "../../src/runtime/evaluate.ts";

const data = firstExamples(await digits(), 512);

/** With what depends on the batch, on chance and on the mode. */
const mlp = (): nn.Sequential => {
  manualSeed(1);
  return new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(64, 24),
    new nn.BatchNorm1d(24),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(24, 10),
  );
};

/** Looks after every fourth step. */
async function looked(model: nn.Layer, set: Dataset): Promise<LiveLook[]> {
  const looker = new LiveLooker();
  const looks: LiveLook[] = [];
  const callback: Callback = {
    async onStep({ total }, training) {
      const after = await looker.after(training);
      if (after) looks[looks.length - 1] = after;
      if (total % 4 === 0) looks.push(await looker.look(training));
    },
  };
  const optimizer = new Adam(model.parameters(), { lr: 3e-3 });
  await fit(model, set, { optimizer, epochs: 1, seed: 5, callbacks: [callback], checks: false });
  looker.dispose();
  return looks;
}

const bits = (model: nn.Layer): Promise<readonly unknown[]> =>
  Promise.all([...model.stateDict().values()].map(async (cell) => Array.from(await cell.value.data())));

test("a run that is looked at has the bits of one that is not", async () => {
  const one = mlp();
  await looked(one, data);
  const other = mlp();
  await fit(other, data, { optimizer: new Adam(other.parameters(), { lr: 3e-3 }), epochs: 1, seed: 5, checks: false });
  expect(await bits(one)).toEqual(await bits(other));
});

test("a look has the layers, and what is taken for what as the model predicts it", async () => {
  const model = mlp();
  const looks = await looked(model, data);
  expect(looks.map(({ step }) => step)).toEqual([4, 8, 12, 16]);
  const { layers, check, findings } = looks[1]!;
  expect(layers.map(({ name, shape }) => [name, shape])).toEqual([
    ["1.weight", [24, 64]],
    ["5.weight", [10, 24]],
  ]);
  for (const { size, gradient, ratio, spread } of layers) {
    expect(size).toBeGreaterThan(0);
    expect(gradient).toBeGreaterThan(0);
    expect(ratio).toBeGreaterThan(0);
    expect(spread).toEqual(spread.toSorted((a, b) => a - b));
  }
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  // The last look was taken after the last step: the model is as it was then, and no step has told its ratio.
  const last = looks[3]!;
  expect(last.layers[0]!.ratio).toBeNull();
  const { count, of, table, mistakes, split, classes } = last.check!;
  expect([split, of, classes.length]).toEqual(["test", data.test.count, 10]);
  expect(table.flat().reduce((a, b) => a + b, 0)).toBe(count);
  const predicted = await predict(model, data);
  for (const { index, actual, predicted: taken, share, taken: sure, image } of mistakes) {
    expect([actual, taken]).toEqual([data.test.targets[index], predicted[index]]);
    expect(share).toBeLessThanOrEqual(sure);
    expect([image!.width, image!.height, image!.channels]).toEqual([8, 8, 1]);
  }
  expect(mistakes.length).toBeGreaterThan(0);
  expect(mistakes.map(({ share }) => share)).toEqual(mistakes.map(({ share }) => share).toSorted((a, b) => a - b));
  expect(check!.count).toBeGreaterThan(0);
});

test("examples that are no pictures are shown by their values; what is no classifier has no table", async () => {
  const points = spirals({ count: 200 });
  manualSeed(2);
  const [look] = await looked(new nn.Sequential(new nn.Linear(2, 4), new nn.Tanh(), new nn.Linear(4, 2)), points);
  expect(look!.check!.mistakes[0]!.values).toHaveLength(2);
  const values: Dataset = {
    ...points,
    task: "regression",
    classes: [],
    train: { ...points.train, targets: Float32Array.from(points.train.targets) },
    test: { ...points.test, targets: Float32Array.from(points.test.targets) },
  };
  const [other] = await looked(new nn.Sequential(new nn.Linear(2, 4), new nn.Tanh(), new nn.Linear(4, 1)), values);
  expect(other!.check).toBeUndefined();
  expect(other!.layers).toHaveLength(2);
});
