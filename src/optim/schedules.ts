/**
 * @file Learning-rate schedules. Two kinds of functions:
 *
 *     Schedule       share of the run done, 0 to 1 -> factor of the rate      what `fit` takes
 *     RateSchedule   number of the step, from 0    -> the rate in that step   for loops of one's own: optimizer.lr = rate(t)
 *
 * Both are pure, so a run can start anywhere; setting a rate compiles nothing. `Plateau`, which watches a metric, is in plateau.ts.
 * Names, defaults and formulas follow PyTorch; its recursions are in closed form here. With parameter groups, one schedule per group:
 * `for (const group of optimizer.groups) group.lr = ...`.
 */
import { aNumber, type Checks, check, checkOptions, fn, list, listOf, numbers, shown } from "../base/check.ts";

/** The factor of the learning rate when the share `done` of all steps, from 0 to 1, has been taken. */
export type Schedule = (done: number) => number;

/** The learning rate in step t, counted from 0. */
export type RateSchedule = (t: number) => number;

/** ½(1 + cos π·done): slow, then fast, then slow from 1 to 0. Loshchilov & Hutter (2017), eq. 5, without restarts. */
export const cosine: Schedule = (done) => (1 + Math.cos(Math.PI * done)) / 2;

const STEP_DECAY = { size: aNumber, gamma: aNumber };

/** rate·γ^⌊t/size⌋. Default γ 0.1. */
export function stepDecay(rate: number, options: { readonly size: number; readonly gamma?: number }): RateSchedule {
  checkOptions("stepDecay", options, STEP_DECAY, "size");
  const { size, gamma = 0.1 } = options;
  checkPositive("stepDecay: size", size);
  return (t) => rate * gamma ** Math.floor(t / size);
}

const MULTI_STEP = { milestones: list, gamma: aNumber };

/** rate·γ^(milestones reached); one that is listed twice counts twice. Default γ 0.1. */
export function multiStep(rate: number, options: { readonly milestones: readonly number[]; readonly gamma?: number }): RateSchedule {
  checkOptions("multiStep", options, MULTI_STEP, "milestones");
  const { milestones, gamma = 0.1 } = options;
  return (t) => rate * gamma ** milestones.filter((milestone) => milestone <= t).length;
}

const EXPONENTIAL = { gamma: aNumber };

/** rate·γᵗ */
export function exponential(rate: number, options: { readonly gamma: number }): RateSchedule {
  checkOptions("exponential", options, EXPONENTIAL, "gamma");
  const { gamma } = options;
  return (t) => rate * gamma ** t;
}

export interface CosineOptions {
  /** T: steps from the top to the bottom. */
  readonly steps: number;
  /** The bottom. Default 0. */
  readonly min?: number;
}

const COSINE_ANNEALING: Checks<CosineOptions> = { steps: aNumber, min: aNumber };

/** min + (rate - min)·½(1 + cos πt/T): Loshchilov & Hutter (2017), eq. 5. After T it rises again. */
export function cosineAnnealing(rate: number, options: CosineOptions): RateSchedule {
  checkOptions("cosineAnnealing", options, COSINE_ANNEALING, "steps");
  const { steps, min = 0 } = options;
  checkPositive("cosineAnnealing: steps", steps);
  return (t) => between(min, rate, cosine(t / steps));
}

const COSINE_WITH_RESTARTS = { steps: aNumber, min: aNumber, factor: aNumber };

/** The same, but every T steps it starts at the top again, and T is multiplied by `factor` (default 1) each time: SGDR, ibid. */
export function cosineWithRestarts(rate: number, options: CosineOptions & { readonly factor?: number }): RateSchedule {
  checkOptions("cosineWithRestarts", options, COSINE_WITH_RESTARTS, "steps");
  const { steps, factor = 1, min = 0 } = options;
  checkPositive("cosineWithRestarts: steps", steps);
  if (!(factor >= 1)) throw new RangeError(`cosineWithRestarts: factor must be at least 1, got ${factor}`);
  return (t) => {
    let [since, length] = [t, steps];
    if (factor === 1) since %= steps;
    else
      while (since >= length) {
        since -= length;
        length *= factor;
      }
    return between(min, rate, cosine(since / length));
  };
}

