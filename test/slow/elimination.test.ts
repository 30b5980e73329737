/** @file Elimination where search takes seconds: the smallest graphs on which edges beat vertices and faces edges, and annealing on the graphs of AlphaGrad. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { jacobianBySteps } from "../../src/inspect/accumulate.ts";
import { annealOrder } from "../../src/inspect/annealing.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { eliminateEdges } from "../../src/inspect/edge-elimination.ts";
import { eliminationOrder, orderCost } from "../../src/inspect/elimination.ts";
import { eliminateFaces } from "../../src/inspect/face-elimination.ts";
import type { Graph, ScalarGraph } from "../../src/inspect/graph.ts";
import { paths } from "../../src/inspect/paths.ts";
import { optimalOrder } from "../../src/inspect/vertex-optimum.ts";
import { sized } from "../size.ts";

const graphOf = (
  vertices: number,
  inputs: readonly number[],
  outputs: readonly number[],
  pairs: readonly (readonly [number, number])[],
  seed = 1,
): ScalarGraph => {
  const draws = new Draws(seed);
  return {
    vertices,
    inputs,
    outputs,
    labels: Array.from({ length: vertices }, (_, v) => ({ name: `v${v}`, op: "", value: 0 })),
    edges: pairs.map(([from, to]) => ({ from, to, weight: draws.normal() })),
  };
};

// Found by search over all graphs with two inner vertices.
const LION = graphOf(
  8,
  [0, 1],
  [4, 5, 6, 7],
  [
    [0, 2],
    [1, 2],
    [2, 3],
    [2, 7],
    [3, 4],
    [3, 5],
    [3, 6],
    [3, 7],
  ],
);
const MIRROR = graphOf(
  8,
  [0, 1, 2, 3],
  [6, 7],
  [
    [0, 4],
    [1, 4],
    [2, 4],
    [3, 4],
    [3, 5],
    [4, 5],
    [5, 6],
    [5, 7],
  ],
);
const BAT = graphOf(
  11,
  [0, 1, 2, 3],
  [7, 8, 9, 10],
  [
    [0, 4],
    [1, 4],
    [2, 5],
    [3, 5],
    [4, 6],
    [5, 6],
    [4, 7],
    [5, 8],
    [6, 7],
    [6, 8],
    [6, 9],
    [6, 10],
  ],
);

/** The Jacobian by steps is that by paths. */
function expectSame(graph: ScalarGraph, steps: Parameters<typeof jacobianBySteps>[1], cost: number): void {
  const { jacobian, multiplications } = jacobianBySteps(graph, steps);
  expect(multiplications).toBe(cost);
  const exact = paths(graph, { most: 0 }).jacobian.flat();
  jacobian.flat().forEach((d, i) => {
    expect(Math.abs(d - exact[i]!)).toBeLessThan(1e-12 * Math.max(1, Math.abs(exact[i]!)));
  });
}

describe("edges beat vertices, faces edges", () => {
  test.each<[string, ScalarGraph, number, number, number, number, number]>([
    ["lion", LION, 12, 12, 12, 11, 11],
    ["lion's mirror", MIRROR, 12, 12, 12, 11, 11],
  ])("%s", (_, graph, forward, reverse, vertex, edge, face) => {
    const orders = (["forward", "reverse"] as const).map((rule) => eliminationOrder(graph, rule));
    expect(orders.map(({ cost }) => cost)).toEqual([forward, reverse]);
    const best = optimalOrder(graph);
    expect([best.cost, best.optimal]).toEqual([vertex, true]);
    const edges = eliminateEdges(graph);
    expect([edges.cost, edges.optimal]).toEqual([edge, true]);
    const faces = eliminateFaces(graph);
    expect([faces.cost, faces.optimal]).toEqual([face, true]);
    for (const { order, cost } of [...orders, best]) expectSame(graph, order, cost);
    expectSame(graph, edges.steps, edge);
    expectSame(graph, faces.steps, face);
  });

  test("bat: vertices 24, edges 23, faces at most 22", () => {
    expect(optimalOrder(BAT)).toMatchObject({ cost: 24, optimal: true });
    const edges = eliminateEdges(BAT);
    expect(edges).toMatchObject({ cost: 23, optimal: true });
    expectSame(BAT, edges.steps, 23);
    const faces = eliminateFaces(BAT, { states: 200, width: 60 });
    expect(faces.cost).toBeLessThanOrEqual(22);
    expect(faces.optimal).toBe(false);
    expectSame(BAT, faces.steps, faces.cost);
  });
});

interface Task {
  readonly inputs: number;
  readonly outputs: readonly number[];
  readonly before: readonly (readonly number[])[];
  readonly forward: number;
  readonly reverse: number;
  readonly markowitz: number;
  readonly markowitzLast: number;
  readonly published: { readonly cost: number; readonly order: readonly number[] };
}

const tasks = JSON.parse(readFileSync(new URL("../inspect/elimination-graphs.json", import.meta.url), "utf8")) as Record<string, Task>;

describe("the graphs of Lohoff & Neftci (2024)", () => {
  test.each([
    ["RoeFlux_1d", 295],
    ["RobotArm_6DOF", 221],
    ["HumanHeartDipole", 148],
    ["PropaneCombustion", 88],
    ["g", 409],
  ])("%s: the rules cost what they print; annealing comes to %i or less", (name, most) => {
    const { inputs: n, outputs, before, published, ...costs } = tasks[name]!;
    const vertex = (k: number): number => (k < 0 ? -k - 1 : n + k - 1);
    const graph: Graph = {
      vertices: n + before.length,
      inputs: Array.from({ length: n }, (_, i) => i),
      outputs: outputs.map(vertex),
      edges: before.flatMap((reads, k) => [...new Set(reads)].map((u) => ({ from: vertex(u), to: n + k }))),
    };
    const cost = (rule: Parameters<typeof eliminationOrder>[1]): number => eliminationOrder(graph, rule).cost;
    expect([cost("forward"), cost("reverse"), cost("markowitz"), cost("markowitz-last")]).toEqual([
      costs.forward,
      costs.reverse,
      costs.markowitz,
      costs.markowitzLast,
    ]);
    expect(orderCost(graph, published.order.map(vertex))).toBe(published.cost);
    const found = annealOrder(graph, { steps: sized(200_000, 2_000_000) });
    expect(orderCost(graph, found.order)).toBe(found.cost);
    expect(found.cost).toBeLessThanOrEqual(most);
    expect(found.cost).toBeLessThanOrEqual(published.cost);
    expect(found.optimal).toBe(false);
  });
});
