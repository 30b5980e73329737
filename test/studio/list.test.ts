/** @file The numbers of the room List are those of the lectures; formulas are read or refused with the place. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { tensor } from "../../src/ops/create.ts";
import { FORMULA_EXAMPLES } from "../../src/studio/rooms/formula-examples.ts";
import { BOX, graphLayout } from "../../src/studio/rooms/graph-layout.ts";
import { formulaOf } from "../../src/studio/worker/expression.ts";
import { type GraphAnswer, graphOf } from "../../src/studio/worker/graphs.ts";
import { eliminated, type WeightedEdge } from "../../src/studio/worker/merge.ts";

const example = (name: string): GraphAnswer => {
  const { text, values } = FORMULA_EXAMPLES.find((each) => each.name === name)!;
  return graphOf(text, values);
};

/** Takes vertices out as the game does. */
function played(answer: GraphAnswer, order: readonly number[]): { cost: number; edges: readonly WeightedEdge[] } {
  let [cost, edges]: [number, readonly WeightedEdge[]] = [0, answer.edges];
  for (const v of order) {
    const next = eliminated(edges, v);
    cost += next.cost;
    edges = next.edges;
  }
  return { cost, edges };
}

describe("the lecture's graphs", () => {
  test("s = x y + sin x: y + cos x by two paths, x by one", () => {
    const { jacobian, totalPaths } = example("x y + sin x");
    expect(jacobian).toEqual([[expect.closeTo(0.5 + Math.cos(2), 14), 2]]);
    expect(totalPaths).toBe(3);
  });

  test("optimal accumulation: 8 paths, 20 by paths, 10 forward, 10 reverse, 7 at best", () => {
    const { totalPaths, multiplications, orders } = example("Optimal accumulation");
    expect({ totalPaths, multiplications, forward: orders.forward.cost, reverse: orders.reverse.cost, best: orders.best.cost }).toEqual({
      totalPaths: 8,
      multiplications: 20,
      forward: 10,
      reverse: 10,
      best: 7,
    });
    expect(orders.best.optimal).toBe(true);
  });

  test("values that are used again: g, ∂g/∂a, ∂g/∂b", () => {
    const { jacobian, labels, outputVertices, inputs } = example("Values used again");
    expect(inputs).toEqual(["a", "b"]);
    expect(labels[outputVertices[0]!]!.value).toBeCloseTo(24.7041, 4);
    expect(jacobian[0]).toEqual([expect.closeTo(138.8338, 4), expect.closeTo(645.5773, 4)]);
  });

  test("one output of many inputs: reverse takes less than forward", () => {
    const { orders } = example("A net of two layers");
    expect(orders.reverse.cost).toBeLessThan(orders.forward.cost);
  });
});

describe.each(FORMULA_EXAMPLES.map(({ name }) => name))("%s", (name) => {
  const answer = example(name);

  test("the sum of products along paths is the derivative", () => {
    for (const [i, output] of answer.outputVertices.entries()) {
      for (const [j, input] of answer.inputVertices.entries()) {
        const through = answer.paths.filter(({ vertices }) => vertices[0] === input && vertices.at(-1) === output);
        const sum = through.reduce((total, { product }) => total + product, 0);
        expect(sum).toBeCloseTo(answer.jacobian[i]![j]!, 8);
      }
    }
  });

  test.each(["forward", "reverse", "best"] as const)(
    "the game, played %s, costs what the instrument says, and leaves the derivatives",
    (rule) => {
      const { order, cost } = answer.orders[rule];
      const end = played(answer, order);
      expect(end.cost).toBe(cost);
      for (const { from, to, weight } of end.edges)
        expect(weight).toBeCloseTo(answer.jacobian[answer.outputVertices.indexOf(to)]![answer.inputVertices.indexOf(from)]!, 8);
    },
  );

  test("no two boxes lie over one another, and all are on the sheet", () => {
    const { spots, width, height } = graphLayout(answer.labels.length, answer.edges, answer.inputVertices);
    for (const [i, a] of spots.entries()) {
      expect(a.x - BOX.width / 2).toBeGreaterThanOrEqual(0);
      expect(a.x + BOX.width / 2).toBeLessThanOrEqual(width);
      expect(a.y - BOX.height / 2).toBeGreaterThanOrEqual(0);
      expect(a.y + BOX.height / 2).toBeLessThanOrEqual(height);
      for (const b of spots.slice(i + 1)) expect(Math.abs(a.x - b.x) >= BOX.width || Math.abs(a.y - b.y) >= BOX.height).toBe(true);
    }
  });
});

describe("formulas", () => {
  const resultOf = (text: string, ...inputs: number[]): number =>
    formulaOf(text)
      .run(...inputs.map((x) => tensor(x, { dtype: "f64" })))[0]!
      .itemSync();

  test.each([
    ["2*x + 3", 4, 11],
    ["-x^2", 3, -9],
    ["2 - x - 1", 5, -4],
    ["8 / x / 2", 2, 2],
    ["x*(1 + 2)^2", 2, 18],
    ["x**3", 2, 8],
    ["a = x; a*a", 3, 9],
    ["relu(-x) + abs(x)", -2, 4],
  ])("%s", (text, x, value) => expect(resultOf(text, x)).toBeCloseTo(value, 12));

  test.each([
    ["", "write a formula"],
    ["x +", "ends too early"],
    ["x @ y", '"@" at character 3'],
    ["foo(x)", 'there is no function "foo"'],
    ["3 + 4", "reads no name"],
    ["a = x; a = y", "a is there already"],
    ["x^y", "a power must be a number"],
    ["(x", "ends too early"],
    ["x y", '"y" at character 3 was not expected'],
    [`x${" + x".repeat(600)}`, "at most 2000 are read"],
    [`x${" * x".repeat(90)}`, "more than 60"],
  ])("%j is refused", (text, reason) => expect(() => graphOf(text, {})).toThrow(reason));

  test("any text is a formula or an error of its own", () => {
    const part = fc.constantFrom(
      "x",
      "y",
      "a",
      "=",
      ";",
      "+",
      "-",
      "*",
      "/",
      "^",
      "(",
      ")",
      "2",
      "sin",
      "exp",
      " ",
      "constructor",
      "__proto__",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        try {
          graphOf(parts.join(""), {});
        } catch (error) {
          expect(String((error as Error).message)).not.toMatch(/undefined|is not a function|Cannot read/);
        }
      }),
      { numRuns: 60 },
    );
  });
});
