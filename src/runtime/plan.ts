/** @file What a program is made from. */
import type { Schedule } from "../schedule/schedule.ts";

/** A plan, and what one run of it takes. */
export interface Plan {
  readonly schedule: Schedule;
  /** Multiply-adds of products. */
  readonly work: number;
  /** Elements that are made. */
  readonly elements: number;
}
