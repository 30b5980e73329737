/** @file Points of the deep-learning notes on units: rectified linear ones and their relatives, maxout, cosines, radial functions. */
import { digits } from "../data/digits.ts";
import { parameterCount } from "../inspect/cost.ts";
import { cosine, hardTanh, leakyRelu, prelu, rbf, softplus } from "../math/activation.ts";
import { crossEntropy } from "../math/loss.ts";
import { keyOf, normal } from "../math/random.ts";
import { type Layer, Linear, Maxout, Module, ReLU, Sequential, Sigmoid } from "../nn/index.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam } from "../optim/adam.ts";
import type { Demo } from "./demo.ts";
import { grid, mean } from "./notes.ts";
import { trained } from "./train-small.ts";
import { distance, draw, f64, item, scalar, slopeAt, traced } from "./values.ts";

export type Examples = readonly [inputs: Tensor, targets: Tensor];

export async function digitExamples(): Promise<{ train: Examples; test: Examples }> {
  const { train, test } = (await digits()) as unknown as { train: DigitSplit; test: DigitSplit };
  const examples = (part: DigitSplit): Examples => [tensor(part.inputs, { shape: [part.count, 64] }), tensor(part.targets)];
  return { train: examples(train), test: examples(test) };
}

export const accuracyOf = (scores: Tensor, targets: Tensor): number => item(scores.argmax(1).eq(targets).cast("f32").mean());

/** Test accuracy after some full-batch steps of a 64-32-10 net with an activation on the bundled digits, and its losses. */
async function digitsWith(activation: () => Layer, steps: number, lr: number): Promise<{ accuracy: number; losses: number[] }> {
  const { train, test } = await digitExamples();
  const model = new Sequential(new Linear(64, 32), activation(), new Linear(32, 10));
  const losses = trained(model, new Adam(model.parameters(), { lr }), train, crossEntropy, steps);
  return { accuracy: accuracyOf(model.forward(test[0]), test[1]), losses };
}

export interface DigitSplit {
  readonly inputs: Float32Array;
  readonly targets: Int32Array;
  readonly count: number;
}

