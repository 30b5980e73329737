/**
 * @file Every differentiable function of the namespace `functional` in one loop: reverse mode against central differences, a batch against a
 * loop, compiled against eager. Points are drawn away from kinks and ties by being random.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import * as F from "../../src/math/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { elements, expectClose } from "../function/backends.ts";
import { example, moved } from "../on-host.ts";
import { testedBackend } from "../size.ts";

let state = 17;
function draw(shape: readonly number[], low = -1.5, high = 1.5): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: n }, () => {
    state = (state * 48271) % 2147483647;
    return low + (high - low) * (state / 2147483647);
  });
  return tensor(values, { shape });
}

const i32 = (values: number[], shape = [values.length]): Tensor => tensor(Int32Array.from(values), { shape });
const all = (result: Tensor | Record<string, Tensor | undefined>): Tensor[] =>
  "dataSync" in result ? [result as Tensor] : (Object.values(result) as Tensor[]);

interface Case {
  readonly f: (...x: Tensor[]) => Tensor | Record<string, Tensor | undefined>;
  readonly shapes: readonly (readonly number[])[];
  readonly range?: readonly [number, number];
}

const signs = tensor([1, -1, 1], { dtype: "f64" });
const recurrent = (w: Tensor[]): F.RecurrentWeights[] => [{ weightIh: w[0]!, weightHh: w[1]!, biasIh: w[2]!, biasHh: w[3]! }];

const CASES: Readonly<Record<string, Case>> = {
  prelu: { f: (x, w) => F.prelu(x, w), shapes: [[2, 3, 2], [3]] },
  maxout: { f: (x) => F.maxout(x, { pieces: 3 }), shapes: [[2, 6]] },
  glu: { f: (x) => F.glu(x), shapes: [[2, 6]] },
  rbf: { f: (x, w, s) => F.rbf(x, w, { sigma: s }), shapes: [[2, 3], [4, 3], [4]], range: [0.5, 1.5] },
  softmax: { f: (x) => F.softmax(x, 0, { temperature: 0.7 }), shapes: [[4, 3]] },
  logSoftmax: { f: (x) => F.logSoftmax(x, 1), shapes: [[3, 4]] },
  entropy: { f: (x) => F.entropy(x), shapes: [[2, 3]], range: [0.1, 1] },
  conv2d: {
    f: (x, w, b) => F.conv2d(x, w, { bias: b, stride: [2, 1], padding: [1, 2], groups: 2 }),
    shapes: [[2, 2, 5, 4], [4, 1, 3, 2], [4]],
  },
  "conv1d, reflecting": {
    f: (x, w) => F.conv1d(x, w, { padding: 2, paddingMode: "reflect" }),
    shapes: [
      [1, 2, 5],
      [2, 2, 3],
    ],
  },
  convTranspose2d: {
    f: (x, w, b) => F.convTranspose2d(x, w, { bias: b, stride: 2, padding: 1, outputPadding: [1, 0] }),
    shapes: [[1, 2, 3, 2], [2, 2, 3, 3], [2]],
  },
  maxPool2d: { f: (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }), shapes: [[1, 2, 5, 4]] },
  avgPool2d: {
    f: (x) => F.avgPool2d(x, [3, 2], { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }),
    shapes: [[1, 2, 5, 4]],
  },
  lpPool2d: { f: (x) => F.lpPool2d(x, 3, 2), shapes: [[1, 1, 4, 4]], range: [0.2, 1] },
  "conv2d, sides apart": {
    f: (x, w) =>
      F.conv2d(x, w, {
        padding: [
          [0, 2],
          [1, 0],
        ],
      }),
    shapes: [
      [1, 2, 4, 3],
      [2, 2, 3, 2],
    ],
  },
  "maxPool2d, sides apart": {
    f: (x) =>
      F.maxPool2d(x, 3, {
        stride: 2,
        padding: [
          [0, 1],
          [1, 0],
        ],
      }),
    shapes: [[1, 2, 5, 4]],
  },
  "avgPool2d, sides apart": {
    f: (x) =>
      F.avgPool2d(x, 2, {
        padding: [
          [1, 0],
          [0, 1],
        ],
      }),
    shapes: [[1, 2, 5, 4]],
  },
  roiAlign: {
    f: (x, boxes) =>
      F.roiAlign(
        x,
        boxes.add(
          tensor(
            [
              [1, 1, 3, 4],
              [0, 2, 4, 3],
            ],
            { dtype: "f64" },
          ),
        ),
        i32([0, 1]),
        { size: [2, 3], samplingRatio: 2 },
      ),
    shapes: [
      [2, 2, 6, 5],
      [2, 4],
    ],
    range: [-0.3, 0.3],
  },
  deformConv2d: {
    f: (x, w, offset, mask) => F.deformConv2d(x, w, offset, { mask, stride: [1, 2], padding: 1, groups: 2, offsetGroups: 2 }),
    shapes: [
      [1, 2, 4, 4],
      [2, 1, 2, 2],
      [1, 16, 5, 3],
      [1, 8, 5, 3],
    ],
    range: [0.1, 0.9],
  },
  adaptiveAvgPool2d: { f: (x) => F.adaptiveAvgPool2d(x, [2, 3]), shapes: [[1, 2, 5, 4]] },
  adaptiveMaxPool2d: { f: (x) => F.adaptiveMaxPool2d(x, [2, 3]), shapes: [[1, 2, 5, 4]] },
  bicubic: { f: (x) => F.interpolate(x, { size: [5, 3], mode: "bicubic" }), shapes: [[1, 2, 3, 4]] },
  antialiased: { f: (x) => F.interpolate(x, { size: [2, 3], mode: "bicubic", antialias: true }), shapes: [[1, 2, 5, 4]] },
  trilinear: { f: (x) => F.interpolate(x, { scaleFactor: 1.5, mode: "trilinear" }), shapes: [[1, 1, 2, 3, 4]] },
  gridSample: {
    f: (x, g) => F.gridSample(x, g, { paddingMode: "reflection" }),
    shapes: [
      [1, 2, 4, 3],
      [1, 2, 3, 2],
    ],
    range: [-1.3, 1.3],
  },
  affineGrid: { f: (t) => F.affineGrid(t, [2, 3]), shapes: [[2, 2, 3]] },
  "unfold and fold": { f: (x) => F.fold(F.unfold(x, 2).square(), [4, 3], 2), shapes: [[1, 2, 4, 3]] },
  batchNorm: { f: (x, w, b) => F.batchNorm(x, { weight: w, bias: b }).y, shapes: [[4, 3, 2], [3], [3]] },
  "batchNorm at inference": {
    f: (x, m, v) => F.batchNorm(x, { runningMean: m, runningVar: v, training: false }).y,
    shapes: [[4, 3], [3], [3]],
    range: [0.5, 2],
  },
  layerNorm: {
    f: (x, w, b) => F.layerNorm(x, [3, 2], { weight: w, bias: b }),
    shapes: [
      [4, 3, 2],
      [3, 2],
      [3, 2],
    ],
  },
  groupNorm: { f: (x, w) => F.groupNorm(x, 2, { weight: w }), shapes: [[2, 4, 3], [4]] },
  rmsNorm: { f: (x, w) => F.rmsNorm(x, 4, { weight: w }), shapes: [[2, 4], [4]] },
  localResponseNorm: { f: (x) => F.localResponseNorm(x, 3, { alpha: 0.5 }), shapes: [[2, 5, 2]] },
  globalResponseNorm: { f: (x, w, b) => F.globalResponseNorm(x, { weight: w, bias: b }), shapes: [[2, 3, 2, 2], [3], [3]] },
  weightNorm: {
    f: (v, g) => F.weightNorm(v, g),
    shapes: [
      [3, 4],
      [3, 1],
    ],
  },
  normalize: { f: (x) => F.normalize(x, { p: 3 }), shapes: [[2, 4]] },
  crossEntropy: {
    f: (x, w) => F.crossEntropy(x, i32([1, 0, 2, 1], [2, 2]), { weight: w, labelSmoothing: 0.2, ignoreIndex: 0 }),
    shapes: [[2, 3, 2], [3]],
    range: [0.2, 1.5],
  },
  binaryCrossEntropyWithLogits: {
    f: (x, t, p) => F.binaryCrossEntropyWithLogits(x, t, { posWeight: p }),
    shapes: [[2, 3], [2, 3], [3]],
    range: [0.1, 0.9],
  },
  sigmoidFocalLoss: { f: (x) => F.sigmoidFocalLoss(x, signs.gt(0).cast("f64"), { alpha: 0.25 }), shapes: [[3]] },
  klDiv: {
    f: (x, t) => F.klDiv(x, t, { reduction: "batchmean" }),
    shapes: [
      [2, 3],
      [2, 3],
    ],
    range: [0.1, 1],
  },
  diceLoss: {
    f: (x, t) => F.diceLoss(x, t),
    shapes: [
      [2, 4],
      [2, 4],
    ],
    range: [0.1, 1],
  },
  multiMarginLoss: { f: (x) => F.multiMarginLoss(x, i32([2, 0]), { p: 2 }), shapes: [[2, 3]] },
  tripletMarginLoss: {
    f: (a, p, n) => F.tripletMarginLoss(a, p, n, { swap: true, margin: 3 }),
    shapes: [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
  },
  cosineEmbeddingLoss: {
    f: (a, b) => F.cosineEmbeddingLoss(a, b, signs, { margin: -0.9 }),
    shapes: [
      [3, 4],
      [3, 4],
    ],
  },
  cdist: {
    f: (a, b) => F.cdist(a, b, { p: 1.5 }),
    shapes: [
      [3, 2],
      [2, 2],
    ],
  },
  ctcLoss: {
    f: (x) => F.ctcLoss(F.logSoftmax(x), i32([1, 2, 2, 2], [2, 2]), i32([4, 5]), i32([2, 2]), { reduction: "sum" }),
    shapes: [[5, 2, 3]],
  },
  lstm: { f: (x, ...w) => F.lstm(x, undefined, recurrent(w)), shapes: [[3, 2, 2], [8, 2], [8, 2], [8], [8]] },
  gru: { f: (x, h, ...w) => F.gru(x, h, recurrent(w), { batchFirst: true }), shapes: [[2, 3, 2], [1, 2, 2], [6, 2], [6, 2], [6], [6]] },
  multiHeadAttention: {
    f: (q, k, w, o) => F.multiHeadAttention(q, k, k, { inProjWeight: w, outProjWeight: o }, { heads: 2 }),
    shapes: [
      [2, 2, 4],
      [2, 3, 4],
      [12, 4],
      [4, 4],
    ],
  },
};

/** Σ over the results of result · fixed weights. */
function scalarOf({ f, shapes, range: [low, high] = [-1.5, 1.5] }: Case): { g: (x: Tensor[]) => Tensor; x: Tensor[] } {
  const x = shapes.map((s) => draw(s, low, high));
  const weights = all(f(...x)).map((y) => draw(y.shape));
  const g = (args: Tensor[]): Tensor =>
    all(f(...args))
      .map((y, i) => y.mul(weights[i]!).sum())
      .reduce((a, b) => a.add(b));
  return { g, x };
}

