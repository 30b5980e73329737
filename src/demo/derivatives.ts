/** @file Points of the talk on backpropagation: derivatives, how they are accumulated, and what that costs. */

import { scan } from "../function/control.ts";
import { grad, jvp, valueAndGrad, vjp } from "../function/derivative.ts";
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
import { exactXor } from "../models/xor.ts";
import { stack, tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Demo, distance, draw, type Fact, f64, item, sampled, scalar, sigmoidSlope, slopeAt } from "./demo.ts";
import { XOR, xorLosses } from "./xor.ts";

/** A 3-4-2 network of sigmoids with the cost ½ ‖a - y‖², its weights and one example. */
function network(): { parameters: Parameters; x: Tensor; y: Tensor } {
  return { parameters: [draw(1, 4, 3), draw(2, 4), draw(3, 2, 4), draw(4, 2)], x: draw(5, 3), y: draw(6, 2) };
}

type Two = readonly [Tensor, Tensor];
type Parameters = readonly [w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor];

function costOf(x: Tensor, y: Tensor): (parameters: Parameters) => Tensor {
  return ([w1, b1, w2, b2]) => {
    const a1 = w1.matmul(x).add(b1).sigmoid();
    return w2.matmul(a1).add(b2).sigmoid().sub(y).square().sum().mul(0.5);
  };
}

const outer = (a: Tensor, b: Tensor): Tensor => a.unsqueeze(1).mul(b.unsqueeze(0));

/** The four equations of backpropagation, written out. */
function byEquations(): { gradients: Tensor[]; delta1: Tensor; delta2: Tensor; w2: Tensor; z1: Tensor } {
  const { parameters, x, y } = network();
  const [w1, b1, w2, b2] = parameters;
  const z1 = w1.matmul(x).add(b1);
  const a1 = z1.sigmoid();
  const z2 = w2.matmul(a1).add(b2);
  const delta2 = z2.sigmoid().sub(y).mul(sigmoidSlope(z2)); // BP1
  const delta1 = w2.transpose().matmul(delta2).mul(sigmoidSlope(z1)); // BP2
  return { gradients: [outer(delta1, x), delta1, outer(delta2, a1), delta2], delta1, delta2, w2, z1 }; // BP4, BP3
}

/** The talk's example of optimal Jacobian accumulation. */
function lectureProgram(a: Tensor, b: Tensor): Tensor[] {
  const v1 = a.mul(b);
  const v3 = v1.mul(v1.sin());
  return [v3.cos(), v3.exp()];
}

const lectureGraph = (): ScalarGraph => scalarGraph(lectureProgram, [0.7, 1.3]);

const largest = (a: readonly Tensor[], b: readonly Tensor[]): number => Math.max(...a.map((each, i) => distance(each, b[i]!)));

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

