/** @file Scalar graphs and sums over paths (AD-3), operations of a tape (AD-2): the lecture's example, closed forms, and reverse mode. */
import { describe, expect, test } from "vitest";
import { jacrev } from "../../src/function/jacobian.ts";
import { Draws } from "../../src/inspect/draws.ts";
import { type Graph, type ScalarGraph, scalarGraph } from "../../src/inspect/graph.ts";
import { accumulationCost, operations } from "../../src/inspect/operations.ts";
import { pathGrowth, paths } from "../../src/inspect/paths.ts";
import * as nn from "../../src/nn/index.ts";
import { concatenate, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

/** v1 = v₋₁·v0, v2 = sin v1, v3 = v1·v2, v4 = cos v3, v5 = exp v3. */
const lecture = (a: Tensor, b: Tensor): Tensor[] => {
  const v1 = a.mul(b);
  const v3 = v1.mul(v1.sin());
  return [v3.cos(), v3.exp()];
};

const weighted = (graph: Graph): ScalarGraph => ({
  ...graph,
  labels: Array.from({ length: graph.vertices }, (_, v) => ({ name: `v${v}`, op: "", value: 0 })),
  edges: graph.edges.map((edge) => ({ ...edge, weight: 1 })),
});

/** A layered net, every unit reading all of the layer before. */
function layered(sizes: readonly number[]): ScalarGraph {
  const first = sizes.map((_, l) => sizes.slice(0, l).reduce((a, b) => a + b, 0));
  const units = sizes.map((n, l) => Array.from({ length: n }, (_, i) => first[l]! + i));
  const edges = units.slice(1).flatMap((layer, l) => layer.flatMap((to) => units[l]!.map((from) => ({ from, to }))));
  return weighted({ vertices: sizes.reduce((a, b) => a + b), inputs: units[0]!, outputs: units.at(-1)!, edges });
}

describe("the lecture's example", () => {
  const graph = scalarGraph(lecture, [0.7, 1.3]);

  test("vertices and partials", () => {
    const v1 = 0.7 * 1.3;
    const v3 = v1 * Math.sin(v1);
    expect(graph.labels.map(({ op }) => op)).toEqual(["input", "input", "mul", "sin", "mul", "cos", "exp"]);
    expect(graph.labels.map(({ value }) => value)).toEqual(
      [0.7, 1.3, v1, Math.sin(v1), v3, Math.cos(v3), Math.exp(v3)].map((x) => expect.closeTo(x, 14)),
    );
    const weight = new Map(graph.edges.map(({ from, to, weight: w }) => [`${from}-${to}`, w]));
    expect(weight.size).toBe(7);
    expect(weight.get("0-2")).toBe(1.3);
    expect(weight.get("2-3")).toBeCloseTo(Math.cos(v1), 14);
    expect(weight.get("4-5")).toBeCloseTo(-Math.sin(v3), 14);
  });

  test("8 paths, 20 multiplications written out, shared edges", () => {
    const found = paths(graph);
    expect([found.total, found.multiplications, found.longest, found.listed.length, found.more]).toEqual([8, 20, 4, 8, 0]);
    expect(found.count).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(found.edges.map(({ paths: n }) => n).sort()).toEqual([4, 4, 4, 4, 4, 4, 4]);
    expect(found.edges.every(({ shared }) => shared)).toBe(true);
    const rows = jacrev((x: Tensor) => {
      const [a, b] = lecture(x.narrow(0, 0, 1), x.narrow(0, 1, 1));
      return concatenate([a!, b!], 0);
    })(tensor([0.7, 1.3], { dtype: "f64" })) as Tensor;
    found.jacobian.flat().forEach((d, i) => {
      expect(d).toBeCloseTo(rows.dataSync()[i]!, 12);
    });
    for (const [i, output] of graph.outputs.entries())
      for (const [j, input] of graph.inputs.entries()) {
        const own = found.listed.filter(({ vertices }) => vertices[0] === input && vertices.at(-1) === output);
        expect(own.reduce((sum, { product }) => sum + product, 0)).toBeCloseTo(found.jacobian[i]![j]!, 12);
      }
  });

  test("a limit on what is written out says how many more there are", () => {
    const found = paths(graph, { most: 3 });
    expect([found.listed.length, found.more]).toEqual([3, 5]);
  });
});

describe("numbers of paths", () => {
  test("2-3-3-1: 9 of each pair, 12 with a unit more in layer 1", () => {
    expect(paths(layered([2, 3, 3, 1])).count).toEqual([[9, 9]]);
    expect(paths(layered([2, 4, 3, 1])).count).toEqual([[12, 12]]);
    expect(pathGrowth([2, 3, 3, 1])).toEqual({ paths: 9, withUnit: [12, 12], withLayer: 27 });
    expect(paths(layered([2, 3, 3, 3, 1])).count[0]![0]).toBe(27);
    expect(pathGrowth([2, 1])).toEqual({ paths: 1, withUnit: [], withLayer: 1 });
  });

  test("the complete graph of 12 vertices has 2¹⁰", () => {
    const edges = Array.from({ length: 12 }, (_, to) => Array.from({ length: to }, (__, from) => ({ from, to }))).flat();
    const found = paths(weighted({ vertices: 12, inputs: [0], outputs: [11], edges }));
    expect(found.total).toBe(1024);
    expect(found.listed.length).toBe(1024);
  });

  test("more than anyone can write: counted all the same", () => {
    const found = paths(layered([1, ...Array<number>(40).fill(3), 1]), { most: 5 });
    expect(found.total).toBe(3 ** 40);
    expect(found.listed.length).toBe(5);
  });
});

/** A random function of three scalars. */
function randomFunction(seed: number): (...x: Tensor[]) => Tensor[] {
  return (...x) => {
    const draws = new Draws(seed);
    const pool = [...x];
    const pick = (): Tensor => pool[draws.below(pool.length)]!;
    for (let step = 0; step < 12; step++) {
      const a = pick();
      const made = [
        () => a.mul(pick()),
        () => a.add(pick()),
        () => a.sin(),
        () => a.tanh(),
        () => a.sub(pick()).mul(0.5),
        () => a.mul(a),
        () => a.div(pick().square().add(1)),
      ];
      pool.push(made[draws.below(made.length)]!());
    }
    return pool.slice(-2);
  };
}

describe("equals reverse mode", () => {
  test.each(Array.from({ length: 12 }, (_, i) => i))("random function %i", (seed) => {
    const fn = randomFunction(seed);
    const at = [0.3, -0.8, 1.1];
    const { jacobian } = paths(scalarGraph(fn, at));
    const exact = jacrev((x: Tensor) => concatenate(fn(...[0, 1, 2].map((i) => x.narrow(0, i, 1))), 0), { unused: "ignore" })(
      tensor(at, { dtype: "f64" }),
    ) as Tensor;
    jacobian.flat().forEach((d, i) => {
      const want = exact.dataSync()[i]!;
      expect(Math.abs(d - want)).toBeLessThan(1e-12 * Math.max(1, Math.abs(want)));
    });
  });

  test("tensors taken apart: a small net, its convolution and its paddings too", () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3, { padding: 1, stride: 2 }),
      new nn.Tanh(),
      new nn.Flatten(),
      new nn.Linear(8, 3),
    );
    const x = tensor(new Draws(3).normals(16), { dtype: "f64" }).reshape([1, 1, 4, 4]);
    const fn = (image: Tensor): Tensor => model.forward(image);
    const graph = scalarGraph(fn, [x], { scalarize: true });
    expect(graph.inputs.length).toBe(16);
    expect(graph.outputs.length).toBe(3);
    const exact = (jacrev(fn)(x) as Tensor).dataSync();
    paths(graph, { most: 10 })
      .jacobian.flat()
      .forEach((d, i) => {
        expect(d).toBeCloseTo(exact[i]!, 12);
      });
    // A unit reads the pixels under its kernel alone.
    const pixels = new Map<number, number>();
    for (const { from, to } of graph.edges) if (from < 16) pixels.set(to, (pixels.get(to) ?? 0) + 1);
    expect([...pixels.values()].every((n) => n <= 9)).toBe(true);
  });

  test("an output that is read, given twice, or an input itself has a vertex of its own", () => {
    const graph = scalarGraph(
      (a: Tensor, b: Tensor) => {
        const y = a.mul(b);
        return [y, y.sin(), y, a];
      },
      [0.5, 2],
    );
    expect(new Set(graph.outputs).size).toBe(4);
    expect(paths(graph).jacobian.map((row) => row.map((x) => Number(x.toFixed(9))))).toEqual([
      [2, 0.5],
      [Number((2 * Math.cos(1)).toFixed(9)), Number((0.5 * Math.cos(1)).toFixed(9))],
      [2, 0.5],
      [1, 0],
    ]);
  });

  test("what cannot be is said in one line", () => {
    const wide = tensor([1, 2], { dtype: "f64" });
    expect(() => scalarGraph((x: Tensor) => x.sin(), [wide])).toThrow("pass { scalarize: true } for a vertex of each element");
    expect(() => scalarGraph((x: Tensor) => x.sin().sin().sin(), [0.1], { most: 3 })).toThrow("computes more than 3 numbers");
    expect(() => scalarGraph((x: Tensor) => x, ["a" as never])).toThrow('args[0] must be a number or a float tensor, got "a"');
    expect(() => paths({ vertices: 2, inputs: [0], outputs: [1], edges: [{ from: 1, to: 0, weight: 1 }], labels: [] })).toThrow(
      "paths: graph must be",
    );
  });
});

