/**
 * @file A region goes in, an executable comes out.
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

/** How many programs have been made since the start (a training loop makes one per signature), and how many of them were planned anew. */
export const counters: { compilations: number; plans: number } = { compilations: 0, plans: 0 };

/** Multiply-adds of the products, convolutions included, that a region's program does. */
export function workOf(region: Region): number {
  return multiplyAdds(optimize(region, { target: theBackend().target }));
}

/** How a program is made. */
export interface Making {
  /** What it may take. Default: what it takes. */
  readonly budget?: Budget | undefined;
  /** Where the lists go after each pass. Default the environment variable `NABLA_DUMP`. */
  readonly dump?: Dump | undefined;
  readonly arena?: Arena;
  /** Whether its plan is kept, and one that was kept is taken; not while passes are watched. */
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
    // Binding 0 is the zone; the cells follow.
    const atRisk = [...writtenBeforeHosts(schedule.program)].flatMap((binding) => (binding > 0 ? [binding - 1] : []));
    return new Executable({ ...schedule, work, atRisk }, main, arena, cells, roles, { inputs, outputs });
  });
}

function planned(region: Region, roles: Roles, cells: readonly Cell[], setting: Setting, budget: Budget | undefined): Plan {
  counters.plans++;
  const { optimized, planned: schedule } = fit(region, roles, cells, setting, budget);
  return { schedule, work: multiplyAdds(optimized), elements: elementsMade(optimized) };
}

/** The plan of the program that a region would become; no code is made and no memory taken. */
export function planRegion(region: Region, roles: Roles): Schedule {
  return compiling(() => fit(region, roles, cellsOf(roles), { target: theBackend().target }).planned);
}

function compiling<T>(fn: () => T): T {
  return cold(() => unobserved(fn));
}
