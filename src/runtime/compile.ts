/**
 * @file Compiles a region to an executable.
 *
 *     region ─ passes (passes.ts) ─► tape of primitives ─ schedule ─► kernels, steps, offsets ─ backend ─► executable
 */
import { cold } from "../base/host.ts";
import type { Region } from "../ops/op.ts";
import { unobserved } from "../ops/tensor.ts";
import { elementsMade, multiplyAdds } from "../optimize/work.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { Arena } from "./arena.ts";
import { writtenBeforeHosts } from "./at-risk.ts";
import { load, theArena, theBackend } from "./backends.ts";
import type { Cell } from "./cell.ts";
import { cellsOf, Executable, type Roles } from "./executable.ts";
import { type Budget, fit } from "./fit.ts";
import { type Dump, optimize, type Setting, watching } from "./passes.ts";
import type { Plan } from "./plan.ts";
import { keepPlan, planFor, planKey } from "./plans.ts";

export type { Plan } from "./plan.ts";

/** How many programs were made since the start (a training loop makes one per signature), and how many of them needed a new plan. */
export const counters: { compilations: number; plans: number } = { compilations: 0, plans: 0 };

/** Multiply-adds of one run of a region's program: of its products, convolutions included. */
export function workOf(region: Region): number {
  return multiplyAdds(optimize(region, { target: theBackend().target }));
}

/** Options of making a program. */
export interface Making {
  /** A memory budget. Default: none. */
  readonly budget?: Budget | undefined;
  /** Where the list is printed after passes. Default: as the environment variable `NABLA_DUMP` says. */
  readonly dump?: Dump | undefined;
  readonly arena?: Arena;
  /** True to use a kept plan and to keep a new one. It has no effect while passes are watched. */
  readonly remember?: boolean;
}

/** Compiles a region whose inputs and outputs are arguments, results and cells. */
export function compileRegion(region: Region, roles: Roles, options: Making = {}): Executable {
  const { arena = theArena(), budget, dump } = options;
  counters.compilations++;
  return compiling(() => {
    const { target } = theBackend();
    const watch = watching.watcher?.(dump);
    const remember = options.remember === true && !watch;
    const cells = cellsOf(roles);
    const key = remember ? planKey(region, roles, cells, target, budget?.memory) : "";
    const plan = planFor(key) ?? planned(region, roles, cells, { target, watch }, budget);
    const { schedule, work, elements } = plan;
    const { inputs, outputs } = region;
    const main = load(schedule.program, arena, { work: work + elements, watch });
    if (remember) keepPlan(key, plan, main.codeBytes ?? 0);
    // Binding 0 is the scratch zone; the cells follow.
    const atRisk = [...writtenBeforeHosts(schedule.program)].flatMap((binding) => (binding > 0 ? [binding - 1] : []));
    return new Executable({ ...schedule, work, atRisk }, main, arena, cells, roles, { inputs, outputs });
  });
}

function planned(region: Region, roles: Roles, cells: readonly Cell[], setting: Setting, budget: Budget | undefined): Plan {
  counters.plans++;
  const { optimized, planned: schedule } = fit(region, roles, cells, setting, budget);
  return { schedule, work: multiplyAdds(optimized), elements: elementsMade(optimized) };
}

/** Plans the program of a region, without making code or allocating memory. */
export function planRegion(region: Region, roles: Roles): Schedule {
  return compiling(() => fit(region, roles, cellsOf(roles), { target: theBackend().target }).planned);
}

function compiling<T>(fn: () => T): T {
  return cold(() => unobserved(fn));
}
