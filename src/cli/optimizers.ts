/** @file Optimizers and schedules by name, with all their options, as flags and configuration files give them: `momentum=0.8`, `betas=0.9:0.99`. */

import { Adadelta } from "../optim/adadelta.ts";
import { Adafactor } from "../optim/adafactor.ts";
import { Adagrad } from "../optim/adagrad.ts";
import { Adam } from "../optim/adam.ts";
import { Adamax } from "../optim/adamax.ts";
import { AdamW } from "../optim/adamw.ts";
import { ASGD } from "../optim/asgd.ts";
import { cyclic, oneCycle } from "../optim/cyclic.ts";
import { decayGroups } from "../optim/groups.ts";
import { LAMB } from "../optim/lamb.ts";
import { Lion } from "../optim/lion.ts";
import { Muon } from "../optim/muon.ts";
import { NAdam } from "../optim/nadam.ts";
import type { Optimizer, OptimizerOptions, ParameterGroup } from "../optim/optimizer.ts";
import { RAdam } from "../optim/radam.ts";
import { RMSProp } from "../optim/rmsprop.ts";
import { Rprop } from "../optim/rprop.ts";
import {
  chained,
  constant,
  cosine,
  cosineWithRestarts,
  lambda,
  linear,
  multiStep,
  polynomial,
  type Schedule,
  stepDecay,
} from "../optim/schedules.ts";
import { SGD } from "../optim/sgd.ts";
import type { Cell } from "../runtime/cell.ts";
import { unknownName } from "./unknown-name.ts";

/** Names of the optimizers on the command line. An optimizer is added here and in the library: its name, and a row in the table below. */
export type OptimizerName =
  | ("sgd" | "adam" | "adamw" | "nadam" | "radam" | "adamax" | "lamb" | "lion" | "rmsprop")
  | ("adagrad" | "adadelta" | "asgd" | "rprop" | "adafactor" | "muon");

/** The learning rates of a recipe. SGD has momentum 0.9: its velocity is ten gradients long. */
export interface Rates {
  readonly adam: number;
  readonly sgd: number;
}

/** What an option's text is read as. */
type Kind = "number" | "switch" | "pair" | "numbers" | readonly string[];

interface OptimizerRule {
  readonly options: Readonly<Record<string, Kind>>;
  /** Weight decay where none is given. */
  readonly decay?: number;
  /** Its learning rate, from those of a recipe. */
  rate(rates: Rates): number;
  make(trainable: ParameterGroup<OptimizerOptions>[], options: never): Optimizer;
}

/** A rule from its class. It takes Adam's rate unless it says another. */
const rule = (
  Class: new (trainable: never, options: never) => unknown,
  options: OptimizerRule["options"],
  { usual = {}, decay, rate = ({ adam }) => adam }: Partial<Pick<OptimizerRule, "decay" | "rate">> & { readonly usual?: object } = {},
): OptimizerRule => ({
  options,
  decay,
  rate,
  make: (trainable, given) => new Class(trainable as never, { ...usual, ...(given as object) } as never) as Optimizer,
});

const MOMENTS = { betas: "pair", eps: "number" } as const;

/** Lion's steps are signs (Chen et al. 2023 advise a third to a tenth of Adam's rate). Adadelta and Rprop find their steps from their authors' rates. */
export const optimizers: Readonly<Record<OptimizerName, OptimizerRule>> = {
  sgd: rule(SGD, { momentum: "number", dampening: "number", nesterov: "switch" }, { usual: { momentum: 0.9 }, rate: ({ sgd }) => sgd }),
  adam: rule(Adam, { ...MOMENTS, amsgrad: "switch" }),
  adamw: rule(AdamW, { ...MOMENTS, amsgrad: "switch" }, { decay: 0.01 }),
  nadam: rule(NAdam, { ...MOMENTS, momentumDecay: "number", decoupledWeightDecay: "switch" }),
  radam: rule(RAdam, { ...MOMENTS, decoupledWeightDecay: "switch" }),
  adamax: rule(Adamax, MOMENTS, { rate: ({ adam }) => 2 * adam }),
  lamb: rule(LAMB, MOMENTS),
  lion: rule(Lion, { betas: "pair" }, { rate: ({ adam }) => adam / 5 }),
  rmsprop: rule(RMSProp, { alpha: "number", eps: "number", momentum: "number", centered: "switch" }),
  adagrad: rule(Adagrad, { lrDecay: "number", initialAccumulator: "number", eps: "number" }, { rate: ({ adam }) => 10 * adam }),
  adadelta: rule(Adadelta, { rho: "number", eps: "number" }, { rate: () => 1 }),
  asgd: rule(ASGD, { lambd: "number", alpha: "number", t0: "number" }, { rate: ({ sgd }) => sgd }),
  rprop: rule(Rprop, { etas: "pair", stepSizes: "pair" }, { rate: () => 1e-3 }),
  adafactor: rule(Adafactor, { beta2Decay: "number", eps: "pair", d: "number" }, { rate: ({ adam }) => 10 * adam }),
  muon: rule(
    Muon,
    { ...MOMENTS, momentum: "number", nesterov: "switch", steps: "number", adamRate: "number" },
    { rate: ({ adam }) => 20 * adam },
  ),
};

