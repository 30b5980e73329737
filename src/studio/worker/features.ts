/** @file What the net is given of a point. */
import type { Feature } from "./config.ts";

const OF_POINT: Readonly<Record<Feature, (x: number, y: number) => number>> = {
  "x₁": (x) => x,
  "x₂": (_, y) => y,
  "x₁²": (x) => x * x,
  "x₂²": (_, y) => y * y,
  "x₁x₂": (x, y) => x * y,
  "sin x₁": (x) => Math.sin(Math.PI * x),
  "sin x₂": (_, y) => Math.sin(Math.PI * y),
};

/** What the net is given: [n, features]. */
export function featuresOf(xy: Float32Array, features: readonly Feature[]): Float32Array {
  const n = xy.length / 2;
  const made = new Float32Array(n * features.length);
  for (const [k, feature] of features.entries()) {
    const of = OF_POINT[feature];
    for (let i = 0; i < n; i++) made[i * features.length + k] = of(xy[2 * i]!, xy[2 * i + 1]!);
  }
  return made;
}
