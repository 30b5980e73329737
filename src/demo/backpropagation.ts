/** @file Points of the talk on backpropagation: how derivatives are accumulated, and what that costs. */
import { grad, jvp, vjp } from "../function/derivative.ts";
import { jacfwd, jacrev } from "../function/jacobian.ts";
import { show } from "../function/show.ts";
import { accumulate } from "../inspect/accumulate.ts";
import { macsOf, recordOn } from "../inspect/cost.ts";
import { eliminationOrder } from "../inspect/elimination.ts";
import { eliminateFaces } from "../inspect/face-elimination.ts";
import { type ScalarGraph, scalarGraph } from "../inspect/graph.ts";
import { pathGrowth, paths } from "../inspect/paths.ts";
import { optimalOrder } from "../inspect/vertex-optimum.ts";
import { keyOf, normal } from "../math/random.ts";
import { stack } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Demo, Fact } from "./demo.ts";
import { byEquations, costOf, network } from "./derivatives.ts";
import { distance, item, scalar, sigmoidSlope, slopeAt } from "./values.ts";

type Two = readonly [Tensor, Tensor];

/** The talk's example of optimal Jacobian accumulation. */
function lectureProgram(a: Tensor, b: Tensor): Tensor[] {
  const v1 = a.mul(b);
  const v3 = v1.mul(v1.sin());
  return [v3.cos(), v3.exp()];
}

const lectureGraph = (): ScalarGraph => scalarGraph(lectureProgram, [0.7, 1.3]);

/** Sizes of the step of a central difference, and the relative error of the derivative of x² sin x at 1.3. */
function differenceErrors(): [epsilon: number, error: number][] {
  const f = (x: number): number => x * x * Math.sin(x);
  const exact = 2 * 1.3 * Math.sin(1.3) + 1.3 ** 2 * Math.cos(1.3);
  return Array.from({ length: 45 }, (_, i) => {
    const epsilon = 10 ** (-1 - i / 4);
    return [epsilon, Math.max(1e-17, Math.abs((f(1.3 + epsilon) - f(1.3 - epsilon)) / (2 * epsilon) / exact - 1))];
  });
}

const instructions = (fn: (...inputs: Tensor[]) => unknown, ...shapes: number[][]): number => recordOn(fn, shapes).list.length;

/** Multiply-adds of a Jacobian of x → W tanh(x), against those of the function. */
function costs(jacobian: typeof jacfwd, shapes: (n: number) => number[][], counted: string): Fact[] {
  return [2, 4, 8].map((n) => {
    const [w, x] = shapes(n) as [number[], number[]];
    const weights = normal(keyOf(1), w);
    const fn = (v: Tensor): Tensor => weights.matmul(v.tanh());
    const once = macsOf(recordOn(fn, [x]).list).total;
    const whole = macsOf(recordOn((v) => jacobian(fn)(v), [x]).list).total;
    return { what: `${n} ${counted}: times the function's products`, value: whole / once, expected: n, within: 1 };
  });
}

