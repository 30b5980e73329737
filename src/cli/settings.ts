/**
 * @file Everything that a training run can be told, defined once: the flags of `nabla train`, the keys of its configuration file, the checks of
 * both, and the JSON schema that editors know are all made from this list.
 */
import { readFileSync } from "node:fs";
import { datasets } from "../data/registry.ts";
import { models } from "../models/registry.ts";
import type { Monitor } from "../train/callback.ts";
import { AUGMENTATIONS } from "./augmentations.ts";
import { type OptimizerName, optimizers, optionsOf, type ScheduleName, schedules } from "./optimizers.ts";
import { unknownName } from "./unknown-name.ts";

/** What a value must be. */
type Kind =
  | { readonly kind: "text" | "list" | "switch" }
  | { readonly kind: "integer" | "integers"; readonly least: number }
  /** From `least` (or above it, if `open`) to below `below`. */
  | { readonly kind: "number"; readonly least: number; readonly open?: boolean; readonly below?: number }
  | { readonly kind: "choice"; readonly names: readonly string[] };

export type Setting = Kind & {
  /** What stands for the value in help. */
  readonly value?: string;
  readonly about: string;
};

const definition = {
  model: { kind: "text", value: "<name>", about: "network to train" },
  hidden: {
    kind: "integers",
    least: 1,
    value: "<sizes>",
    about: "mlp: units of the hidden layers, with commas between (default: by the data)",
  },
  context: { kind: "integer", least: 1, value: "<n>", about: "gpt: characters that the network sees (default: 64)" },
  layers: { kind: "integer", least: 1, value: "<n>", about: "gpt: layers (default: 4)" },
  heads: { kind: "integer", least: 1, value: "<n>", about: "gpt: heads of attention, which divide the features (default: 4)" },
  features: { kind: "integer", least: 1, value: "<n>", about: "gpt: width (default: 128)" },
  data: {
    kind: "text",
    value: "<name>",
    about:
      "data set: a name, or the path of a .csv, .tsv or .parquet file, of arrays (.npz, .npy, idx) or of a folder of images; for gpt the path of a text",
  },
  dataDir: { kind: "text", value: "<dir>", about: "folder of the data set's files, for those that are not part of the package" },
  label: { kind: "text", value: "<column>", about: "tables: column to predict (default: target, label or class, else the last)" },
  targets: { kind: "text", value: "<file>", about: "arrays: file of the targets, beside a .npy or idx file of inputs" },
  task: {
    kind: "choice",
    names: ["classification", "regression"],
    about: "tables and arrays: what the targets are (default: by their values)",
  },
  ignore: { kind: "list", value: "<columns>", about: "tables: columns to leave out, with commas between, in quotes if a name has one" },
  categorical: { kind: "list", value: "<columns>", about: "tables: columns of numbers that are names" },
  missing: {
    kind: "choice",
    names: ["error", "drop", "mean", "median"],
    about:
      "tables: what a missing cell is: an error, the end of its row, or the mean or median of its column's training rows (in categories the most frequent)",
  },
  header: {
    kind: "choice",
    names: ["yes", "no"],
    about:
      "csv: whether the first line names the columns (default: if none of its cells is a number, or its numbers count up by one, three or more, and the second line's do not)",
  },
  decimal: { kind: "choice", names: ["point", "comma"], about: "csv: before the decimals of a number (default: point)" },
  thousands: { kind: "text", value: "<sign>", about: 'csv: between groups of three digits, such as "," or " " (default: nothing)' },
  currency: { kind: "text", value: "<sign>", about: "csv: before or behind numbers, such as € or USD (default: nothing)" },
  na: { kind: "list", value: "<texts>", about: "csv: texts that stand for no value beside the usual ones, with commas between" },
  encoding: { kind: "choice", names: ["utf-8", "latin1"], about: "csv: how letters are stored (default: utf-8)" },
  maxBytes: {
    kind: "integer",
    least: 1,
    value: "<n>",
    about: "bytes of memory that reading a file may take (default: 1 GiB, or ten times the file if that is more)",
  },
  imageSize: { kind: "integer", least: 1, value: "<n>", about: "side of the images: folders are resized to it, mnist gets a margin" },
  fromDisk: { kind: "switch", about: "image folders: read images when their batch is due, instead of keeping all in memory" },
  workers: { kind: "integer", least: 0, value: "<n>", about: "threads that read images from disk (default: 0, the main thread)" },
  testShare: {
    kind: "number",
    least: 0,
    open: true,
    below: 1,
    value: "<x>",
    about: "share of the examples that test, where there is no test set (default: 0.2)",
  },
  validation: {
    kind: "number",
    least: 0,
    open: true,
    below: 1,
    value: "<x>",
    about: "share of the training examples held out for decisions on the way (default: none)",
  },
  weights: {
    kind: "text",
    value: "<file>",
    about:
      "start from these: published weights (safetensors, PyTorch, Keras, TensorFlow.js) or a run of one's own; the last layer is new where the classes are others",
  },
  weightsKey: {
    kind: "text",
    value: "<keys>",
    about: "of a checkpoint with several state dicts, the one to take, such as model or ema.state_dict",
  },
  freeze: {
    kind: "list",
    value: "<names>",
    about: "parts that do not train: beginnings of parameters' names, with commas between, or backbone (all but the last layer)",
  },
  dropout: {
    kind: "number",
    least: 0,
    below: 1,
    value: "<p>",
    about:
      "rate of dropout: behind the hidden layers of an mlp, in the dropout layers of others (default: none in an mlp, their own in others)",
  },
  epochs: { kind: "integer", least: 1, value: "<n>", about: "passes over the training examples" },
  batchSize: { kind: "integer", least: 1, value: "<n>", about: "examples per step" },
  accumulate: { kind: "integer", least: 1, value: "<n>", about: "batches whose gradients make one update (default: 1)" },
  augment: {
    kind: "list",
    value: "<steps>",
    about: "how training images are changed, with commas between (default: by model and data set)",
  },
  optimizer: {
    kind: "choice",
    names: Object.keys(optimizers) as OptimizerName[],
    about: "update rule; sgd has momentum 0.9 (default: adam)",
  },
  optimizerOptions: {
    kind: "list",
    value: "<options>",
    about: "options of the update rule, with commas between, such as momentum=0.8,nesterov or betas=0.9:0.99",
  },
  lr: { kind: "number", least: 0, open: true, value: "<x>", about: "learning rate" },
  schedule: {
    kind: "choice",
    names: Object.keys(schedules) as ScheduleName[],
    about: "how the learning rate goes on (default: by the data set)",
  },
  scheduleOptions: {
    kind: "list",
    value: "<options>",
    about: "options of the schedule, with commas between, times in epochs, such as size=10,gamma=0.5 or milestones=30:60",
  },
  warmUp: { kind: "number", least: 0, below: 1, value: "<x>", about: "share of the run in which the rate rises from 0 (default: 0)" },
  plateau: {
    kind: "integer",
    least: 0,
    value: "<epochs>",
    about: "tenth the rate when the monitor has not improved for more than so many epochs",
  },
  weightDecay: {
    kind: "number",
    least: 0,
    value: "<x>",
    about: "decay of weights; biases and scales of normalizations do not decay (default: 0.01 for adamw, else 0)",
  },
  classWeights: {
    kind: "list",
    value: "<weights>",
    about: "what classes weigh in the loss, such as cat=2,dog=1 (others 1), or balanced: each by the inverse of its share",
  },
  balanced: {
    kind: "switch",
    about: "draw training examples so that every class comes equally often",
  },
  labelSmoothing: {
    kind: "number",
    least: 0,
    below: 1,
    value: "<x>",
    about: "share of each target that is spread over all classes (default: 0)",
  },
  clipNorm: { kind: "number", least: 0, open: true, value: "<x>", about: "largest norm of all gradients together (default: none)" },
  ema: {
    kind: "number",
    least: 0,
    open: true,
    below: 1,
    value: "<x>",
    about: "test and keep an exponential average of the weights, with this decay",
  },
  patience: {
    kind: "integer",
    least: 0,
    value: "<epochs>",
    about: "stop when the monitor has not improved for more than so many epochs, and keep the best weights",
  },
  monitor: {
    kind: "choice",
    names: [
      ...["trainLoss", "trainAccuracy", "validationLoss", "validationAccuracy", "testLoss", "testAccuracy"],
      ...["trainMae", "trainRmse", "trainR2", "validationMae", "validationRmse", "validationR2", "testMae", "testRmse", "testR2"],
    ] as Monitor[],
    about: "what decides (default: validationLoss where there is one, else testLoss)",
  },
  seed: { kind: "integer", least: 0, value: "<n>", about: "seed of initial values, order and dropout (default: 0)" },
  backend: {
    kind: "choice",
    names: ["auto", "wasm", "x64", "interpreter"],
    about: "what computes; auto: x64 where it works, else wasm (default: NABLA_BACKEND, or wasm)",
  },
  threads: {
    kind: "integer",
    least: 1,
    value: "<n>",
    about: "threads that compute (default: NABLA_THREADS, or the cores available); the result is the same for any number",
  },
  keepLast: { kind: "integer", least: 1, value: "<n>", about: "checkpoints kept, the newest (default: 2)" },
  keepBest: { kind: "integer", least: 0, value: "<n>", about: "checkpoints kept beside them, the best (default: 1)" },
  saveEvery: { kind: "integer", least: 1, value: "<steps>", about: "steps between checkpoints (default: an epoch, or a minute)" },
  tensorboard: { kind: "switch", about: "write TensorBoard event files too" },
} as const;

