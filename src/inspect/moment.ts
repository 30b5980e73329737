/** @file What rules look at. */
import type { Flow } from "./flow.ts";
import type { SiteReading } from "./site-program.ts";
import type { Units } from "./units.ts";

/** What the rules of a moment look at. */
export interface Moment {
  readonly reading: SiteReading;
  readonly flow: Flow;
  readonly units: Units;
  /** Of the run; null outside of one. */
  readonly step: number | null;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Classes that the targets name; undefined for values. */
  readonly classes: number | undefined;
  /** What the best answer that ignores the input loses. */
  readonly baseline: number | undefined;
  readonly parameters: ReadonlyMap<string, ArrayLike<number>>;
}
