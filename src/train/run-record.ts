/** @file A run as pages show it: what it was told, how far it came, and its curves. Plain data, so that it can be sent. */
import type { Curve } from "../figures/curves.ts";
import type { Progress } from "./callback.ts";

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
