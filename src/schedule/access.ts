/**
 * @file What a loop nest touches: its axes, and how the address of every access changes along each of them. Neighbouring axes are merged into one if
 * every access steps through both with one stride. Where a condition changes along an axis (at the edge of a padding, at the seam of a concatenation)
 * the loop is cut there. In every piece the ranges of the indices then decide the condition, and the index algebra removes it.
 */
import { uses } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";
import { eachExpr } from "../kernel/walk.ts";

/** An axis of a nest: one or several merged axes of the group. */
export interface Axis {
  readonly kind: "out" | "sum";
  readonly extent: number;
  /** Extents of the axes it merges. */
  readonly parts: readonly number[];
  /** Where the pieces begin, except the first, which begins at 0. A condition on the counter holds for all of a piece or for none of it. */
  readonly cuts: readonly number[];
}

/** For each access, by how many elements its flat index changes per step along one axis; null if the index is not linear there. */
export type Coefficients = readonly (number | null)[];

/** The accesses of a loop nest. Loads and stores are numbered; coefficients are in elements per step of an axis. */
export interface Access {
  readonly axes: readonly Axis[];
  /** Per axis, one entry per load. */
  readonly loads: readonly Coefficients[];
  /** Per axis, the loads of the elements, or of the terms of a sum. `loads` begins with them; its others serve what follows the sum. */
  readonly terms: readonly Coefficients[];
  /** Per axis, by how many elements the address of the result changes per step. */
  readonly stores: Coefficients;
  /** Axes of the sum along which some results need only a part of the terms. */
  readonly partial: readonly PartialSum[];
}

