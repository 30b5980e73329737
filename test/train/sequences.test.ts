/** @file Sequences of several lengths in training: their lengths go with the batch, and what lies beyond them changes nothing. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { batches, type Dataset, type Example, Loader, type Split, splitOf, subset, trainTestSplit } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import { Linear, LSTM, Module } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/index.ts";
import { bootstrap, evaluate, fastDevRun, findLearningRate, fit, overfitOneBatch, predictOutputs } from "../../src/train/index.ts";

const FEATURES = 2;
/** Sequence i has 1 + i % 4 steps. */
const example = (i: number): Example => {
  const length = 1 + (i % 4);
  return { input: Float32Array.from({ length: length * FEATURES }, (_, j) => ((7 * i + 3 * j) % 11) / 11), target: i % 2, length };
};
const split = splitOf(Array.from({ length: 12 }, (_, i) => example(i)));

/** The same sequences with other values behind their ends. */
function withNoise({ inputs, lengths, ...rest }: Split): Split {
  const width = inputs.length / rest.count;
  const noisy = inputs.map((x, at) => (at % width < lengths![Math.floor(at / width)] * FEATURES ? x : 99));
  return { ...rest, inputs: noisy, lengths: lengths! };
}

class Reader extends Module {
  readonly lstm = new LSTM(FEATURES, 3, { batchFirst: true });
  readonly head = new Linear(3, 2);
  forward(x: Tensor, options?: { readonly lengths: Tensor }): Tensor {
    const { h } = this.lstm.forward(x, undefined, options);
    return this.head.forward(h.squeeze(0));
  }
}

const dataOf = (train: Split): Dataset => ({
  name: "sequences",
  train,
  test: train,
  classes: ["a", "b"],
  inputShape: [4, FEATURES],
  task: "classification",
});

function seeded(): { model: Reader; optimizer: Adam } {
  manualSeed(3);
  const model = new Reader();
  return { model, optimizer: new Adam(model.parameters(), { lr: 0.05 }) };
}

test("fit, evaluate and predictOutputs see nothing of the padding", async () => {
  const results = [];
  for (const train of [split, withNoise(split)]) {
    const { model, optimizer } = seeded();
    const { epochs } = await fit(model, dataOf(train), { optimizer, epochs: 2, batchSize: 5 });
    const { seconds: _, ...record } = epochs.at(-1)!;
    const data = dataOf(train);
    results.push([record, await evaluate(model, data), await predictOutputs(model, data, data.test)]);
  }
  expect(results[0]).toEqual(results[1]);
  // Without the lengths the padding counts: the test could fail.
  const { lengths: _, ...padded } = split;
  const { model } = seeded();
  expect(await predictOutputs(model, dataOf(split), split)).not.toEqual(await predictOutputs(model, dataOf(padded), padded));
});

test("so do the other functions that train", async () => {
  const results = [];
  for (const train of [split, withNoise(split)]) {
    const data = dataOf(train);
    const { model, optimizer } = seeded();
    const { losses } = await overfitOneBatch(model, data, { optimizer, batchSize: 6, steps: 3 });
    const { trials } = await findLearningRate(model, data, { optimizer, batchSize: 6, steps: 10 });
    const { epochs } = await fastDevRun(model, data, { optimizer, epochs: 1, batchSize: 6 });
    results.push([losses, trials, epochs[0].testLoss]);
  }
  expect(results[0]).toEqual(results[1]);
});

test("lengths go with their examples", () => {
  const check = ({ inputs, lengths, count }: { inputs: ArrayLike<number>; lengths?: Int32Array; count: number }): void => {
    const width = inputs.length / count;
    // No example has a last value of 0, and behind it there are only zeros.
    lengths!.forEach((n, i) => {
      const row = Array.from({ length: width }, (_, j) => inputs[i * width + j]);
      expect(row.slice(n * FEATURES).every((x) => x === 0)).toBe(true);
    });
  };
  expect([...split.lengths!]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
  check(split);
  expect([...subset(split, [3, 0, 5]).lengths!]).toEqual([4, 1, 2]);
  for (const part of [...trainTestSplit(split, 0.25), bootstrap(split)]) check(part);
  for (const batch of batches(split, { batchSize: 5, shuffle: true }))
    expect([...batch.lengths!]).toEqual([...batch.indices].map((i) => 1 + (i % 4)));
});

test("a loader pads the examples of each batch to its longest", async () => {
  const seen: number[][] = [];
  for await (const { inputs, lengths, count } of new Loader({ count: 6, example }, { batchSize: 2 }))
    seen.push([inputs.length / count / FEATURES, ...lengths!]);
  expect(seen).toEqual([
    [2, 1, 2],
    [4, 3, 4],
    [2, 1, 2],
  ]);
  const stream = async function* (): AsyncGenerator<Example> {
    for (let i = 0; i < 2; i++) yield example(i);
  };
  for await (const { lengths } of new Loader(stream, { batchSize: 2 })) expect([...lengths!]).toEqual([1, 2]);
});

test("lengths that cannot be are refused by name", async () => {
  const { model, optimizer } = seeded();
  for (const lengths of [Int32Array.of(1, 2), new Int32Array(12), [1, 2], "x", 3]) {
    const wrong = dataOf({ ...split, lengths: lengths as Int32Array });
    await expect(fit(model, wrong, { optimizer, epochs: 1 })).rejects.toThrow(/training split: lengths must be an Int32Array of 12 steps/);
  }
  await expect(fit(model, dataOf({ ...split, lengths: split.lengths!.map((n) => n + 1) }), { optimizer, epochs: 1 })).rejects.toThrow(
    /training split: example 3 has the length 5, inputs have 4 steps/,
  );
  expect(() => splitOf([])).toThrow("splitOf: want at least one example");
  expect(() => splitOf([example(1), { ...example(2), length: 2 }])).toThrow(
    /example 1 has 6 values and the length 2; want 2 values a step/,
  );
  const { length: _, ...rest } = example(2);
  expect(() => splitOf([example(1), rest])).toThrow(/example 1 has no length/);
});
