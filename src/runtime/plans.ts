/**
 * @file A cache of the plans of recently compiled functions. A model that is made again (in a sweep, an ensemble, a resumed run, a notebook cell that runs twice)
 * records the same list as before. Planning and code generation are most of the time until its first step.
 */
import type { Target } from "../kernel/target.ts";
import type { Region } from "../ops/op.ts";
import { hashRegion } from "../tape/hash.ts";
import type { Cell } from "./cell.ts";
import type { Roles } from "./executable.ts";
import type { Plan } from "./plan.ts";

/** The most bytes of code of all plans that are kept. A plan with its kernels takes about sixteen times as many bytes as its code. */
const MOST_CODE = 2 * 2 ** 20;

/** In the order of last use, the least recent first. */
const plans = new Map<string, { readonly plan: Plan; readonly code: number }>();
let code = 0;

/** The key of a plan: everything that it depends on, which is the list, the roles of its inputs and outputs, the target, and the memory budget. */
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

/** Keeps a plan whose code has the given number of bytes. Plans with host calls are not kept, since these may reference what was recorded. */
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
