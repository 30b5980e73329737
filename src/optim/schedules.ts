/**
 * @file Learning-rate schedules. There is one kind: a function from the number of the step, from 0, to the rate in that step.
 *
 *     fit(model, data, { schedule: optim.oneCycle(0.1), ... })      fit says how many steps the run has
 *     optimizer.lr = rate(t)                                        a loop of one's own, with rate = optim.oneCycle(0.1, { steps })
 *
 * Schedules are pure, so a run can start anywhere; setting a rate compiles nothing. `Plateau`, which watches a metric, is in plateau.ts.
 * Names, defaults and formulas follow PyTorch; its recursions are in closed form here. With parameter groups, one schedule per group:
 * `for (const group of optimizer.groups) group.lr = ...`.
 */
import { aNumber, type Checks, check, checkOptions, fn, list, listOf, numbers, positiveInteger, shown } from "../base/check.ts";
import { messageOf } from "../base/message.ts";

/** The learning rate in step t, counted from 0, of a run of `steps` steps; who knows the number gives it. */
export type Schedule = (t: number, steps?: number) => number;

/** ½(1 + cos π·share): slow, then fast, then slow from 1 to 0. */
export const halfCosine = (share: number): number => (1 + Math.cos(Math.PI * share)) / 2;

/** The number of steps that a schedule was made for, or else that of the run. @throws {TypeError} if nobody gave one. */
export function stepsOf(name: string, own: number | undefined, run: number | undefined): number {
  const steps = own ?? run;
  if (steps !== undefined) return steps;
  throw new TypeError(`${name}: over how many steps? Give { steps }, or call the schedule with them: schedule(t, steps); fit does so`);
}

const STEP_DECAY = { size: aNumber, gamma: aNumber };

/** rate·γ^⌊t/size⌋. Default γ 0.1. */
export function stepDecay(rate: number, options: { readonly size: number; readonly gamma?: number }): Schedule {
  checkOptions("stepDecay", options, STEP_DECAY, "size");
  checkRate("stepDecay", rate);
  const { size, gamma = 0.1 } = options;
  checkPositive("stepDecay: size", size);
  return (t) => rate * gamma ** Math.floor(t / size);
}

const MULTI_STEP = { milestones: list, gamma: aNumber };

/** rate·γ^(milestones reached); one that is listed twice counts twice. Default γ 0.1. */
export function multiStep(rate: number, options: { readonly milestones: readonly number[]; readonly gamma?: number }): Schedule {
  checkOptions("multiStep", options, MULTI_STEP, "milestones");
  checkRate("multiStep", rate);
  const { milestones, gamma = 0.1 } = options;
  return (t) => rate * gamma ** milestones.filter((milestone) => milestone <= t).length;
}

const EXPONENTIAL = { gamma: aNumber };

/** rate·γᵗ */
export function exponential(rate: number, options: { readonly gamma: number }): Schedule {
  checkOptions("exponential", options, EXPONENTIAL, "gamma");
  checkRate("exponential", rate);
  const { gamma } = options;
  return (t) => rate * gamma ** t;
}

export interface CosineOptions {
  /** T: steps from the top to the bottom. Default: those of the run. */
  readonly steps?: number;
  /** The bottom. Default 0. */
  readonly min?: number;
}

const COSINE_ANNEALING: Checks<CosineOptions> = { steps: aNumber, min: aNumber };

/** min + (rate - min)·½(1 + cos πt/T), and min after T steps: Loshchilov & Hutter (2017), eq. 5, without restarts. */
export function cosine(rate: number, options: CosineOptions = {}): Schedule {
  const along = cosineOver("cosine", rate, options);
  return (t, run) => along(Math.min(t, stepsOf("cosine", options.steps, run)), run);
}

/** The same, but after T it rises again, as PyTorch's CosineAnnealingLR. */
export function cosineAnnealing(rate: number, options: CosineOptions = {}): Schedule {
  return cosineOver("cosineAnnealing", rate, options);
}

