/** @file Schedules that go up and down, and may take the momentum the other way: cyclic rates and one cycle, Smith (2017; 2018). */
import { aNumber, type Checks, check, checkOptions, flag, oneOf } from "../base/check.ts";
import { between, checkPositive, halfCosine, type Schedule, stepsOf } from "./schedules.ts";

/** Options of {@link cyclic} and {@link cyclicMomentum}. */
export interface CyclicOptions {
  readonly min: number;
  readonly max: number;
  /** Steps up, default 2000, and down, default the same. */
  readonly up?: number;
  readonly down?: number;
  /** `triangular`: all cycles alike. `triangular2`: each half as high as the one before. `exponential`: height times γᵗ. Default the first. */
  readonly mode?: "triangular" | "triangular2" | "exponential";
  /** γ of `exponential`. Default 1. */
  readonly gamma?: number;
}

const CYCLIC: Checks<CyclicOptions> = {
  min: aNumber,
  max: aNumber,
  up: aNumber,
  down: aNumber,
  mode: oneOf("triangular", "triangular2", "exponential"),
  gamma: aNumber,
};

/** From min to max and back, again and again: Smith (2017), "Cyclical learning rates for training neural networks", section 3.1. */
export function cyclic(options: CyclicOptions): Schedule {
  checkOptions("cyclic", options, CYCLIC, "min", "max");
  const height = cycleHeight(options);
  return (t) => between(options.min, options.max, height(t));
}

/** The momentum that belongs to it: max where the rate is lowest. `min` and `max` are of the momentum here, default 0.8 and 0.9. */
export function cyclicMomentum(options: Partial<CyclicOptions> = {}): Schedule {
  checkOptions("cyclicMomentum", options, CYCLIC);
  const { min = 0.8, max = 0.9, ...rest } = options;
  const height = cycleHeight(rest);
  return (t) => between(max, min, height(t));
}

/** 0 at the bottom, 1 at the top of a whole cycle. */
function cycleHeight({ up = 2000, down = up, mode = "triangular", gamma = 1 }: Partial<CyclicOptions>): Schedule {
  checkPositive("cyclic: up", up);
  checkPositive("cyclic: down", down);
  const length = up + down;
  const scales: Record<typeof mode, (t: number) => number> = {
    triangular: () => 1,
    triangular2: (t) => 0.5 ** Math.floor(t / length),
    exponential: (t) => gamma ** t,
  };
  const scale = scales[mode];
  if (!scale) throw new RangeError(`cyclic: there is no mode ${mode}; there are ${Object.keys(scales).join(", ")}`);
  return (t) => {
    const at = t % length;
    return scale(t) * (at <= up ? at / up : (length - at) / down);
  };
}

/** Options of {@link oneCycle} and {@link oneCycleMomentum}. */
export interface OneCycleOptions {
  /** Steps of the whole cycle. Default: those of the run. */
  readonly steps?: number;
  /** Share of them that goes up. Default 0.3. */
  readonly rise?: number;
  /** How it goes from one rate to the next. Default `cosine`. */
  readonly anneal?: "cosine" | "linear";
  /** The first rate is max/divFactor, default 25; the last is the first/finalDivFactor, default 1e4. */
  readonly divFactor?: number;
  readonly finalDivFactor?: number;
  /** Come down to the first rate as slowly as up, and from there to the last. Default false: straight down to the last. */
  readonly threePhase?: boolean;
}

const ONE_CYCLE: Checks<OneCycleOptions> = {
  steps: aNumber,
  rise: aNumber,
  anneal: oneOf("linear", "cosine"),
  divFactor: aNumber,
  finalDivFactor: aNumber,
  threePhase: flag,
};

/** Up from max/25 to max, and down far below: Smith & Topin (2018), "Super-convergence". Stays at the last rate after `steps`. */
export function oneCycle(max: number, options: OneCycleOptions = {}): Schedule {
  checkOptions("oneCycle", options, ONE_CYCLE);
  check("oneCycle: max", max, aNumber);
  const { divFactor = 25, finalDivFactor = 1e4, threePhase = false } = options;
  checkPositive("oneCycle: divFactor", divFactor);
  checkPositive("oneCycle: finalDivFactor", finalDivFactor);
  const first = max / divFactor;
  const last = first / finalDivFactor;
  return alongPhases(options, threePhase ? [first, max, first, last] : [first, max, last]);
}

/** The momentum that belongs to it: from max down to min, and up again. Default 0.85 and 0.95. */
export function oneCycleMomentum(options: OneCycleOptions & { readonly min?: number; readonly max?: number } = {}): Schedule {
  checkOptions("oneCycleMomentum", options, { ...ONE_CYCLE, min: aNumber, max: aNumber });
  const { min = 0.85, max = 0.95, ...rest } = options;
  return alongPhases(rest, rest.threePhase ? [max, min, max, max] : [max, min, max]);
}

/** Values at the ends of the phases, and what is between them. */
function alongPhases(
  { steps: own, rise = 0.3, anneal = "cosine", threePhase = false }: OneCycleOptions,
  values: readonly number[],
): Schedule {
  if (own !== undefined) checkPositive("oneCycle: steps", own);
  if (!(rise >= 0 && rise <= 1)) throw new RangeError(`oneCycle: rise must be from 0 to 1, got ${rise}`);
  return (t, run) => {
    const steps = stepsOf("oneCycle", own, run);
    const top = rise * steps - 1;
    const ends = threePhase ? [0, top, 2 * top, steps - 1] : [0, top, steps - 1];
    const at = Math.min(t, steps - 1);
    const phase = Math.max(
      1,
      ends.findIndex((end, i) => i > 0 && (at <= end || i === ends.length - 1)),
    );
    const share = (at - ends[phase - 1]) / (ends[phase] - ends[phase - 1]);
    return between(values[phase - 1], values[phase], anneal === "cosine" ? 1 - halfCosine(share) : share);
  };
}
