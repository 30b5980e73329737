/** @file What can be chosen of the room Norm, as plain data: all that the page must know of it. */

type Check = (value: unknown) => boolean;

const within =
  ([low, high]: readonly [low: number, high: number], isWhole = false): Check =>
  (value) =>
    typeof value === "number" && value >= low && value <= high && (!isWhole || Number.isInteger(value));

const oneOf =
  (options: readonly unknown[]): Check =>
  (value) =>
    options.includes(value);

/** A choice from what a link says: fields that cannot be are those of the first one. */
function reader<C extends object>(first: C, checks: Readonly<Record<keyof C, Check>>): (given: unknown) => C {
  return (given) => {
    const fields = typeof given === "object" && given !== null ? Object.entries(given) : [];
    return { ...first, ...Object.fromEntries(fields.filter(([name, value]) => checks[name as keyof C]?.(value))) };
  };
}

export const NORM_LOOKS = ["norms", "penalties", "dropout", "bagging", "fitting"] as const;
export type NormLook = (typeof NORM_LOOKS)[number];

// ---- norms --------------------------------------------------------------------------------------------------------------------------

/** Features of an example. */
export const FEATURES_SHOWN = 4;

/** Largest size of a value. */
export const DOT_REACH = 6;

export const NORM_MODES = ["training", "evaluation", "layer"] as const;
export type NormMode = (typeof NORM_MODES)[number];

export interface NormsChoice {
  readonly mode: NormMode;
  /** Examples by features, row by row. */
  readonly values: readonly number[];
  /** γ and β of each feature. */
  readonly gamma: readonly number[];
  readonly beta: readonly number[];
  readonly eps: number;
  /** How often the layer has seen the batch in training, and the share of the newest in its moving averages. */
  readonly batches: number;
  readonly momentum: number;
}

export const NORMS_LIMITS = {
  examples: [2, 12],
  value: [-DOT_REACH, DOT_REACH],
  gamma: [-2, 2],
  beta: [-2, 2],
  eps: [0, 1],
  batches: [0, 100],
  momentum: [0.01, 1],
} as const;

/** Twelve examples of four features, of different means and spreads. */
const DOTS: readonly number[] = [
  2.4, -3.1, 0.6, -0.4, 3.1, -2.2, 0.2, 2.9, 1.2, -3.9, 0.9, 4.6, 4.2, -2.8, 0.4, -2.3, 2.9, -4.4, 0.8, 1.4, 1.8, -3.4, 0.1, -4.1, 3.6,
  -2.5, 0.5, 3.4, 2.6, -3.6, 0.7, 0.7, 0.9, -3, 0.3, -1.6, 3.3, -4.1, 1, 2.2, 2.1, -2.6, 0.6, -3, 2.8, -3.3, 0.4, 1.9,
];

export const FIRST_NORMS: NormsChoice = {
  mode: "training",
  values: DOTS.slice(0, 8 * FEATURES_SHOWN),
  gamma: [1, 1, 1, 1],
  beta: [0, 0, 0, 0],
  eps: 1e-5,
  batches: 4,
  momentum: 0.1,
};

const isList =
  (lengths: Check, each: Check): Check =>
  (value) =>
    Array.isArray(value) && lengths(value.length) && value.every(each);

const perFeature = (each: Check): Check => isList((n) => n === FEATURES_SHOWN, each);

export const readNorms = reader(FIRST_NORMS, {
  mode: oneOf(NORM_MODES),
  values: isList((n) => within(NORMS_LIMITS.examples, true)((n as number) / FEATURES_SHOWN), within(NORMS_LIMITS.value)),
  gamma: perFeature(within(NORMS_LIMITS.gamma)),
  beta: perFeature(within(NORMS_LIMITS.beta)),
  eps: within(NORMS_LIMITS.eps),
  batches: within(NORMS_LIMITS.batches, true),
  momentum: within(NORMS_LIMITS.momentum),
});

/** The values with so many examples: those of the first batch beyond the ones that are there. */
export const withExamples = (values: readonly number[], m: number): number[] =>
  Array.from({ length: m * FEATURES_SHOWN }, (_, i) => values[i] ?? DOTS[i]!);

