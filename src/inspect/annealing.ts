/**
 * @file Orders of elimination for graphs that are too large for exact search: simulated annealing (Kirkpatrick et al. 1983). One vertex moves to another place
 * in the order. After a set of vertices is gone the graph does not depend on their order, so only the places between the old and the new one cost anew.
 */
import { type Checks, check, checkOptions, naturalNumber, positiveInteger } from "../base/check.ts";
import { Draws } from "./draws.ts";
import { ELIMINATION_RULES, Eliminated, eliminationOrder, innerOf, type VertexOrder } from "./elimination.ts";
import type { Graph } from "./graph.ts";
import { aGraph } from "./paths.ts";

export interface AnnealingOptions {
  /** Moves that are tried in all. Default 200,000. */
  readonly steps?: number;
  /** Starts among which the moves are divided; the first from the best rule, the others from where the best so far has come to. Default 4. */
  readonly starts?: number;
  /** Default 0. */
  readonly seed?: number;
}

const OPTIONS: Checks<AnnealingOptions> = { steps: positiveInteger, starts: positiveInteger, seed: naturalNumber };

/** Of the temperature, in fused multiply-adds: at first uphill moves of several are usual, at the end there are none. */
const [HOT, COLD] = [3, 0.15];

/** An order, the costs of its places, and the graph before each of them. */
class Annealed {
  readonly order: Int32Array;
  readonly costs: Int32Array;
  readonly states: readonly Eliminated[];
  readonly scratch: Eliminated;
  total = 0;

  constructor(graph: Graph, order: readonly number[]) {
    this.order = Int32Array.from(order);
    this.costs = new Int32Array(order.length);
    this.states = order.map(() => new Eliminated(graph));
    this.scratch = new Eliminated(graph);
    this.set(order);
  }

  set(order: readonly number[] | Int32Array): void {
    this.order.set(order);
    this.scratch.copy(this.states[0]!);
    this.total = this.#settle(0, order.length);
  }

  /** Costs and states of places from `from` to `to`, from the state at `from`; gives the sum of the costs. */
  #settle(from: number, to: number): number {
    let sum = 0;
    this.scratch.copy(this.states[from]!);
    for (let i = from; i < to; i++) {
      if (i > from) this.states[i]!.copy(this.scratch);
      this.costs[i] = this.scratch.eliminate(this.order[i]!);
      sum += this.costs[i]!;
    }
    return sum;
  }

  #move(from: number, to: number): void {
    const v = this.order[from]!;
    if (from < to) this.order.copyWithin(from, from + 1, to + 1);
    else this.order.copyWithin(to + 1, to, from);
    this.order[to] = v;
  }

  /** Moves a vertex if the new cost is at most `limit` more. */
  tryMove(from: number, to: number, limit: number): void {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    let old = 0;
    for (let i = low; i <= high; i++) old += this.costs[i]!;
    this.#move(from, to);
    let sum = 0;
    this.scratch.copy(this.states[low]!);
    for (let i = low; i <= high; i++) {
      sum += this.scratch.eliminate(this.order[i]!);
      // Costs only grow from here on.
      if (sum > old + limit) {
        this.#move(to, from);
        return;
      }
    }
    this.#settle(low, high + 1);
    this.total += sum - old;
  }
}

/** The best order of the vertices that annealing finds, no worse than any rule's. One seed, one answer. */
export function annealOrder(graph: Graph, options: AnnealingOptions = {}): VertexOrder {
  check("annealOrder: graph", graph, aGraph);
  checkOptions("annealOrder", options, OPTIONS);
  const { steps = 200_000, starts = 4, seed = 0 } = options;
  let best: VertexOrder = ELIMINATION_RULES.filter((rule) => rule !== "look-ahead")
    .map((rule) => eliminationOrder(graph, rule))
    .reduce((a, b) => (b.cost < a.cost ? b : a));
  const n = innerOf(graph).length;
  if (n < 2) return best;
  const draws = new Draws(seed);
  const state = new Annealed(graph, best.order);
  const each = Math.max(1, Math.floor(steps / starts));
  for (let start = 0; start < starts; start++) {
    state.set(best.order);
    for (let step = 0; step < each; step++) {
      const temperature = HOT * (COLD / HOT) ** (step / each);
      const from = draws.below(n);
      // Half of the moves are short: they cost little, and settle what long ones leave.
      const reach = draws.uniform() < 0.5 ? 8 : n;
      const to = Math.max(0, Math.min(n - 1, from + draws.below(2 * reach + 1) - reach));
      if (to === from) continue;
      state.tryMove(from, to, -temperature * Math.log(draws.uniform()));
      if (state.total < best.cost) best = { order: [...state.order], cost: state.total, optimal: false };
    }
  }
  return best;
}