/** A range of terms for each result: result i along the axis `out` needs the terms low[i] <= r < high[i] along the axis `sum`. Both bounds fall as i grows. */
export interface PartialSum {
  readonly sum: number;
  readonly out: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** Returns true if the counter is used other than to address a load. Its axis may then not be merged with others, since its value matters. */
export function usedAsValue(x: Expr, counter: Expr, seen: Set<Expr>): boolean {
  if (x === counter) return true;
  if (seen.has(x)) return false;
  seen.add(x);
  const args = x.op === "load" ? x.args.slice(1) : x.args;
  return args.some((arg) => usedAsValue(arg, counter, seen)) || (x.op === "load" && x.args[0]!.args.some((arg) => loadsWith(arg, counter)));
}

/** Returns true if an address contains a load that depends on the counter. */
function loadsWith(x: Expr, counter: Expr): boolean {
  return x.op === "load" ? uses(x, counter) : x.args.some((arg) => loadsWith(arg, counter));
}

/** Axes after merging. */
export interface Merged {
  readonly axes: readonly Axis[];
  /** Per merged axis, one entry per access. */
  readonly along: readonly Coefficients[];
}

/** Merges neighbouring axes wherever every access has stride(outer) = stride(inner) · extent(inner). */
export function mergeAxes(
  extents: readonly number[],
  outs: number,
  along: readonly Coefficients[],
  { pinned, cuts }: { readonly pinned: readonly boolean[]; readonly cuts: readonly (readonly number[])[] },
): Merged {
  const axes: Axis[] = [];
  const steps: Coefficients[] = [];
  let open = false;
  extents.forEach((extent, i) => {
    const kind = i < outs ? "out" : "sum";
    const last = axes.length - 1;
    const outer = axes[last];
    const same = outer?.kind === kind && open && !pinned[i];
    const inStep = (): boolean => along[i]!.every((c, j) => c !== null && steps[last]![j] === c * extent);
    // An axis of size 1 is never stepped along, so its stride does not matter.
    if (same && (extent === 1 || outer.extent === 1 || inStep())) {
      axes[last] = { kind, extent: outer.extent * extent, parts: [...outer.parts, extent], cuts: [] };
      if (extent !== 1) steps[last] = along[i]!;
    } else {
      axes.push({ kind, extent, parts: [extent], cuts: cuts[i]! });
      steps.push(along[i]!);
    }
    open = !pinned[i];
  });
  return { axes, along: steps };
}

/** The most pieces that a nest is cut into, over all axes: each piece is a copy of the statements. */
const MOST_PIECES = 32;

/** For every counter, the values at which a condition that depends on this counter alone changes. */
export function findCuts(
  made: readonly Expr[],
  counters: readonly { readonly counter: Expr; readonly extent: number; readonly apart?: boolean | undefined }[],
): number[][] {
  const found = counters.map(({ extent, apart }) => new Set<number>(apart ? Array.from({ length: extent - 1 }, (_, i) => i + 1) : []));
  eachExpr(made, (x) => {
    const change = changeOf(x);
    const i = change ? counters.findIndex(({ counter }) => counter === change.counter) : -1;
    if (change && i >= 0 && change.at > 0 && change.at < counters[i]!.extent) found[i]!.add(change.at);
  });
  const cuts = found.map((places) => [...places].sort((a, b) => a - b));
  const pieces = (): number => cuts.reduce((n, places) => n * (places.length + 1), 1);
  while (pieces() > MOST_PIECES) cuts.reduce((most, places) => (places.length > most.length ? places : most)).length = 0;
  return cuts;
}

/** The longest period by which a loop is split into phases: each phase is a copy of the statements. */
const LONGEST_PERIOD = 4;

/**
 * For every counter, the period with which conditions on this counter alone change, or 1. The extent is a multiple of the period. The input gradient of
 * a convolution with stride 2 has period 2: even and odd positions receive different taps.
 */
export function findPeriods(made: readonly Expr[], counters: readonly { readonly counter: Expr; readonly extent: number }[]): number[] {
  const found = counters.map(() => 1);
  eachExpr(made, ({ op, args }) => {
    if (op !== "lt" && op !== "le") return;
    eachExpr(args, (x) => {
      const of = x.op === "rem" ? linearOf(x.args[0]!)?.counter : undefined;
      const i = of ? counters.findIndex(({ counter }) => counter === of) : -1;
      const period = x.args[1]?.value ?? 0;
      if (i >= 0 && period > 1 && period <= LONGEST_PERIOD && counters[i]!.extent % period === 0) found[i] = period;
    });
  });
  return found;
}

/** Returns the counter and its first value at which a comparison changes its outcome, if the comparison depends on one counter alone. */
function changeOf({ op, args }: Expr): { readonly counter: Expr; readonly at: number } | undefined {
  if (op !== "lt" && op !== "le") return undefined;
  const [low, high] = [linearOf(args[0]!), linearOf(args[1]!)];
  if (!low || !high || (low.counter && high.counter)) return undefined;
  // low < high is 0 < d, and low <= high is 0 < d + 1, with d = high - low = by · counter + rest.
  const by = high.by - low.by;
  const rest = high.rest - low.rest + (op === "le" ? 1 : 0);
  const counter = low.counter ?? high.counter;
  if (!counter || by === 0) return undefined;
  return { counter, at: by > 0 ? Math.floor(-rest / by) + 1 : Math.ceil(rest / -by) };
}

/** Takes an expression of the form by · counter + rest apart; undefined for other forms. */
function linearOf(x: Expr): { readonly counter?: Expr; readonly by: number; readonly rest: number } | undefined {
  if (x.dtype !== "i32" || x.lanes !== 1) return undefined;
  if (x.op === "const") return { by: 0, rest: x.value };
  if (x.op === "variable") return { counter: x, by: 1, rest: 0 };
  if (x.op !== "add" && x.op !== "mul") return undefined;
  const [a, b] = x.args.map(linearOf);
  if (!a || !b || b.counter) return undefined;
  return x.op === "add" ? { ...a, rest: a.rest + b.rest } : { ...a, by: a.by * b.rest, rest: a.rest * b.rest };
}
