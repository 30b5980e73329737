/** @file Points of the lecture on neural networks: what decides how large a gradient becomes, and what keeps it in bounds. */
import { grad } from "../function/derivative.ts";
import { macsOf, recordOn } from "../inspect/cost.ts";
import { svdvals } from "../math/linalg.ts";
import { layerNorm } from "../math/normalization.ts";
import { keyOf } from "../math/random.ts";
import { Linear, Sequential, Tanh } from "../nn/index.ts";
import * as initializers from "../nn/initializers.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Demo } from "./demo.ts";
import { distance, draw, f64, item, sampled, sigmoidSlope } from "./values.ts";

const singularValues = (w: Tensor): number[] => Array.from(svdvals(w).dataSync());

/** A chain z → g(z) → W z of layers of one width, forward and back for one example. */
interface Chain {
  readonly weights: readonly Tensor[];
  readonly slope: (z: Tensor) => Tensor;
  readonly activation: (z: Tensor) => Tensor;
}

/** Norm of ∂L/∂W₀ of a chain for the loss c·ŷ, its upper bound by largest singular values, and its lower bound by the smallest ones. */
function boundsOf({ weights, slope, activation }: Chain, x: Tensor, c: Tensor): { norm: number; upper: number; lower: number } {
  const [first, ...others] = weights as readonly [Tensor, ...Tensor[]];
  const forward = (w: Tensor): Tensor =>
    others
      .reduce((h, each) => each.matmul(activation(h)), w.matmul(x))
      .mul(c)
      .sum();
  const norm = item(grad(forward)(first).square().sum().sqrt());
  const size = (v: Tensor): number => item(v.square().sum().sqrt());
  let [z, upper, lower] = [first.matmul(x), size(x) * size(c), size(x) * size(c)];
  for (const w of others) {
    const [slopes, sigma] = [Array.from(slope(z).abs().dataSync()), singularValues(w)];
    upper *= Math.max(...slopes) * sigma[0]!;
    // A matrix that widens on the way back has directions that it maps to nothing.
    lower *= Math.min(...slopes) * (w.shape[0]! <= w.shape[1]! ? sigma.at(-1)! : 0);
    z = w.matmul(activation(z));
  }
  return { norm, upper, lower };
}

const square = (seed: number, n: number, std: number): Tensor => draw(seed, n, n).mul(std);
const layers = (count: number, n: number, std: number): Tensor[] => Array.from({ length: count }, (_, i) => square(10 + i, n, std));
const sigmoidChain = (weights: readonly Tensor[]): Chain => ({ weights, activation: (z) => z.sigmoid(), slope: sigmoidSlope });
const linearChain = (weights: readonly Tensor[]): Chain => ({ weights, activation: (z) => z, slope: (z) => z.mul(0).add(1) });

/** Mean and range of the singular values of a matrix with variance v, by the Marchenko-Pastur law: √v (√n ± √m). */
const edges = (n: number, m: number, v: number): [number, number] => {
  const [a, b] = [Math.sqrt(v * n), Math.sqrt(v * m)];
  return [Math.abs(a - b), a + b];
};

function spectrumOf(std: number, n: number, m: number): { least: number; mean: number; most: number } {
  const values = singularValues(draw(3, n, m).mul(std));
  return { least: values.at(-1)!, mean: values.reduce((a, b) => a + b, 0) / values.length, most: values[0]! };
}

