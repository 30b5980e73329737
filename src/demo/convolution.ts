/** @file Points of the lecture on convolutional networks: convolution, its derivatives, pooling, and what units see. */
import { grad, vjp } from "../function/derivative.ts";
import { blueprint, depthOf, parameterCount, recordOn } from "../inspect/cost.ts";
import { receptiveField } from "../inspect/receptive-field.ts";
import { summary } from "../inspect/summary.ts";
import { conv2d } from "../math/conv.ts";
import { globalAvgPool, maxPool2d } from "../math/pool.ts";
import { unfold } from "../math/unfold.ts";
import { LeNet5 } from "../models/lenet.ts";
import { Conv2d, MaxPool2d, Sequential } from "../nn/index.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Demo } from "./demo.ts";
import { distance, draw, f64, item } from "./values.ts";

const X = [[200, 150, 150], [100, 50, 100], [25, 25, 10]]; // biome-ignore format: a matrix
const K = [[1, 0, -1], [2, 0, -2], [1, 0, -1]]; // biome-ignore format: a matrix

const image = (rows: readonly (readonly number[])[]): Tensor =>
  tensor(rows as number[][], f64)
    .unsqueeze(0)
    .unsqueeze(0);

/** A kernel turned by half a turn. */
const turned = (k: Tensor): Tensor => k.flip([2, 3]);

