/** @file A small data set, made from a formula. */
import type { Dataset, Split } from "../../src/data/dataset.ts";

/** Pictures of 8 by 8 with waves of four directions, some of whose targets do not count. */
export function syntheticImages(count: number): Dataset {
  const splitOf = (n: number, seed: number): Split => {
    const inputs = new Float32Array(64 * n);
    const targets = Int32Array.from({ length: n }, (_, i) => (i % 11 === 10 ? -100 : (i + seed) % 4));
    for (let i = 0; i < inputs.length; i++) {
      const [example, row, column] = [i >> 6, (i >> 3) & 7, i & 7];
      const kind = (example + seed) % 4;
      inputs[i] = Math.sin(row * [1, 0, 1, 1][kind]! + column * [0, 1, 1, -1][kind]! + example) + 0.3 * Math.sin(i * 12.9898 + seed);
    }
    return { inputs, targets, count: n };
  };
  return {
    name: "waves",
    task: "classification",
    classes: ["rows", "columns", "falling", "rising"],
    inputShape: [1, 8, 8],
    train: splitOf(count, 0),
    test: splitOf(40, 2),
  };
}