export const derivatives: readonly Demo[] = [
  {
    name: "regularizer-gradient",
    shows: "Algorithm 6.4 of Goodfellow et al.: the regularizer's gradient is added to that of the data",
    document: "S1",
    rows: ["AD-1"],
    run() {
      const { parameters, x, y } = network();
      const lambda = 0.03;
      const penalty = ([w1, , w2]: Parameters): Tensor => w1.square().sum().add(w2.square().sum()).mul(0.5);
      const whole = grad((p: Parameters) => costOf(x, y)(p).add(penalty(p).mul(lambda)));
      const { gradients } = byEquations();
      const expected = gradients.map((g, i) => (i % 2 === 0 ? g.add(parameters[i]!.mul(lambda)) : g));
      return {
        facts: [{ what: "largest difference from g + λ W", value: largest(whole(parameters), expected), expected: 0, within: 1e-14 }],
      };
    },
  },
  {
    name: "xor-exact",
    shows: "W = 1, c = (0, -1), w = (1, -2), b = 0 computes exclusive or without an error",
    document: "S1",
    rows: ["MSC-1"],
    run() {
      const says = exactXor().forward(tensor(XOR.inputs)).dataSync();
      return { facts: XOR.inputs.map((x, i) => ({ what: x.join(" xor "), value: says[i]!, expected: XOR.targets[i]! })) };
    },
  },
  {
    name: "xor-training",
    shows: "2-2-1 ReLU nets from N(0, 1) end at a loss of 0, 1/8, 1/6 or 1/4; a quarter of them at 0",
    document: "S1",
    rows: ["MSC-1", "TRN-5"],
    run() {
      const losses = xorLosses(2, 400, 8000, 1);
      const near = (level: number): number => losses.filter((loss) => Math.abs(loss - level) < 2e-3).length / losses.length;
      const levels = [0, 1 / 8, 1 / 6, 1 / 4].map(near);
      return {
        facts: [
          { what: "share of 400 starts that ends at 0", value: levels[0]!, expected: 0.241, within: 0.07 },
          { what: "at 1/8", value: levels[1]! },
          { what: "at 1/6", value: levels[2]! },
          { what: "at 1/4", value: levels[3]! },
          { what: "at one of the four", value: levels.reduce((a, b) => a + b), least: 0.98 },
        ],
      };
    },
  },
  {
    name: "threshold-unit",
    shows: "a neuron that fires after a threshold is a sigmoid of growing weight, but its slope is 0 nearly everywhere",
    document: "S1",
    rows: ["ACT-1"],
    run() {
      const steep =
        (weight: number) =>
        (x: number): number =>
          1 / (1 + Math.exp(-weight * (x - 1)));
      return {
        facts: [
          { what: "sigmoid(100 (x - 1)) at 0.9", value: steep(100)(0.9), expected: 0, within: 1e-4 },
          { what: "at 1.1", value: steep(100)(1.1), expected: 1, within: 1e-4 },
          { what: "slope of the threshold unit at 0.9", value: slopeAt((x) => x.gt(1).where(x.mul(0).add(1), x.mul(0)), 0.9), expected: 0 },
        ],
        charts: [
          {
            curves: [1, 10, 100].map((w) => sampled(`weight ${w}`, steep(w), -1, 3)),
            options: { title: "toward a threshold at 1", x: "x", log: false },
          },
        ],
      };
    },
  },
  {
    name: "gradient-descent-slow",
    shows: "gradient descent converges slowly at the end: along a flat direction each step leaves 1 - η λ of the error",
    document: "S1",
    rows: ["OPT-1"],
    run() {
      const curvatures = tensor([10, 0.1], f64);
      const loss = (w: Tensor): Tensor => curvatures.mul(w.square()).sum().mul(0.5);
      const run = (lr: number, steps: number): number[] => {
        const step = (w: Tensor): [Tensor, Tensor] => {
          const { value, grad: slope } = valueAndGrad(loss)(w);
          return [w.sub(slope.mul(lr)), value];
        };
        return Array.from((scan(step, tensor([1, 1], f64), null, { length: steps })[1] as Tensor).dataSync());
      };
      const losses = run(0.19, 400);
      return {
        facts: [
          {
            what: "what a step leaves of the loss at last, (1 - η λ)²",
            value: losses[399]! / losses[398]!,
            expected: (1 - 0.019) ** 2,
            within: 1e-9,
          },
          { what: "loss after 200 steps with η just above 2/λ", value: run(0.2001, 200).at(-1)!, least: 5, note: "it diverges" },
        ],
        charts: [
          {
            curves: [{ name: "loss", points: losses.map((y, i): [number, number] => [i, y]) }],
            options: { title: "½(10 a² + 0.1 b²)", x: "step" },
          },
        ],
      };
    },
  },
  {
    name: "local-optimum",
    shows: "gradient descent ends in the minimum whose valley it starts in: the start decides",
    document: "S1",
    rows: ["TRN-5"],
    run() {
      const f = (x: Tensor): Tensor => x.square().square().sub(x.square().mul(2)).add(x.mul(0.3));
      const from = (start: number): number => {
        const step = (x: Tensor): [Tensor, null] => [x.sub(grad(f)(x).mul(0.05)), null];
        return item(scan(step, scalar(start), null, { length: 300 })[0]);
      };
      const [left, right] = [from(-0.5), from(0.5)];
      const value = (x: number): number => item(f(scalar(x)));
      return {
        facts: [
          { what: "slope where the start -0.5 ends", value: slopeAt(f, left), expected: 0, within: 1e-9 },
          { what: "slope where the start 0.5 ends", value: slopeAt(f, right), expected: 0, within: 1e-9 },
          { what: "value at the first, the global minimum", value: value(left) },
          { what: "value at the second", value: value(right), least: value(left) + 0.5 },
        ],
        charts: [{ curves: [sampled("f", value, -1.6, 1.6)], options: { title: "x⁴ - 2x² + 0.3x", x: "x", log: false } }],
      };
    },
  },
  {
    name: "tangent",
    shows: "the derivative is the best linear map: (f(a + u) - f(a) - f'(a) u)/u goes to 0 with u",
    document: "S1",
    rows: ["AD-10"],
    run() {
      const f = (x: Tensor): Tensor => x.exp().mul(x.sin());
      const [a, slope] = [0.7, slopeAt(f, 0.7)];
      const error = (u: number): number => Math.abs((item(f(scalar(a + u))) - item(f(scalar(a))) - slope * u) / u);
      const points = [1, 0.1, 0.01, 1e-3, 1e-4].map((u): [number, number] => [u, error(u)]);
      return {
        facts: points.map(([u, value], i) => ({ what: `u = ${u}`, value, ...(i > 0 && { most: points[i - 1]![1] / 5 }) })),
      };
    },
  },
  {
    name: "directional-derivative",
    shows: "df_a(u) = ∇f(a)·u: one forward sweep gives what the gradient gives by a product",
    document: "S1",
    rows: ["AD-10"],
    run() {
      const f = (x: Tensor): Tensor => x.square().sum().sin().add(x.prod());
      const [a, u] = [tensor([0.5, -1.2, 2], f64), tensor([1, 2, -0.5], f64)];
      const { tangent } = jvp(f)([a], [u]);
      return {
        facts: [
          { what: "df_a(u) by a forward sweep", value: item(tangent as Tensor), expected: item(grad(f)(a).mul(u).sum()), within: 1e-12 },
        ],
      };
    },
  },
  {
    name: "steepest-descent",
    shows: "of all directions of length 1, -∇f/‖∇f‖ falls fastest",
    document: "S1",
    rows: ["AD-10"],
    run() {
      const f = (x: Tensor): Tensor =>
        x
          .square()
          .mul(tensor([1, 3], f64))
          .sum();
      const gradient = grad(f)(tensor([1, 0.5], f64));
      const [gx, gy] = Array.from(gradient.dataSync()) as [number, number];
      const slopes = Array.from({ length: 360 }, (_, i) => {
        const angle = (i * Math.PI) / 180;
        return [i, gx * Math.cos(angle) + gy * Math.sin(angle)] as [number, number];
      });
      const best = slopes.reduce((a, b) => (b[1] < a[1] ? b : a));
      const downhill = (Math.atan2(-gy, -gx) * 180) / Math.PI;
      return {
        facts: [
          { what: "steepest of 360 directions, in degrees", value: best[0], expected: downhill + 360, within: 0.5 },
          { what: "its slope, -‖∇f‖", value: best[1], expected: -Math.hypot(gx, gy), within: 1e-3 },
        ],
        charts: [
          { curves: [{ name: "slope", points: slopes }], options: { title: "∇f·u over the direction of u", x: "degrees", log: false } },
        ],
      };
    },
  },
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
