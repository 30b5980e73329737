/** @file What can be chosen in the room Duel, as plain data: of two nets against each other, of guessed gradients, and of a net that knows how sure it is. */

export const GAN_LOSSES = ["non-saturating", "saturating"] as const;

export interface GanChoice {
  /** Gaussians, evenly on a circle of radius 1. */
  readonly modes: number;
  /** Where the Gaussians are, pairs of numbers; empty as long as they are on the circle. */
  readonly centers: readonly number[];
  /** Their deviation. */
  readonly sigma: number;
  readonly lr: number;
  readonly criticLr: number;
  readonly loss: (typeof GAN_LOSSES)[number];
  /** Numbers that a sample is made of. */
  readonly noise: number;
  readonly seed: number;
}

export const GAN_LIMITS = {
  modes: [1, 12],
  sigma: [0.02, 0.2],
  lr: [1e-4, 1e-2],
  criticLr: [1e-4, 1e-2],
  noise: [1, 8],
  seed: [0, 9999],
} as const;

/** Half the side of the square that is shown, and how far a Gaussian can be dragged. */
export const GAN_REACH = 1.6;
export const CENTER_REACH = 1.4;

export const FIRST_GAN: GanChoice = {
  modes: 8,
  centers: [],
  sigma: 0.02,
  lr: 1e-3,
  criticLr: 2e-3,
  loss: "non-saturating",
  noise: 2,
  seed: 1,
};

export const GUESS_DATA = ["spirals", "moons", "circles"] as const;
export const GUESSERS = ["output", "output and class"] as const;

export interface GuessChoice {
  readonly data: (typeof GUESS_DATA)[number];
  readonly stages: number;
  /** What a guesser sees. */
  readonly guesser: (typeof GUESSERS)[number];
  /** Share of true backpropagation in the gradients. */
  readonly lambda: number;
  readonly lr: number;
  readonly seed: number;
}

export const GUESS_LIMITS = { stages: [2, 5], lambda: [0, 1], lr: [1e-4, 3e-2], seed: [0, 9999] } as const;

export const FIRST_GUESS: GuessChoice = { data: "spirals", stages: 4, guesser: "output and class", lambda: 0, lr: 3e-3, seed: 1 };

export interface DoubtChoice {
  /** Pairs of x and y. */
  readonly points: readonly number[];
  readonly hidden: number;
  readonly seed: number;
}

export const DOUBT_LIMITS = { x: [-6, 6], y: [-3, 3], hidden: [5, 50], points: [2, 40], seed: [0, 9999] } as const;

/** Passes over the points, as in the paper. */
export const PASSES = 40;

/** Places at which the net is asked. */
export const DOUBT_PLACES = 97;

/** y = x³/64 and noise of 3/64 on 20 places between -4 and 4: the toy of the paper (Hernández-Lobato & Adams 2015, figure 1), divided by 64. */
const CUBE: readonly number[] = [
  -3.84, -0.86, -3.41, -0.66, -2.97, -0.37, -2.69, -0.34, -2.22, -0.12, -1.93, -0.16, -1.46, -0.04, -1.12, -0.06, -0.71, 0.05, -0.33, -0.02,
  0.12, -0.05, 0.44, 0.03, 0.86, 0.06, 1.31, 0.02, 1.67, 0.09, 2.08, 0.11, 2.43, 0.27, 2.91, 0.36, 3.29, 0.57, 3.87, 0.93,
];

const GAP: readonly number[] = [
  -4.8, 0.88, -4.5, 1.02, -4.2, 0.84, -3.9, 0.71, -3.6, 0.4, -3.3, 0.2, -3, -0.1, -2.7, -0.47, -2.4, -0.63, 2.2, 0.83, 2.5, 0.55, 2.8, 0.36,
  3.1, 0.02, 3.4, -0.3, 3.7, -0.5, 4, -0.8, 4.3, -0.87, 4.6, -1.02,
];

const FEW: readonly number[] = [-2, -1, 0, 0.5, 2, 0.2];

export const DOUBT_EXAMPLES: readonly { readonly name: string; readonly hint: string; readonly points: readonly number[] }[] = [
  { name: "A cube", hint: "The paper’s toy, 20 points. Beyond them the net knows less, and says so. Put some there.", points: CUBE },
  {
    name: "A gap",
    hint: "Two parts of a wave. The weights count as independent, which makes the net surer between the parts than it should be.",
    points: GAP,
  },
  { name: "Three points", hint: "So few say little. Add some.", points: FEW },
];

export const FIRST_DOUBT: DoubtChoice = { points: CUBE, hidden: 20, seed: 1 };

type Limits = Readonly<Record<string, readonly [low: number, high: number]>>;

const isWithin = (value: unknown, [low, high]: readonly [number, number]): boolean =>
  typeof value === "number" && value >= low && value <= high;

/** A choice from what a link says: fields that cannot be are those of the first one. */
function readChoice<C extends object>(given: unknown, first: C, good: (name: keyof C, value: unknown) => boolean): C {
  const fields = typeof given === "object" && given !== null ? Object.entries(given) : [];
  return { ...first, ...Object.fromEntries(fields.filter(([name, value]) => name in first && good(name as keyof C, value))) };
}

const isWhole = (name: string): boolean => ["modes", "noise", "seed", "stages", "hidden"].includes(name);

const isNumber = (name: string, value: unknown, limits: Limits): boolean =>
  name in limits && isWithin(value, limits[name]!) && (!isWhole(name) || Number.isInteger(value));

const arePairs = (value: unknown, x: readonly [number, number], y: readonly [number, number], most: number): boolean =>
  Array.isArray(value) && value.length % 2 === 0 && value.length <= 2 * most && value.every((v, i) => isWithin(v, i % 2 ? y : x));

const REACHABLE = [-CENTER_REACH, CENTER_REACH] as const;

export const readGan = (given: unknown): GanChoice =>
  readChoice(given, FIRST_GAN, (name, value) => {
    if (name === "loss") return (GAN_LOSSES as readonly unknown[]).includes(value);
    if (name === "centers") return arePairs(value, REACHABLE, REACHABLE, GAN_LIMITS.modes[1]);
    return isNumber(name, value, GAN_LIMITS);
  });

export const readGuess = (given: unknown): GuessChoice =>
  readChoice(given, FIRST_GUESS, (name, value) => {
    if (name === "data") return (GUESS_DATA as readonly unknown[]).includes(value);
    if (name === "guesser") return (GUESSERS as readonly unknown[]).includes(value);
    return isNumber(name, value, GUESS_LIMITS);
  });

export const readDoubt = (given: unknown): DoubtChoice =>
  readChoice(given, FIRST_DOUBT, (name, value) => {
    if (name !== "points") return isNumber(name, value, { hidden: DOUBT_LIMITS.hidden, seed: DOUBT_LIMITS.seed });
    const { x, y, points } = DOUBT_LIMITS;
    return arePairs(value, x, y, points[1]) && (value as readonly number[]).length >= 2 * points[0];
  });

/** The middles of the Gaussians, pairs of numbers: around the circle from (1, 0), or where they were dragged. */
export function centersOf({ modes, centers }: Pick<GanChoice, "modes" | "centers">): number[] {
  if (centers.length > 0) return [...centers];
  return Array.from({ length: 2 * modes }, (_, i) => {
    const angle = (2 * Math.PI * (i >> 1)) / modes;
    return Number((i % 2 ? Math.sin(angle) : Math.cos(angle)).toFixed(6));
  });
}