export const units: readonly Demo[] = [
  {
    name: "relu-family",
    shows: "max(0, z) + α min(0, z): α = 0 is ReLU, -1 the absolute value, 0.01 leaky",
    document: "S3",
    rows: ["ACT-1"],
    run() {
      const z = grid(-3, 3);
      const family = (alpha: number): Tensor => z.maximum(0).add(z.minimum(0).mul(alpha));
      return {
        facts: [
          { what: "difference from relu at α = 0", value: distance(family(0), z.relu()), expected: 0 },
          { what: "from |z| at α = -1", value: distance(family(-1), z.abs()), expected: 0 },
          {
            what: "from leakyRelu at α = 0.01",
            value: distance(family(0.01), leakyRelu(z, { negativeSlope: 0.01 })),
            expected: 0,
            within: 1e-16,
          },
          { what: "from prelu with a learnt α of 0.3", value: distance(family(0.3), prelu(z, scalar(0.3))), expected: 0, within: 1e-16 },
        ],
        charts: [
          {
            curves: [-1, 0, 0.01, 0.3].map((alpha) => traced(`α ${alpha}`, z, family(alpha))),
            options: { title: "max(0, z) + α min(0, z)", x: "z", log: false },
          },
        ],
      };
    },
  },
  {
    name: "maxout-parameters",
    shows: "a maxout unit of k pieces is learnt piecewise; it has k times the parameters of a dense layer",
    document: "S3",
    rows: ["ACT-1", "MSC-4"],
    run() {
      const dense = parameterCount(new Linear(20, 7));
      return {
        facts: [2, 3, 5].map((k) => ({
          what: `${k} pieces: of a dense layer's parameters`,
          value: parameterCount(new Maxout(20, 7, k)) / dense,
          expected: k,
        })),
      };
    },
  },
  {
    name: "maxout-as-keras",
    shows: "K.max(K.dot(x, W) + b, axis=1) of the notes is the layer",
    document: "S3",
    rows: ["MSC-4"],
    run() {
      const [k, features, units] = [3, 4, 2];
      const layer = new Maxout(features, units, k);
      const w = layer.linear.weight.value.reshape([units, k, features]).transpose([1, 2, 0]);
      const b = layer.linear.bias!.value.reshape([units, k]).transpose();
      const x = normal(keyOf(2), [5, features]);
      return {
        facts: [
          {
            what: "largest difference",
            value: distance(layer.forward(x), x.dot(w, "ni,kio->nko").add(b.unsqueeze(0)).max(1)),
            expected: 0,
            within: 1e-6,
          },
        ],
      };
    },
  },
  {
    name: "cosine-units",
    shows: "cosine works as an activation: on small digits as well as ReLU",
    document: "S3",
    rows: ["ACT-1"],
    async run() {
      class Cosine extends Module {
        forward(x: Tensor): Tensor {
          return cosine(x);
        }
      }
      const [cosines, relus] = [await digitsWith(() => new Cosine(), 200, 0.01), await digitsWith(() => new ReLU(), 200, 0.01)];
      return {
        facts: [
          { what: "test accuracy with cosine units", value: cosines.accuracy, least: 0.85 },
          { what: "with ReLU", value: relus.accuracy, least: 0.85 },
        ],
      };
    },
  },
  {
    name: "radial-basis-units",
    shows: "exp(-‖w - x‖²/σ²) is flat nearly everywhere: where x is far from w its slope is 0",
    document: "S3",
    rows: ["ACT-1"],
    run() {
      const unit = (x: Tensor): Tensor => rbf(x.reshape([1, 1]), tensor([[0]], f64)).sum();
      const slopes = Array.from(grid(-20, 20, 401).dataSync(), (x) => Math.abs(slopeAt(unit, x)));
      return {
        facts: [
          { what: "value at the centre", value: item(unit(scalar(0))), expected: 1 },
          { what: "share of [-20, 20] where the slope is below 1e-6", value: mean(slopes.map((s) => (s < 1e-6 ? 1 : 0))), least: 0.75 },
        ],
      };
    },
  },
  {
    name: "softplus",
    shows: "log(1 + eˣ) is a smooth ReLU: log 2 above it at 0, the same far away",
    document: "S3",
    rows: ["ACT-1"],
    run: () => ({
      facts: [
        { what: "softplus - ReLU at 0", value: item(softplus(scalar(0))), expected: Math.LN2, within: 1e-15 },
        { what: "at 20", value: item(softplus(scalar(20))) - 20, expected: 0, within: 1e-8 },
        { what: "slope at 0", value: slopeAt((x) => softplus(x), 0), expected: 0.5 },
      ],
    }),
  },
  {
    name: "hard-tanh",
    shows: "max(-1, min(1, a)): bounded as tanh, straight as ReLU",
    document: "S3",
    rows: ["ACT-1"],
    run: () => ({
      facts: [
        [-3, -1],
        [-0.4, -0.4],
        [0.7, 0.7],
        [5, 1],
      ].map(([x, expected]) => ({ what: `at ${x}`, value: item(hardTanh(scalar(x!))), expected: expected! })),
    }),
  },
  {
    name: "relu-keeps-gradient",
    shows: "through ten layers of slope-1 units the gradient stays; through ten sigmoids it is gone",
    document: "S3",
    rows: ["MSC-5"],
    run() {
      const through =
        (fn: (x: Tensor) => Tensor) =>
        (x: Tensor): Tensor =>
          Array.from({ length: 10 }).reduce<Tensor>((h) => fn(h), x);
      return {
        facts: [
          {
            what: "slope of ten ReLUs at 2",
            value: slopeAt(
              through((x) => x.relu()),
              2,
            ),
            expected: 1,
          },
          {
            what: "of ten sigmoids",
            value: slopeAt(
              through((x) => x.sigmoid()),
              2,
            ),
            most: 0.25 ** 10,
          },
        ],
      };
    },
  },
  {
    name: "relu-sparsity",
    shows: "half of the ReLU units of a fresh net are silent for an input",
    document: "S3",
    rows: ["MSC-5", "ACT-3"],
    run() {
      const h = draw(1, 500, 100)
        .matmul(draw(2, 100, 300))
        .relu();
      return { facts: [{ what: "share of zeros", value: item(h.eq(0).cast("f64").mean()), expected: 0.5, within: 0.02 }] };
    },
  },
  {
    name: "relu-trains-faster",
    shows: "the same net on small digits: after 60 steps ReLU's loss is below sigmoid's",
    document: "S3",
    rows: ["MSC-5"],
    async run() {
      const [relus, sigmoids] = [await digitsWith(() => new ReLU(), 60, 0.01), await digitsWith(() => new Sigmoid(), 60, 0.01)];
      const curve = (name: string, losses: readonly number[]) => ({ name, points: losses.map((y, i): [number, number] => [i, y]) });
      return {
        facts: [
          { what: "loss with ReLU", value: relus.losses.at(-1)!, most: sigmoids.losses.at(-1)! },
          { what: "with sigmoid", value: sigmoids.losses.at(-1)! },
        ],
        charts: [
          { curves: [curve("ReLU", relus.losses), curve("sigmoid", sigmoids.losses)], options: { title: "training loss", x: "step" } },
        ],
      };
    },
  },
  {
    name: "relu-at-zero",
    shows: "at 0 ReLU has no derivative; the one-sided 0 is taken, and nothing breaks",
    document: "S3",
    rows: ["ACT-1"],
    run: () => ({
      facts: [
        { what: "slope at 0", value: slopeAt((x) => x.relu(), 0), expected: 0 },
        { what: "just left of 0", value: slopeAt((x) => x.relu(), -1e-300), expected: 0 },
        { what: "just right of 0", value: slopeAt((x) => x.relu(), 1e-300), expected: 1 },
      ],
    }),
  },
];