function cosineOver(name: string, rate: number, options: CosineOptions): Schedule {
  checkOptions(name, options, COSINE_ANNEALING);
  checkRate(name, rate);
  const { steps, min = 0 } = options;
  if (steps !== undefined) checkPositive(`${name}: steps`, steps);
  return (t, run) => between(min, rate, halfCosine(t / stepsOf(name, steps, run)));
}

/** Options of {@link cosineWithRestarts}. */
export interface RestartOptions extends CosineOptions {
  /** T: steps of the first cycle. */
  readonly steps: number;
  /** Each cycle is so many times as long as the one before. Default 1. */
  readonly factor?: number;
}

const COSINE_WITH_RESTARTS: Checks<RestartOptions> = { steps: aNumber, min: aNumber, factor: aNumber };

/** The same, but every T steps it starts at the top again, and T is multiplied by `factor` each time: SGDR, ibid. */
export function cosineWithRestarts(rate: number, options: RestartOptions): Schedule {
  checkOptions("cosineWithRestarts", options, COSINE_WITH_RESTARTS, "steps");
  checkRate("cosineWithRestarts", rate);
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
    return between(min, rate, halfCosine(since / length));
  };
}

const POLYNOMIAL = { steps: aNumber, power: aNumber };

/** rate·(1 - t/T)^power, 0 after T steps (default: those of the run). Default power 1. */
export function polynomial(rate: number, options: { readonly steps?: number; readonly power?: number } = {}): Schedule {
  checkOptions("polynomial", options, POLYNOMIAL);
  checkRate("polynomial", rate);
  const { steps, power = 1 } = options;
  if (steps !== undefined) checkPositive("polynomial: steps", steps);
  return (t, run) => {
    const n = stepsOf("polynomial", steps, run);
    return rate * (1 - Math.min(t, n) / n) ** power;
  };
}

const LINEAR = { start: aNumber, end: aNumber, steps: aNumber };

/** From rate·start to rate·end in T steps along a line, then level. Default from 1/3 to 1 in 5 steps. */
export function linear(rate: number, options: { readonly start?: number; readonly end?: number; readonly steps?: number } = {}): Schedule {
  checkOptions("linear", options, LINEAR);
  checkRate("linear", rate);
  const { start = 1 / 3, end = 1, steps = 5 } = options;
  checkPositive("linear: steps", steps);
  return (t) => rate * between(start, end, Math.min(t, steps) / steps);
}

const CONSTANT = { factor: aNumber, steps: aNumber };

/** rate·factor for T steps, then rate. Default factor 1/3, 5 steps. */
export function constant(rate: number, options: { readonly factor?: number; readonly steps?: number } = {}): Schedule {
  checkOptions("constant", options, CONSTANT);
  checkRate("constant", rate);
  const { factor = 1 / 3, steps = 5 } = options;
  return (t) => (t < steps ? rate * factor : rate);
}

/** rate·f(t), where f gives the factor in step t of a run of so many steps. */
export function lambda(rate: number, f: (t: number, steps?: number) => number): Schedule {
  checkRate("lambda", rate);
  check("lambda: f", f, fn);
  return (t, run) => rate * f(t, run);
}

/** rate·f(1)·f(2)⋯f(t) */
export function multiplicative(rate: number, f: (t: number) => number): Schedule {
  checkRate("multiplicative", rate);
  check("multiplicative: f", f, fn);
  return (t) => {
    let product = rate;
    for (let i = 1; i <= t; i++) product *= f(i);
    return product;
  };
}

const WARM_UP = { steps: aNumber, start: aNumber };

/** Rises along a line for `steps` steps, reaching the first rate of `then` just after them; then is `then`, counted from there. */
export function warmUp(then: Schedule, options: { readonly steps: number; readonly start?: number }): Schedule {
  checkOptions("warmUp", options, WARM_UP, "steps");
  checkSchedule("warmUp", then);
  const { steps, start = 0 } = options;
  checkPositive("warmUp: steps", steps);
  return (t, run) => {
    const rest = run === undefined ? undefined : Math.max(1, run - steps);
    return t < steps ? then(0, rest) * between(start, 1, t / steps) : then(t - steps, rest);
  };
}

