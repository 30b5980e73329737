/** @file What `nabla inspect` has found. */
import type { Flow } from "../inspect/flow.ts";
import type { Spectrum } from "../inspect/spectrum.ts";
import type { Units } from "../inspect/units.ts";
import type { Finding } from "../train/finding.ts";
import type { LossFound } from "./inspect-loss.ts";

/** What is printed, as far as it was asked for. */
export interface Inspected extends LossFound {
  readonly model: string;
  readonly data: string;
  readonly examples: number;
  readonly loss: number;
  readonly findings?: readonly Finding[];
  readonly flow?: Flow;
  readonly units?: Units;
  readonly spectrum?: Spectrum;
  readonly hidden?: readonly unknown[];
  readonly seconds: number;
}