export interface OptimizerSettings {
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly weightDecay?: number;
  readonly optimizerOptions?: readonly string[];
}

/**
 * The optimizer of some settings. Weights decay, biases and the scales of normalizations do not.
 * @throws {Error} for an option that the optimizer does not have, or a value that it cannot have.
 */
export function makeOptimizer(named: Iterable<readonly [string, Cell]>, settings: OptimizerSettings): Optimizer {
  const { optimizer, lr, optimizerOptions = [] } = settings;
  const { options, decay: usual = 0, make } = optimizers[optimizer];
  const list = [...named];
  const decay = settings.weightDecay ?? usual;
  const groups = decay === 0 ? [{ parameters: list.map(([, cell]) => cell) }] : decayGroups(list, decay);
  const given = { lr, ...parsedOptions(`option of ${optimizer}`, optimizerOptions, options) };
  try {
    return make(groups, given as never);
  } catch (error) {
    throw new Error(`optimizerOptions: ${optimizer}: ${(error as Error).message}`);
  }
}

/** The texts of options by name. */
export function parsedOptions(what: string, texts: readonly string[], kinds: Readonly<Record<string, Kind>>): Record<string, unknown> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, value = "true"] = text.split("=").map((part) => part.trim());
      if (Object.keys(kinds).length === 0) throw new Error(`${what}: there is none, got "${text}"`);
      if (!Object.hasOwn(kinds, name)) throw unknownName(what, name, Object.keys(kinds));
      return [name, optionValue(`${what} ${name}`, value, kinds[name])];
    }),
  );
}

function optionValue(what: string, text: string, kind: Kind): unknown {
  const numbers = text.split(":").map((part) => (part === "" ? Number.NaN : Number(part)));
  const fail = (want: string): never => {
    throw new Error(`${what}: want ${want}, got "${text}"`);
  };
  if (kind === "switch") return text === "true" || (text === "false" ? false : fail("true or false"));
  if (typeof kind !== "string") return kind.includes(text) ? text : fail(`one of ${kind.join(", ")}`);
  if (!numbers.every(Number.isFinite)) return fail(kind === "number" ? "a number" : "numbers with : between");
  if (kind === "number") return numbers.length === 1 ? numbers[0] : fail("one number");
  return kind === "numbers" || numbers.length === 2 ? numbers : fail("two numbers with : between");
}

// ---- schedules ----------------------------------------------------------------------------------------------------------------------

/** A run, as its schedule sees it. Options of schedules count time in epochs. */
interface Course {
  /** The optimizer's rate: the top of the schedule. */
  readonly lr: number;
  readonly epochs: number;
  /** Steps of an epoch. */
  readonly steps: number;
}

interface ScheduleRule {
  readonly options: Readonly<Record<string, Kind>>;
  /** How the heading says it. */
  readonly says: string;
  make(options: never, run: Course): Schedule;
}

const course = <O>(options: ScheduleRule["options"], says: string, make: (options: O, run: Course) => Schedule): ScheduleRule => ({
  options,
  says,
  make: make as ScheduleRule["make"],
});

export type ScheduleName =
  | ("constant" | "cosine" | "linear" | "one-cycle" | "step" | "multi-step")
  | ("exponential" | "polynomial" | "cosine-restarts" | "cyclic");

