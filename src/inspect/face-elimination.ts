/**
 * @file Elimination of faces (Naumann 2004, "Optimal accumulation of Jacobian matrices by elimination methods on the dual computational graph"): the finest
 * steps, one fused multiply-add each. A node of the dual graph is an edge of the graph with its partial; a face (i, j) is a pair of which i ends where j starts.
 * Eliminating it multiplies the two partials into a node that has the predecessors of i and the successors of j.
 */
import { check, checkOptions } from "../base/check.ts";
import { SEARCH_OPTIONS, type SearchOptions } from "./edge-elimination.ts";
import type { Graph, Weighted } from "./graph.ts";
import { aGraph } from "./paths.ts";
import { beam, bestFirst, type Found, type Problem } from "./search.ts";

/** The partials of nodes i and j are multiplied and added to node `into`, which is new if no node had its neighbours. */
export interface FaceStep {
  readonly i: number;
  readonly j: number;
  readonly into: number;
  /** Nodes that are one from now on: the partial of the second is added to the first. */
  readonly merged: readonly (readonly [into: number, from: number])[];
}

/** A sequence of faces, its cost in fused multiply-adds, and whether none costs less. */
export type FaceElimination = Found<FaceStep>;

/** Neighbours of a node, in order: other nodes, and below 0 the inputs or outputs that it starts or ends at. */
interface Node {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Nodes by number: those of the edges of the graph in their order, then those that were made. */
interface State {
  readonly nodes: ReadonlyMap<number, Node>;
  readonly next: number;
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((x, i) => x === b[i]);
const without = (list: readonly number[], x: number): number[] => list.filter((y) => y !== x);
const including = (list: readonly number[], x: number): number[] => (list.includes(x) ? [...list] : [...list, x].sort((a, b) => a - b));

/** Node k is gone from the lists of its neighbours. */
function drop(nodes: Map<number, Node>, k: number): void {
  const { before, after } = nodes.get(k)!;
  nodes.delete(k);
  for (const p of before) {
    const node = nodes.get(p);
    if (node) nodes.set(p, { ...node, after: without(node.after, k) });
  }
  for (const s of after) {
    const node = nodes.get(s);
    if (node) nodes.set(s, { ...node, before: without(node.before, k) });
  }
}

/** Drops nodes that lead nowhere and merges those of equal neighbours, until there are none. */
function normalize(nodes: Map<number, Node>): [number, number][] {
  const merged: [number, number][] = [];
  for (let changed = true; changed; ) {
    changed = false;
    const seen = new Map<string, number>();
    for (const [k, { before, after }] of nodes) {
      if (before.length === 0 || after.length === 0) {
        drop(nodes, k);
        changed = true;
        break;
      }
      const key = `${before.join()}>${after.join()}`;
      const twin = seen.get(key);
      if (twin !== undefined) {
        merged.push([twin, k]);
        drop(nodes, k);
        changed = true;
        break;
      }
      seen.set(key, k);
    }
  }
  return merged;
}

/** The dual graph. Nodes are the edges of the graph, by their place. */
export function dualOf(graph: Graph): ReadonlyMap<number, Node> {
  const inputs = new Set(graph.inputs);
  const outputs = new Set(graph.outputs);
  const nodes = new Map<number, Node>();
  graph.edges.forEach(({ from, to }, k) => {
    const before = inputs.has(from) ? [-1 - from] : graph.edges.flatMap((e, i) => (e.to === from ? [i] : []));
    const after = outputs.has(to) ? [-1 - to] : graph.edges.flatMap((e, i) => (e.from === to ? [i] : []));
    nodes.set(k, { before, after });
  });
  return nodes;
}

function eliminated({ nodes: given, next }: State, i: number, j: number): { step: FaceStep; next: State } {
  const nodes = new Map(given);
  const { before } = nodes.get(i)!;
  const { after } = nodes.get(j)!;
  nodes.set(i, { before, after: without(nodes.get(i)!.after, j) });
  nodes.set(j, { before: without(nodes.get(j)!.before, i), after });
  let into = [...nodes].find(([k, node]) => k !== i && k !== j && same(node.before, before) && same(node.after, after))?.[0];
  const isNew = into === undefined;
  into ??= next;
  if (isNew) {
    nodes.set(into, { before, after });
    for (const p of before) if (p >= 0) nodes.set(p, { ...nodes.get(p)!, after: including(nodes.get(p)!.after, into) });
    for (const s of after) if (s >= 0) nodes.set(s, { ...nodes.get(s)!, before: including(nodes.get(s)!.before, into) });
  }
  const merged = normalize(nodes);
  return { step: { i, j, into, merged }, next: { nodes, next: isNew ? next + 1 : next } };
}

/** Numbers that do not depend on how the nodes are named: those of states that differ in names alone are equal. */
function keyOf({ nodes }: State): string {
  const mix = (a: number, b: number): number => Math.imul(a ^ (b + 0x9e3779b9 + (a << 6) + (a >>> 2)), 0x85ebca6b) | 0;
  let hashes = new Map([...nodes.keys()].map((k) => [k, 1]));
  for (let round = 0; round < 5; round++)
    hashes = new Map(
      [...nodes].map(([k, { before, after }]) => {
        const side = (list: readonly number[], salt: number): number =>
          list
            .map((q) => (q < 0 ? mix(salt, q) : mix(salt + 7, hashes.get(q)!)))
            .sort((a, b) => a - b)
            .reduce(mix, salt);
        return [k, mix(mix(hashes.get(k)!, side(before, 11)), side(after, 29))];
      }),
    );
  return [...hashes.values()].sort((a, b) => a - b).join();
}

/** Pairs of an input and an output that a face still leads between. */
function pairs({ nodes }: State): number {
  const ends = new Map<number, Set<number>>();
  const endsOf = (k: number): Set<number> => {
    const known = ends.get(k);
    if (known) return known;
    const found = new Set(nodes.get(k)!.after.flatMap((s) => (s < 0 ? [s] : [...endsOf(s)])));
    ends.set(k, found);
    return found;
  };
  const need = new Set<string>();
  for (const { before, after } of nodes.values())
    for (const p of before) if (p < 0) for (const s of after) if (s >= 0) for (const end of endsOf(s)) need.add(`${p},${end}`);
  return need.size;
}

const facesOf = ({ nodes }: State): number => [...nodes.values()].reduce((sum, { after }) => sum + after.filter((s) => s >= 0).length, 0);

/** Nodes that do not lead from an input to an output yet. */
const openNodes = ({ nodes }: State): number => [...nodes.values()].filter(({ before, after }) => before[0]! >= 0 || after[0]! >= 0).length;

function problemOf(graph: Graph): Problem<State, FaceStep> {
  const nodes = new Map(dualOf(graph));
  normalize(nodes);
  return {
    start: { nodes, next: graph.edges.length },
    key: keyOf,
    *steps(state) {
      for (const [i, { after }] of state.nodes)
        for (const j of after) {
          if (j < 0) continue;
          const { step, next } = eliminated(state, i, j);
          yield { step, cost: 1, next };
        }
    },
    bound: (state) => (facesOf(state) === 0 ? 0 : Math.max(1, pairs(state))),
    rank: (state) => openNodes(state) + pairs(state),
  };
}

/** For the library: runs steps on the weights of a graph; gives what is left between inputs and outputs. */
export function replayFaces<W>(
  graph: Weighted<W>,
  steps: readonly FaceStep[],
  { mul, add, kept }: { mul(a: W, b: W): W; add(a: W, b: W): W; kept(x: W): W },
): { from: number; to: number; weight: W }[] {
  let { start: state } = problemOf(graph);
  const weights = new Map(graph.edges.map(({ weight }, k) => [k, weight]));
  const grow = (k: number, more: W): void => {
    const known = weights.get(k);
    weights.set(k, kept(known === undefined ? more : add(known, more)));
  };
  for (const { i, j } of steps) {
    if (!state.nodes.get(i)?.after.includes(j))
      throw new RangeError(`accumulate: there is no face of the nodes ${i} and ${j} to eliminate; give the steps of this function's graph`);
    const { step, next } = eliminated(state, i, j);
    grow(step.into, mul(weights.get(j)!, weights.get(i)!));
    for (const [into, from] of step.merged) grow(into, weights.get(from)!);
    state = next;
  }
  return [...state.nodes].map(([k, { before, after }]) => ({ from: -1 - before[0]!, to: -1 - after[0]!, weight: weights.get(k)! }));
}

/**
 * The cheapest elimination of faces: exact where at most `states` states are to be looked at, which ends at about ten edges; else what a beam search finds,
 * and `optimal` is false.
 * @throws {RangeError} for a graph of more than 40 edges, for which {@link eliminateEdges} answers.
 */
export function eliminateFaces(graph: Graph, options: SearchOptions = {}): FaceElimination {
  check("eliminateFaces: graph", graph, aGraph);
  checkOptions("eliminateFaces", options, SEARCH_OPTIONS);
  const { states = 50_000, width = 200 } = options;
  if (graph.edges.length > 40)
    throw new RangeError(
      `eliminateFaces: the graph has ${graph.edges.length} edges, and the search ends at 40; use eliminateEdges, or optimalOrder for large graphs`,
    );
  const problem = problemOf(graph);
  const guess = beam(problem, width);
  const found = bestFirst(problem, states, guess.cost);
  if (found === "no better") return { ...guess, optimal: true };
  return found ?? guess;
}