export const backpropagation: readonly Demo[] = [
  {
    name: "chain-rule",
    shows: "the derivative of a composition is the product of the derivatives",
    document: "S1",
    rows: ["AD-3"],
    run() {
      const [f, g] = [(x: Tensor): Tensor => x.square().add(1), (y: Tensor): Tensor => y.log()];
      const expected = slopeAt(f, 1.5) * slopeAt(g, 1.5 ** 2 + 1);
      return { facts: [{ what: "d log(x² + 1)/dx at 1.5", value: slopeAt((x) => g(f(x)), 1.5), expected, within: 1e-15 }] };
    },
  },
  {
    name: "chain-rule-two-paths",
    shows: "with two ways from x to C the derivative is a sum over both",
    document: "S1",
    rows: ["AD-3"],
    run() {
      const [f1, f2] = [(x: Tensor): Tensor => x.sin(), (x: Tensor): Tensor => x.exp()];
      const g = (a: Tensor, b: Tensor): Tensor => a.mul(b).add(a.square());
      const at = 0.4;
      const [ga, gb] = grad(([a, b]: Two) => g(a, b))([f1(scalar(at)), f2(scalar(at))]);
      const expected = item(ga) * slopeAt(f1, at) + item(gb) * slopeAt(f2, at);
      return { facts: [{ what: "dC/dx at 0.4", value: slopeAt((x) => g(f1(x), f2(x)), at), expected, within: 1e-15 }] };
    },
  },
  {
    name: "paths",
    shows: "the derivative is the sum, over all paths, of products along the path: 8 paths and 20 multiplications for the lecture's F'",
    document: "S1",
    rows: ["AD-3"],
    run() {
      const found = paths(lectureGraph());
      const [x, y] = [scalar(0.7), scalar(1.3)];
      const direct = jacrev((inputs: Two) => stack(lectureProgram(...inputs)))([x, y]) as unknown as Two;
      const byPaths = found.jacobian.flat();
      const expected = [0, 1].flatMap((row) => direct.map((column) => Number(column.dataSync()[row])));
      return {
        facts: [
          { what: "paths from an input to an output", value: found.total, expected: 8 },
          { what: "multiplications, path by path", value: found.multiplications, expected: 20 },
          {
            what: "largest difference from reverse mode",
            value: Math.max(...byPaths.map((d, i) => Math.abs(d - expected[i]!))),
            expected: 0,
            within: 1e-12,
          },
        ],
      };
    },
  },
  {
    name: "paths-growth",
    shows: "one unit more in the first hidden layer of a 2-3-3-1 net: 9 paths between an input and the output become 12",
    document: "S1",
    rows: ["AD-3"],
    run: () => ({
      facts: [
        { what: "paths of 2-3-3-1", value: pathGrowth([2, 3, 3, 1]).paths, expected: 9 },
        { what: "of 2-4-3-1", value: pathGrowth([2, 4, 3, 1]).paths, expected: 12 },
        { what: "of 2-3-3-3-1: a layer more", value: pathGrowth([2, 3, 3, 3, 1]).paths, expected: 27 },
      ],
    }),
  },
  {
    name: "jacobian-accumulation",
    shows:
      "v₁ = v₋₁v₀, v₂ = sin v₁, v₃ = v₁v₂, v₄ = cos v₃, v₅ = exp v₃: 20 multiplications by paths, 10 forward, 10 in reverse, 7 at best",
    document: "S1",
    rows: ["AD-4"],
    run() {
      const graph = lectureGraph();
      const best = optimalOrder(graph);
      return {
        facts: [
          { what: "by paths", value: paths(graph).multiplications, expected: 20 },
          { what: "forward", value: eliminationOrder(graph, "forward").cost, expected: 10 },
          { what: "reverse", value: eliminationOrder(graph, "reverse").cost, expected: 10 },
          { what: "best order of vertices", value: best.cost, expected: 7 },
          { what: "best order of faces", value: eliminateFaces(graph).cost, expected: 7 },
        ],
        text: show(
          accumulate((a: Tensor, b: Tensor) => lectureProgram(a, b), best.order),
          scalar(0.7),
          scalar(1.3),
        ),
      };
    },
  },
  {
    name: "backpropagation-equations",
    shows: "BP1 to BP4, written out, give what backward gives",
    document: "S1",
    rows: ["AD-1"],
    run() {
      const { parameters, x, y } = network();
      const automatic = grad(costOf(x, y))(parameters);
      const { gradients } = byEquations();
      return {
        facts: ["BP4: ∂C/∂W of layer 1", "BP3, BP2: ∂C/∂b of layer 1", "BP4: ∂C/∂W of layer 2", "BP3, BP1: ∂C/∂b of layer 2"].map(
          (what, i) => ({
            what: `${what}, largest difference`,
            value: distance(automatic[i]!, gradients[i]!),
            expected: 0,
            within: 1e-14,
          }),
        ),
      };
    },
  },
  {
    name: "error-recursion",
    shows: "δ of a layer follows from δ of the next one: a vector-Jacobian product of the piece between them",
    document: "S1",
    rows: ["AD-1"],
    run() {
      const { delta1, delta2, w2, z1 } = byEquations();
      const { pullback } = vjp((z: Tensor) => w2.matmul(z.sigmoid()))(z1);
      const [back] = pullback(delta2);
      return { facts: [{ what: "largest difference from δ¹", value: distance(back, delta1), expected: 0, within: 1e-15 }] };
    },
  },
  {
    name: "forward-and-reverse",
    shows: "f(g(h(x))): accumulated from the input or from the output, the product is the same",
    document: "S1",
    rows: ["AD-2"],
    run() {
      const fn = (x: Tensor): Tensor => x.square().sin().exp();
      const x = scalar(0.8);
      const expected = Math.exp(Math.sin(0.64)) * Math.cos(0.64) * 1.6;
      return {
        facts: [
          { what: "forward", value: item(jvp(fn)([x], [scalar(1)]).tangent as Tensor), expected, within: 1e-15 },
          { what: "reverse", value: item(grad(fn)(x)), expected, within: 1e-15 },
        ],
      };
    },
  },
  {
    name: "wengert-list",
    shows: "s = x y + sin x as a list of instructions, and its derivative, y + cos x and x",
    document: "S1",
    rows: ["AD-2"],
    run() {
      const fn = (x: Tensor, y: Tensor): Tensor => x.mul(y).add(x.sin());
      const [x, y] = [scalar(0.5), scalar(4.2)];
      const gradient = grad(([a, b]: Two) => fn(a, b));
      const [dx, dy] = gradient([x, y]);
      return {
        facts: [
          { what: "∂s/∂x = y + cos x", value: item(dx), expected: 4.2 + Math.cos(0.5), within: 1e-15 },
          { what: "∂s/∂y = x", value: item(dy), expected: 0.5 },
        ],
        text: show(fn, x, y),
      };
    },
  },
  {
    name: "automatic-is-not-numerical",
    shows: "automatic differentiation is exact to rounding; the best central difference is four digits worse",
    document: "S1",
    rows: ["AD-5"],
    run() {
      const exact = 2 * 1.3 * Math.sin(1.3) + 1.3 ** 2 * Math.cos(1.3);
      const automatic = Math.abs(slopeAt((x) => x.square().mul(x.sin()), 1.3) / exact - 1);
      return {
        facts: [
          { what: "relative error of automatic differentiation", value: automatic, most: 1e-15 },
          { what: "of a central difference with ε = 1e-3", value: differenceErrors()[8]![1], least: 1e-8 },
        ],
      };
    },
  },
  {
    name: "gradient-check",
    shows: "the error of a central difference over its step: truncation above 6e-6, rounding below",
    document: "S1",
    rows: ["AD-5"],
    run() {
      const errors = differenceErrors();
      const best = errors.reduce((a, b) => (b[1] < a[1] ? b : a));
      return {
        facts: [
          { what: "error at ε = 1e-1", value: errors[0]![1], least: 1e-4 },
          { what: "at the best ε", value: best[1], most: 1e-9 },
          { what: "at ε = 1e-12", value: errors[44]![1], least: 1e-7 },
          { what: "the best ε, as a power of ten", value: Math.log10(best[0]), expected: Math.log10(6e-6), within: 1.3 },
        ],
        charts: [
          {
            curves: [{ name: "error", points: errors.map(([x, y]): [number, number] => [Math.log10(x), y]) }],
            options: { title: "relative error of a central difference", x: "log₁₀ ε" },
          },
        ],
      };
    },
  },
  {
    name: "forward-cost",
    shows: "forward accumulation of a Jacobian with n inputs costs n times the function",
    document: "S1",
    rows: ["AD-2"],
    run: () => ({ facts: costs(jacfwd, (n) => [[8, n], [n]], "inputs") }),
  },
  {
    name: "reverse-cost",
    shows: "reverse accumulation of a Jacobian with m outputs costs m times the function",
    document: "S1",
    rows: ["AD-2"],
    run: () => ({ facts: costs(jacrev, (m) => [[m, 8], [8]], "outputs") }),
  },
  {
    name: "reverse-memory",
    shows: "reverse mode keeps what every instruction has made: memory grows with the length of the list",
    document: "S1",
    rows: ["AD-2"],
    run() {
      const deep =
        (n: number) =>
        (x: Tensor): Tensor =>
          Array.from({ length: n })
            .reduce<Tensor>((h) => h.sin(), x)
            .sum();
      const [short, long] = [20, 40].map((n) => instructions(grad(deep(n)), [4])) as [number, number];
      return {
        facts: [
          { what: "instructions of the gradient of 20 sines", value: short },
          { what: "of 40", value: long },
          { what: "more for each sine", value: (long - short) / 20, least: 2, most: 3.5 },
        ],
      };
    },
  },
  {
    name: "sigmoid-derivative",
    shows: "σ' = σ(1 - σ)",
    document: "S1",
    rows: ["ACT-2"],
    run() {
      const z = stack(Array.from({ length: 81 }, (_, i) => scalar(-10 + i / 4)));
      const automatic = grad((x: Tensor) => x.sigmoid().sum())(z);
      return {
        facts: [{ what: "largest difference on [-10, 10]", value: distance(automatic, sigmoidSlope(z)), expected: 0, within: 1e-16 }],
      };
    },
  },
];
