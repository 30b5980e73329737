/** @file Exclusive or: the four points that no single layer can separate (Minsky & Papert 1969). Training and test set are the same. */
import type { Dataset, Split } from "./dataset.ts";

/** The truth table of exclusive or, as training and as test data. */
export function xor(): Dataset {
  const split: Split = {
    inputs: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1),
    targets: Float32Array.of(0, 1, 1, 0),
    count: 4,
  };
  return { name: "xor", train: split, test: split, classes: [], inputShape: [2], task: "regression" };
}
