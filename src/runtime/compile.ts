/**
 * @file The whole pipeline on one page: a region goes in, an executable comes out.
 *
 *     region ─ expand ─ simplify ─ accumulate ─ merge ─ shorten loops ─ recompute ─ pack ─ lay out ─ slice ─► tape of primitives ─ schedule ─► kernels, steps, offsets ─ backend ─► executable
 */

import { cold } from "../base/host.ts";
import { repetitions } from "../base/reversal.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { accumulate } from "../optimize/accumulate.ts";
import { splitConcats } from "../optimize/concat.ts";
import { crop } from "../optimize/crop.ts";
import { mergeCommon } from "../optimize/cse.ts";
import { expand } from "../optimize/expand.ts";
import { fission } from "../optimize/fission.ts";
import { layOut } from "../optimize/layout.ts";
import { packPanels } from "../optimize/pack.ts";
import { cutAtPeak, recompute } from "../optimize/remat.ts";
import { simplify } from "../optimize/simplify.ts";
import { sliceSums } from "../optimize/slices.ts";
import { multiplyFew } from "../optimize/sparse.ts";
import { ROOT, STRETCHINGS, stretchLoops } from "../optimize/stretches.ts";
import { elementsMade, multiplyAdds } from "../optimize/work.ts";
import { type Schedule, type Slot, schedule } from "../schedule/schedule.ts";
import type { Region } from "../tape/node.ts";
import { verifyRegion } from "../tape/verify.ts";
import { walks } from "../transform/walks.ts";
import { type Arena, theArena } from "./arena.ts";
import { writtenBeforeHosts } from "./at-risk.ts";
import { load } from "./backend.ts";
import type { Cell } from "./cell.ts";
import { cellsOf, Executable, type Roles } from "./executable.ts";
import { keepPlan, planFor, planKey } from "./plans.ts";

/** How many programs have been made since the start (a training loop makes one per signature), and how many of them were planned anew. */
export const counters: { compilations: number; plans: number; debug: boolean } = { compilations: 0, plans: 0, debug: false };

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
export function optimize(region: Region, target: Target = WASM): Region {
  return arrange(shorten(primitives(region, target)), target);
}

/** Loops without what needs no loop. */
function shorten(region: Region): Region {
  const shorter = fission(region, walks);
  return shorter === region ? region : tidy(shorter);
}

/** Operands and results lie as loops want them, and long sums are cut as threads want them. */
function arrange(region: Region, target: Target = WASM): Region {
  return splitConcats(sliceSums(layOut(packPanels(region, target), target)));
}

function primitives(region: Region, target: Target = WASM): Region {
  return tidy(accumulate(crop(expand(multiplyFew(crop(tidy(region)), target)))));
}

/** Multiply-adds of the products, convolutions included, that a region's program does. */
export function workOf(region: Region): number {
  return multiplyAdds(optimize(region));
}

/** Tape to kernels, with `cells` numbered from 1 in the binding table. */
export function plan(region: Region, roles: Roles, cells: readonly Cell[]): Schedule {
  const slot = (role: Cell | "argument" | "result"): Slot =>
    typeof role === "string" ? { kind: "scratch" } : { kind: "cell", cell: cells.indexOf(role) + 1 };
  return schedule(region, roles.inputs.map(slot), roles.outputs.map(slot), cells.length);
}

/** What a program may take: bytes of scratch memory, or as many values of a chain as the root of its length. */
export type Memory = number | "sqrt";

/** Bytes from a number or a text: `512MB`, `64 KiB`. */
export function parseMemory(memory: number | string): Memory {
  if (memory === "sqrt") return memory;
  const [, digits, prefix = "", binary] = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmg]?)(i?)b)?\s*$/i.exec(String(memory)) ?? [];
  const bytes = Number(digits) * (binary ? 1024 : 1000) ** " kmg".indexOf(prefix.toLowerCase() || " ");
  if (!(bytes > 0))
    throw new RangeError(`compile: memory is bytes, a text such as "512MB" or "64KiB", or "sqrt"; got ${JSON.stringify(memory)}`);
  return bytes;
}

/** No step of a chain runs more often than this to save memory; so programs stay short. */
const MOST_REPETITIONS = 5;

/** A list, what it becomes, and its plan. */
interface Attempt {
  readonly list: Region;
  readonly optimized: Region;
  readonly planned: Schedule;
}

const smaller = (a: Attempt, b: Attempt): Attempt => (b.planned.scratch < a.planned.scratch ? b : a);

