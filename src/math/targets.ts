/**
 * @file What losses want of the values of their targets. A value out of range often gives a finite loss that means nothing, and within a program values cannot be
 * looked at; so each loss says what it wants, and who has the values (`checkTraining`) can check them before training.
 */
import type { Tensor } from "../ops/tensor.ts";

/** What one loss wants of its targets. */
export interface TargetsWanted {
  readonly loss: string;
  /** In words: `from 0 to 1`. */
  readonly want: string;
  readonly holds: (value: number) => boolean;
  /** Whether the values of an example are the probabilities of its classes, and add up to 1. */
  readonly distribution?: boolean;
}

type Listener = (targets: Tensor, wanted: TargetsWanted) => void;
let listener: Listener | undefined;

/** Says what `loss` wants of the values of `targets`; nothing is checked here. */
export function wantTargets(targets: Tensor, wanted: TargetsWanted): void {
  listener?.(targets, wanted);
}

/** Runs `fn`, and has `heard` told what the losses in it want. */
export function hearingTargets<T>(heard: Listener, fn: () => T): T {
  const before = listener;
  listener = heard;
  try {
    return fn();
  } finally {
    listener = before;
  }
}

const range = (loss: string, low: number, high: number): TargetsWanted => ({
  loss,
  want: high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`,
  holds: (value) => value >= low && value <= high,
});

/** Targets that are probabilities, or shares of them. */
export const probabilities = (loss: string): TargetsWanted => range(loss, 0, 1);
/** Counts and rates. */
export const atLeast0 = (loss: string): TargetsWanted => range(loss, 0, Number.POSITIVE_INFINITY);
/** The two signs of a margin. */
export const signs = (loss: string): TargetsWanted => ({ loss, want: "-1 or 1", holds: (value) => value === 1 || value === -1 });
/** Indices of classes. */
export const classIndices = (loss: string, classes: number, ignored?: number): TargetsWanted => ({
  loss,
  want: `class indices from 0 to ${classes - 1}`,
  holds: (value) => (value >= 0 && value < classes) || value === ignored,
});
