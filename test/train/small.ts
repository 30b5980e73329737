/** @file What the tests of training share: a small data set, a small model with everything in it that has state, and bits of weights. */
import { type Dataset, digits, type Split } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import { BatchNorm1d, Dropout, Flatten, Linear, type Module, ReLU, Sequential } from "../../src/nn/index.ts";
import "../../src/runtime/evaluate.ts";

export const data: Dataset = await digits();

export const cut = (split: Split, from: number, to: number): Split => ({
  inputs: split.inputs.slice(from * 64, to * 64),
  targets: split.targets.slice(from, to),
  count: to - from,
});

/** Seventy digits to train on and fifty to test: enough to see that everything runs. */
export const few: Dataset = { ...data, train: cut(data.train, 0, 70), test: cut(data.test, 0, 50) };

/** Dropout draws random numbers, batch normalization keeps running statistics. */
export function makeModel(seed = 1): Sequential {
  manualSeed(seed);
  return new Sequential(new Flatten(), new Linear(64, 16), new BatchNorm1d(16), new ReLU(), new Dropout(0.2), new Linear(16, 10));
}

/** Every element of every saved cell. */
export const bitsOf = (model: Module): number[] => [...model.stateDict().values()].flatMap((cell) => [...cell.value.dataSync()]);
