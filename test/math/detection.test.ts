/** @file Regions, boxes and deformable convolutions against what their definitions come to. */
import { expect, test } from "vitest";
import * as F from "../../src/math/index.ts";
import { pad } from "../../src/math/rearrange.ts";
import { Conv2d, MaxPool2d } from "../../src/nn/index.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const wave = (...shape: number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.7)),
    { shape },
  );
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const close = (a: Tensor, b: Tensor): void => {
  expect(a.shape).toEqual(b.shape);
  const want = numbers(b);
  for (const [i, value] of numbers(a).entries()) expect(value).toBeCloseTo(want[i], 6);
};

const SIDES = [
  [0, 1],
  [1, 0],
] as const;

test("padding that differs from side to side is padding first", () => {
  const x = wave(1, 2, 5, 4);
  const w = wave(3, 2, 3, 2);
  close(F.conv2d(x, w, { padding: SIDES, stride: 2 }), F.conv2d(pad(x, SIDES), w, { stride: 2 }));
  close(F.conv2d(x, w, { padding: SIDES, paddingMode: "replicate" }), F.conv2d(pad(x, SIDES, "replicate"), w));
  close(F.maxPool2d(x, 2, { padding: SIDES }), F.maxPool2d(pad(x, SIDES, "constant", Number.NEGATIVE_INFINITY), 2));
  close(F.avgPool2d(x, 2, { padding: SIDES }), F.avgPool2d(pad(x, SIDES), 2));
  const { values, indices } = F.maxPoolWithIndices(x, [2, 2], { padding: SIDES });
  close(x.flatten(2).takeAlong(indices.flatten(2), 2).reshape(values.shape), values);
  expect(`${new Conv2d(2, 3, 3, { padding: SIDES })}`).toContain("padding 0:1x1:0");
  expect(`${new MaxPool2d(2, { padding: SIDES })}`).toContain("padding 0:1x1:0");
  expect(() => F.conv2d(x, w, { padding: [[0, 1]] as unknown as typeof SIDES })).toThrow("want 2 integers >= 0");
  expect(() =>
    F.conv2d(x, w, {
      padding: [
        [0, -1],
        [0, 0],
      ],
    }),
  ).toThrow("want 2 integers >= 0");
  expect(() =>
    F.maxPool2d(x, 2, {
      padding: [
        [0, 2],
        [0, 0],
      ],
    }),
  ).toThrow("at most half the kernel");
});

test("a region of whole elements is a mean of them", () => {
  const x = wave(2, 3, 6, 8);
  // With elements' centres at whole numbers: box 0…4 has samples at 0.5, 1.5, … between elements.
  const whole = F.roiAlign(x, tensor([[0.5, 0.5, 4.5, 4.5]], { dtype: "f64" }), tensor(Int32Array.of(1)), {
    size: [2, 2],
    samplingRatio: 2,
  });
  const near = (r: number, c: number): Tensor =>
    x
      .select(0, 1)
      .slice([0, r, c], [3, r + 2, c + 2])
      .mean([1, 2]);
  const cell = (i: number, j: number): Tensor =>
    [0, 1]
      .flatMap((a) => [0, 1].map((b) => near(2 * i + a, 2 * j + b)))
      .reduce((p, q) => p.add(q))
      .div(4);
  for (const [i, j] of [
    [0, 0],
    [1, 0],
    [1, 1],
  ])
    close(whole.select(0, 0).select(2, j).select(1, i), cell(i, j));
});

test("as many samples as a cell is long, other numbers for other boxes", () => {
  const x = wave(1, 1, 8, 8);
  const boxes = tensor(
    [
      [0, 0, 2, 2],
      [0, 0, 8, 4],
      [1, 1, 3, 3],
    ],
    { dtype: "f64" },
  );
  const all = F.roiAlign(x, boxes, tensor(Int32Array.of(0, 0, 0)), { size: [2, 2] });
  for (const i of [0, 1, 2]) {
    const one = F.roiAlign(x, boxes.narrow(0, i, 1), tensor(Int32Array.of(0)), { size: [2, 2] });
    close(all.narrow(0, i, 1), one);
  }
});

test("of boxes that overlap the best stays", () => {
  const boxes = tensor([
    [
      [0, 0, 2, 2],
      [0, 0.1, 2, 2.1],
      [5, 5, 6, 6],
      [2, 2, 0, 0],
    ],
  ]);
  const scores = tensor([[[0.5, 0.9, 0.3, 0.9]]]);
  const kept = (options: F.NonMaxSuppressionOptions): number[][] => F.nonMaxSuppression(boxes, scores, options).toArray() as number[][];
  expect(kept({ iouThreshold: 0.5 })).toEqual([
    [0, 0, 1],
    [0, 0, 2],
  ]);
  expect(kept({ iouThreshold: 0.99 }).map((row) => row[2])).toEqual([1, 3, 2]);
  expect(kept({ iouThreshold: 0.5, maxPerClass: 1 })).toEqual([[0, 0, 1]]);
  expect(kept({ iouThreshold: 0.5, scoreThreshold: 0.4 })).toEqual([[0, 0, 1]]);
  expect(kept({ scoreThreshold: 1 })).toEqual([]);
  const centred = F.nonMaxSuppression(
    tensor([
      [
        [1, 1, 2, 2],
        [1.1, 1, 2, 2],
        [5.5, 5.5, 1, 1],
      ],
    ]),
    tensor([[[0.5, 0.9, 0.3]]]),
    { centred: true },
  );
  expect(centred.toArray()).toEqual([
    [0, 0, 1],
    [0, 0, 2],
  ]);
  expect(() => F.nonMaxSuppression(boxes, tensor([[[1, 2]]]))).toThrow(
    "nonMaxSuppression: want boxes [N, B, 4] and scores [N, classes, B]",
  );
});

test("a deformable convolution without offsets is a convolution, and whole offsets move its taps", () => {
  const x = wave(2, 4, 5, 6);
  const w = wave(6, 2, 3, 2);
  const bias = wave(6);
  const options = {
    stride: [2, 1],
    padding: [
      [1, 0],
      [0, 1],
    ] as const,
    groups: 2,
  };
  const plain = F.conv2d(x, w, { ...options, bias });
  const offset = zeros([2, 2 * 2 * 6, ...plain.shape.slice(2)], "f64");
  close(F.deformConv2d(x, w, offset, { ...options, bias, offsetGroups: 2 }), plain);
  const [y0, x0] = [1, -1];
  const moved = F.deformConv2d(
    x,
    w,
    offset.add(
      tensor([y0, x0], { dtype: "f64" })
        .reshape([1, 1, 2, 1, 1])
        .broadcastTo([2, 12, 2, ...plain.shape.slice(2)])
        .reshape(offset.shape),
    ),
    { ...options, offsetGroups: 2 },
  );
  // Taps one row further down and one column to the left.
  const shifted = pad(x, [
    [0, 1],
    [1, 0],
  ]).slice([0, 0, 1, 0], [2, 4, 6, 6]);
  const inner = (t: Tensor): Tensor =>
    t.slice(
      [0, 0, 1, 1],
      t.shape.map((d, i) => (i < 2 ? d : d - 1)),
    );
  close(inner(moved), inner(F.conv2d(shifted, w, options)));
  close(F.deformConv2d(x, w, offset, { ...options, offsetGroups: 2, mask: zeros([2, 12, ...plain.shape.slice(2)], "f64") }), plain.mul(0));
  expect(() => F.deformConv2d(x, w, offset.narrow(1, 0, 2), options)).toThrow("deformConv2d: want x [N, C, H, W]");
});
