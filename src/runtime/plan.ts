/** @file The plan of a program: its schedule and its work. */
import type { Schedule } from "../schedule/schedule.ts";

/** A scheduled program, with the work of one run. */
export interface Plan {
  readonly schedule: Schedule;
  /** Multiply-adds of products. */
  readonly work: number;
  /** Elements of all results. */
  readonly elements: number;
}