export const networks: readonly Demo[] = [
  {
    name: "backprop-order",
    shows: "a product of Jacobians from the loss back takes matrix times vector, not matrix times matrix",
    document: "S0",
    rows: ["AD-1", "AD-2"],
    run() {
      const n = 64;
      const product = (...factors: Tensor[]): Tensor => factors.reduce((a, b) => a.matmul(b));
      const fromLoss = (v: Tensor, ...w: Tensor[]): Tensor => w.reduceRight((a, b) => b.matmul(a), v);
      const shapes = Array.from({ length: 5 }, () => [n, n]);
      const matrices = macsOf(recordOn((v, ...w) => product(...w, v), [[n, 1], ...shapes]).list).total;
      const vectors = macsOf(recordOn(fromLoss, [[n, 1], ...shapes]).list).total;
      return {
        facts: [
          { what: "5 layers of 64 units, from the loss back", value: vectors, expected: 5 * n * n },
          { what: "the same product, matrices first", value: matrices, expected: 4 * n ** 3 + n * n },
          { what: "times as many multiplications", value: matrices / vectors, expected: (4 * n + 1) / 5 },
        ],
      };
    },
  },
  {
    name: "operator-norm",
    shows: "a matrix stretches no vector by more than its largest singular value",
    document: "S0",
    rows: ["TRN-1"],
    run() {
      const a = draw(1, 20, 30);
      const y = draw(2, 30, 1000);
      const lengths = (v: Tensor): Tensor => v.square().sum(0).sqrt();
      const largest = item(lengths(a.matmul(y)).div(lengths(y)).max());
      const sigma = singularValues(a)[0]!;
      return {
        facts: [
          { what: "largest singular value", value: sigma },
          { what: "largest stretch of 1,000 random vectors", value: largest, most: sigma },
        ],
      };
    },
  },
  {
    name: "gradient-upper-bound",
    shows: "the norm of the first layer's gradient, and its bound by the largest singular values",
    document: "S0",
    rows: ["TRN-1"],
    run() {
      const { norm, upper } = boundsOf(sigmoidChain(layers(6, 16, 0.25)), draw(1, 16, 1), draw(2, 16, 1));
      return {
        facts: [
          { what: "norm of the gradient", value: norm, most: upper },
          { what: "upper bound", value: upper },
          { what: "powers of ten between them", value: Math.log10(upper / norm), least: 0 },
        ],
      };
    },
  },
  {
    name: "gradient-lower-bound",
    shows: "the bound by the smallest singular values: it says something only where no layer widens and no slope is 0",
    document: "S0",
    rows: ["TRN-1"],
    run() {
      const [x, c] = [draw(1, 12, 1), draw(2, 4, 1)];
      const narrowing = [draw(11, 10, 12), draw(12, 7, 10), draw(13, 4, 7)];
      const widening = [draw(11, 10, 12), draw(12, 14, 10), draw(13, 4, 14)];
      const { norm, lower } = boundsOf(linearChain(narrowing), x, c);
      return {
        facts: [
          { what: "12-10-7-4 units: norm of the gradient", value: norm, least: lower },
          { what: "lower bound", value: lower, least: 1e-9 },
          {
            what: "12-10-14-4 units: lower bound",
            value: boundsOf(linearChain(widening), x, c).lower,
            expected: 0,
            note: "layer 2 widens",
          },
        ],
      };
    },
  },
  {
    name: "saturation",
    shows: "where |z| > 5 the slopes of sigmoid and tanh are next to nothing",
    document: "S0",
    rows: ["ACT-3", "TRN-1"],
    run() {
      const z = tensor([5], f64);
      return {
        facts: [
          { what: "slope of the sigmoid at 5", value: item(sigmoidSlope(z)), expected: 0.006648, within: 1e-6 },
          { what: "slope of tanh at 5", value: item(z.tanh().square().neg().add(1)), expected: 1.8158e-4, within: 1e-8 },
          { what: "largest slope of the sigmoid", value: item(sigmoidSlope(z.mul(0))), expected: 0.25 },
        ],
        charts: [
          {
            curves: [
              sampled("sigmoid", (x) => Math.exp(-Math.abs(x)) / (1 + Math.exp(-Math.abs(x))) ** 2, -8, 8),
              sampled("tanh", (x) => 1 - Math.tanh(x) ** 2, -8, 8),
            ],
            options: { title: "slopes", x: "z", log: false },
          },
        ],
      };
    },
  },
  {
    name: "vanishing-gradient",
    shows: "each sigmoid layer leaves at most a quarter of the gradient: ten layers, a millionth",
    document: "S0",
    rows: ["TRN-2"],
    run() {
      const sizes = Array.from({ length: 10 }, (_, i) => {
        const { norm } = boundsOf(sigmoidChain(layers(i + 2, 16, 0.25)), draw(1, 16, 1), draw(2, 16, 1));
        return [i + 1, norm] as [number, number];
      });
      return {
        facts: [
          { what: "a quarter to the tenth power", value: 0.25 ** 10, expected: 9.5367e-7, within: 1e-11 },
          { what: "gradient through 10 sigmoid layers, of that through 1", value: sizes[9]![1] / sizes[0]![1], most: 1e-3 },
        ],
        charts: [
          { curves: [{ name: "gradient", points: sizes }], options: { title: "norm of the first layer's gradient", x: "sigmoid layers" } },
        ],
      };
    },
  },
  {
    name: "exploding-gradient",
    shows: "with singular values above 1 and an activation that does not saturate the gradient grows with every layer",
    document: "S0",
    rows: ["TRN-2"],
    run() {
      const orthogonal = initializers.orthogonal();
      const scaled = (gain: number): number => {
        const weights = Array.from({ length: 11 }, (_, i) => orthogonal([16, 16], { key: keyOf(20 + i), dtype: "f64" }).mul(gain));
        return boundsOf(linearChain(weights), draw(1, 16, 1), draw(2, 16, 1)).norm;
      };
      return {
        facts: [
          { what: "ten layers of singular values 2, against 1", value: scaled(2) / scaled(1), expected: 1024, within: 1e-6 },
          { what: "ten layers of singular values 1/2, against 1", value: scaled(0.5) / scaled(1), expected: 2 ** -10, within: 1e-12 },
        ],
      };
    },
  },
  {
    name: "marchenko-pastur",
    shows: "the singular values of a random matrix fill the range that the law of Marchenko and Pastur gives",
    document: "S0",
    rows: ["TRN-4"],
    run() {
      const v = 2 / (512 + 128);
      const [low, high] = edges(512, 128, v);
      const { least, mean, most } = spectrumOf(Math.sqrt(v), 512, 128);
      return {
        facts: [
          { what: "lower edge, 512 x 128 and Glorot's variance", value: low, expected: 0.6325, within: 5e-5 },
          { what: "upper edge", value: high, expected: 1.8974, within: 5e-5 },
          { what: "least singular value drawn", value: least, expected: low, within: 0.05 },
          { what: "largest", value: most, expected: high, within: 0.05 },
          { what: "mean", value: mean, expected: 1.224, within: 0.01 },
        ],
      };
    },
  },
  ...(
    [
      ["xavier-initialization", "Xavier", 1, 2, 0.8488],
      ["he-initialization", "He (as the lecture has it, 4/(n + m))", 2, 2.8284, 1.2004],
    ] as const
  ).map(
    ([name, who, variance, edge, middle]): Demo => ({
      name,
      shows: `${who}: variance ${variance === 1 ? "2" : "4"}/(n + m); a square matrix's singular values reach ${edge}, their mean is ${middle}`,
      document: "S0",
      rows: ["TRN-3", "TRN-4"],
      run() {
        const n = 256;
        const { mean, most } = spectrumOf(Math.sqrt(variance / n), n, n);
        return {
          facts: [
            { what: `largest singular value of a ${n} x ${n} matrix`, value: most, expected: edge, within: 0.06 },
            { what: "mean", value: mean, expected: middle, within: 0.01 },
          ],
        };
      },
    }),
  ),
  {
    name: "orthogonal-initialization",
    shows: "only an orthogonal matrix has all singular values at 1, as the lecture asks for",
    document: "S0",
    rows: ["TRN-3"],
    run() {
      const values = singularValues(initializers.orthogonal()([64, 64], { key: keyOf(1), dtype: "f64" }));
      return {
        facts: [
          { what: "least singular value", value: values.at(-1)!, expected: 1, within: 1e-12 },
          { what: "largest", value: values[0]!, expected: 1, within: 1e-12 },
        ],
      };
    },
  },
  {
    name: "weight-decay",
    shows: "squared Frobenius norms of the weights, without biases; with λ inside the sum over examples it is N λ",
    document: "S0",
    rows: ["REG-1"],
    run() {
      const model = new Sequential(new Linear(3, 4), new Tanh(), new Linear(4, 2));
      const weights = model.namedParameters().filter(([path]) => path.endsWith("weight"));
      const penalty = weights.reduce((sum, [, { value }]) => sum + item(value.square().sum()), 0);
      const byHand = weights.reduce((sum, [, { value }]) => sum + Array.from(value.dataSync()).reduce((s, w) => s + w * w, 0), 0);
      const [lambda, count] = [0.1, 25];
      const inside = Array.from({ length: count }, () => lambda * penalty).reduce((a, b) => a + b);
      return {
        facts: [
          { what: "matrices of weights", value: weights.length, expected: 2 },
          { what: "penalty", value: penalty, expected: byHand, within: 1e-5 },
          { what: "λ inside the sum over 25 examples, of λ outside", value: inside / (lambda * penalty), expected: count, within: 1e-9 },
        ],
      };
    },
  },
  {
    name: "spectral-and-frobenius-norm",
    shows: "the Frobenius norm is never below the largest singular value, so decay keeps both in bounds",
    document: "S0",
    rows: ["REG-1", "TRN-1"],
    run() {
      const w = draw(4, 40, 30);
      const values = singularValues(w);
      const frobenius = item(w.square().sum().sqrt());
      return {
        facts: [
          { what: "Frobenius norm", value: frobenius, expected: Math.sqrt(values.reduce((s, x) => s + x * x, 0)), within: 1e-9 },
          { what: "largest singular value", value: values[0]!, most: frobenius },
        ],
      };
    },
  },
  {
    name: "layer-norm",
    shows: "√n/s · diag(v)(z - mean) + u: mean 0 and norm √n whatever comes in; at ε = 0 it is the usual form",
    document: "S0",
    rows: ["NRM-2"],
    run() {
      const n = 50;
      const z = draw(5, 1, n).mul(7).add(3);
      const [v, u] = [draw(6, n), draw(7, n)];
      const centred = z.sub(z.mean());
      const normed = centred.mul(Math.sqrt(n)).div(centred.square().sum().sqrt());
      const usual = layerNorm(z, n, { weight: v, bias: u, eps: 0 });
      return {
        facts: [
          { what: "mean", value: item(normed.mean()), expected: 0, within: 1e-12 },
          { what: "norm, √50", value: item(normed.square().sum().sqrt()), expected: Math.sqrt(n), within: 1e-12 },
          { what: "difference from the usual form", value: distance(normed.mul(v).add(u), usual), expected: 0, within: 1e-12 },
        ],
      };
    },
  },
];
