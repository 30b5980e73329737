/**
 * @file The cheapest order of vertices, exactly. After the elimination of a set the graph does not depend on the order: an edge stands for a path through the
 * set. So f(S) = min over v in S of f(S \ v) + |P|·|S| over subsets finds it in 2ⁿ·n steps (compare Naumann 2008).
 */
import { type Checks, check, checkOptions, naturalNumber, positiveInteger } from "../base/check.ts";
import { type AnnealingOptions, annealOrder } from "./annealing.ts";
import { Eliminated, innerOf, type VertexOrder } from "./elimination.ts";
import type { Graph } from "./graph.ts";
import { aGraph } from "./paths.ts";

/** Vertices of one predecessor and one successor go first: later they cost no less, and until then they only lengthen paths. */
function chains(graph: Graph): { state: Eliminated; order: number[]; cost: number; rest: number[] } {
  const state = new Eliminated(graph);
  const order: number[] = [];
  let rest = innerOf(graph);
  let cost = 0;
  for (let found = true; found; ) {
    found = false;
    for (const v of rest) {
      const [p, s] = [state.predecessors(v), state.successors(v)];
      if (p * s > 1) continue;
      cost += state.eliminate(v);
      order.push(v);
      found = true;
    }
    rest = rest.filter((v) => !order.includes(v));
  }
  return { state, order, cost, rest };
}

/** What inner vertices reach of each other and of the ends, as bits of small numbers. */
class Reach {
  readonly inner: readonly number[];
  readonly #near: readonly Int32Array[];
  readonly #far: readonly Uint32Array[][];

  constructor(state: Eliminated, inner: readonly number[]) {
    this.inner = inner;
    const place = new Map(inner.map((v, i) => [v, i]));
    const rows = [state.before, state.after];
    this.#near = rows.map((sets) => {
      const near = new Int32Array(inner.length);
      inner.forEach((v, i) => {
        state.each(sets, v, (u) => {
          const at = place.get(u);
          if (at !== undefined) near[i]! |= 1 << at;
        });
      });
      return near;
    });
    this.#far = rows.map((sets) =>
      inner.map((v) => {
        const far = sets.slice(v * state.words, (v + 1) * state.words);
        for (const u of inner) far[u >>> 5]! &= ~(1 << (u & 31));
        return far;
      }),
    );
  }

  /** How many vertices v reaches on a side (0 before, 1 after) through those of `gone`. */
  count(v: number, gone: number, side: 0 | 1): number {
    const near = this.#near[side]!;
    const far = this.#far[side]!;
    let reached = near[v]!;
    let seen = 1 << v;
    const ends = far[v]!.slice();
    for (let todo = reached & gone & ~seen; todo !== 0; todo = reached & gone & ~seen) {
      const u = 31 - Math.clz32(todo);
      seen |= 1 << u;
      reached |= near[u]!;
      const more = far[u]!;
      for (let w = 0; w < ends.length; w++) ends[w]! |= more[w]!;
    }
    let n = bits(reached & ~gone & ~(1 << v));
    for (const word of ends) n += bits(word);
    return n;
  }
}

function bits(x: number): number {
  let n = 0;
  for (let rest = x | 0; rest !== 0; rest &= rest - 1) n++;
  return n;
}

export interface OptimumOptions extends AnnealingOptions {
  /** Most inner vertices, those of chains left out, for which all subsets are tried; beyond it annealing answers, and `optimal` is false. Default 16, at most 20. */
  readonly exact?: number;
}

const OPTIONS: Checks<OptimumOptions> = { exact: positiveInteger, steps: positiveInteger, starts: positiveInteger, seed: naturalNumber };

/**
 * The cheapest order of elimination of vertices: exact where the graph is small, otherwise by annealing; `optimal` says which. With 16 vertices it takes a
 * tenth of a second, with 20 some seconds.
 */
export function optimalOrder(graph: Graph, options: OptimumOptions = {}): VertexOrder {
  check("optimalOrder: graph", graph, aGraph);
  checkOptions("optimalOrder", options, OPTIONS);
  const { exact = 16, ...annealing } = options;
  if (exact > 20)
    throw new RangeError(`optimalOrder: exact must be at most 20, got ${exact}: 2^${exact} subsets do not fit; leave it out for annealing`);
  const { state, order, cost, rest } = chains(graph);
  if (rest.length > exact) return annealOrder(graph, annealing);
  const n = rest.length;
  const reach = new Reach(state, rest);
  const best = new Int32Array(1 << n).fill(-1);
  const last = new Int8Array(1 << n);
  best[0] = 0;
  for (let gone = 0; gone < best.length; gone++)
    for (let v = 0; v < n; v++) {
      const next = gone | (1 << v);
      if (next === gone) continue;
      const total = best[gone]! + reach.count(v, gone, 0) * reach.count(v, gone, 1);
      if (best[next]! >= 0 && best[next]! <= total) continue;
      best[next] = total;
      last[next] = v;
    }
  const tail: number[] = [];
  for (let set = best.length - 1; set > 0; set ^= 1 << last[set]!) tail.unshift(rest[last[set]!]!);
  return { order: [...order, ...tail], cost: cost + best[best.length - 1]!, optimal: true };
}
