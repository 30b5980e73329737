/** @file Points of the lecture on activation functions: why they are needed, how they bend the plane, and what is wrong with each. */
import { grad } from "../function/derivative.ts";
import { zigzagCondition } from "../inspect/units.ts";
import { elu, leakyRelu } from "../math/activation.ts";
import { keyOf, permutation, split, uniform } from "../math/random.ts";
import { initializers, type Layer, Linear, mseLoss, Sequential, Sigmoid, Tanh } from "../nn/index.ts";
import { concatenate, stack, tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { SGD } from "../optim/sgd.ts";
import type { Demo, Fact } from "./demo.ts";
import { trainedOneByOne } from "./train-small.ts";
import { distance, draw, f64, item, sampled, scalar, slopeAt } from "./values.ts";

/** Lines of a grid on [-1, 1]², as rows of points on each: [lines, points, 2]. */
const LINES: Tensor = stack(
  Array.from({ length: 9 }, (_, i) => {
    const along = Array.from({ length: 21 }, (_unused, j) => -1 + j / 10);
    return tensor(
      along.map((t) => [t, -1 + i / 4]),
      f64,
    );
  }),
);

/** How far the middle of the points of a line is from the middle of its ends, at most: 0 where lines stay straight and evenly divided. */
function bend(points: Tensor): number {
  const at = (i: number): Tensor => points.narrow(1, i, 1);
  return item(
    at(10)
      .sub(at(0).add(at(20)).mul(0.5))
      .abs()
      .max(),
  );
}

const matrix = (rows: number[][]): Tensor => tensor(rows, f64);

/** A disc (1) and a ring around it (0), 200 points each, in turns. */
function rings(): { x: Tensor; y: Tensor } {
  const [a, b] = split(keyOf(1), 2) as [Tensor, Tensor];
  const inside = tensor(Uint8Array.from({ length: 400 }, (_, i) => (i < 200 ? 1 : 0))).gt(0);
  const radius = inside.where(uniform(a, [400], { high: 0.8 }), uniform(a, [400], { low: 1.4, high: 2.2 }));
  const angle = uniform(b, [400], { high: 2 * Math.PI });
  const x = concatenate([radius.mul(angle.cos()).unsqueeze(1), radius.mul(angle.sin()).unsqueeze(1)], 1);
  const order = permutation(b, 400);
  return { x: x.take(order, 0), y: inside.cast("f32").unsqueeze(1).take(order, 0) };
}

/** The lecture's Keras nets 2-w-2-1: tanh, tanh, sigmoid; mean squared error; SGD. */
function kerasNet(width: number): Layer {
  const dense = (from: number, to: number): Linear =>
    new Linear(from, to, { weightInitializer: initializers.glorotUniform, biasInitializer: initializers.zeros });
  return new Sequential(dense(2, width), new Tanh(), dense(width, 2), new Tanh(), dense(2, 1), new Sigmoid());
}

function boundaryOf(model: Layer, lr: number, epochs: number): { accuracy: number; drawing: string } {
  const { x, y } = rings();
  trainedOneByOne(model, new SGD(model.parameters(), { lr }), [x, y], mseLoss, epochs);
  const accuracy = item(model.forward(x).gt(0.5).eq(y.gt(0.5)).cast("f32").mean());
  const [rows, columns] = [13, 27];
  const points = Array.from({ length: rows * columns }, (_, i) => [
    -2.4 + (4.8 * (i % columns)) / (columns - 1),
    2.4 - (4.8 * Math.floor(i / columns)) / (rows - 1),
  ]);
  const says = model.forward(tensor(points)).dataSync();
  const line = (r: number): string => Array.from({ length: columns }, (_, c) => (says[r * columns + c]! > 0.5 ? "#" : ".")).join("");
  return { accuracy, drawing: Array.from({ length: rows }, (_, r) => line(r)).join("\n") };
}

/** Share of the rows whose weight gradient δ h has one sign in all places. */
function signCoherence(h: Tensor): number {
  const positive = h.gt(0).cast("f64").mean(1);
  return item(positive.eq(1).or(positive.eq(0)).cast("f64").mean());
}

/** Condition number of E[h hᵀ] of independent units. */
function conditionOf(h: Tensor): number {
  const variance = item(h.sub(h.mean(0)).square().mean());
  const centre = item(h.mean());
  return zigzagCondition(h.shape[1]!, centre, variance);
}

const ACTIVATIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  sigmoid: (x) => x.sigmoid(),
  tanh: (x) => x.tanh(),
  ReLU: (x) => x.relu(),
  "leaky ReLU": (x) => leakyRelu(x, { negativeSlope: 0.1 }),
  ELU: (x) => elu(x),
};