describe(`functional on ${testedBackend}`, () => {
  beforeAll(() => setBackend(testedBackend));
  afterAll(() => setBackend("wasm"));

  describe.each(Object.entries(CASES))("%s", (_, c) => {
    test("reverse and forward mode against central differences, compiled too", () => {
      const { g, x } = scalarOf(c);
      const dx = x.map((t) => draw(t.shape));
      const gradient = grad(g)(x);
      const forward = jvp(g)([x], [dx]).tangent.itemSync();
      const h = 1e-5;
      const at = (step: number): number => g(x.map((t, i) => moved(t, dx[i]!, step))).itemSync();
      const slope = (at(h) - at(-h)) / (2 * h);
      const along = elements(dx);
      const reverse = elements(gradient).reduce((sum, slope, i) => sum + slope * along[i]!, 0);
      expectClose(forward, slope, 1e-6);
      expectClose(reverse, forward, 1e-9);
      expectClose(compile((...args: Tensor[]) => grad(g)(args))(...x), elements(gradient), 1e-9);
    });

    test("a batch is a loop, gradients included", () => {
      const { g, x } = scalarOf(c);
      const { x: y } = scalarOf(c);
      const both = x.map((t, i) => t.unsqueeze(0).concat([y[i]!.unsqueeze(0)]));
      const whole = vmap((...args: Tensor[]) => grad(g)(args))(...both);
      [x, y].forEach((one, b) => {
        expectClose(
          whole.map((t) => example(t, b)),
          elements(grad(g)(one)),
          1e-8,
        );
      });
    });
  });
});

test("dropout keeps the mean and drops whole channels on request", () => {
  const x = draw([100, 50], 1, 1);
  const key = tensor(Uint32Array.of(1, 2));
  const y = F.dropout(x, { p: 0.3, key });
  expect(new Set(elements(y).map((v) => v.toFixed(6)))).toEqual(new Set(["0.000000", (1 / 0.7).toFixed(6)]));
  expect(Math.abs(y.mean().itemSync() - 1)).toBeLessThan(0.03);
  expect(F.dropout(x, { training: false })).toBe(x);
  expect(elements(F.dropout(x, { p: 1, key })).every((v) => v === 0)).toBe(true);
  const channels = elements(F.channelDropout(x.reshape([10, 10, 50]), { key }).sum(2));
  expect(channels.every((v) => v === 0 || Math.abs(v - 100) < 1e-9)).toBe(true);
  const alpha = F.alphaDropout(draw([200, 50], -1.732, 1.732), { p: 0.2, key });
  expect(Math.abs(alpha.mean().itemSync())).toBeLessThan(0.03);
  expect(Math.abs(alpha.square().mean().itemSync() - 1)).toBeLessThan(0.05);
  expect(() => F.dropout(x, { p: 2 })).toThrow("probability");
});
