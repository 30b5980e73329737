/**
 * @file A demonstration: one point of a lecture, computed. It gives numbers, each beside the one that the lecture prints or that theory demands,
 * and curves to draw. The command prints them; the tests compare them.
 */
import type { Curve } from "../figures/curves.ts";
import type { ChartOptions } from "../figures/svg.ts";

/** The five documents whose points are shown. */
export const DOCUMENTS = {
  S0: "neural networks (lecture)",
  S1: "backpropagation (talk)",
  S2: "convolutional networks (lecture)",
  S3: "deep-learning notes",
  S4: "activation functions (lecture)",
} as const;

export type DocumentId = keyof typeof DOCUMENTS;

/** A number that was computed, and what it must be. */
export interface Fact {
  readonly what: string;
  readonly value: number;
  /** What the lecture prints or theory demands: exactly, or with `within`. Without it the number is only shown. */
  readonly expected?: number;
  /** The largest difference from `expected` that is allowed. Default 0. */
  readonly within?: number;
  /** Bounds that it must keep, ends included. */
  readonly least?: number;
  readonly most?: number;
  /** Where a lecture's printed number is not the exact one, or what the number means. */
  readonly note?: string;
}

/** A chart that belongs to a demonstration. */
export interface Chart {
  readonly curves: readonly Curve[];
  readonly options: ChartOptions;
}

export interface Outcome {
  readonly facts: readonly Fact[];
  readonly charts?: readonly Chart[];
  /** Other drawings: SVG made by `figures`. The last one is what `--out FILE.svg` gets. */
  readonly pictures?: readonly string[];
  /** Text as it is: a list of instructions, a table, a drawing. */
  readonly text?: string;
}

export interface Demo {
  readonly name: string;
  /** What it shows, in a line. */
  readonly shows: string;
  readonly document: DocumentId;
  /** Rows of the catalogue of what Nabla does, such as `AD-3`. */
  readonly rows: readonly string[];
  readonly run: () => Outcome | Promise<Outcome>;
}

/** Returns true if a number is what it must be. */
export function holds({ value, expected, within = 0, least, most }: Fact): boolean {
  if (Number.isNaN(value)) return false;
  if (expected !== undefined && !(Math.abs(value - expected) <= within)) return false;
  return (least === undefined || value >= least) && (most === undefined || value <= most);
}
