/**
 * @file Makes the plan of a list. Recomputation that makes a program fit into a memory budget is in `budget.ts`.
 */
import { watched } from "../base/passes.ts";
import type { Region } from "../ops/op.ts";
import { type Schedule, type Slot, schedule } from "../schedule/schedule.ts";
import type { Cell } from "./cell.ts";
import type { Roles } from "./executable.ts";
import { arrange, primitives, type Setting, shortenLoops } from "./passes.ts";

/** Tape to kernels, with `cells` numbered from 1 in the binding table. */
export function plan(region: Region, roles: Roles, cells: readonly Cell[], { target, watch }: Setting = {}): Schedule {
  const slot = (role: Cell | "argument" | "result"): Slot =>
    typeof role === "string" ? { kind: "scratch" } : { kind: "cell", cell: cells.indexOf(role) + 1 };
  return schedule(region, roles.inputs.map(slot), roles.outputs.map(slot), cells.length, target, watch);
}

/** A list, its optimized form, and its plan. */
export interface Attempt {
  readonly list: Region;
  readonly optimized: Region;
  readonly planned: Schedule;
}

/** A memory budget, and how a list is made to fit. */
export interface Budget {
  /** Bytes of scratch memory, or "sqrt" to keep √n values of a chain of n. */
  readonly memory: number | "sqrt";
  fit(region: Region, roles: Roles, cells: readonly Cell[], setting: Setting): Attempt;
}

/** Arranges and schedules a list of primitives. */
export function attempt(list: Region, roles: Roles, cells: readonly Cell[], setting: Setting): Attempt {
  const optimized = arrange(list, setting);
  const { watch } = setting;
  const planned = watched<Schedule, Schedule>(
    "schedule",
    () => plan(optimized, roles, cells, setting),
    watch && ((name, { program }, ms) => watch(name, program, ms)),
  );
  return { list, optimized, planned };
}

/** Optimizes and schedules a region, within a budget if one is given. */
export function fit(region: Region, roles: Roles, cells: readonly Cell[], setting: Setting, budget?: Budget): Attempt {
  if (budget) return budget.fit(region, roles, cells, setting);
  return attempt(shortenLoops(primitives(region, setting), setting), roles, cells, setting);
}
