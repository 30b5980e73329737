/** @file Values that demonstrations compute with: draws, scalars, slopes, distances, and curves of them. */
import type { Curve } from "../figures/curves.ts";
import { grad } from "../function/derivative.ts";
import { keyOf, normal } from "../math/random.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

export const f64 = { dtype: "f64" } as const;

export const scalar = (x: number): Tensor => tensor(x, f64);

/** Draws of a normal distribution in f64, the same for the same seed. */
export const draw = (seed: number, ...shape: number[]): Tensor => normal(keyOf(seed), shape, f64);

/** The derivative of a function of one number. */
export const slopeAt = (fn: (x: Tensor) => Tensor, at: number): number => item(grad(fn)(scalar(at)));

/** σ' = σ(1 - σ) */
export const sigmoidSlope = (z: Tensor): Tensor => z.sigmoid().mul(z.sigmoid().neg().add(1));

/** The one element of a tensor. */
export const item = (x: Tensor): number => x.itemSync();

/** The largest difference between two tensors of one shape. */
export const distance = (a: Tensor, b: Tensor): number => item(a.sub(b).abs().max());

/** Points of a function over a range. */
export function sampled(name: string, fn: (x: number) => number, from: number, to: number, count = 121): Curve {
  const points = Array.from({ length: count }, (_, i): [number, number] => {
    const x = from + ((to - from) * i) / (count - 1);
    return [x, fn(x)];
  });
  return { name, points };
}

/** The values of a tensor's function at many points, as a curve. */
export function traced(name: string, xs: Tensor, ys: Tensor): Curve {
  const [x, y] = [xs.dataSync(), ys.dataSync()];
  return { name, points: Array.from(x, (each, i): [number, number] => [each, y[i]!]) };
}