/** One schedule after the other, each counted from its own start; `milestones` are the first steps of all but the first. */
export function sequential(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  check("sequential: schedules", schedules, listOf(fn, 1));
  check("sequential: milestones", milestones, numbers);
  if (schedules.length !== milestones.length + 1)
    throw new RangeError(`sequential: ${schedules.length} schedules want ${schedules.length - 1} milestones, got ${milestones.length}`);
  if (milestones.some((milestone, i) => i > 0 && milestone <= milestones[i - 1]))
    throw new RangeError(`sequential: milestones must rise, got ${milestones.join(", ")}`);
  return (t, run) => {
    const i = milestones.filter((milestone) => milestone <= t).length;
    const [start, end] = [milestones[i - 1] ?? 0, milestones[i] ?? run];
    return schedules[i](t - start, end === undefined ? undefined : Math.max(1, end - start));
  };
}

/** All at once: rate·Π sᵢ(t)/rate, for schedules made for this rate. */
export function chained(rate: number, schedules: readonly Schedule[]): Schedule {
  checkPositive("chained: rate", rate);
  check("chained: schedules", schedules, listOf(fn));
  return (t, run) => schedules.reduce((product, schedule) => (product * schedule(t, run)) / rate, rate);
}

// ---- use ------------------------------------------------------------------------------------------------------------------------------

const LOOKS = "a schedule gives the learning rate in step t: optim.cosine(0.001), optim.oneCycle(0.1), or (t, steps) => number";

/** The rate of a schedule in a step. @throws {TypeError} (or RangeError) for what gives no rate; `what` is who asks. */
export function rateAt(what: string, schedule: Schedule, t: number, steps: number): number {
  const rate: unknown = called(what, schedule, t, steps);
  if (typeof rate === "number" && rate >= 0 && rate < Number.POSITIVE_INFINITY) return rate;
  const message = `${what}: schedule must give a number of at least 0, in step ${t} of ${steps} it gave ${shown(rate)}; ${LOOKS}`;
  throw typeof rate === "number" ? new RangeError(message) : new TypeError(message);
}

/** @throws {TypeError} where the schedule throws, as `optim.cosine` does when it is given itself and not what it makes. */
function called(what: string, schedule: Schedule, t: number, steps: number): unknown {
  try {
    return schedule(t, steps);
  } catch (error) {
    const said = messageOf(error);
    throw new TypeError(`${what}: schedule${schedule.name ? ` (${schedule.name})` : ""} failed in step ${t}: ${said}; ${LOOKS}`, {
      cause: error,
    });
  }
}

/**
 * Refuses what is no schedule, as far as can be seen before the first step: by its first and its last rate. One that begins with exactly 1 where the
 * optimizer's own rate is smaller gives factors and no rates.
 */
export function checkRates(what: string, schedule: Schedule, steps: number, lr: number): void {
  check(`${what}: steps`, steps, positiveInteger);
  const first = rateAt(what, schedule, 0, steps);
  rateAt(what, schedule, steps - 1, steps);
  if (first === 1 && lr < 1)
    throw new RangeError(
      `${what}: schedule gives 1 in step 0, and the optimizer's own rate is ${lr}; a schedule gives the rate itself, not a factor: optim.lambda(${lr}, f) multiplies. If the rate shall be 1, give the optimizer { lr: 1 }`,
    );
}

function checkSchedule(name: string, schedule: unknown): void {
  if (!fn.holds(schedule)) throw new TypeError(`${name}: want a schedule, got ${shown(schedule)}; ${LOOKS}`);
}

function checkRate(name: string, rate: unknown): void {
  check(`${name}: rate`, rate, aNumber);
}

/** From a (share 0) to b (share 1). */
export function between(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

/** @throws {RangeError} unless the value is above 0. */
export function checkPositive(name: string, value: number): void {
  if (!(typeof value === "number" && value > 0)) throw new RangeError(`${name} must be above 0, got ${shown(value)}`);
}
