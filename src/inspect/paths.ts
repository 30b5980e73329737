/** @file The chain rule over paths (AD-3): counted by dynamic programming, not one by one, so that graphs with more paths than atoms have an answer too. */
import { type Checks, check, checkOptions, type Expectation, expectation, listOf, naturalNumber, positiveInteger } from "../base/check.ts";
import type { Edge, Graph, ScalarGraph } from "./graph.ts";

/** A path from an input to an output. */
export interface Path {
  readonly vertices: readonly number[];
  /** Product of the partials along it. */
  readonly product: number;
}

/** An edge by the paths that go through it. */
export interface Thickness extends Edge {
  /** Paths from any input to any output. */
  readonly paths: number;
  /** Whether more than one goes through it: what dynamic programming computes once. */
  readonly shared: boolean;
}

/** What {@link paths} finds. */
export interface Paths {
  /** ∂outputᵢ/∂inputⱼ as the sum over paths, [outputs][inputs]. */
  readonly jacobian: readonly (readonly number[])[];
  /** Numbers of paths, [outputs][inputs]; exact below 2⁵³. */
  readonly count: readonly (readonly number[])[];
  readonly total: number;
  /** Multiplications of the sum written out path by path: Σ (length − 1). */
  readonly multiplications: number;
  readonly edges: readonly Thickness[];
  /** Vertices of the longest path, less one. */
  readonly longest: number;
  /** The first paths, written out. */
  readonly listed: readonly Path[];
  /** How many are not. */
  readonly more: number;
}

export interface PathsOptions {
  /** Most paths that are written out. Default 10,000. */
  readonly most?: number;
}

const OPTIONS: Checks<PathsOptions> = { most: naturalNumber };

const isGraph = (x: unknown): boolean => {
  const { vertices, inputs, outputs, edges } = (x ?? {}) as Partial<Graph>;
  if (!Number.isSafeInteger(vertices) || ![inputs, outputs, edges].every(Array.isArray)) return false;
  const known = (v: unknown): boolean => Number.isSafeInteger(v) && (v as number) >= 0 && (v as number) < vertices!;
  const sinks = new Set(outputs);
  return (
    inputs!.every(known) &&
    outputs!.every(known) &&
    edges!.every((edge) => known(edge?.from) && known(edge.to) && edge.from < edge.to && !sinks.has(edge.from)) &&
    new Set(edges!.map(({ from, to }) => from * vertices! + to)).size === edges!.length
  );
};

/** What a graph must be. */
export const aGraph: Expectation = expectation(
  "a graph { vertices, inputs, outputs, edges } as scalarGraph makes it, each edge there once, to a higher vertex and from no output",
  isGraph,
);

/** What a graph with weights must be. */
export const aScalarGraph: Expectation = expectation(
  "a graph with weights, as scalarGraph makes it",
  (x) => isGraph(x) && (x as ScalarGraph).edges.every(({ weight }) => typeof weight === "number"),
);

/** Numbers of ways from inputs to each vertex, or from each to outputs, and the sums of their lengths. */
function ways(graph: Graph, from: readonly number[], forward: boolean): { count: Float64Array; length: Float64Array } {
  const [count, length] = [new Float64Array(graph.vertices), new Float64Array(graph.vertices)];
  for (const v of from) count[v] = 1;
  // Sorted by the vertex that is read, which is then complete.
  const edges = forward ? graph.edges.toSorted((a, b) => a.from - b.from) : graph.edges.toSorted((a, b) => b.to - a.to);
  for (const edge of edges) {
    const [u, v] = forward ? [edge.from, edge.to] : [edge.to, edge.from];
    count[v]! += count[u]!;
    length[v]! += length[u]! + count[u]!;
  }
  return { count, length };
}

/** The derivatives of a scalar graph as sums over its paths, what they would cost written out, and which edges they share. */
export function paths(graph: ScalarGraph, options: PathsOptions = {}): Paths {
  check("paths: graph", graph, aScalarGraph);
  checkOptions("paths", options, OPTIONS);
  const { most = 10_000 } = options;
  const edges = graph.edges.toSorted((a, b) => a.from - b.from);
  const columns = graph.inputs.map((input) => {
    const sum = new Float64Array(graph.vertices);
    sum[input] = 1;
    for (const { from, to, weight } of edges) if (sum[from] !== 0) sum[to]! += sum[from]! * weight;
    return { sum, count: ways(graph, [input], true).count };
  });
  const into = ways(graph, graph.inputs, true);
  const out = ways(graph, graph.outputs, false);
  const total = graph.outputs.reduce((sum, v) => sum + into.count[v]!, 0);
  const deep = new Float64Array(graph.vertices);
  for (const { from, to } of edges) deep[to] = Math.max(deep[to]!, deep[from]! + 1);
  const listed = [...pathsOf(graph, most)];
  return {
    jacobian: graph.outputs.map((y) => columns.map(({ sum }) => sum[y]!)),
    count: graph.outputs.map((y) => columns.map(({ count }) => count[y]!)),
    total,
    multiplications: graph.outputs.reduce((sum, v) => sum + into.length[v]!, 0) - total,
    edges: graph.edges.map(({ from, to }) => {
      const through = into.count[from]! * out.count[to]!;
      return { from, to, paths: through, shared: through > 1 };
    }),
    longest: Math.max(0, ...graph.outputs.map((v) => deep[v]!)),
    listed,
    more: Math.max(0, total - listed.length),
  };
}

/** Paths from inputs to outputs, at most so many. */
function* pathsOf(graph: ScalarGraph, most: number): Generator<Path> {
  const next = new Map<number, { to: number; weight: number }[]>();
  for (const { from, to, weight } of graph.edges) next.set(from, [...(next.get(from) ?? []), { to, weight }]);
  const ends = new Set(graph.outputs);
  let left = most;
  for (const input of graph.inputs) {
    const stack: Path[] = [{ vertices: [input], product: 1 }];
    for (let path = stack.pop(); path && left > 0; path = stack.pop()) {
      const last = path.vertices.at(-1)!;
      if (ends.has(last)) {
        left--;
        yield path;
        continue;
      }
      for (const { to, weight } of (next.get(last) ?? []).toReversed())
        stack.push({ vertices: [...path.vertices, to], product: path.product * weight });
    }
  }
}

/** How many paths a layered net has, and how that grows. */
export interface Growth {
  /** Of one input and one output: the product of the sizes of the layers between. */
  readonly paths: number;
  /** With a unit more in each layer between. */
  readonly withUnit: readonly number[];
  /** With a layer more of as many units as the last of those between (one, if there is none). */
  readonly withLayer: number;
}

/** The growth of the number of paths of a layered net of n₀, n₁, ..., n_L units: a unit more in layer l multiplies it by (n_l + 1)/n_l, a layer of n units by n. */
export function pathGrowth(sizes: readonly number[]): Growth {
  check("pathGrowth: sizes", sizes, listOf(positiveInteger, 2));
  const between = sizes.slice(1, -1);
  const count = between.reduce((a, b) => a * b, 1);
  return { paths: count, withUnit: between.map((n) => (count / n) * (n + 1)), withLayer: count * (between.at(-1) ?? 1) };
}
