/** @file A rate that falls when a metric stops getting better. */
import { type Checks, check, checkOptions, expectation, naturalNumber, nonNegative, oneOf, positive } from "../base/check.ts";
import { checkPositive } from "./schedules.ts";

/** Options of {@link Plateau}. */
export interface PlateauOptions {
  /** Whether a smaller metric is better. Default `min`. */
  readonly mode?: "min" | "max";
  /** What the rate is multiplied by. Default 0.1. */
  readonly factor?: number;
  /** Steps without improvement that pass before. Default 10. */
  readonly patience?: number;
  /** What counts as improvement: by this share of the best (`relative`), or by this much (`absolute`). Default 1e-4, relative. */
  readonly threshold?: number;
  readonly thresholdMode?: "relative" | "absolute";
  /** Steps after a reduction that do not count. Default 0. */
  readonly cooldown?: number;
  /** The rate falls no further. Default 0. */
  readonly min?: number;
  /** A change of the rate by no more than this is left out. Default 1e-8. */
  readonly eps?: number;
}

/** It may be NaN, which is no improvement. */
const aMetric = expectation("a number", (value) => typeof value === "number");

/** What a resumed run needs. */
export interface PlateauState {
  readonly rate: number;
  readonly best: number;
  readonly bad: number;
  readonly cooling: number;
}

export const PLATEAU_OPTIONS: Checks<PlateauOptions> = {
  mode: oneOf("min", "max"),
  factor: positive,
  patience: naturalNumber,
  threshold: nonNegative,
  thresholdMode: oneOf("relative", "absolute"),
  cooldown: naturalNumber,
  min: nonNegative,
  eps: nonNegative,
};

const DEFAULTS: Required<PlateauOptions> = {
  mode: "min",
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: "relative",
  cooldown: 0,
  min: 0,
  eps: 1e-8,
};

/** Reduces the rate on a plateau, as PyTorch's ReduceLROnPlateau: `optimizer.lr = plateau.step(testLoss)`. */
export class Plateau {
  readonly #options: Required<PlateauOptions>;
  #state: PlateauState;

  constructor(rate: number, options: PlateauOptions = {}) {
    check("Plateau: rate", rate, nonNegative);
    checkOptions("Plateau", options, PLATEAU_OPTIONS);
    this.#options = { ...DEFAULTS, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) };
    const { mode, factor } = this.#options;
    checkPositive("Plateau: factor", factor);
    if (factor >= 1) throw new RangeError(`Plateau: factor must be below 1, got ${factor}`);
    this.#state = { rate, best: mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY, bad: 0, cooling: 0 };
  }

  /** The rate in force. */
  get rate(): number {
    return this.#state.rate;
  }

  get state(): PlateauState {
    return this.#state;
  }

  set state(state: PlateauState) {
    this.#state = { ...state };
  }

  /** Takes note of a metric; gives the rate for what follows. NaN and infinity are no improvement. */
  step(metric: number): number {
    check("Plateau: the metric", metric, aMetric);
    const { patience, cooldown } = this.#options;
    let { rate, best, bad, cooling } = this.#state;
    if (this.#improves(metric, best)) [best, bad] = [metric, 0];
    else bad++;
    if (cooling > 0) [cooling, bad] = [cooling - 1, 0];
    if (bad > patience) [rate, cooling, bad] = [this.#reduced(rate), cooldown, 0];
    this.#state = { rate, best, bad, cooling };
    return rate;
  }

  #improves(metric: number, best: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const sign = mode === "min" ? -1 : 1;
    const bar = thresholdMode === "absolute" ? best + sign * threshold : best * (1 + sign * threshold);
    return Number.isFinite(metric) && (mode === "min" ? metric < bar : metric > bar);
  }

  #reduced(rate: number): number {
    const { factor, min, eps } = this.#options;
    const next = Math.max(rate * factor, min);
    return rate - next > eps ? next : rate;
  }
}
