/**
 * @file Jacobians by elimination, as programs (AD-4): a sequence of steps becomes straight-line code on the partial derivatives, which `show` prints and which
 * runs. One description of the steps serves numbers and tensors.
 */
import { fn as aFunction, check, expectation, optional } from "../base/check.ts";
import { type AnyFunction, derivedFrom } from "../function/capture.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type EdgeStep, edgesOfOrder } from "./edge-elimination.ts";
import { type FaceStep, replayFaces } from "./face-elimination.ts";
import { graphOf, symbols, type Weighted } from "./graph.ts";
import { aScalarGraph } from "./paths.ts";
import { optimalOrder } from "./vertex-optimum.ts";

/** Steps of one kind: vertices, edges, or faces. */
export type EliminationSteps = readonly number[] | readonly EdgeStep[] | readonly FaceStep[];

const isStep = (step: unknown): boolean =>
  typeof step === "number" ||
  (typeof step === "object" && step !== null && ("into" in step || ("kind" in step && "from" in step && "to" in step)));

const someSteps = expectation(
  "a list of vertices, or the steps of an edge or face elimination",
  (x) => Array.isArray(x) && x.every((step) => isStep(step) && typeof step === typeof x[0]),
);

interface Arithmetic<W> {
  mul(a: W, b: W): W;
  add(a: W, b: W): W;
  /** Notes what an edge carries from now on. */
  kept(x: W): W;
}

/** Entries of a Jacobian that are not structurally zero: by output, by input. */
type Entries<W> = Map<number, Map<number, W>>;

const isFace = (step: unknown): step is FaceStep => typeof (step as FaceStep).into === "number";

/** Runs steps on weights. @throws {RangeError} if inner vertices are left. */
function eliminate<W>(graph: Weighted<W>, steps: EliminationSteps, arithmetic: Arithmetic<W>): Entries<W> {
  const entries: Entries<W> = new Map(graph.outputs.map((y) => [y, new Map<number, W>()]));
  const put = (from: number, to: number, weight: W): void => {
    const row = entries.get(to);
    if (!row || !graph.inputs.includes(from))
      throw new RangeError("accumulate: the steps leave inner vertices; give a whole elimination of this function's graph");
    row.set(from, weight);
  };
  if (steps.length > 0 && isFace(steps[0])) {
    for (const { from, to, weight } of replayFaces(graph, steps as readonly FaceStep[], arithmetic)) put(from, to, weight);
    return entries;
  }
  const edges = typeof steps[0] === "object" ? (steps as readonly EdgeStep[]) : edgesOfOrder(graph, steps as readonly number[]);
  for (const { from, to, weight } of runEdges(graph, edges, arithmetic)) put(from, to, weight);
  return entries;
}

/** Eliminates edges one by one; gives those that are left between inputs and outputs. */
function runEdges<W>(graph: Weighted<W>, steps: readonly EdgeStep[], { mul, add, kept }: Arithmetic<W>): Weighted<W>["edges"] {
  const after = Array.from({ length: graph.vertices }, () => new Map<number, W>());
  for (const { from, to, weight } of graph.edges) after[from]!.set(to, weight);
  const grow = (from: number, to: number, weight: W): void => {
    const known = after[from]!.get(to);
    after[from]!.set(to, kept(known === undefined ? weight : add(known, weight)));
  };
  for (const { kind, from, to } of steps) {
    const weight = after[from]?.get(to);
    if (weight === undefined)
      throw new RangeError(`accumulate: there is no edge from ${from} to ${to} to eliminate; give the steps of this function's graph`);
    after[from]!.delete(to);
    if (kind === "front") for (const [next, more] of after[to]!) grow(from, next, mul(more, weight));
    else
      after.forEach((targets, u) => {
        const before = targets.get(from);
        if (before !== undefined) grow(u, to, mul(weight, before));
      });
  }
  const ends = new Set([...graph.inputs, ...graph.outputs]);
  const reached = new Set(graph.inputs);
  after.forEach((targets, u) => {
    if (reached.has(u)) for (const v of targets.keys()) reached.add(v);
  });
  // Inner vertices that have lost their predecessors or successors are gone.
  const live = (u: number, v: number): boolean => reached.has(u) && (ends.has(v) || after[v]!.size > 0);
  return after.flatMap((targets, from) => [...targets].flatMap(([to, weight]) => (live(from, to) ? [{ from, to, weight }] : [])));
}

/** The Jacobian of a graph by a sequence of steps, [outputs][inputs], and the multiplications that it took. */
export function jacobianBySteps(graph: Weighted<number>, steps: EliminationSteps): { jacobian: number[][]; multiplications: number } {
  check("jacobianBySteps: graph", graph, aScalarGraph);
  check("jacobianBySteps: steps", steps, someSteps);
  let multiplications = 0;
  const mul = (a: number, b: number): number => {
    multiplications++;
    return a * b;
  };
  const entries = eliminate(graph, steps, { mul, add: (a, b) => a + b, kept: (x) => x });
  return { jacobian: graph.outputs.map((y) => graph.inputs.map((x) => entries.get(y)!.get(x) ?? 0)), multiplications };
}

/** Names of intermediate results: r, s, t, ..., z, then r1, s1, ... */
function* names(): Generator<string, never> {
  for (let round = 0; ; round++) for (const letter of "rstuvwz") yield `${letter}${round === 0 ? "" : round}`;
}

/**
 * The function that gives the Jacobian of `fn`, a function of scalars, by elimination: rows of outputs, columns of inputs. Without steps it takes the cheapest
 * order of vertices that {@link optimalOrder} finds. `show(accumulate(fn), ...args)` prints the code; compiled, it runs.
 */
export function accumulate(fn: AnyFunction, by?: EliminationSteps): (...args: Tensor[]) => Tensor[][] {
  check("accumulate: fn", fn, aFunction);
  check("accumulate: by", by, optional(someSteps));
  return derivedFrom(fn, "accumulate", (...args: Tensor[]) => {
    const graph = graphOf(fn, args, {}, symbols());
    graph.edges.forEach(({ weight }, k) => {
      weight.label ??= `c${k + 1}`;
    });
    const next = names();
    const named = (x: Tensor): Tensor => {
      x.label ??= next.next().value;
      return x;
    };
    const entries = eliminate(graph, by ?? optimalOrder(graph).order, { mul: (a, b) => a.mul(b), add: (a, b) => a.add(b), kept: named });
    const zero = tensor(0, { dtype: "f64" });
    return graph.outputs.map((y) => graph.inputs.map((x) => entries.get(y)!.get(x) ?? zero));
  });
}
