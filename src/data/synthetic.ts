/**
 * @file Made-up data sets in the plane and on the line, for seeing what a network does: functions of a seed. Those in the plane follow the
 * conventions of scikit-learn's generators of the same names.
 */
import { type Checks, check, checkOptions, finite, nonNegative, oneOf, positiveInteger } from "../base/check.ts";
import { fold, type Key, keyFromSeed, threefry2x32 } from "../base/random.ts";
import type { Dataset, Split } from "./dataset.ts";

export interface SyntheticOptions {
  /** Examples in each of the two splits. Default 500. */
  readonly count?: number;
  /** Standard deviation of what is added to each coordinate (of curves: to the value). Each set has its own default. */
  readonly noise?: number;
  /** Default 0. */
  readonly seed?: number;
}

export const SYNTHETIC_OPTIONS: Checks<SyntheticOptions> = { count: positiveInteger, noise: nonNegative, seed: finite };

/** Numbers one after another from a key: uniform ones and normal ones. */
class Draws {
  readonly #key: Key;
  #position = 0;

  constructor(key: Key) {
    this.#key = key;
  }

  /** In [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (threefry2x32(this.#key, [this.#position++, 0])[0] / 2 ** 32) * (high - low);
  }

  /** Box & Muller (1958). */
  normal(std = 1): number {
    return std * Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}

/** Point i of a class. */
type Point = (draws: Draws, label: number, i: number) => readonly [number, number];

/** Two splits of points; example i is of class i mod `classes`. */
function plane(name: string, classes: number, point: Point, { count = 500, noise = 0, seed = 0 }: SyntheticOptions): Dataset {
  checkCount(name, count, classes);
  const split = (part: number): Split => {
    const draws = new Draws(fold(keyFromSeed(seed), part));
    const inputs = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) {
      const [x, y] = point(draws, i % classes, i);
      inputs.set([x + draws.normal(noise), y + draws.normal(noise)], 2 * i);
    }
    return { inputs, targets: Int32Array.from({ length: count }, (_, i) => i % classes), count };
  };
  const names = Array.from({ length: classes }, (_, i) => String(i));
  return { name, train: split(0), test: split(1), classes: names, inputShape: [2], task: "classification" };
}

function checkCount(name: string, count: number, least: number): void {
  if (!Number.isInteger(count) || count < least) throw new RangeError(`${name}: want an integer count of at least ${least}, got ${count}`);
}

export interface SpiralsOptions extends SyntheticOptions {
  /** Default 2 (Lang & Witbrock 1988). */
  readonly arms?: number;
  /** Default 1.5. */
  readonly turns?: number;
}

/** Arms that wind around each other. Default noise 0.02, radius up to 1. */
export function spirals(given: SpiralsOptions = {}): Dataset {
  checkOptions("spirals", given, { ...SYNTHETIC_OPTIONS, arms: positiveInteger, turns: finite });
  const { arms = 2, turns = 1.5, ...options } = given;
  const point: Point = (draws, arm) => {
    const r = Math.sqrt(draws.uniform()); // as many points per length of arm, inside and outside
    const angle = 2 * Math.PI * (turns * r + arm / arms);
    return [r * Math.cos(angle), r * Math.sin(angle)];
  };
  return plane("spirals", arms, point, { noise: 0.02, ...options });
}

/** Two half circles that reach into each other. Default noise 0.1. */
export function moons(options: SyntheticOptions = {}): Dataset {
  checkOptions("moons", options, SYNTHETIC_OPTIONS);
  const point: Point = (draws, label) => {
    const angle = draws.uniform(0, Math.PI);
    return label === 0 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)];
  };
  return plane("moons", 2, point, { noise: 0.1, ...options });
}

/** A circle of radius `factor` (class 1, default 0.5) inside one of radius 1. Default noise 0.1. */
export function circles(given: SyntheticOptions & { readonly factor?: number } = {}): Dataset {
  checkOptions("circles", given, { ...SYNTHETIC_OPTIONS, factor: finite });
  const { factor = 0.5, ...options } = given;
  const point: Point = (draws, label) => {
    const angle = draws.uniform(0, 2 * Math.PI);
    const r = label === 0 ? 1 : factor;
    return [r * Math.cos(angle), r * Math.sin(angle)];
  };
  return plane("circles", 2, point, { noise: 0.1, ...options });
}

/** Normal clouds of deviation `noise` (default 1) around `centers` (default 3) random places in [-10, 10]². */
export function blobs(given: SyntheticOptions & { readonly centers?: number } = {}): Dataset {
  checkOptions("blobs", given, { ...SYNTHETIC_OPTIONS, centers: positiveInteger });
  const { centers = 3, ...options } = given;
  const draws = new Draws(fold(keyFromSeed(options.seed ?? 0), 2));
  const places = Array.from({ length: centers }, () => [draws.uniform(-10, 10), draws.uniform(-10, 10)] as const);
  return plane("blobs", centers, (_, label) => places[label], { noise: 1, ...options });
}

/** Squares of two colours, `cells` (default 4) along each side of [-1, 1]². Default noise 0. */
export function checkerboard(given: SyntheticOptions & { readonly cells?: number } = {}): Dataset {
  checkOptions("checkerboard", given, { ...SYNTHETIC_OPTIONS, cells: positiveInteger });
  const { cells = 4, ...options } = given;
  const point: Point = (draws, label) => {
    const row = Math.floor(draws.uniform(0, cells));
    const start = (row + label) % 2;
    const column = start + 2 * Math.floor(draws.uniform(0, (cells - start) / 2));
    const side = 2 / cells;
    return [(column + draws.uniform()) * side - 1, (row + draws.uniform()) * side - 1];
  };
  return plane("checkerboard", 2, point, options);
}

/** Functions on [-1, 1] to be learnt from samples of them. */
export const curves: Readonly<Record<string, (x: number) => number>> = {
  sine: (x) => Math.sin(Math.PI * x),
  step: (x) => (x < 0 ? -1 : 1),
  sinc: (x) => (x === 0 ? 1 : Math.sin(3 * Math.PI * x) / (3 * Math.PI * x)),
  polynomial: (x) => 4 * x ** 3 - 3 * x,
};

/** Samples y = f(x) + noise of one of {@link curves}, x uniform in [-1, 1]. Default noise 0.1; the test split has none. */
export function curve(name: string, options: SyntheticOptions = {}): Dataset {
  checkOptions("curve", options, SYNTHETIC_OPTIONS);
  const { count = 500, noise = 0.1, seed = 0 } = options;
  check("curve: name", name, oneOf(...Object.keys(curves)));
  checkCount(`curve ${name}`, count, 1);
  const split = (part: number, deviation: number): Split => {
    const draws = new Draws(fold(keyFromSeed(seed), part));
    const inputs = Float32Array.from({ length: count }, () => draws.uniform(-1, 1));
    return { inputs, targets: inputs.map((x) => curves[name](x) + draws.normal(deviation)), count };
  };
  return { name, train: split(0, noise), test: split(1, 0), classes: [], inputShape: [1], task: "regression" };
}
