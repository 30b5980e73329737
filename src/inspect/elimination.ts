/**
 * @file Elimination on linearised graphs (AD-4): orders in which the inner vertices may be taken out (Griewank & Reese 1991), what they cost in fused
 * multiply-adds, and rules that choose one. Forward mode is the order of the vertices, reverse mode the opposite one.
 */
import { check, expectation, oneOf } from "../base/check.ts";
import type { Graph } from "./graph.ts";
import { aGraph } from "./paths.ts";

const bitCount = (x: number): number => {
  let n = x - ((x >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
};

/** Vertices of a graph that may be eliminated: neither inputs nor outputs. */
export function innerOf(graph: Graph): number[] {
  const ends = new Set([...graph.inputs, ...graph.outputs]);
  return Array.from({ length: graph.vertices }, (_, v) => v).filter((v) => !ends.has(v));
}

/** A graph while vertices are eliminated: predecessors and successors as sets of bits. */
export class Eliminated {
  readonly words: number;
  readonly before: Uint32Array;
  readonly after: Uint32Array;

  constructor(graph: Pick<Graph, "vertices" | "edges">) {
    this.words = (graph.vertices + 31) >>> 5;
    this.before = new Uint32Array(graph.vertices * this.words);
    this.after = new Uint32Array(graph.vertices * this.words);
    for (const { from, to } of graph.edges) {
      this.before[to * this.words + (from >>> 5)]! |= 1 << (from & 31);
      this.after[from * this.words + (to >>> 5)]! |= 1 << (to & 31);
    }
  }

  clone(): Eliminated {
    const made = new Eliminated({ vertices: this.before.length / this.words, edges: [] });
    made.copy(this);
    return made;
  }

  /** Makes this graph equal to another of the same size. */
  copy(other: Eliminated): void {
    this.before.set(other.before);
    this.after.set(other.after);
  }

  #degree(rows: Uint32Array, v: number): number {
    let n = 0;
    for (let w = v * this.words, end = w + this.words; w < end; w++) if (rows[w] !== 0) n += bitCount(rows[w]!);
    return n;
  }

  predecessors(v: number): number {
    return this.#degree(this.before, v);
  }

  successors(v: number): number {
    return this.#degree(this.after, v);
  }

  /** Fused multiply-adds that the elimination of v takes now. */
  cost(v: number): number {
    return this.predecessors(v) * this.successors(v);
  }

  /** Edges that the elimination of v adds, less those that it takes away. */
  fill(v: number): number {
    let created = -this.predecessors(v) - this.successors(v);
    this.each(this.before, v, (p) => {
      for (let w = 0; w < this.words; w++) created += bitCount((this.after[v * this.words + w]! & ~this.after[p * this.words + w]!) >>> 0);
    });
    return created;
  }

  /** Calls `visit` for every member of the set of v. */
  each(rows: Uint32Array, v: number, visit: (u: number) => void): void {
    for (let w = 0; w < this.words; w++)
      for (let bits = rows[v * this.words + w]!; bits !== 0; ) {
        const bit = 31 - Math.clz32(bits);
        bits ^= 1 << bit;
        visit(w * 32 + bit);
      }
  }

  /** Takes v out and joins its predecessors with its successors; gives the cost. */
  eliminate(v: number): number {
    const { words, before, after } = this;
    const cost = this.cost(v);
    const at = v * words;
    const [word, bit] = [v >>> 5, 1 << (v & 31)];
    this.each(before, v, (p) => {
      const row = p * words;
      for (let w = 0; w < words; w++) after[row + w]! |= after[at + w]!;
      after[row + word]! &= ~bit;
    });
    this.each(after, v, (s) => {
      const row = s * words;
      for (let w = 0; w < words; w++) before[row + w]! |= before[at + w]!;
      before[row + word]! &= ~bit;
    });
    before.fill(0, at, at + words);
    after.fill(0, at, at + words);
    return cost;
  }
}

/** An order of elimination and its cost. */
export interface VertexOrder {
  readonly order: readonly number[];
  /** Fused multiply-adds. */
  readonly cost: number;
  /** Whether no order of vertices costs less. */
  readonly optimal: boolean;
}

/** What an order of the inner vertices costs, in fused multiply-adds. @throws {RangeError} unless it has every inner vertex once. */
export function orderCost(graph: Graph, order: readonly number[]): number {
  check("orderCost: graph", graph, aGraph);
  const inner = innerOf(graph);
  const given = Array.isArray(order) ? new Set(order) : new Set<number>();
  if (given.size !== inner.length || order.length !== inner.length || !inner.every((v) => given.has(v)))
    check(
      "orderCost: order",
      order,
      expectation(`each of the ${inner.length} inner vertices once`, () => false),
    );
  const state = new Eliminated(graph);
  return order.reduce((sum, v) => sum + state.eliminate(v), 0);
}

/** A rule that chooses what is eliminated next. */
export type EliminationRule = "forward" | "reverse" | "markowitz" | "markowitz-last" | "lowest-fill" | "look-ahead";

type Choose = (state: Eliminated, rest: readonly number[]) => number;

/** The first of the rest with the least score. */
const least =
  (score: (state: Eliminated, v: number, rest: readonly number[]) => number): Choose =>
  (state, rest) => {
    let [best, found] = [Number.POSITIVE_INFINITY, rest[0]!];
    for (const v of rest) {
      const s = score(state, v, rest);
      if (s < best) [best, found] = [s, v];
    }
    return found;
  };

/** The cost of v and of what is then cheapest. */
function twoSteps(state: Eliminated, v: number, rest: readonly number[]): number {
  const after = state.clone();
  const cost = after.eliminate(v);
  const next = rest.reduce((low, u) => (u === v ? low : Math.min(low, after.cost(u))), Number.POSITIVE_INFINITY);
  return cost + (Number.isFinite(next) ? next : 0);
}

const RULES: Readonly<Record<EliminationRule, Choose>> = {
  forward: (_, rest) => rest[0]!,
  reverse: (_, rest) => rest.at(-1)!,
  markowitz: least((state, v) => state.cost(v)),
  "markowitz-last": (state, rest) => least((s, v) => s.cost(v))(state, rest.toReversed()),
  "lowest-fill": least((state, v) => state.fill(v) + state.cost(v) / 1e6),
  "look-ahead": least(twoSteps),
};

/** The names of the rules. */
export const ELIMINATION_RULES: readonly EliminationRule[] = /* @__PURE__ */ Object.keys(RULES) as EliminationRule[];

/**
 * The order that a rule gives: `forward` (forward mode), `reverse` (reverse mode), `markowitz` (least |P|·|S| first; of equals the first vertex, or the last:
 * `markowitz-last`), `lowest-fill` (fewest new edges first), `look-ahead` (the cheapest pair of steps).
 */
export function eliminationOrder(graph: Graph, rule: EliminationRule): VertexOrder {
  check("eliminationOrder: graph", graph, aGraph);
  check("eliminationOrder: rule", rule, oneOf(...ELIMINATION_RULES));
  const state = new Eliminated(graph);
  const rest = innerOf(graph);
  const order: number[] = [];
  let cost = 0;
  while (rest.length > 0) {
    const v = RULES[rule](state, rest);
    cost += state.eliminate(v);
    order.push(v);
    rest.splice(rest.indexOf(v), 1);
  }
  return { order, cost, optimal: false };
}
