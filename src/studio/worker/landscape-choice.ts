/** @file What can be chosen of the room Landscape, as plain data. */

/** Functions of two variables; `net` is the loss of the page's net on a plane through its weights. */
export const SURFACES = ["valley", "flat end", "two minima", "banana", "saddle", "four minima", "net"] as const;
export type SurfaceName = (typeof SURFACES)[number];

export interface SurfaceShape {
  readonly formula: string;
  /** Half the side of the square around the origin that is shown. */
  readonly reach: number;
  /** The least value. */
  readonly least: number;
  /** Where it lies. */
  readonly minima: readonly (readonly [x: number, y: number])[];
  /** Where the ball starts. */
  readonly start: readonly [x: number, y: number];
}

/** The minima of x⁴ − 2x² + 0.3x: roots of 4x³ − 4x + 0.3. */
const LEFT = -1.0355787140888537;
const RIGHT = 0.9601495555191055;

export const SHAPES: Readonly<Record<Exclude<SurfaceName, "net">, SurfaceShape>> = {
  valley: {
    formula: "½x² + 10y²",
    reach: 2,
    least: 0,
    minima: [[0, 0]],
    start: [-1.5, 1.2],
  },
  "flat end": {
    formula: "½(10x² + 0.1y²)",
    reach: 1.5,
    least: 0,
    minima: [[0, 0]],
    start: [1, 1],
  },
  "two minima": {
    formula: "x⁴ − 2x² + 0.3x + y²",
    reach: 1.6,
    least: LEFT ** 4 - 2 * LEFT ** 2 + 0.3 * LEFT,
    minima: [
      [LEFT, 0],
      [RIGHT, 0],
    ],
    start: [0.5, 1],
  },
  banana: {
    formula: "(1 − x)² + 10(y − x²)²",
    reach: 2,
    least: 0,
    minima: [[1, 1]],
    start: [-1.2, 1.4],
  },
  saddle: {
    formula: "x² − y² + ½y⁴",
    reach: 1.5,
    least: -0.5,
    minima: [
      [0, -1],
      [0, 1],
    ],
    start: [1.2, 0.02],
  },
  "four minima": {
    formula: "(x² + y − 11)² + (x + y² − 7)²",
    reach: 5,
    least: 0,
    minima: [
      [3, 2],
      [-2.805118, 3.131313],
      [-3.77931, -3.283186],
      [3.584428, -1.848127],
    ],
    start: [0, -1],
  },
};

export const RACERS = ["SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam"] as const;
export type RacerName = (typeof RACERS)[number];

export const SCHEDULES = ["constant", "step decay", "cosine", "one cycle", "warm-up, cosine"] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export const RACE_LIMITS = { rate: [1e-4, 3], momentum: [0.1, 0.99], steps: [10, 500] } as const;

/** Of optimizers on a surface, from a place. */
export interface RaceChoice {
  readonly on: readonly RacerName[];
  readonly rates: Readonly<Record<RacerName, number>>;
  readonly momentum: number;
  readonly schedule: ScheduleName;
  readonly steps: number;
}

/** The lecture's. */
export const FIRST_RACE: RaceChoice = {
  on: RACERS,
  rates: { SGD: 0.04, momentum: 0.04, Nesterov: 0.04, AdaGrad: 0.5, RMSProp: 0.04, Adam: 0.1 },
  momentum: 0.8,
  schedule: "constant",
  steps: 100,
};

/** The plane on which the loss of the page's net is shown. */
export interface PlaneChoice {
  /** Through two random directions, or that in which the run mostly moved. */
  readonly by: "path" | "random";
  /** Whether each row of a random direction is as long as that of the weights. */
  readonly filter: boolean;
  /** How far it goes to each side; of a path, what its length is multiplied by. */
  readonly range: number;
  readonly seed: number;
}

export const FIRST_PLANE: PlaneChoice = { by: "path", filter: true, range: 1, seed: 0 };
export const PLANE_LIMITS = { range: [0.2, 5] } as const;

/** Starts that descend together; how many steps they have taken when they are looked at. */
export const STARTS = 1000;
export const LOOKS_AT: readonly number[] = [0, 2, 5, 10, 20, 50, 100, 200, 400, 800, 1600, 3000, 5000, 8000];