/** A quarter of the run, at least an epoch. */
const quarter = ({ epochs }: Course): number => Math.max(1, epochs / 4);

export const schedules: Readonly<Record<ScheduleName, ScheduleRule>> = {
  constant: course({}, "", (_, { lr }) => constant(lr, { factor: 1 })),
  cosine: course<{ min?: number }>({ min: "number" }, "falling along a cosine", ({ min = 0 }, { lr }) => cosine(lr, { min: lr * min })),
  linear: course<{ end?: number }>({ end: "number" }, "falling along a line", ({ end = 0 }, { lr, epochs, steps }) =>
    linear(lr, { start: 1, end, steps: epochs * steps }),
  ),
  "one-cycle": course<object>(
    { rise: "number", anneal: ["cosine", "linear"], divFactor: "number", finalDivFactor: "number", threePhase: "switch" },
    "in one cycle",
    (options, { lr }) => oneCycle(lr, options),
  ),
  step: course<{ size?: number; gamma?: number }>(
    { size: "number", gamma: "number" },
    "falling in steps",
    ({ size, gamma }, { lr, epochs, steps }) => stepDecay(lr, { size: steps * (size ?? Math.max(1, Math.round(epochs / 3))), gamma }),
  ),
  "multi-step": course<{ milestones?: number[]; gamma?: number }>(
    { milestones: "numbers", gamma: "number" },
    "falling in steps",
    ({ milestones, gamma }, { lr, epochs, steps }) =>
      multiStep(lr, { milestones: (milestones ?? [epochs / 2, (3 * epochs) / 4]).map((epoch) => epoch * steps), gamma }),
  ),
  exponential: course<{ gamma?: number }>({ gamma: "number" }, "falling exponentially", ({ gamma = 0.95 }, { lr, steps }) =>
    lambda(lr, (t) => gamma ** (t / steps)),
  ),
  polynomial: course<{ power?: number }>({ power: "number" }, "falling to 0", ({ power }, { lr }) => polynomial(lr, { power })),
  "cosine-restarts": course<{ period?: number; factor?: number; min?: number }>(
    { period: "number", factor: "number", min: "number" },
    "along cosines with restarts",
    ({ period, factor, min = 0 }, run) =>
      cosineWithRestarts(run.lr, { steps: run.steps * (period ?? quarter(run)), factor, min: run.lr * min }),
  ),
  cyclic: course<{ period?: number; min?: number; mode?: "triangular"; gamma?: number }>(
    { period: "number", min: "number", mode: ["triangular", "triangular2", "exponential"], gamma: "number" },
    "in cycles",
    ({ period, min = 0.1, mode, gamma = 1 }, run) =>
      cyclic({
        min: run.lr * min,
        max: run.lr,
        up: (run.steps * (period ?? quarter(run))) / 2,
        mode,
        gamma: gamma ** (1 / run.steps),
      }),
  ),
};

interface ScheduleSettings {
  readonly schedule: ScheduleName;
  readonly scheduleOptions?: readonly string[];
  readonly warmUp?: number;
  readonly lr: number;
  readonly epochs: number;
}

/**
 * The schedule of some settings for epochs of so many steps; undefined leaves the rate as it is.
 * @throws {Error} for an option that the schedule does not have, or a value that it cannot have.
 */
export function scheduleOf(settings: ScheduleSettings, steps: number): Schedule | undefined {
  const { schedule, scheduleOptions = [], warmUp = 0, lr, epochs } = settings;
  const { options, make } = schedules[schedule];
  const parsed = (): never => parsedOptions(`option of ${schedule}`, scheduleOptions, options) as never;
  const chosen = made(schedule, () => make(parsed(), { lr, epochs, steps }));
  if (warmUp > 0) return chained(lr, [linear(lr, { start: 0, end: 1, steps: warmUp * epochs * steps }), chosen]);
  return schedule === "constant" ? undefined : chosen;
}

function made<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Error(`scheduleOptions: ${name}: ${(error as Error).message}`);
  }
}

/** What help says of the options of all. */
export const optionsOf = (all: Readonly<Record<string, Pick<OptimizerRule, "options">>>): string =>
  Object.entries(all)
    .filter(([, { options }]) => Object.keys(options).length > 0)
    .map(([name, { options }]) => `${name}: ${Object.keys(options).join(", ")}`)
    .join("; ");
