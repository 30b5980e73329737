/** @file How tensors, cells and modules show themselves, and what happens where JavaScript wants a number. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Parameter, State } from "../../src/nn/parameter.ts";
import { full, ones, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { Cell } from "../../src/runtime/cell.ts";

const inspect = (x: object): string => (x as Record<symbol, () => string>)[Symbol.for("nodejs.util.inspect.custom")]!();
const lines = (...text: string[]): string => text.join("\n");

describe("a tensor prints", () => {
  // Layouts as NumPy 2 prints the same arrays with np.set_printoptions(precision=4).
  test.each<[string, Tensor, string]>([
    ["whole numbers", tensor([1, 2, 3]), lines("Tensor f32[3]", "[1. 2. 3.]")],
    ["rounded values", tensor([0.1, 2 / 3]), lines("Tensor f32[2]", "[0.1    0.6667]")],
    [
      "as many digits as the longest needs",
      tensor([
        [0.5, 1.25],
        [-3, 1 / 3],
      ]),
      lines("Tensor f32[2,2]", "[[ 0.5     1.25  ]", " [-3.      0.3333]]"),
    ],
    ["exponents where sizes differ much", tensor([1e-7, 2.5, 1e4]), lines("Tensor f32[3]", "[1.0e-7 2.5e+0 1.0e+4]")],
    ["what is not finite", tensor([Number.NaN, Number.POSITIVE_INFINITY, -1]), lines("Tensor f32[3]", "[nan inf -1.]")],
    ["whole numbers of any size below 1e8", tensor([1, 1e6]), lines("Tensor f32[2]", "[      1. 1000000.]")],
    ["integers", tensor([1, -20, 300], { dtype: "i32" }), lines("Tensor i32[3]", "[  1 -20 300]")],
    ["bools", tensor([1, 0], { dtype: "bool" }), lines("Tensor bool[2]", "[ true false]")],
    ["a scalar", tensor(2.5), lines("Tensor f32[]", "2.5")],
    ["nothing", tensor(new Float32Array(0)), lines("Tensor f32[0]", "[]")],
    ["a negative zero", tensor([-0, 1]), lines("Tensor f32[2]", "[-0.  1.]")],
    ["deeper axes apart", tensor(new Float32Array(4), { shape: [2, 1, 2] }), lines("Tensor f32[2,1,2]", "[[[0. 0.]]", "", " [[0. 0.]]]")],
  ])("%s", (_, x, want) => {
    expect(x.toString()).toBe(want);
    expect(inspect(x)).toBe(want);
  });

  test("the edges of many elements, at once", () => {
    const x = tensor(
      Float32Array.from({ length: 1e6 }, (_, i) => i % 1000),
      { shape: [1000, 1000] },
    );
    const text = x.toString();
    expect(text.split("\n")).toHaveLength(8);
    expect(text).toContain("[  0.   1.   2. ... 997. 998. 999.]");
  });

  test("that it is pending, and is not computed by printing", () => {
    const x = ones([2]).add(tensor([1, 2]));
    expect(x.toString()).toBe("Tensor f32[2] (pending)");
    expect(x.isComputed).toBe(false);
  });

  test("a long row on several lines", () => {
    const text = tensor(Float32Array.from({ length: 60 }, (_, i) => i)).toString();
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text.match(/\d+\./g)).toHaveLength(60);
  });

  test("its type alone in a template literal", () => {
    expect(`${tensor([1, 2])}`).toBe("Tensor f32[2]");
  });
});

test("cells, modules and optimizers print short", () => {
  expect(inspect(new Parameter(tensor([1, 2])))).toBe(lines("Parameter f32[2]", "[1. 2.]"));
  expect(inspect(new State(ones([2]).mul(3)))).toMatch(/^State f32\[2\]/);
  expect(`${new Cell(tensor([1]), "count")}`).toBe("count: f32[1]");
  expect(inspect(new Linear(3, 2))).toBe("Linear(3 to 2)");
  expect(inspect(new Adam(new Linear(3, 2).parameters(), { lr: 0.01 }))).toBe("Adam(lr 0.01; 2 parameters, 8 elements)");
});

describe("where JavaScript wants a number", () => {
  const x = tensor([3]);
  const cell = new Cell(tensor([3]), "rate");
  const wrong = (value: unknown): number => value as number;
  test.each<[string, () => unknown]>([
    ["x * 2", () => wrong(x) * 2],
    ["x > 0", () => wrong(x) > 0],
    ["x + 1", () => wrong(x) + 1],
    ["-x", () => -wrong(x)],
    ["Math.exp(x)", () => Math.exp(wrong(x))],
    // biome-ignore lint/suspicious/noDoubleEquals: the loose comparison is the case
    ["x == 3", () => (x as unknown) == 3],
    ["cell * 2", () => wrong(cell) * 2],
    ["inside compile", () => compile((x: Tensor) => (wrong(x.sum()) > 3 ? x : x.neg()))(x)],
  ])("%s says what to write", (_, fn) => {
    expect(fn).toThrow(/cannot be used as a number.*\n.*x\.mul\(2\).*\n.*x\.gt\(0\)/);
  });
});

test("elements as nested arrays, and as JSON", () => {
  const x = tensor([
    [1, 2],
    [3, 4.5],
  ]);
  expect(x.toArray()).toEqual([
    [1, 2],
    [3, 4.5],
  ]);
  expect(x.mul(2).toArray()).toEqual([
    [2, 4],
    [6, 9],
  ]);
  expect(tensor(2).toArray()).toBe(2);
  expect(full([0, 3], 1).toArray()).toEqual([]);
  expect(full([2, 0], 1).toArray()).toEqual([[], []]);
  expect(tensor([1, 0], { dtype: "bool" }).toArray()).toEqual([true, false]);
  expect(JSON.stringify({ x, cell: new Cell(tensor([1, 2])) })).toBe('{"x":[[1,2],[3,4.5]],"cell":[1,2]}');
});
