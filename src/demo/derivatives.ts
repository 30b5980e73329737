/** @file Points of the talk on backpropagation: gradients and where descent leads. */
import { scan } from "../function/control.ts";
import { grad, jvp, valueAndGrad } from "../function/derivative.ts";
import { exactXor } from "../models/xor.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Demo } from "./demo.ts";
import { distance, draw, f64, item, sampled, scalar, sigmoidSlope, slopeAt } from "./values.ts";
import { XOR, xorLosses } from "./xor.ts";

/** A 3-4-2 network of sigmoids with the cost ½ ‖a - y‖², its weights and one example. */
export function network(): { parameters: Parameters; x: Tensor; y: Tensor } {
  return { parameters: [draw(1, 4, 3), draw(2, 4), draw(3, 2, 4), draw(4, 2)], x: draw(5, 3), y: draw(6, 2) };
}

export type Parameters = readonly [w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor];

export function costOf(x: Tensor, y: Tensor): (parameters: Parameters) => Tensor {
  return ([w1, b1, w2, b2]) => {
    const a1 = w1.matmul(x).add(b1).sigmoid();
    return w2.matmul(a1).add(b2).sigmoid().sub(y).square().sum().mul(0.5);
  };
}

export const outer = (a: Tensor, b: Tensor): Tensor => a.unsqueeze(1).mul(b.unsqueeze(0));

/** The four equations of backpropagation, written out. */
export function byEquations(): { gradients: Tensor[]; delta1: Tensor; delta2: Tensor; w2: Tensor; z1: Tensor } {
  const { parameters, x, y } = network();
  const [w1, b1, w2, b2] = parameters;
  const z1 = w1.matmul(x).add(b1);
  const a1 = z1.sigmoid();
  const z2 = w2.matmul(a1).add(b2);
  const delta2 = z2.sigmoid().sub(y).mul(sigmoidSlope(z2)); // BP1
  const delta1 = w2.transpose().matmul(delta2).mul(sigmoidSlope(z1)); // BP2
  return { gradients: [outer(delta1, x), delta1, outer(delta2, a1), delta2], delta1, delta2, w2, z1 }; // BP4, BP3
}

const largest = (a: readonly Tensor[], b: readonly Tensor[]): number => Math.max(...a.map((each, i) => distance(each, b[i]!)));

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
];