/** The optimized region and its plan, with values computed again instead of being kept so that it fits into `memory`. */
export function fit(region: Region, roles: Roles, cells: readonly Cell[], memory: Memory): Attempt {
  const whole = primitives(region);
  const attempt = (tape: Region): Attempt => {
    const optimized = arrange(tape);
    return { list: tape, optimized, planned: plan(optimized, roles, cells) };
  };
  const enough = (scratch: number): boolean => memory !== "sqrt" && scratch <= memory;
  // Longer products take more memory: where they exceed the budget, loops stay as they are.
  const shorter = shorten(whole);
  const quick = attempt(shorter);
  if (enough(quick.planned.scratch)) return quick;
  let plain = shorter === whole ? quick : attempt(whole);
  if (enough(plain.planned.scratch)) return plain;
  // Loops first: what they stack is most of what waits, and a loop as a whole is dear to repeat.
  for (const how of memory === "sqrt" ? [ROOT] : STRETCHINGS) {
    const stretched = stretchLoops(whole, how);
    if (!stretched) break;
    const tape = tidy(stretched);
    const found = attempt(shorten(tape));
    if (enough(found.planned.scratch)) return found;
    plain = smaller(smaller(plain, found), attempt(tape));
    if (enough(plain.planned.scratch)) return plain;
  }
  const { list } = plain;
  const cut = cutAtPeak(list);
  if (!cut) return within(plain, memory);
  const n = cut.dear.length;
  const tried = new Map<number, ReturnType<typeof attempt>>();
  const withSlots = (slots: number): ReturnType<typeof attempt> => {
    let found = tried.get(slots);
    if (!found) {
      const tape = recompute(list, cut, slots);
      found = tape ? attempt(tape) : plain;
      tried.set(slots, found);
    }
    return found;
  };
  if (memory === "sqrt") return smaller(plain, withSlots(Math.ceil(Math.sqrt(n))));
  // Fewer slots, less memory and more work: the most slots that fit, by bisection.
  let low = 0;
  while (low < n && repetitions(n + 1, low + 1) > MOST_REPETITIONS) low++;
  let high = n + 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (enough(withSlots(middle).planned.scratch)) low = middle;
    else high = middle - 1;
  }
  const found = withSlots(low);
  if (enough(found.planned.scratch)) return found;
  // The heuristic that packs blocks is not monotone: perhaps another try was better.
  return within([...tried.values()].reduce(smaller, plain), memory);
}

/** The plan, or an error that says what it takes. */
function within(found: Attempt, memory: Memory): Attempt {
  if (memory === "sqrt" || found.planned.scratch <= memory) return found;
  throw new RangeError(
    `compile: the program does not fit into ${memory} bytes; the least that recomputation reaches is ${found.planned.scratch} bytes. Give it that much, a smaller batch, or checkpoint blocks, loops ({ checkpoint } of scan and of recurrent layers) by hand`,
  );
}

/** Compiles a region whose inputs and outputs are arguments, results and cells. With `remember` its plan is kept, and one that was kept is taken. */
export function compileRegion(
  region: Region,
  roles: Roles,
  options: { readonly arena?: Arena; readonly memory?: Memory; readonly remember?: boolean } = {},
): Executable {
  const { arena = theArena(), memory = Number.POSITIVE_INFINITY, remember = false } = options;
  counters.compilations++;
  return compiling(() => {
    const cells = cellsOf(roles);
    const key = remember ? planKey(region, roles, cells, memory) : "";
    const plan = planFor(key) ?? planned(region, roles, cells, memory);
    const { schedule, work, elements } = plan;
    const { inputs, outputs } = region;
    const main = load(schedule.program, arena, work + elements);
    if (remember) keepPlan(key, plan, main.codeBytes ?? 0);
    // Binding 0 is the zone; the cells follow.
    const atRisk = [...writtenBeforeHosts(schedule.program)].flatMap((binding) => (binding > 0 ? [binding - 1] : []));
    return new Executable({ ...schedule, work, atRisk }, main, arena, cells, roles, { inputs, outputs });
  });
}

/** A plan, and what one run of it takes. */
export interface Plan {
  readonly schedule: Schedule;
  /** Multiply-adds of products. */
  readonly work: number;
  /** Elements that are made. */
  readonly elements: number;
}

function planned(region: Region, roles: Roles, cells: readonly Cell[], memory: Memory): Plan {
  counters.plans++;
  const { optimized, planned: schedule } = fit(region, roles, cells, memory);
  if (counters.debug) verifyRegion(optimized);
  return { schedule, work: multiplyAdds(optimized), elements: elementsMade(optimized) };
}

/** The plan of the program that a region would become; no code is made and no memory taken. */
export function planRegion(region: Region, roles: Roles, memory: Memory = Number.POSITIVE_INFINITY): Schedule {
  return compiling(() => fit(region, roles, cellsOf(roles), memory).planned);
}

function compiling<T>(fn: () => T): T {
  passes++;
  try {
    return cold(fn);
  } finally {
    passes--;
  }
}
