/** @file The graph of a formula at a point, its paths and orders of elimination: what the room List shows, by the instruments of the library. */
import { eliminationOrder } from "../../inspect/elimination.ts";
import { scalarGraph } from "../../inspect/graph.ts";
import { type Path, paths } from "../../inspect/paths.ts";
import { optimalOrder } from "../../inspect/vertex-optimum.ts";
import { formulaOf } from "./expression.ts";
import type { WeightedEdge } from "./merge.ts";

/** Most boxes that a picture is readable with. */
const MOST_VERTICES = 60;
const MOST_PATHS = 400;

export interface GraphAnswer {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Vertices of the inputs and outputs. */
  readonly inputVertices: readonly number[];
  readonly outputVertices: readonly number[];
  readonly labels: readonly { readonly name: string; readonly op: string; readonly value: number }[];
  readonly edges: readonly WeightedEdge[];
  readonly paths: readonly Path[];
  readonly totalPaths: number;
  readonly multiplications: number;
  /** ∂outputᵢ/∂inputⱼ, [outputs][inputs]. */
  readonly jacobian: readonly (readonly number[])[];
  readonly orders: Readonly<
    Record<"forward" | "reverse" | "best", { readonly order: readonly number[]; readonly cost: number; readonly optimal: boolean }>
  >;
}

/** @throws {SyntaxError} for a text that is no formula; {@link RangeError} for one with more vertices than can be drawn. */
export function graphOf(text: string, values: Readonly<Record<string, number>>): GraphAnswer {
  const { inputs, outputs, run } = formulaOf(text);
  const graph = scalarGraph(
    (...given) => run(...given),
    inputs.map((name) => values[name] ?? 1),
    { most: MOST_VERTICES },
  );
  const found = paths(graph, { most: MOST_PATHS });
  return {
    inputs,
    outputs,
    inputVertices: graph.inputs,
    outputVertices: graph.outputs,
    labels: graph.labels.map(({ name, op, value }, v) => ({ name: inputs[graph.inputs.indexOf(v)] ?? name, op, value })),
    edges: graph.edges,
    paths: found.listed,
    totalPaths: found.total,
    multiplications: found.multiplications,
    jacobian: found.jacobian,
    orders: { forward: eliminationOrder(graph, "forward"), reverse: eliminationOrder(graph, "reverse"), best: optimalOrder(graph) },
  };
}