type Definition = typeof definition;
type Value<K> = K extends "integer" | "number"
  ? number
  : K extends "switch"
    ? boolean
    : K extends "list"
      ? readonly string[]
      : K extends "integers"
        ? readonly number[]
        : string;

/** A configuration as given: some settings, the rest left to the recipe and the defaults. */
export type Config = {
  readonly [K in keyof Definition]?: Definition[K] extends { names: readonly (infer N)[] } ? N : Value<Definition[K]["kind"]>;
};

export const settings: Readonly<Record<keyof Config, Setting>> = definition;
const names = Object.keys(settings) as (keyof Config)[];

/** `batchSize` -> `--batch-size <n>` */
export function flagOf(name: string): string {
  const { kind, value } = settings[name as keyof Config];
  const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return kind === "switch" ? flag : `${flag} ${value ?? "<name>"}`;
}

/** What help says of a setting. */
export function aboutOf(name: keyof Config): string {
  const setting = settings[name];
  if (name === "model") return `${setting.about}: a name that nabla info lists, such as lenet5 or resnet18`;
  if (name === "data") return `${setting.about}; names: ${Object.keys(datasets).join(", ")} (default: the model's own)`;
  if (name === "optimizerOptions") return `${setting.about}; ${optionsOf(optimizers)}`;
  if (name === "scheduleOptions") return `${setting.about}; ${optionsOf(schedules)}`;
  if (name === "augment") return `${setting.about}; steps: ${AUGMENTATIONS}`;
  return setting.kind === "choice" ? `${setting.about}; one of ${setting.names.join(", ")}` : setting.about;
}

