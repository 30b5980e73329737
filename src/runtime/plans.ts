/**
 * @file Plans of the functions that were compiled last. A model that is made again (a sweep, a member of an ensemble, a resumed run, a cell of a notebook
 * that runs twice) records the list of the one before, and planning and generating code is most of the time until its first step.
 */
import type { Target } from "../kernel/target.ts";
import type { Region } from "../ops/op.ts";
import { hashRegion } from "../tape/hash.ts";
import type { Cell } from "./cell.ts";
import type { Roles } from "./executable.ts";
import type { Plan } from "./plan.ts";

/** Bytes of code of all plans that are kept; with its kernels a plan takes some sixteen times as much. */
const MOST_CODE = 2 * 2 ** 20;

/** In the order of their last use. */
const plans = new Map<string, { readonly plan: Plan; readonly code: number }>();
let code = 0;

/** What a plan depends on: the list, what its inputs and outputs are, the machine, and the memory it may take. */
export function planKey(
  region: Region,
  { inputs, outputs }: Roles,
  cells: readonly Cell[],
  target: Target,
  memory: number | string = "any",
): string {
  const kinds = [...inputs, "/" as const, ...outputs].map((role) => (typeof role === "string" ? role[0] : cells.indexOf(role)));
  return `${target.name} ${memory} ${kinds.join(" ")}\n${hashRegion(region)}`;
}

export function planFor(key: string): Plan | undefined {
  const found = plans.get(key);
  if (!found) return undefined;
  plans.delete(key);
  plans.set(key, found);
  return found.plan;
}

/** Keeps a plan that has become so many bytes of code. Host calls may hold on to what was recorded, so plans with them are not kept. */
export function keepPlan(key: string, plan: Plan, bytes: number): void {
  if (bytes > MOST_CODE / 4 || (plan.schedule.program.hosts?.length ?? 0) > 0 || plans.has(key)) return;
  plans.set(key, { plan, code: bytes });
  code += bytes;
  for (const [old, { code: less }] of plans) {
    if (code <= MOST_CODE) return;
    plans.delete(old);
    code -= less;
  }
}