// ---- penalties ----------------------------------------------------------------------------------------------------------------------

export interface PenaltiesChoice {
  readonly kind: "l1" | "l2";
  readonly lambda: number;
  /** Whether λ stands inside the sum over the examples. */
  readonly isInside: boolean;
  readonly examples: number;
  /** Where the loss without a penalty is least. */
  readonly optimum: readonly number[];
  /** How far the two inputs go together. */
  readonly correlation: number;
}

/** Half the side of the plane. */
export const PLANE_REACH = 3;

export const PENALTIES_LIMITS = {
  lambda: [0, 3],
  examples: [1, 25],
  optimum: [-PLANE_REACH, PLANE_REACH],
  correlation: [-0.8, 0.8],
} as const;

export const FIRST_PENALTIES: PenaltiesChoice = {
  kind: "l1",
  lambda: 1.2,
  isInside: true,
  examples: 25,
  optimum: [0.9, 2.2],
  correlation: 0.3,
};

export const readPenalties = reader(FIRST_PENALTIES, {
  kind: oneOf(["l1", "l2"]),
  lambda: within(PENALTIES_LIMITS.lambda),
  isInside: oneOf([true, false]),
  examples: within(PENALTIES_LIMITS.examples, true),
  optimum: isList((n) => n === 2, within(PENALTIES_LIMITS.optimum)),
  correlation: within(PENALTIES_LIMITS.correlation),
});

// ---- dropout ------------------------------------------------------------------------------------------------------------------------

/** The net whose units are dropped. */
export const MASKED = { inputs: 4, hidden: 6 } as const;
export const MASKED_UNITS = MASKED.inputs + MASKED.hidden;

export interface DropoutChoice {
  /** Probabilities with which an input and a hidden unit are kept. */
  readonly keepInput: number;
  readonly keepHidden: number;
  /** Whether the hidden units are linear ones, not ReLU. */
  readonly isLinear: boolean;
  /** The mask that is shown, from 1: the mean is over those up to it. */
  readonly mask: number;
  readonly seed: number;
}

export const MOST_MASKS = 1000;

export const DROPOUT_LIMITS = { keepInput: [0.1, 1], keepHidden: [0.1, 1], mask: [1, MOST_MASKS], seed: [0, 9999] } as const;

export const FIRST_DROPOUT: DropoutChoice = { keepInput: 0.8, keepHidden: 0.5, isLinear: false, mask: 1, seed: 1 };

export const readDropout = reader(FIRST_DROPOUT, {
  keepInput: within(DROPOUT_LIMITS.keepInput),
  keepHidden: within(DROPOUT_LIMITS.keepHidden),
  isLinear: oneOf([true, false]),
  mask: within(DROPOUT_LIMITS.mask, true),
  seed: within(DROPOUT_LIMITS.seed, true),
});

// ---- bagging and fitting ------------------------------------------------------------------------------------------------------------

export interface FittingChoice {
  readonly degree: number;
  readonly examples: number;
  readonly lambda: number;
  readonly seed: number;
}

export interface BaggingChoice {
  readonly degree: number;
  readonly examples: number;
  /** Models that answer together, each fitted to its own resample. */
  readonly bags: number;
  readonly seed: number;
}

export const MOST_DEGREE = 14;

export const FITTING_LIMITS = { degree: [1, MOST_DEGREE], examples: [15, 120], lambda: [0, 0.1], bags: [1, 30], seed: [0, 9999] } as const;

export const FIRST_FITTING: FittingChoice = { degree: 10, examples: 15, lambda: 0, seed: 2 };
export const FIRST_BAGGING: BaggingChoice = { degree: 6, examples: 20, bags: 10, seed: 2 };

const SHARED = {
  degree: within(FITTING_LIMITS.degree, true),
  examples: within(FITTING_LIMITS.examples, true),
  seed: within(FITTING_LIMITS.seed, true),
};

export const readFitting = reader(FIRST_FITTING, { ...SHARED, lambda: within(FITTING_LIMITS.lambda) });
export const readBagging = reader(FIRST_BAGGING, { ...SHARED, bags: within(FITTING_LIMITS.bags, true) });
