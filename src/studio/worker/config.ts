/** @file What a session is made from: plain data that fits into a link. The same configuration and seed give the same run, to the bit. */

export const DATA_NAMES = ["circles", "spirals", "moons", "blobs", "checkerboard", "rings", "xor", "own"] as const;
export type DataName = (typeof DATA_NAMES)[number];

export const FEATURES = ["x₁", "x₂", "x₁²", "x₂²", "x₁x₂", "sin x₁", "sin x₂"] as const;
export type Feature = (typeof FEATURES)[number];

export const ACTIVATIONS = ["tanh", "ReLU", "sigmoid", "leaky ReLU", "ELU", "softplus", "linear"] as const;
export type ActivationName = (typeof ACTIVATIONS)[number];

export const OPTIMIZERS = ["SGD", "momentum", "Nesterov", "RMSProp", "Adam"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

export const LOSSES = ["cross-entropy", "squared error"] as const;
export const OUTPUTS = ["sigmoid", "linear"] as const;
export const INITIALIZERS = ["uniform 1/√n", "Glorot", "He", "N(0, 1)"] as const;

export interface HiddenLayer {
  readonly units: number;
  readonly activation: ActivationName;
}

export interface Config {
  readonly v: 1;
  readonly seed: number;
  readonly data: DataName;
  /** Points for training; as many are drawn for the test. */
  readonly count: number;
  readonly noise: number;
  /** Points of one's own: x, y and label 0 or 1, one after another. */
  readonly points?: readonly number[];
  readonly features: readonly Feature[];
  readonly layers: readonly HiddenLayer[];
  readonly output: (typeof OUTPUTS)[number];
  readonly loss: (typeof LOSSES)[number];
  readonly initializer: (typeof INITIALIZERS)[number];
  readonly optimizer: OptimizerName;
  readonly lr: number;
  /** Points per step; 0 for all of them, in order. */
  readonly batch: number;
  readonly l1: number;
  readonly l2: number;
  /** Share of hidden units that a step leaves out. */
  readonly dropout: number;
  /** Starting values of all weights and biases, layer by layer, in place of random ones. */
  readonly weights?: readonly number[];
}

export const DEFAULT: Config = {
  v: 1,
  seed: 1,
  data: "spirals",
  count: 200,
  noise: 0.02,
  features: ["x₁", "x₂"],
  layers: [
    { units: 8, activation: "tanh" },
    { units: 8, activation: "tanh" },
  ],
  output: "sigmoid",
  loss: "cross-entropy",
  initializer: "Glorot",
  optimizer: "Adam",
  lr: 0.01,
  batch: 0,
  l1: 0,
  l2: 0,
  dropout: 0,
};

/** What each field may be; the page's controls and the checks of links are made from it. */
export const LIMITS = {
  seed: [0, 9999],
  count: [4, 500],
  noise: [0, 0.5],
  lr: [1e-5, 10],
  batch: [0, 500],
  l1: [0, 0.3],
  l2: [0, 0.3],
  dropout: [0, 0.8],
} as const satisfies Record<string, readonly [number, number]>;

export const MOST_LAYERS = 6;
export const MOST_UNITS = 8;

type Field = keyof Config;

const isIn =
  (list: readonly unknown[]) =>
  (value: unknown): boolean =>
    list.includes(value);
const inRange =
  ([low, high]: readonly [number, number]) =>
  (value: unknown): boolean =>
    typeof value === "number" && value >= low && value <= high;
const whole =
  (range: readonly [number, number]) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && inRange(range)(value);
const finiteList = (value: unknown): boolean => Array.isArray(value) && value.every((x) => typeof x === "number" && Number.isFinite(x));

const isLayer = (value: unknown): boolean => {
  const { units, activation } = (value ?? {}) as Partial<HiddenLayer>;
  return Number.isInteger(units) && units! >= 1 && units! <= MOST_UNITS && isIn(ACTIVATIONS)(activation);
};

const CHECKS: Readonly<Record<Field, (value: unknown) => boolean>> = {
  v: (value) => value === 1,
  seed: whole(LIMITS.seed),
  data: isIn(DATA_NAMES),
  count: whole(LIMITS.count),
  noise: inRange(LIMITS.noise),
  points: (value) => finiteList(value) && (value as number[]).length % 3 === 0 && (value as number[]).length >= 3,
  features: (value) => Array.isArray(value) && value.length > 0 && new Set(value).size === value.length && value.every(isIn(FEATURES)),
  layers: (value) => Array.isArray(value) && value.length <= MOST_LAYERS && value.every(isLayer),
  output: isIn(OUTPUTS),
  loss: isIn(LOSSES),
  initializer: isIn(INITIALIZERS),
  optimizer: isIn(OPTIMIZERS),
  lr: inRange(LIMITS.lr),
  batch: whole(LIMITS.batch),
  l1: inRange(LIMITS.l1),
  l2: inRange(LIMITS.l2),
  dropout: inRange(LIMITS.dropout),
  weights: finiteList,
};

/** A configuration from what a link or a file says: fields that cannot be are left out, and named. */
export function readConfig(given: unknown): { config: Config; refused: string[] } {
  const fields = typeof given === "object" && given !== null && !Array.isArray(given) ? (given as Record<string, unknown>) : {};
  const refused: string[] = fields === given ? [] : ["all of it"];
  const good: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!Object.hasOwn(CHECKS, name)) continue;
    if (CHECKS[name as Field](value)) good[name] = value;
    else refused.push(name);
  }
  const config = { ...DEFAULT, ...good } as Config;
  if (config.data === "own" && !config.points) {
    refused.push("points");
    return { config: { ...config, data: DEFAULT.data }, refused };
  }
  const expected = parameterCount(config);
  if (config.weights && config.weights.length !== expected) {
    refused.push("weights");
    const { weights: _, ...rest } = config;
    return { config: rest, refused };
  }
  return { config, refused };
}

/** Inputs, units of each hidden layer, and the one output. */
export const widthsOf = ({ features, layers }: Pick<Config, "features" | "layers">): number[] => [
  features.length,
  ...layers.map(({ units }) => units),
  1,
];

/** Weights and biases of the net. */
export function parameterCount(config: Pick<Config, "features" | "layers">): number {
  const widths = widthsOf(config);
  return widths.slice(1).reduce((sum, n, i) => sum + n * (widths[i]! + 1), 0);
}

/** Only what differs from the default: what a link carries. */
export function differences(config: Config): Partial<Config> {
  const same = (name: string): boolean => JSON.stringify(config[name as Field]) === JSON.stringify(DEFAULT[name as Field]);
  return Object.fromEntries(Object.entries(config).filter(([name]) => name === "v" || !same(name)));
}
