/** @file Elimination (AD-4): the lecture's and Naumann's graphs, the smallest on which edges beat vertices and faces edges, and accumulated Jacobians. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { show } from "../../src/function/show.ts";
import { accumulate, jacobianBySteps } from "../../src/inspect/accumulate.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { edgesOfOrder, eliminateEdges } from "../../src/inspect/edge-elimination.ts";
import { ELIMINATION_RULES, eliminationOrder, orderCost } from "../../src/inspect/elimination.ts";
import { eliminateFaces } from "../../src/inspect/face-elimination.ts";
import { type Graph, type ScalarGraph, scalarGraph } from "../../src/inspect/graph.ts";
import { paths } from "../../src/inspect/paths.ts";
import { optimalOrder } from "../../src/inspect/vertex-optimum.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

/** v1 = v₋₁·v0, v2 = sin v1, v3 = v1·v2, v4 = cos v3, v5 = exp v3. */
const lecture = (a: Tensor, b: Tensor): Tensor[] => {
  const v1 = a.mul(b);
  const v3 = v1.mul(v1.sin());
  return [v3.cos(), v3.exp()];
};
/** Naumann (2004), §1: t = x0·sin(x0·x1), y = (cos t, t/x1). */
const naumann = (x0: Tensor, x1: Tensor): Tensor[] => {
  const t = x0.mul(x0.mul(x1).sin());
  return [t.cos(), t.div(x1)];
};

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

/** The Jacobian by steps is that by paths. */
function expectSame(graph: ScalarGraph, steps: Parameters<typeof jacobianBySteps>[1], cost: number): void {
  const { jacobian, multiplications } = jacobianBySteps(graph, steps);
  expect(multiplications).toBe(cost);
  const exact = paths(graph, { most: 0 }).jacobian.flat();
  jacobian.flat().forEach((d, i) => {
    expect(Math.abs(d - exact[i]!)).toBeLessThan(1e-12 * Math.max(1, Math.abs(exact[i]!)));
  });
}