const POLYNOMIAL = { steps: aNumber, power: aNumber };

/** rate·(1 - t/T)^power, 0 after T steps. Default power 1. */
export function polynomial(rate: number, options: { readonly steps: number; readonly power?: number }): RateSchedule {
  checkOptions("polynomial", options, POLYNOMIAL, "steps");
  const { steps, power = 1 } = options;
  checkPositive("polynomial: steps", steps);
  return (t) => rate * (1 - Math.min(t, steps) / steps) ** power;
}

const LINEAR = { start: aNumber, end: aNumber, steps: aNumber };

/** From rate·start to rate·end in T steps along a line, then level. Default from 1/3 to 1 in 5 steps. */
export function linear(
  rate: number,
  options: { readonly start?: number; readonly end?: number; readonly steps?: number } = {},
): RateSchedule {
  checkOptions("linear", options, LINEAR);
  const { start = 1 / 3, end = 1, steps = 5 } = options;
  checkPositive("linear: steps", steps);
  return (t) => rate * between(start, end, Math.min(t, steps) / steps);
}

const CONSTANT = { factor: aNumber, steps: aNumber };

/** rate·factor for T steps, then rate. Default factor 1/3, 5 steps. */
export function constant(rate: number, options: { readonly factor?: number; readonly steps?: number } = {}): RateSchedule {
  checkOptions("constant", options, CONSTANT);
  const { factor = 1 / 3, steps = 5 } = options;
  return (t) => (t < steps ? rate * factor : rate);
}

/** rate·f(t) */
export function lambda(rate: number, f: (t: number) => number): RateSchedule {
  check("lambda: f", f, fn);
  return (t) => rate * f(t);
}

/** rate·f(1)·f(2)⋯f(t) */
export function multiplicative(rate: number, f: (t: number) => number): RateSchedule {
  check("multiplicative: f", f, fn);
  return (t) => {
    let product = rate;
    for (let i = 1; i <= t; i++) product *= f(i);
    return product;
  };
}

const WARM_UP = { steps: aNumber, start: aNumber };

/** Rises along a line for `steps` steps, reaching the first rate of `then` just after them; then is `then`, counted from there. */
export function warmUp(then: RateSchedule, options: { readonly steps: number; readonly start?: number }): RateSchedule {
  checkOptions("warmUp", options, WARM_UP, "steps");
  const { steps, start = 0 } = options;
  checkPositive("warmUp: steps", steps);
  return (t) => (t < steps ? then(0) * between(start, 1, t / steps) : then(t - steps));
}

/** One schedule after the other, each counted from its own start; `milestones` are the first steps of all but the first. */
export function sequential(schedules: readonly RateSchedule[], milestones: readonly number[]): RateSchedule {
  check("sequential: schedules", schedules, listOf(fn, 1));
  check("sequential: milestones", milestones, numbers);
  if (schedules.length !== milestones.length + 1)
    throw new RangeError(`sequential: ${schedules.length} schedules want ${schedules.length - 1} milestones, got ${milestones.length}`);
  if (milestones.some((milestone, i) => i > 0 && milestone <= milestones[i - 1]))
    throw new RangeError(`sequential: milestones must rise, got ${milestones.join(", ")}`);
  return (t) => {
    const i = milestones.filter((milestone) => milestone <= t).length;
    return schedules[i](i === 0 ? t : t - milestones[i - 1]);
  };
}

/** All at once: rate·Π sᵢ(t)/rate, for schedules made for this rate. */
export function chained(rate: number, schedules: readonly RateSchedule[]): RateSchedule {
  checkPositive("chained: rate", rate);
  check("chained: schedules", schedules, listOf(fn));
  return (t) => schedules.reduce((product, schedule) => (product * schedule(t)) / rate, rate);
}

/** From a (share 0) to b (share 1). */
export function between(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

/** @throws {RangeError} unless the value is above 0. */
export function checkPositive(name: string, value: number): void {
  if (!(typeof value === "number" && value > 0)) throw new RangeError(`${name} must be above 0, got ${shown(value)}`);
}
