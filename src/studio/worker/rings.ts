/** @file A disc inside a ring, as in the lecture on activation functions: class 1 within radius 0.8, class 0 from 1.4 to 2.2. */
import { fold, keyFromSeed, threefry2x32 } from "../../base/random.ts";
import type { Dataset, Split } from "../../data/dataset.ts";

export function rings(count: number, noise: number, seed: number): Dataset {
  const split = (part: number): Split => {
    const key = fold(keyFromSeed(seed), part);
    let drawn = 0;
    const uniform = (low: number, high: number): number => low + (threefry2x32(key, [drawn++, 0])[0] / 2 ** 32) * (high - low);
    const inputs = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) {
      const r = i % 2 === 1 ? uniform(0, 0.8) : uniform(1.4, 2.2);
      const angle = uniform(0, 2 * Math.PI);
      inputs[2 * i] = r * Math.cos(angle) + uniform(-noise, noise);
      inputs[2 * i + 1] = r * Math.sin(angle) + uniform(-noise, noise);
    }
    return { inputs, targets: Int32Array.from({ length: count }, (_, i) => i % 2), count };
  };
  return { name: "rings", train: split(0), test: split(1), classes: ["0", "1"], inputShape: [2], task: "classification" };
}
