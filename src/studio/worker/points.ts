/** @file The points of a session, in a square around the origin, and the features that the net is given of them. */
import type { Dataset, Split } from "../../data/dataset.ts";
import { blobs, checkerboard, circles, moons, spirals } from "../../data/synthetic.ts";
import { xor } from "../../data/xor.ts";
import type { Config } from "./config.ts";
import { EXTENT } from "./extent.ts";
import { rings } from "./rings.ts";

/** Coordinates [2 n] and labels 0 or 1 [n]. */
export interface Points {
  readonly xy: Float32Array;
  readonly labels: Float32Array;
}

interface Placed {
  readonly set: Dataset;
  /** The middle of the set, and the factor that fits it into the square. */
  readonly middle?: readonly [number, number];
  readonly scale?: number;
}

const MAKERS: Readonly<Record<Exclude<Config["data"], "own">, (count: number, noise: number, seed: number) => Placed>> = {
  circles: (count, noise, seed) => ({ set: circles({ count, noise, seed }) }),
  spirals: (count, noise, seed) => ({ set: spirals({ count, noise, seed }) }),
  moons: (count, noise, seed) => ({ set: moons({ count, noise, seed }), middle: [0.5, 0.25], scale: 0.75 }),
  blobs: (count, noise, seed) => ({ set: blobs({ count, noise: 10 * noise + 1, seed, centers: 2 }), scale: 0.08 }),
  checkerboard: (count, noise, seed) => ({ set: checkerboard({ count, noise, seed, cells: 2 }) }),
  rings: (count, noise, seed) => ({ set: rings(count, noise, seed), scale: 0.5 }),
  xor: () => ({ set: xor() }),
};

function pointsOf({ inputs, targets, count }: Split, [cx, cy]: readonly [number, number], scale: number): Points {
  const xy = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    xy[2 * i] = (inputs[2 * i]! - cx) * scale;
    xy[2 * i + 1] = (inputs[2 * i + 1]! - cy) * scale;
  }
  return { xy, labels: Float32Array.from(targets) };
}

/** Points from x, y, label, one after another. */
export function unpacked(points: readonly number[]): Points {
  const n = points.length / 3;
  const xy = Float32Array.from({ length: 2 * n }, (_, i) => points[3 * (i >> 1) + (i & 1)]!);
  return { xy, labels: Float32Array.from({ length: n }, (_, i) => points[3 * i + 2]!) };
}

/** The points that a configuration names, for training and for the test. Points of one's own are used for both. */
export function pointsFor({ data, count, noise, seed, points }: Config): { train: Points; test: Points } {
  if (points) {
    const own = unpacked(points);
    return { train: own, test: own };
  }
  if (data === "own") throw new Error('data "own" wants points: draw some, or drop a CSV file');
  const { set, middle = [0, 0], scale = 1 } = MAKERS[data](count, noise, seed);
  return { train: pointsOf(set.train, middle, scale), test: pointsOf(set.test, middle, scale) };
}

/** The middles of n × n cells of the square, rows from the top. */
export function grid(n: number, extent: number = EXTENT): Float32Array {
  const xy = new Float32Array(2 * n * n);
  for (let i = 0; i < n * n; i++) {
    xy[2 * i] = extent * ((2 * ((i % n) + 0.5)) / n - 1);
    xy[2 * i + 1] = extent * (1 - (2 * (Math.floor(i / n) + 0.5)) / n);
  }
  return xy;
}

/** A lattice of n × n points from edge to edge, rows from the top. */
export function lattice(n: number, extent = 1): Float32Array {
  const xy = new Float32Array(2 * n * n);
  for (let i = 0; i < n * n; i++) {
    xy[2 * i] = extent * ((2 * (i % n)) / (n - 1) - 1);
    xy[2 * i + 1] = extent * (1 - (2 * Math.floor(i / n)) / (n - 1));
  }
  return xy;
}