/** The value if it can be one of this setting. @throws {Error} saying what is wanted. */
export function checkSetting(name: keyof Config, value: unknown): unknown {
  const setting = settings[name];
  const want = fault(setting, value);
  if (want === undefined) return value;
  if (setting.kind === "choice" && typeof value === "string")
    throw new Error(`It is an ${unknownName(name, value, setting.names).message}.`);
  throw new Error(`Want ${want}.`);
}

/** What is wanted instead, or nothing if the value will do. */
function fault(setting: Setting, value: unknown): string | undefined {
  const unless = (good: boolean, want: string): string | undefined => (good ? undefined : want);
  switch (setting.kind) {
    case "switch":
      return unless(typeof value === "boolean", "true or false");
    case "text":
      return unless(typeof value === "string" && value !== "", "a text");
    case "list":
      return unless(Array.isArray(value) && value.every((x) => typeof x === "string" && x !== ""), "a list of names");
    case "choice":
      return unless(setting.names.includes(value as string), `one of ${setting.names.join(", ")}`);
    case "integer": {
      const want = setting.least === 1 ? "a positive integer" : `an integer from ${setting.least} to 2^53 - 1`;
      return unless(Number.isSafeInteger(value) && (value as number) >= setting.least, want);
    }
    case "integers":
      return unless(
        Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= setting.least),
        `integers from ${setting.least}, with commas between`,
      );
    case "number":
      return unless(isInRange(setting, value), rangeOf(setting));
  }
}