describe("known graphs: forward, reverse, and the optima of vertices, edges and faces", () => {
  test.each<[string, ScalarGraph, number, number, number, number, number]>([
    ["lecture", scalarGraph(lecture, [0.7, 1.3]), 10, 10, 7, 7, 7],
    ["Naumann", scalarGraph(naumann, [0.7, 1.3]), 8, 10, 7, 7, 7],
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

  test("the lecture's optimum is both 2, 1, 3 and 2, 3, 1; the worst order takes 14", () => {
    const graph = scalarGraph(lecture, [0.7, 1.3]);
    const costs = [
      [2, 3, 4],
      [2, 4, 3],
      [3, 2, 4],
      [3, 4, 2],
      [4, 2, 3],
      [4, 3, 2],
    ].map((order) => orderCost(graph, order));
    expect(costs).toEqual([10, 14, 7, 7, 14, 10]);
    expect(Math.max(...costs)).toBe(14);
  });
});

describe("random graphs", () => {
  /** Each vertex reads one to three earlier ones; vertices that nobody reads are outputs. */
  const random = (seed: number, inner: number): ScalarGraph => {
    const draws = new Draws(seed);
    const inputs = [0, 1, 2];
    const pairs: [number, number][] = [];
    for (let v = 3; v < 3 + inner; v++)
      for (const u of new Set(Array.from({ length: 1 + draws.below(3) }, () => draws.below(v)))) pairs.push([u, v]);
    const read = new Set(pairs.map(([u]) => u));
    const outputs = Array.from({ length: inner }, (_, i) => i + 3).filter((v) => !read.has(v));
    return graphOf(3 + inner, inputs, outputs, pairs, seed);
  };

  test.each([0, 1, 3, 5])("%i: exact ≤ every rule, edges ≤ vertices, faces ≤ edges; every order gives one Jacobian", (seed) => {
    const graph = random(seed, 6);
    const best = optimalOrder(graph);
    expect(best.optimal).toBe(true);
    for (const rule of ELIMINATION_RULES) {
      const { order, cost } = eliminationOrder(graph, rule);
      expect(cost).toBeGreaterThanOrEqual(best.cost);
      expect(orderCost(graph, order)).toBe(cost);
      expectSame(graph, order, cost);
    }
    expectSame(graph, best.order, best.cost);
    const edges = eliminateEdges(graph, { states: 5_000, width: 50 });
    expect(edges.cost).toBeLessThanOrEqual(best.cost);
    expectSame(graph, edges.steps, edges.cost);
    const faces = eliminateFaces(graph, { states: 500, width: 50 });
    if (faces.optimal) expect(faces.cost).toBeLessThanOrEqual(edges.cost);
    expectSame(graph, faces.steps, faces.cost);
  });

  test("subsets against all orders", () => {
    const permutations = (list: readonly number[]): number[][] =>
      list.length < 2 ? [[...list]] : list.flatMap((v) => permutations(list.filter((u) => u !== v)).map((rest) => [v, ...rest]));
    for (const seed of [20, 21, 22]) {
      const graph = random(seed, 7);
      const ends = new Set([...graph.inputs, ...graph.outputs]);
      const inner = Array.from({ length: graph.vertices }, (_, v) => v).filter((v) => !ends.has(v));
      expect(optimalOrder(graph).cost).toBe(Math.min(...permutations(inner).map((order) => orderCost(graph, order))));
    }
  });
});

describe("the program", () => {
  const at = [0.7, 1.3].map((x) => tensor(x, { dtype: "f64" })) as [Tensor, Tensor];

  test("prints the lecture's code: r, s, t, then four products", () => {
    const text = show(accumulate(lecture), ...at);
    // r = c₃ + c₅c₄, s and t, and the entries of F′.
    expect(text).toMatch(/\br: f64\[\] = add c4 %\d+\n\s+s: f64\[\] = mul r b\n\s+t: f64\[\] = mul r a\n/);
    expect([...text.matchAll(/ ([uvwz]): f64\[\] = mul (c[67]) ([st])/g)].map(([, name, c, x]) => `${name} ${c}${x}`)).toEqual([
      "u c6s",
      "v c7s",
      "w c6t",
      "z c7t",
    ]);
  });

  test.each<[string, (a: Tensor, b: Tensor) => Tensor[]]>([
    ["lecture", lecture],
    ["Naumann", naumann],
  ])("%s: by vertices, edges and faces, compiled, equals the sum over paths", (_, fn) => {
    const graph = scalarGraph(fn, [0.7, 1.3]);
    const want = paths(graph).jacobian.flat();
    for (const steps of [undefined, eliminationOrder(graph, "reverse").order, eliminateEdges(graph).steps, eliminateFaces(graph).steps]) {
      const rows = compile(accumulate(fn, steps))(...at);
      rows.flat().forEach((d, i) => {
        expect(d.dataSync()[0]).toBeCloseTo(want[i]!, 12);
      });
    }
  });

  test("what cannot be is said in one line", () => {
    const graph = scalarGraph(lecture, [0.7, 1.3]);
    expect(() => orderCost(graph, [2, 3])).toThrow("orderCost: order must be each of the 3 inner vertices once");
    expect(() => jacobianBySteps(graph, [3])).toThrow("the steps leave inner vertices");
    expect(() => jacobianBySteps(graph, [{ kind: "front", from: 0, to: 6 }])).toThrow("there is no edge from 0 to 6");
    expect(() => optimalOrder(graph, { exact: 25 })).toThrow("exact must be at most 20, got 25");
    expect(() => eliminationOrder(graph, "best" as never)).toThrow("eliminationOrder: rule must be");
    expect(() => eliminateFaces({ vertices: 1 } as never)).toThrow("eliminateFaces: graph must be a graph");
    const large: Graph = {
      vertices: 62,
      inputs: [0],
      outputs: [61],
      edges: Array.from({ length: 61 }, (_, v) => ({ from: v, to: v + 1 })),
    };
    expect(() => eliminateEdges(large)).toThrow("the graph has 62 vertices, and the search ends at 60");
    expect(() => eliminateFaces(large)).toThrow("the graph has 61 edges, and the search ends at 40");
    expect(edgesOfOrder(graph, [3]).length).toBe(1);
  });
});
