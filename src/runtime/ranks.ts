/** @file Groups of ranks, and the pass that only they need. Code that makes a group does so here, which installs the pass. */
import { type Collective, registerGroup as register } from "../ops/collective.ts";
import { buckets } from "../optimize/buckets.ts";
import { rankPasses } from "./passes.ts";

/** Registers a group of ranks, as in `ops/collective.ts`. */
export function registerGroup(group: Collective, bucketBytes?: number): number {
  rankPasses.buckets = buckets;
  return register(group, bucketBytes);
}
