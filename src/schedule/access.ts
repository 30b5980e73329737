/**
 * @file What a loop nest touches: its axes, and how the address of every access changes along each of them. Neighbouring axes that all accesses step
 * through as through one are one.
 */
import { uses } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";

/** An axis of a nest: one or several merged axes of the group. */
export interface Axis {
  readonly kind: "out" | "sum";
  readonly extent: number;
  /** Extents of the axes it merges. */
  readonly parts: readonly number[];
}

/** How the flat index of each access changes along an axis; null where it is not linear. */
export type Coefficients = readonly (number | null)[];

export interface Access {
  readonly axes: Axis[];
  /** Per axis, one entry per load; the last is the store of the result. */
  readonly loads: Coefficients[];
  /** The first of them are made for every term of a sum, the others once for every result. */
  readonly inner: number;
  /** Axes of the sum of which some results need a part only. */
  readonly partial: readonly Partial[];
}

/** Of an axis of a sum, the terms from `low[i]` on and before `high[i]` are those that result i along the axis `out` needs. Both fall. */
export interface Partial {
  readonly sum: number;
  readonly out: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** True if a counter is used other than to address a load: then its axis may not merge with others. */
export function usedAsValue(x: Expr, counter: Expr, seen: Set<Expr>): boolean {
  if (x === counter) return true;
  if (seen.has(x)) return false;
  seen.add(x);
  const args = x.op === "load" ? x.args.slice(1) : x.args;
  return args.some((arg) => usedAsValue(arg, counter, seen)) || (x.op === "load" && x.args[0]!.args.some((arg) => loadsWith(arg, counter)));
}

/** True if an address contains a load that itself depends on the counter. */
function loadsWith(x: Expr, counter: Expr): boolean {
  return x.op === "load" ? uses(x, counter) : x.args.some((arg) => loadsWith(arg, counter));
}

/** Neighbouring axes become one where every access steps through them as through one: stride(outer) = stride(inner) · extent(inner). */
export function mergeAxes(
  extents: readonly number[],
  outs: number,
  along: readonly Coefficients[],
  pinned: readonly boolean[],
): Pick<Access, "axes" | "loads"> {
  const axes: Axis[] = [];
  const loads: Coefficients[] = [];
  let open = false;
  extents.forEach((extent, i) => {
    const kind = i < outs ? "out" : "sum";
    const last = axes.length - 1;
    const outer = axes[last];
    const same = outer?.kind === kind && open && !pinned[i];
    const inStep = (): boolean => along[i]!.every((c, j) => c !== null && loads[last]![j] === c * extent);
    // An axis of size 1 has no stride of its own: it joins anything.
    if (same && (extent === 1 || outer.extent === 1 || inStep())) {
      axes[last] = { kind, extent: outer.extent * extent, parts: [...outer.parts, extent] };
      if (extent !== 1) loads[last] = along[i]!;
    } else {
      axes.push({ kind, extent, parts: [extent] });
      loads.push(along[i]!);
    }
    open = !pinned[i];
  });
  return { axes, loads };
}