/** The losses at which nets of two ReLU units end on exclusive or, and how near a loss must be to count. */
export const LEVELS = [0, 1 / 8, 1 / 6, 1 / 4] as const;
export const LEVEL_NAMES = ["0", "1/8", "1/6", "1/4"] as const;
const NEAR = 2e-3;

/** The level at which a loss is, or -1. */
export const levelOf = (loss: number): number => LEVELS.findIndex((level) => Math.abs(loss - level) < NEAR);

export const LAND_LOOKS = ["race", "slope", "run", "starts"] as const;
export type LandLook = (typeof LAND_LOOKS)[number];
export const FORMS = ["map", "surface"] as const;

export const LAND_LIMITS = {
  degrees: [0, 360],
  alpha: [1e-6, 1],
  hidden: [2, 8],
  seed: [0, 99],
  a: [0, STARTS],
  b: [0, STARTS],
  step: [-1, 8000],
  from: [0, 100],
  to: [0, 100],
} as const;

/** All that the room shows. */
export interface LandChoice extends RaceChoice, PlaneChoice {
  readonly look: LandLook;
  readonly surface: SurfaceName;
  readonly form: (typeof FORMS)[number];
  /** Where the ball is; absent: where it starts. */
  readonly at?: readonly [x: number, y: number];
  /** Of the race, the step that is shown; −1 for the last. */
  readonly step: number;
  readonly degrees: number;
  readonly alpha: number;
  readonly hidden: number;
  /** Numbers of the starts that have pins, from 1; 0 for the first that ends in a local minimum, and for the first that does not. */
  readonly a: number;
  readonly b: number;
  /** Moments of the run, in percent of those that are known. */
  readonly from: number;
  readonly to: number;
}

export const FIRST_LAND: LandChoice = {
  ...FIRST_RACE,
  ...FIRST_PLANE,
  look: "race",
  surface: "valley",
  form: "map",
  step: -1,
  degrees: 30,
  alpha: 0.5,
  hidden: 2,
  seed: 1,
  a: 0,
  b: 0,
  from: 0,
  to: 100,
};

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (given: unknown): Fields => (typeof given === "object" && given !== null ? (given as Fields) : {});
const within = (value: unknown, [low, high]: readonly [number, number]): value is number =>
  typeof value === "number" && value >= low && value <= high;

const NUMBERS: Readonly<Record<string, readonly [number, number]>> = {
  ...LAND_LIMITS,
  momentum: RACE_LIMITS.momentum,
  steps: RACE_LIMITS.steps,
  range: PLANE_LIMITS.range,
};

/** Numbers that need not be whole. */
const BROKEN = ["alpha", "momentum", "range"];

const WORDS: Readonly<Record<string, readonly unknown[]>> = {
  look: LAND_LOOKS,
  surface: SURFACES,
  form: FORMS,
  schedule: SCHEDULES,
  by: ["path", "random"],
  filter: [true, false],
};

/** What is shown, from what a link says: fields that cannot be are those of the first. */
export function readLand(given: unknown): LandChoice {
  const fields = fieldsOf(given);
  const isGood = (name: string, value: unknown): boolean =>
    WORDS[name]?.includes(value) === true ||
    (name in NUMBERS && within(value, NUMBERS[name]!) && (Number.isInteger(value) || BROKEN.includes(name)));
  const good = Object.entries(fields).filter(([name, value]) => isGood(name, value));
  const { on, at } = fields;
  const rates = fieldsOf(fields.rates);
  const place: readonly unknown[] = Array.isArray(at) ? at : [];
  return {
    ...FIRST_LAND,
    ...Object.fromEntries(good),
    ...(Array.isArray(on) && { on: RACERS.filter((name) => on.includes(name)) }),
    rates: {
      ...FIRST_RACE.rates,
      ...Object.fromEntries(RACERS.filter((name) => within(rates[name], RACE_LIMITS.rate)).map((name) => [name, rates[name]])),
    },
    ...(place.length === 2 && place.every(Number.isFinite) && { at: place as [number, number] }),
  };
}