/** What is true of an activation, measured: mean output for N(0, 1), slope at -10 and 10. */
function measured(fn: (x: Tensor) => Tensor): { mean: number; left: number; right: number } {
  return { mean: item(fn(draw(1, 100000)).mean()), left: slopeAt(fn, -10), right: slopeAt(fn, 10) };
}

const linearMap = (name: string, shows: string, rows: number[][], facts: (w: Tensor) => Fact[]): Demo => ({
  name,
  shows,
  document: "S4",
  rows: ["ACT-5"],
  run() {
    const w = matrix(rows);
    const moved = LINES.matmul(w.transpose());
    return { facts: [{ what: "bend of the grid's lines", value: bend(moved), expected: 0, within: 1e-15 }, ...facts(w)] };
  },
});

const lengthOf = (w: Tensor, v: number[]): number => item(w.matmul(tensor(v, f64)).square().sum().sqrt());

const area = (w: Tensor): number => {
  const [a, b, c, d] = Array.from(w.dataSync()) as [number, number, number, number];
  return a * d - b * c;
};

export const activations: readonly Demo[] = [
  {
    name: "linear-collapse",
    shows: "with linear activations three layers are one: W₃W₂W₁x + (W₃W₂b₁ + W₃b₂ + b₃) = W'x + b'",
    document: "S4",
    rows: ["ACT-5"],
    run() {
      const [w1, w2, w3] = [draw(1, 6, 4), draw(2, 5, 6), draw(3, 2, 5)];
      const [b1, b2, b3] = [draw(4, 6), draw(5, 5), draw(6, 2)];
      const x = draw(7, 4);
      const layered = w3.matmul(w2.matmul(w1.matmul(x).add(b1)).add(b2)).add(b3);
      const [w, b] = [w3.matmul(w2).matmul(w1), w3.matmul(w2).matmul(b1).add(w3.matmul(b2)).add(b3)];
      return { facts: [{ what: "difference", value: distance(layered, w.matmul(x).add(b)), expected: 0, within: 1e-13 }] };
    },
  },
  linearMap(
    "rotation",
    "W x can turn the plane: lengths and areas stay, lines stay straight",
    [
      [0.6, -0.8],
      [0.8, 0.6],
    ],
    (w) => [
      // biome-ignore format: a matrix
      { what: "length of a unit vector", value: lengthOf(w, [1, 0]), expected: 1 },
      { what: "area of the unit square", value: area(w), expected: 1 },
    ],
  ),
  linearMap(
    "dilation",
    "W x can stretch the plane: lines stay straight and evenly divided",
    [
      [2, 0],
      [0, 0.5],
    ],
    (w) => [
      // biome-ignore format: a matrix
      { what: "length of (1, 0)", value: lengthOf(w, [1, 0]), expected: 2 },
      { what: "area of the unit square", value: area(w), expected: 1 },
    ],
  ),
  linearMap(
    "shear",
    "W x can shear the plane: the unit square becomes a parallelogram of the same area",
    [
      [1, 0.7],
      [0, 1],
    ],
    (w) => [
      // biome-ignore format: a matrix
      { what: "length of (0, 1)", value: lengthOf(w, [0, 1]), expected: Math.hypot(0.7, 1), within: 1e-15 },
      { what: "area of the unit square", value: area(w), expected: 1 },
    ],
  ),
  {
    name: "translation",
    shows: "+ b moves every point by the same: nothing is bent, no distance changes",
    document: "S4",
    rows: ["ACT-5"],
    run() {
      const moved = LINES.add(tensor([0.5, -2], f64));
      const between = (points: Tensor): Tensor => points.narrow(1, 1, 20).sub(points.narrow(1, 0, 20));
      return {
        facts: [
          { what: "bend of the grid's lines", value: bend(moved), expected: 0, within: 1e-15 },
          { what: "change of distances", value: distance(between(moved), between(LINES)), expected: 0, within: 1e-15 },
        ],
      };
    },
  },
  {
    name: "warp",
    shows: "σ bends the grid, here more and there less",
    document: "S4",
    rows: ["ACT-5"],
    run() {
      const w = matrix([[2, 1], [-1, 1.5]]); // biome-ignore format: a matrix
      const warped = LINES.matmul(w.transpose())
        .add(tensor([0.5, -0.3], f64))
        .tanh();
      const widths = warped
        .narrow(1, 1, 20)
        .sub(warped.narrow(1, 0, 20))
        .square()
        .sum(2)
        .sqrt();
      const line = (i: number, axis: number): number[] => Array.from(warped.narrow(0, i, 1).narrow(2, axis, 1).dataSync());
      return {
        facts: [
          { what: "bend of the grid's lines", value: bend(warped), least: 0.05 },
          { what: "largest cell, of the smallest", value: item(widths.max()) / item(widths.min()), least: 3 },
        ],
        charts: [
          {
            curves: [0, 2, 4, 6, 8].map((i) => ({
              name: `x₂ ${(-1 + i / 4).toFixed(1)}`,
              points: line(i, 0).map((x, j): [number, number] => [x, line(i, 1)[j]!]),
            })),
            options: { title: "lines of the grid after tanh(Wx + b)", x: "h₁", y: "h₂", log: false },
          },
        ],
      };
    },
  },
  ...(
    [
      [2, 0.001, 0.55, "two folds cannot enclose the disc"],
      [3, 0.005, 0.9, "three can"],
      [4, 0.005, 0.9, "four do so easily"],
    ] as const
  ).map(
    ([width, lr, least, why]): Demo => ({
      name: `boundary-2-${width}-2-1`,
      shows: `the lecture's Keras net 2-${width}-2-1 (tanh, tanh, sigmoid, MSE, SGD ${lr}) on a disc in a ring: ${why}`,
      document: "S4",
      rows: ["ACT-5", "MSC-4"],
      run() {
        const { accuracy, drawing } = boundaryOf(kerasNet(width), lr, 2000);
        return { facts: [{ what: "share of points on their side after 2,000 epochs", value: accuracy, least }], text: drawing };
      },
    }),
  ),
  {
    name: "linear-boundary",
    shows: "without activations two layers draw one straight line, which the disc in a ring does not have",
    document: "S4",
    rows: ["ACT-5"],
    run() {
      const { accuracy, drawing } = boundaryOf(new Sequential(new Linear(2, 8), new Linear(8, 1), new Sigmoid()), 0.005, 500);
      return { facts: [{ what: "share of points on their side", value: accuracy, most: 0.75 }], text: drawing };
    },
  },
  {
    name: "sigmoid",
    shows: "the sigmoid maps all numbers into (0, 1); far out its slope is next to 0",
    document: "S4",
    rows: ["ACT-1", "ACT-3"],
    run: () => ({
      facts: [
        { what: "at 0", value: item(scalar(0).sigmoid()), expected: 0.5 },
        { what: "at 40", value: item(scalar(40).sigmoid()), expected: 1, within: 1e-15 },
        { what: "at -10000", value: item(scalar(-10000).sigmoid()), expected: 0 },
        { what: "slope at 10", value: slopeAt((x) => x.sigmoid(), 10), expected: 4.54e-5, within: 1e-7 },
      ],
      charts: [
        {
          curves: Object.entries(ACTIVATIONS).map(([name, fn]) => sampled(name, (x) => item(fn(scalar(x))), -4, 4, 41)),
          options: { title: "activation functions", x: "x", log: false },
        },
      ],
    }),
  },
  {
    name: "zig-zag",
    shows: "sigmoid outputs are positive, so all weights of a neuron move in one direction, and descent goes zig-zag; tanh's do not",
    document: "S4",
    rows: ["ACT-3"],
    run() {
      const z = draw(1, 4000, 100);
      const [sigmoids, tanhs] = [z.sigmoid(), z.tanh()];
      return {
        facts: [
          { what: "share of examples whose weight gradient has one sign: sigmoid", value: signCoherence(sigmoids), expected: 1 },
          { what: "tanh", value: signCoherence(tanhs), expected: 0, within: 1e-9 },
          { what: "condition number of E[h hᵀ], 100 sigmoid units", value: conditionOf(sigmoids), expected: 577, within: 6 },
          { what: "100 tanh units", value: conditionOf(tanhs), expected: 1, within: 0.05 },
        ],
      };
    },
  },
  {
    name: "tanh-identity",
    shows: "tanh x = 2 σ(2x) - 1: the same curve, centred at 0",
    document: "S4",
    rows: ["ACT-2"],
    run() {
      const x = tensor(Array.from({ length: 81 }, (_, i) => -10 + i / 4), f64); // biome-ignore format: one list
      return {
        facts: [
          {
            what: "largest difference on [-10, 10]",
            value: distance(x.tanh(), x.mul(2).sigmoid().mul(2).sub(1)),
            expected: 0,
            within: 5e-16,
          },
        ],
      };
    },
  },
  {
    name: "dead-relu",
    shows: "once b is far below 0 the unit gives 0 for every input, its gradient is 0, and it never moves again",
    document: "S4",
    rows: ["ACT-3"],
    run() {
      const [x, w] = [draw(1, 500, 8), draw(2, 8)];
      const gradientWith = (b: number): number =>
        item(
          grad((v: Tensor) => x.matmul(v).add(b).relu().sum())(w)
            .abs()
            .max(),
        );
      return {
        facts: [
          { what: "largest gradient of the weights at b = 0", value: gradientWith(0), least: 1 },
          { what: "at b = -50", value: gradientWith(-50), expected: 0 },
        ],
      };
    },
  },
  {
    name: "dead-at-birth",
    shows: "a deep, narrow ReLU net may be dead before it is trained: 1 - (1 - 2⁻ᴺ)ᴸ for width N and depth L, without biases",
    document: "S4",
    rows: ["ACT-3"],
    run() {
      const draws = 2000;
      const alive = (width: number, depth: number): Tensor => {
        let h = draw(1, draws, 1, width);
        for (let i = 0; i < depth; i++) h = h.dot(draw(2 + i, draws, width, width), "sni,sio->sno").relu();
        return h.gt(0).cast("f64").max([1, 2]);
      };
      return {
        facts: [
          [2, 10, 0.9437],
          [3, 10, 0.7369],
          [5, 10, 0.272],
        ].map(([width, depth, expected]) => ({
          what: `width ${width}, depth ${depth}: share of ${draws} nets that are dead for an input`,
          value: 1 - item(alive(width!, depth!).mean()),
          expected: expected!,
          within: 0.035,
        })),
      };
    },
  },
  {
    name: "leaky-relu",
    shows: "max(0.1 x, x) has a slope for x far below 0, so no unit dies",
    document: "S4",
    rows: ["ACT-1"],
    run() {
      const fn = (x: Tensor): Tensor => leakyRelu(x, { negativeSlope: 0.1 });
      return {
        facts: [
          { what: "at -5", value: item(fn(scalar(-5))), expected: -0.5 },
          { what: "slope at -5000", value: slopeAt(fn, -5000), expected: 0.1 },
        ],
      };
    },
  },
  {
    name: "elu",
    shows: "α(eˣ - 1) below 0: a slope there, but far out it saturates at -α",
    document: "S4",
    rows: ["ACT-1"],
    run: () => ({
      facts: [
        { what: "slope at -1", value: slopeAt((x) => elu(x), -1), expected: Math.exp(-1), within: 1e-15 },
        { what: "at -40", value: item(elu(scalar(-40))), expected: -1, within: 1e-15 },
        { what: "slope at -40", value: slopeAt((x) => elu(x), -40), expected: 0, within: 1e-15 },
      ],
    }),
  },
  {
    name: "activation-table",
    shows: "pros and cons of five activations, measured: centred at 0, saturating, dead",
    document: "S4",
    rows: ["ACT-3"],
    run() {
      const table = Object.entries(ACTIVATIONS).map(([name, fn]) => ({ name, ...measured(fn) }));
      const of = (name: string): (typeof table)[number] => table.find((row) => row.name === name)!;
      return {
        facts: [
          { what: "mean output for N(0, 1): sigmoid", value: of("sigmoid").mean, expected: 0.5, within: 0.005 },
          { what: "tanh", value: of("tanh").mean, expected: 0, within: 0.01 },
          { what: "ReLU", value: of("ReLU").mean, expected: 1 / Math.sqrt(2 * Math.PI), within: 0.01 },
          { what: "slope at 10: sigmoid", value: of("sigmoid").right, most: 1e-4 },
          { what: "ReLU", value: of("ReLU").right, expected: 1 },
          { what: "slope at -10: ReLU", value: of("ReLU").left, expected: 0 },
          { what: "leaky ReLU", value: of("leaky ReLU").left, expected: 0.1 },
        ],
        text: ["activation    mean for N(0,1)  slope at -10  slope at 10", ...table.map(({ name, mean, left, right }) => `${name.padEnd(14)}${mean.toFixed(3).padStart(14)}${left.toPrecision(2).padStart(14)}${right.toPrecision(2).padStart(13)}`)].join("\n"), // biome-ignore format: a table
      };
    },
  },
];
