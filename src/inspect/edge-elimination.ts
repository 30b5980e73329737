/**
 * @file Elimination of single edges (Naumann 2002): in front, (u, v) joins u with all successors of v; behind, it joins v with all predecessors of u. Every
 * elimination of a vertex is a sequence of such steps, and some sequences are cheaper than any order of vertices.
 */
import { type Checks, check, checkOptions, positiveInteger } from "../base/check.ts";
import { innerOf } from "./elimination.ts";
import type { Graph } from "./graph.ts";
import { aGraph } from "./paths.ts";
import { beam, bestFirst, type Found, type Problem } from "./search.ts";
import { optimalOrder } from "./vertex-optimum.ts";

/** One step: the edge from `from` to `to` is eliminated in front of `to`, or behind `from`. */
export interface EdgeStep {
  readonly kind: "front" | "back";
  readonly from: number;
  readonly to: number;
}

export interface SearchOptions {
  /** Most states that an exact search looks at; beyond it a beam answers, and `optimal` is false. Default 50,000. */
  readonly states?: number;
  /** States of each cost that the beam keeps. Default 200. */
  readonly width?: number;
}

export const SEARCH_OPTIONS: Checks<SearchOptions> = { states: positiveInteger, width: positiveInteger };

/** A sequence of steps, its cost in fused multiply-adds, and whether none costs less. */
export type EdgeElimination = Found<EdgeStep>;

/** Successors of each vertex, in order. */
type State = readonly (readonly number[])[];

/** Vertices that are neither inputs nor outputs and have lost their predecessors or successors are gone with their edges. */
function cleaned(state: number[][], inner: ReadonlySet<number>): State {
  for (let changed = true; changed; ) {
    changed = false;
    const read = new Set(state.flat());
    for (const v of inner) {
      const dead = state[v]!.length === 0 || !read.has(v);
      if (!dead || (state[v]!.length === 0 && !read.has(v))) continue;
      state[v] = [];
      for (let u = 0; u < state.length; u++) if (state[u]!.includes(v)) state[u] = state[u]!.filter((w) => w !== v);
      changed = true;
    }
  }
  return state;
}

const joined = (a: readonly number[], b: readonly number[]): number[] => [...new Set([...a, ...b])].sort((x, y) => x - y);

function problemOf(graph: Graph): Problem<State, EdgeStep> {
  const inner = new Set(innerOf(graph));
  const start = Array.from({ length: graph.vertices }, (): number[] => []);
  for (const { from, to } of graph.edges) start[from]!.push(to);
  const predecessors = (state: State, v: number): number[] => state.flatMap((after, u) => (after.includes(v) ? [u] : []));
  return {
    start: cleaned(
      start.map((after) => joined(after, [])),
      inner,
    ),
    key: (state) => state.map((after) => String.fromCharCode(...after)).join("|"),
    *steps(state) {
      for (let from = 0; from < state.length; from++)
        for (const to of state[from]!) {
          if (inner.has(to)) {
            const next = state.map((after, u) =>
              u === from
                ? joined(
                    after.filter((w) => w !== to),
                    state[to]!,
                  )
                : [...after],
            );
            yield { step: { kind: "front", from, to }, cost: state[to]!.length, next: cleaned(next, inner) };
          }
          if (inner.has(from)) {
            const before = predecessors(state, from);
            const next = state.map((after, u) =>
              u === from ? after.filter((w) => w !== to) : before.includes(u) ? joined(after, [to]) : [...after],
            );
            yield { step: { kind: "back", from, to }, cost: before.length, next: cleaned(next, inner) };
          }
        }
    },
    bound: (state) => longPairs(state, graph.inputs, inner),
    rank: (state) => innerWork(state, inner),
  };
}

/** Pairs of an input and an output that still have a path of two edges or more: each takes a multiply-add of its own. */
function longPairs(state: State, inputs: readonly number[], inner: ReadonlySet<number>): number {
  let pairs = 0;
  for (const x of inputs) {
    const ends = new Set<number>();
    const seen = new Set<number>();
    const todo = state[x]!.filter((v) => inner.has(v));
    for (let v = todo.pop(); v !== undefined; v = todo.pop()) {
      if (seen.has(v)) continue;
      seen.add(v);
      for (const w of state[v]!)
        if (inner.has(w)) todo.push(w);
        else ends.add(w);
    }
    pairs += ends.size;
  }
  return pairs;
}

/** What the inner vertices would cost as they stand. */
function innerWork(state: State, inner: ReadonlySet<number>): number {
  const degree = new Map<number, number>();
  for (const after of state) for (const v of after) degree.set(v, (degree.get(v) ?? 0) + 1);
  let sum = 0;
  for (const v of inner) sum += (degree.get(v) ?? 0) * state[v]!.length;
  return sum;
}

/** An order of vertices as a sequence of edges. */
export function edgesOfOrder(graph: Graph, order: readonly number[]): EdgeStep[] {
  const after = new Map<number, Set<number>>();
  for (let v = 0; v < graph.vertices; v++) after.set(v, new Set());
  for (const { from, to } of graph.edges) after.get(from)!.add(to);
  return order.flatMap((v) => {
    const before = [...after].flatMap(([u, targets]) => (targets.has(v) ? [u] : []));
    for (const u of before) {
      after.get(u)!.delete(v);
      for (const w of after.get(v)!) after.get(u)!.add(w);
    }
    after.set(v, new Set());
    return before.map((from): EdgeStep => ({ kind: "front", from, to: v }));
  });
}

/**
 * The cheapest elimination of edges: exact where at most `states` states are to be looked at, else the better of a beam search and the best order of vertices.
 * @throws {RangeError} for a graph of more than 60 vertices, for which {@link optimalOrder} answers.
 */
export function eliminateEdges(graph: Graph, options: SearchOptions = {}): EdgeElimination {
  check("eliminateEdges: graph", graph, aGraph);
  checkOptions("eliminateEdges", options, SEARCH_OPTIONS);
  const { states = 50_000, width = 200 } = options;
  if (graph.vertices > 60)
    throw new RangeError(
      `eliminateEdges: the graph has ${graph.vertices} vertices, and the search ends at 60; use optimalOrder, which eliminates whole vertices`,
    );
  const vertices = optimalOrder(graph);
  const asEdges: EdgeElimination = { steps: edgesOfOrder(graph, vertices.order), cost: vertices.cost, optimal: false };
  const problem = problemOf(graph);
  const found = bestFirst(problem, states, vertices.cost);
  if (found === "no better") return { ...asEdges, optimal: true };
  if (found) return found;
  const guess = beam(problem, width);
  return guess.cost < asEdges.cost ? guess : asEdges;
}
