/**
 * @file From a list to its plan, and the choice among plans: longer products where loops were shortened. What makes a program fit into memory is in `budget.ts`.
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

/** A list, what it becomes, and its plan. */
export interface Attempt {
  readonly list: Region;
  readonly optimized: Region;
  readonly planned: Schedule;
}

/** What a program may take, and how a list is made to fit. */
export interface Budget {
  /** Bytes of scratch memory, or as many values of a chain as the root of its length. */
  readonly memory: number | "sqrt";
  fit(region: Region, roles: Roles, cells: readonly Cell[], setting: Setting): Attempt;
}

/** A list in primitives as it is scheduled, and its plan. */
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

/** The optimized region and its plan, within a budget if there is one. */
export function fit(region: Region, roles: Roles, cells: readonly Cell[], setting: Setting, budget?: Budget): Attempt {
  if (budget) return budget.fit(region, roles, cells, setting);
  return attempt(shortenLoops(primitives(region, setting), setting), roles, cells, setting);
}