describe("operations of a tape", () => {
  test("a product of matrices: n·k·m products and n·(k − 1)·m sums; a sine is one; movement is none", () => {
    const [a, b] = [tensor(new Float64Array(6)).reshape([2, 3]), tensor(new Float64Array(12)).reshape([3, 4])];
    const found = operations((x: Tensor, y: Tensor) => x.matmul(y).transpose().sin(), a, b);
    expect(found.total).toBe(2 * 4 * (3 + 2) + 8);
    expect(found.instructions.some(({ op, operations: n }) => op === "dot" && n === 40)).toBe(true);
  });

  test("O(n) of the function by columns, O(m) by rows", () => {
    const net = (n: number, m: number): ReturnType<typeof accumulationCost> => {
      const [w1, w2] = [
        tensor(new Draws(1).normals(n * 8), { dtype: "f64" }).reshape([n, 8]),
        tensor(new Draws(2).normals(8 * m), { dtype: "f64" }).reshape([8, m]),
      ];
      return accumulationCost((x: Tensor) => x.matmul(w1).tanh().matmul(w2), [tensor(new Float64Array(n)).reshape([1, n])]);
    };
    for (const [n, m] of [
      [20, 1],
      [1, 20],
      [12, 5],
    ] as const) {
      const cost = net(n, m);
      expect([cost.inputs, cost.outputs]).toEqual([n, m]);
      expect(cost.forward / cost.function).toBeLessThan(3);
      expect(cost.reverse / cost.function).toBeLessThan(4);
    }
    // Many inputs and one output: rows are the cheap way, and the other way round.
    expect(net(20, 1).byRows).toBeLessThan(net(20, 1).byColumns / 5);
    expect(net(1, 20).byColumns).toBeLessThan(net(1, 20).byRows / 5);
    // Twice the inputs of the same function: twice the work of all columns, within what the function itself grows by.
    const ratio = (n: number): number => net(n, 3).byColumns / net(n, 3).function;
    expect(ratio(40) / ratio(20)).toBeGreaterThan(1.7);
    expect(ratio(40) / ratio(20)).toBeLessThan(2.3);
  });
});
