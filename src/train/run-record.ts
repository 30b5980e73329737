/** @file A run as pages show it: what it was told, how far it came, and its curves. Plain data, so that it can be sent. */
import type { Curve } from "../figures/curves.ts";
import type { Progress } from "./callback.ts";
import type { Finding } from "./finding.ts";

/** What a run's curves can be of. */
export const MEASURES = ["trainLoss", "testLoss", "validationLoss", "testAccuracy"] as const;
export type Measure = (typeof MEASURES)[number];

export interface RunRecord {
  /** Unlike that of every other run of the list. */
  readonly name: string;
  /** `running`, `finished`, `interrupted`, `failed`; `damaged` for a folder that cannot be read. */
  readonly state: string;
  /** Why it ended before its last step, or why it cannot be read. */
  readonly reason?: string;
  /** Date and time in UTC. */
  readonly started: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Results by name: parameters, epochs, testLoss, testAccuracy, seconds. */
  readonly results: Readonly<Record<string, number>>;
  /** Values over steps. */
  readonly curves: Readonly<Partial<Record<Measure, Curve["points"]>>>;
}

/** Where a run that trains now is, as far as pages show it. */
export type LiveProgress = Omit<Progress, "errors">;

/** What a server says of its runs. */
export interface RunList {
  readonly runs: readonly RunRecord[];
  /** The run that the server can command. */
  readonly live?: { readonly name: string; readonly paused: boolean; readonly ended: boolean; readonly progress?: LiveProgress };
}

/** What such a run can be told. */
export const RUN_COMMANDS = ["pause", "play", "stop"] as const;
export type RunCommand = (typeof RUN_COMMANDS)[number];

/** What a run that is watched shows of a layer's weights. */
export interface LiveLayer {
  readonly name: string;
  readonly shape: readonly number[];
  /** ‖w‖, and ‖∂L/∂w‖ over the examples of the look; null where it could not be taken. */
  readonly size: number;
  readonly gradient: number | null;
  /** ‖Δw‖/‖w‖ of one step; null where none was taken since. */
  readonly ratio: number | null;
  /** Of the weights: least, 5 %, middle, 95 %, most. */
  readonly spread: readonly number[];
}

/** An example that a classifier gets wrong. */
export interface LiveMistake {
  /** Place in its split, from 0. */
  readonly index: number;
  readonly actual: number;
  readonly predicted: number;
  /** What the model gives the actual class, and the one that it takes. */
  readonly share: number;
  readonly taken: number;
  /** Of images: bytes row by row as base64, three for each pixel where there are colours. */
  readonly image?: { readonly width: number; readonly height: number; readonly channels: 1 | 3; readonly bytes: string };
  /** Of others: the first values. */
  readonly values?: readonly number[];
}

/** What a classifier does with held-out examples. */
export interface LiveCheck {
  readonly split: "validation" | "test";
  /** Examples that were tried, of so many. */
  readonly count: number;
  readonly of: number;
  readonly classes: readonly string[];
  /** table[i][j]: examples of class i that were taken for class j; a last column, if there is one, for none. */
  readonly table: readonly (readonly number[])[];
  /** The most wrong first. */
  readonly mistakes: readonly LiveMistake[];
}

/** A look at a run that trains: taken while a page shows it. */
export interface LiveLook {
  readonly step: number;
  readonly layers: readonly LiveLayer[];
  readonly findings: readonly Pick<Finding, "rule" | "where" | "severity" | "cause" | "remedies">[];
  /** Why nothing was found out about gradients. */
  readonly reason?: string;
  /** Of classifiers. */
  readonly check?: LiveCheck;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/** The numbers of all layers at a step, in their order. */
export interface LivePoint {
  readonly step: number;
  readonly size: readonly number[];
  readonly gradient: readonly (number | null)[];
  readonly ratio: readonly (number | null)[];
}

/** Looks at a run since a page showed it first: layers over the steps, and the last look whole. */
export interface LiveLooks {
  readonly history: readonly LivePoint[];
  readonly last?: LiveLook;
}