export const convolution: readonly Demo[] = [
  {
    name: "convolution-65",
    shows: "the lecture's window and kernel: X·K' = 65 + bias",
    document: "S2",
    rows: ["CNN-1"],
    run: () => ({ facts: [{ what: "X(0:2, 0:2)·K'", value: item(conv2d(image(X), image(K)).sum()), expected: 65 }] }),
  },
  {
    name: "filter-parameters",
    shows: "N filters of k₁ x k₂ on C channels have N (k₁ k₂ C + 1) parameters",
    document: "S2",
    rows: ["CNN-2"],
    run: () => ({
      facts: [
        { what: "4 filters of 3 x 3 on 3 channels", value: parameterCount(new Conv2d(3, 4, 3)), expected: 112 },
        { what: "one filter more", value: parameterCount(new Conv2d(3, 5, 3)) - 112, expected: 28 },
      ],
    }),
  },
  {
    name: "output-size",
    shows: "W' = (W - F + 2P)/S + 1",
    document: "S2",
    rows: ["CNN-2", "CNN-5"],
    run: () => ({
      facts: [
        [227, 11, 0, 4],
        [32, 5, 2, 1],
        [224, 7, 3, 2],
      ].map(([w, f, p, s]) => ({
        what: `W ${w}, F ${f}, P ${p}, S ${s}`,
        value: recordOn(
          (x, k) => conv2d(x, k, { stride: s!, padding: p! }),
          [
            [1, 1, w!, w!],
            [1, 1, f!, f!],
          ],
        ).outputs[0]!.shape[2]!,
        expected: Math.floor((w! - f! + 2 * p!) / s!) + 1,
      })),
    }),
  },
  {
    name: "kernel-gradient",
    shows: "∂L/∂k is the cross-correlation of the input with the upstream gradient",
    document: "S2",
    rows: ["CNN-3"],
    run() {
      const [x, k, upstream] = [draw(1, 1, 1, 8, 9), draw(2, 1, 1, 3, 3), draw(3, 1, 1, 6, 7)];
      const automatic = grad((kernel: Tensor) => conv2d(x, kernel).mul(upstream).sum())(k);
      return { facts: [{ what: "largest difference", value: distance(automatic, conv2d(x, upstream)), expected: 0, within: 1e-13 }] };
    },
  },
  {
    name: "input-gradient",
    shows: "∂L/∂x is the convolution of the upstream gradient with the kernel: cross-correlation with the turned kernel",
    document: "S2",
    rows: ["CNN-3"],
    run() {
      const [x, k, upstream] = [draw(1, 1, 1, 8, 9), draw(2, 1, 1, 3, 3), draw(3, 1, 1, 6, 7)];
      const automatic = grad((input: Tensor) => conv2d(input, k).mul(upstream).sum())(x);
      const byHand = conv2d(upstream, turned(k), { padding: 2 });
      return { facts: [{ what: "largest difference", value: distance(automatic, byHand), expected: 0, within: 1e-13 }] };
    },
  },
  {
    name: "pixel-reach",
    shows: "an input pixel affects the outputs whose window touches it: a neighbourhood as large as the kernel",
    document: "S2",
    rows: ["CNN-3"],
    run() {
      const touched = (row: number, column: number): number => {
        const pixel = tensor([1], f64)
          .reshape([1, 1, 1, 1])
          .pad([0, 0, row, column], [0, 0, 7 - row, 7 - column]);
        return item(
          conv2d(pixel, draw(2, 1, 1, 3, 3))
            .ne(0)
            .cast("i32")
            .sum(),
        );
      };
      return {
        facts: [
          { what: "outputs that a pixel in the middle affects, kernel 3 x 3", value: touched(4, 3), expected: 9 },
          { what: "at the edge", value: touched(0, 3), expected: 3 },
          { what: "in the corner", value: touched(0, 0), expected: 1 },
        ],
      };
    },
  },
  {
    name: "convolution-as-matrix-product",
    shows: "a convolution is a product of a matrix of patches with a matrix of kernels, forward and back",
    document: "S2",
    rows: ["CNN-3"],
    run() {
      const [x, k] = [draw(1, 2, 3, 7, 6), draw(2, 4, 3, 3, 3)];
      const product = (input: Tensor): Tensor => k.reshape([1, 4, 27]).matmul(unfold(input, 3)).reshape([2, 4, 5, 4]);
      const upstream = draw(3, 2, 4, 5, 4);
      const back = (fn: (input: Tensor) => Tensor): Tensor => vjp(fn)(x).pullback(upstream)[0];
      return {
        facts: [
          { what: "largest difference forward", value: distance(product(x), conv2d(x, k)), expected: 0, within: 1e-13 },
          {
            what: "back",
            value: distance(
              back(product),
              back((input) => conv2d(input, k)),
            ),
            expected: 0,
            within: 1e-13,
          },
        ],
      };
    },
  },
  {
    name: "max-pooling",
    shows: "the largest number of each window; the stride is the kernel's size by default; nothing is learnt",
    document: "S2",
    rows: ["CNN-4"],
    run() {
      const layer = new MaxPool2d(2);
      return {
        facts: [
          { what: "max of X(0:2, 0:2)", value: item(maxPool2d(image(X), 3).sum()), expected: 200 },
          { what: "outputs along an axis of 8, kernel 2", value: layer.forward(draw(1, 1, 1, 8, 8)).shape[2]!, expected: 4 },
          { what: "parameters", value: layer.parameters().length, expected: 0 },
        ],
      };
    },
  },
  {
    name: "equivariance",
    shows: "a feature that moves in the image moves in the map of a convolution, by the same shift",
    document: "S2",
    rows: ["CNN-7"],
    run() {
      const [feature, k] = [draw(1, 1, 1, 4, 4), draw(2, 1, 1, 3, 3)];
      const placed = (at: number): Tensor => feature.pad([0, 0, at, at], [0, 0, 12 - at, 12 - at]);
      const y = conv2d(placed(4), k);
      const shifted = conv2d(placed(6), k);
      return {
        facts: [
          {
            what: "map of the shifted image against the shifted map",
            value: distance(shifted.slice([0, 0, 2, 2], [1, 1, 14, 14]), y.slice([0, 0, 0, 0], [1, 1, 12, 12])),
            expected: 0,
          },
          { what: "against the map that stays", value: distance(shifted, y), least: 0.1 },
        ],
      };
    },
  },
  {
    name: "invariance",
    shows: "pooling lets a feature move a little: inside its window nothing changes",
    document: "S2",
    rows: ["CNN-7", "CNN-4"],
    run() {
      const spot = (at: number): Tensor =>
        tensor([1], f64)
          .reshape([1, 1, 1, 1])
          .pad([0, 0, at, at], [0, 0, 7 - at, 7 - at]);
      return {
        facts: [
          {
            what: "change when a spot moves inside a 4 x 4 window",
            value: distance(maxPool2d(spot(4), 4), maxPool2d(spot(6), 4)),
            expected: 0,
          },
          { what: "when it leaves the window", value: distance(maxPool2d(spot(3), 4), maxPool2d(spot(4), 4)), expected: 1 },
          { what: "of the mean over the whole map", value: distance(globalAvgPool(spot(3)), globalAvgPool(spot(4))), expected: 0 },
        ],
      };
    },
  },
  {
    name: "conv-pool-stack",
    shows: "convolutions and pooling in turns make maps smaller and more, then dense layers decide: LeNet-5",
    document: "S2",
    rows: ["ZOO-lenet"],
    run() {
      const model = blueprint(() => new LeNet5());
      const { rows, totals } = summary(model, [1, 28, 28]);
      const sides = rows.filter(({ outputShape }) => outputShape.length === 4).map(({ outputShape }) => outputShape[2]!);
      return {
        facts: [
          { what: "side of the last maps", value: sides.at(-1)!, expected: 5 },
          { what: "parameters", value: totals.parameters, expected: 61706 },
          { what: "layers with weights", value: depthOf(recordOn((x) => model.forward(x), [[1, 1, 28, 28]])), expected: 5 },
        ],
        text: String(summary(model, [1, 28, 28])),
      };
    },
  },
  {
    name: "receptive-field",
    shows: "a unit after three 3 x 3 convolutions sees 7 x 7 pixels",
    document: "S2",
    rows: ["CNN-6"],
    run() {
      const sees = (layers: number): number => {
        const stack = new Sequential(...Array.from({ length: layers }, () => new Conv2d(1, 1, 3, { padding: 1 })));
        return receptiveField(stack, [1, 32, 32])!.size[0]!;
      };
      return { facts: [1, 2, 3].map((n) => ({ what: `${n} layer${n > 1 ? "s" : ""}: pixels`, value: sees(n), expected: 2 * n + 1 })) };
    },
  },
  {
    name: "small-filters",
    shows: "three 3 x 3 layers have 27 C² weights, one 7 x 7 layer 49 C²",
    document: "S2",
    rows: ["CNN-6"],
    run() {
      const weights = (kernel: number, c: number): number => parameterCount(new Conv2d(c, c, kernel, { bias: false }));
      return {
        facts: [
          { what: "three 3 x 3, 16 channels", value: 3 * weights(3, 16), expected: 27 * 256 },
          { what: "one 7 x 7", value: weights(7, 16), expected: 49 * 256 },
        ],
      };
    },
  },
];
