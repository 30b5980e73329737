/** @file `nabla demo gan`: a ring of eight Gaussians, whose modes a generator may miss. */
import type { Curve } from "../../figures/curves.ts";
import { placeMap } from "../../figures/map.ts";
import { keyOf, manualSeed, normal, split, uniform } from "../../math/random.ts";
import { stack, zeros } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Demo, Fact, Outcome } from "../demo.ts";
import { Gan, type GanHistory } from "./gan.ts";

const MODES = 8;
/** Deviation of a mode; the ring's radius is 1. */
const SIGMA = 0.02;
const SEEDS = 5;
const STEPS = 2500;

/** Points [N, 2] of the ring. */
export function ring(count: number, seed: number): Tensor {
  const [which, noise] = split(keyOf(seed), 2) as [Tensor, Tensor];
  const angle = uniform(which, [count], { high: MODES })
    .floor()
    .mul((2 * Math.PI) / MODES);
  return stack([angle.cos(), angle.sin()], 1).add(normal(noise, [count, 2]).mul(SIGMA));
}

/** Modes at which at least one of a hundred samples lies within 3σ, and the share of samples that lie near any. */
export function quality(samples: ArrayLike<number>): { modes: number; near: number } {
  const counts = new Array<number>(MODES).fill(0);
  for (let i = 0; i < samples.length; i += 2) {
    const [x, y] = [samples[i]!, samples[i + 1]!];
    const mode = (Math.round((Math.atan2(y, x) / (2 * Math.PI)) * MODES) + MODES) % MODES;
    const angle = (2 * Math.PI * mode) / MODES;
    if (Math.hypot(x - Math.cos(angle), y - Math.sin(angle)) <= 3 * SIGMA) counts[mode]!++;
  }
  const all = samples.length / 2;
  return { modes: counts.filter((n) => n >= all / 100).length, near: counts.reduce((a, b) => a + b, 0) / all };
}

/**
 * Squared maximum mean discrepancy of two sets of points with a Gaussian kernel of width 0.2, and the share of permutations of all points with a larger one (Gretton et al.
 * 2012): small, if the sets differ.
 */
export function discrepancy(a: ArrayLike<number>, b: ArrayLike<number>, permutations = 200): { squared: number; p: number } {
  const points = [...Array.from(a), ...Array.from(b)];
  const [n, all] = [a.length / 2, (a.length + b.length) / 2];
  const kernel = new Float64Array(all * all);
  for (let i = 0; i < all; i++)
    for (let j = 0; j < all; j++)
      kernel[i * all + j] = Math.exp(
        -((points[2 * i]! - points[2 * j]!) ** 2 + (points[2 * i + 1]! - points[2 * j + 1]!) ** 2) / (2 * 0.2 ** 2),
      );
  const squaredOf = (order: ArrayLike<number>): number => {
    const weight = new Float64Array(all);
    for (let i = 0; i < all; i++) weight[order[i]!] = i < n ? 1 / n : -1 / (all - n);
    let sum = 0;
    for (let i = 0; i < all; i++) for (let j = 0; j < all; j++) sum += weight[i]! * weight[j]! * kernel[i * all + j]!;
    return sum;
  };
  const order = Array.from({ length: all }, (_, i) => i);
  const squared = squaredOf(order);
  const draws = uniform(keyOf(3), [permutations, all]).dataSync();
  let larger = 0;
  for (let k = 0; k < permutations; k++) {
    const row = draws.subarray(k * all, (k + 1) * all);
    if (squaredOf([...order].sort((i, j) => row[i]! - row[j]!)) >= squared) larger++;
  }
  return { squared, p: (larger + 1) / (permutations + 1) };
}

export interface RingRun {
  readonly modes: number;
  readonly near: number;
  readonly history: GanHistory;
  readonly samples: Float32Array;
}

/** Trains on 20,000 points, and looks at 2,000 samples. */
export function trainRing(seed: number, steps: number = STEPS): RingRun {
  manualSeed(seed);
  const gan = new Gan({ width: 2, noise: 8, hidden: 64, lr: LR });
  const count = 20_000;
  const history = gan.train([ring(count, seed + 1), zeros([count], "i32")], steps, seed);
  const samples = gan.sample(keyOf(seed + 77), zeros([2000], "i32")).dataSync() as Float32Array;
  return { ...quality(samples), history, samples };
}

const LR = 1e-3;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function pictureOf(samples: Float32Array): string {
  const real = ring(400, 99).dataSync();
  const places = (points: ArrayLike<number>, colour: number, radius: number) =>
    Array.from({ length: Math.min(400, points.length / 2) }, (_, i) => ({
      x: points[2 * i]!,
      y: points[2 * i + 1]!,
      name: "",
      colour,
      radius,
    }));
  return placeMap("real and generated points", [...places(real, 6, 3), ...places(samples, 1, 2)], [], {
    keys: [
      { name: "real", colour: 6 },
      { name: "generated", colour: 1 },
    ],
  });
}

async function run(): Promise<Outcome> {
  const runs = Array.from({ length: SEEDS }, (_, seed) => trainRing(seed));
  const late = (list: Float32Array): number => mean(Array.from(list.subarray(-500)));
  const [real, first] = [ring(2000, 5).dataSync(), runs[0]!];
  const away = discrepancy(first.samples.subarray(0, 400), ring(200, 11).dataSync());
  const alike = discrepancy(ring(200, 12).dataSync(), ring(200, 11).dataSync());
  const smooth = (name: string, list: Float32Array): Curve => ({ name, points: Array.from(list, (y, x): [number, number] => [x, y]) });
  const facts: Fact[] = [
    { what: "modes of 8 found, mean of five seeds", value: mean(runs.map(({ modes }) => modes)), least: 6 },
    { what: "fewest", value: Math.min(...runs.map(({ modes }) => modes)), least: 3 },
    { what: "share of samples within 3σ of a mode, mean", value: mean(runs.map(({ near }) => near)), least: 0.2 },
    { what: "of real points", value: quality(real).near, expected: 1 - Math.exp(-4.5), within: 0.01 },
    { what: "critic on real points at the end", value: mean(runs.map(({ history }) => late(history.real))), expected: 0.5, within: 0.15 },
    { what: "critic on generated points", value: mean(runs.map(({ history }) => late(history.fake))), expected: 0.5, within: 0.15 },
    { what: "seed 0: squared discrepancy from real points", value: away.squared, note: `p ${away.p.toFixed(3)}` },
    { what: "of real points from real points", value: alike.squared, note: `p ${alike.p.toFixed(3)}` },
  ];
  return {
    facts,
    charts: [
      {
        curves: [smooth("real", first.history.real), smooth("generated", first.history.fake)],
        options: { title: "what the critic says, seed 0", x: "step", log: false },
      },
    ],
    pictures: [pictureOf(first.samples)],
  };
}

export const gan: Demo = {
  name: "gan",
  shows: "a generator against a critic on a ring of eight Gaussians: modes found, share within 3σ, five seeds",
  document: "S3",
  rows: ["REG-4"],
  run,
};