type NumberSetting = Extract<Setting, { kind: "number" }>;

function isInRange({ least, open = false, below = Number.POSITIVE_INFINITY }: NumberSetting, value: unknown): boolean {
  return typeof value === "number" && (open ? value > least : value >= least) && value < below;
}

function rangeOf({ least, open = false, below }: NumberSetting): string {
  if (below === undefined) return open ? `a number above ${least}` : `a number >= ${least}`;
  return open ? `a number between ${least} and ${below}` : `a number from ${least} to below ${below}`;
}

const numberOf = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text));

/** The parts of a list; quotes keep a comma within a name: `"total, USD",id`. A quote is written twice there. */
function partsOf(text: string): string[] {
  const matches = [...`${text},`.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*|([^,]*)),/g)];
  return matches.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain.trim());
}

/** How the text of a flag is read; the rest are texts. */
const read: Partial<Record<Setting["kind"], (text: string) => unknown>> = {
  integer: numberOf,
  number: numberOf,
  integers: (text) => text.split(",").map(numberOf),
  list: partsOf,
};

/** The value of a flag's text. @throws {Error} saying what is wanted. */
export function parseFlag(name: keyof Config, text: string): unknown {
  return checkSetting(name, read[settings[name].kind]?.(text) ?? text);
}

/** A configuration file's content. @throws {Error} one line for whatever is wrong with it. */
export function parseConfig(text: string, what: string): Config {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what}: is not JSON: ${(error as Error).message}`);
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) throw new Error(`${what}: want a JSON object of settings`);
  const { $schema, ...given } = config as Record<string, unknown>;
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(settings, name)) throw new Error(`${what}: ${unknownName("setting", name, names).message}`);
    try {
      checkSetting(name as keyof Config, value);
    } catch (error) {
      throw new Error(`${what}: ${name} is ${JSON.stringify(value)}. ${(error as Error).message}`);
    }
  }
  return given as Config;
}

/** The settings among flags; a model that is named stands before them. */
export function givenSettings(model: string | undefined, flags: Config): Config {
  const said = Object.entries(flags).filter(([name, value]) => Object.hasOwn(settings, name) && value !== undefined);
  return { ...Object.fromEntries(said), ...(model === undefined ? {} : { model }) };
}

/** The settings in a configuration file; none without a path. */
export function fileSettings(path: string | undefined): Config {
  if (path === undefined) return {};
  try {
    return parseConfig(readFileSync(path, "utf8"), path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new Error(`cannot read the configuration ${path}: ${message}`);
  }
}

/** The JSON schema (draft 2020-12) of a configuration file. */
export function configSchema(): Record<string, unknown> {
  const properties = Object.fromEntries(names.map((name) => [name, { description: settings[name].about, ...typeOf(name) }]));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A training run of nabla",
    type: "object",
    properties: { $schema: { type: "string" }, ...properties },
    additionalProperties: false,
  };
}

function typeOf(name: keyof Config): Record<string, unknown> {
  const setting = settings[name];
  if (name === "model") return { enum: Object.keys(models) };
  if (name === "data") return { type: "string", examples: Object.keys(datasets) };
  switch (setting.kind) {
    case "switch":
      return { type: "boolean" };
    case "text":
      return { type: "string", minLength: 1 };
    case "list":
      return { type: "array", items: { type: "string", minLength: 1 } };
    case "choice":
      return { enum: setting.names };
    case "integer":
      return { type: "integer", minimum: setting.least };
    case "integers":
      return { type: "array", items: { type: "integer", minimum: setting.least } };
    case "number": {
      const { least, open, below } = setting;
      return {
        type: "number",
        ...(open ? { exclusiveMinimum: least } : { minimum: least }),
        ...(below !== undefined && { exclusiveMaximum: below }),
      };
    }
  }
}
