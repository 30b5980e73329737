/**
 * @file The whole pipeline on one page: a region goes in, an executable comes out.
 *
 *     region ─ expand ─ simplify ─ merge ─ pack ─► tape of primitives ─ schedule ─► kernels, steps, offsets ─ backend ─► executable
 */

import { mergeCommon } from "../optimize/cse.ts";
import { expand } from "../optimize/expand.ts";
import { packPanels } from "../optimize/pack.ts";
import { simplify } from "../optimize/simplify.ts";
import { type Schedule, type Slot, schedule } from "../schedule/schedule.ts";
import type { Region } from "../tape/node.ts";
import { verifyRegion } from "../tape/verify.ts";
import { type Arena, theArena } from "./arena.ts";
import { load } from "./backend.ts";
import type { Cell } from "./cell.ts";
import { Executable, type Roles } from "./executable.ts";

/** How many programs have been made since the start; a training loop makes one per signature. */
export const counters: { compilations: number; debug: boolean } = { compilations: 0, debug: false };

let passes = 0;

/** True while the passes walk a list: what they record must not be computed in between. */
export function isCompiling(): boolean {
  return passes > 0;
}

/** The same region with less in it. Nothing is expanded, so that it reads as the user wrote it. */
export function tidy(region: Region): Region {
  return mergeCommon(simplify(mergeCommon(simplify(region))));
}

/** Tape to tape: only primitives are left, none is computed twice, operands lie as the loops want them. */
export function optimize(region: Region): Region {
  return packPanels(tidy(expand(tidy(region))));
}

/** Tape to kernels, with `cells` numbered from 1 in the binding table. */
export function plan(region: Region, roles: Roles, cells: readonly Cell[]): Schedule {
  const slot = (role: Cell | "argument" | "result"): Slot =>
    typeof role === "string" ? { kind: "scratch" } : { kind: "cell", cell: cells.indexOf(role) + 1 };
  return schedule(region, roles.inputs.map(slot), roles.outputs.map(slot), cells.length);
}

/** Compiles a region whose inputs and outputs are arguments, results and cells. */
export function compileRegion(region: Region, roles: Roles, arena: Arena = theArena()): Executable {
  counters.compilations++;
  passes++;
  try {
    const optimized = optimize(region);
    if (counters.debug) verifyRegion(optimized);
    const cells = [...new Set([...roles.inputs, ...roles.outputs].filter((role) => typeof role !== "string"))];
    const planned = plan(optimized, roles, cells);
    return new Executable(planned, load(planned.program, arena), arena, cells, roles, { inputs: region.inputs, outputs: region.outputs });
  } finally {
    passes--;
  }
}
