/** @file Linear, Conv2d, pooling and activations against golden cases, rows CNN-1 and CNN-2, and what they refuse. */

import { describe, expect, test } from "vitest";
import { vjp } from "../../src/function/derivative.ts";
import { avgPool2d, globalAvgPool, maxPool2d } from "../../src/math/pool.ts";
import { AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, Sigmoid, Tanh } from "../../src/nn/index.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";
import { Golden, type GoldenCase } from "./golden.ts";

/** Checks the outputs and gradients of one function of named inputs. */
function checkCase(golden: Golden, c: GoldenCase, fn: (x: Record<string, Tensor>) => Tensor): void {
  const x = Object.fromEntries(Object.entries(c.inputs).map(([role, name]) => [role, golden.tensor(name)]));
  const { value, pullback } = vjp(fn)(x);
  golden.expectClose(value.dataSync(), c.outputs.out, c.tol.outputs.out);
  if (!c.cotangents) return;
  const [grads] = pullback(golden.tensor(c.cotangents.out).cast(value.dtype));
  for (const [role, name] of Object.entries(c.grads ?? {})) golden.expectClose(grads[role].dataSync(), name, c.tol.grads[role]);
}

const convPool = new Golden("conv_pool");
const plain = (c: GoldenCase): boolean => !c.attrs.ceil_mode && (c.attrs.dilation ?? 1) === 1;

describe("conv_pool", () => {
  const conv = convPool.cases.filter((c) => c.op === "conv2d" && c.attrs.padding !== "same");
  test.each(conv.map((c) => [c.id, c] as const))("%s", (_, c) => {
    const { stride, padding, dilation, groups } = c.attrs;
    const [out, perGroup, ...kernel] = convPool.entry(c.inputs.weight).shape;
    const layer = new Conv2d(perGroup * groups, out, kernel as [number, number], {
      stride,
      padding,
      dilation,
      groups,
      bias: "bias" in c.inputs,
    });
    checkCase(convPool, c, ({ x, weight, bias }) => {
      layer.weight.set(weight);
      layer.bias?.set(bias);
      return layer.forward(x);
    });
  });

  const max = convPool.cases.filter((c) => c.op === "max_pool2d" && plain(c));
  test.each(max.map((c) => [c.id, c] as const))("%s", (_, c) => {
    checkCase(convPool, c, ({ x }) => maxPool2d(x, c.attrs.kernel, { stride: c.attrs.stride ?? undefined, padding: c.attrs.padding }));
  });

  const avg = convPool.cases.filter((c) => c.op === "avg_pool2d" && plain(c));
  test.each(avg.map((c) => [c.id, c] as const))("%s", (_, c) => {
    checkCase(convPool, c, ({ x }) =>
      avgPool2d(x, c.attrs.kernel, {
        stride: c.attrs.stride ?? undefined,
        padding: c.attrs.padding,
        countIncludePad: c.attrs.count_include_pad,
      }),
    );
  });

  test("global_avg_pool_0", () => {
    checkCase(convPool, convPool.cases.find((c) => c.id === "global_avg_pool_0")!, ({ x }) => globalAvgPool(x));
  });

  test("not covered yet", () => {
    const covered = ["conv2d", "max_pool2d", "avg_pool2d", "global_avg_pool"];
    const left = convPool.cases.filter((c) => !covered.includes(c.op) || (c.op !== "conv2d" && !plain(c)) || c.attrs.padding === "same");
    expect([...new Set(left.map((c) => (covered.includes(c.op) ? c.id : c.op)))].sort()).toMatchInlineSnapshot(`
      [
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_max_pool2d",
        "avg_pool1d",
        "avg_pool2d_4",
        "avg_pool2d_5",
        "avg_pool2d_6",
        "avg_pool3d",
        "channel_shuffle",
        "conv1d",
        "conv2d_same",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "fold",
        "grid_sample",
        "interpolate",
        "local_response_norm",
        "lp_pool2d",
        "max_pool1d",
        "max_pool2d_3",
        "max_pool2d_6",
        "max_pool2d_with_indices",
        "max_pool3d",
        "max_unpool2d",
        "pixel_shuffle",
        "pixel_unshuffle",
        "unfold",
      ]
    `);
  });
});

const activations = new Golden("activations");
const layers = { relu: new ReLU(), tanh: new Tanh(), sigmoid: new Sigmoid() } as const;

describe("activations, row ACT-1 in part", () => {
  const cases = activations.cases.filter((c) => c.op in layers);
  test.each(cases.map((c) => [c.id, c] as const))("%s", (_, c) => {
    checkCase(activations, c, ({ x }) => layers[c.op as keyof typeof layers].forward(x));
  });
});

describe("CNN-1 and CNN-2", () => {
  test("the lecture's edge filter at the corner: 65 plus the bias", () => {
    const layer = new Conv2d(1, 1, 3);
    layer.weight.set(
      tensor([
        [
          [
            [1, 0, -1],
            [2, 0, -2],
            [1, 0, -1],
          ],
        ],
      ]),
    );
    layer.bias!.set(tensor([0.5]));
    const image = tensor([
      [
        [
          [200, 150, 150],
          [100, 50, 100],
          [25, 25, 10],
        ],
      ],
    ]);
    expect(layer.forward(image).itemSync()).toBe(65.5);
  });

  test("parameters: N·(k₁k₂C + 1)", () => {
    const count = (layer: Conv2d): number => layer.parameters().reduce((n, p) => n + p.value.size, 0);
    expect(count(new Conv2d(3, 4, 3))).toBe(112);
    expect(count(new Conv2d(3, 96, 11))).toBe(34_944);
  });

  test("output size: (W - F + 2P)/S + 1, 55 for AlexNet's first layer", () => {
    expect(new Conv2d(3, 2, 11, { stride: 4 }).forward(zeros([1, 3, 227, 227])).shape).toEqual([1, 2, 55, 55]);
  });
});

describe("shapes", () => {
  test("Linear works on the last axis", () => {
    const layer = new Linear(2, 3);
    layer.weight.set(
      tensor([
        [1, 0],
        [0, 1],
        [1, 1],
      ]),
    );
    layer.bias!.set(tensor([0, 0, 10]));
    expect([...layer.forward(tensor([1, 2])).dataSync()]).toEqual([1, 2, 13]);
    expect(layer.forward(zeros([4, 5, 2])).shape).toEqual([4, 5, 3]);
  });

  test("Flatten keeps the batch", () => {
    expect(new Flatten().forward(zeros([2, 3, 4])).shape).toEqual([2, 12]);
    expect(new Flatten(2).forward(zeros([2, 3, 4, 5])).shape).toEqual([2, 3, 20]);
  });

  test("pools default to tiles", () => {
    expect(new MaxPool2d(2).forward(zeros([1, 1, 6, 7])).shape).toEqual([1, 1, 3, 3]);
    expect(new AvgPool2d([2, 3], { stride: 1 }).forward(zeros([1, 1, 6, 7])).shape).toEqual([1, 1, 5, 5]);
  });

  test("Sequential chains", () => {
    expect(new Sequential(new Flatten(), new Linear(4, 2), new Tanh()).forward(zeros([3, 2, 2])).shape).toEqual([3, 2]);
    expect(new Sequential().forward(ones([2])).shape).toEqual([2]);
  });
});

describe("padding of max pooling", () => {
  test("is never the maximum", () => {
    const x = tensor([
      [
        [
          [-1, -2],
          [-3, -4],
        ],
      ],
    ]);
    expect([...maxPool2d(x, 2, { padding: 1 }).dataSync()]).toEqual([-1, -2, -3, -4]);
  });

  test("sends no derivative", () => {
    const x = tensor([
      [
        [
          [-1, -2],
          [-3, -4],
        ],
      ],
    ]);
    const { pullback } = vjp((t: Tensor) => maxPool2d(t, 2, { padding: 1 }))(x);
    expect([
      ...pullback(
        tensor([
          [
            [
              [1, 2],
              [3, 4],
            ],
          ],
        ]),
      )[0].dataSync(),
    ]).toEqual([1, 2, 3, 4]);
  });
});

describe("what is refused", () => {
  test.each([
    [() => new Linear(3, 2).forward(zeros([2, 4])), "Linear: want an input [..., 3], got [2, 4]; flatten images first"],
    [() => new Linear(0, 2), "Linear: inFeatures must be a positive integer, got 0"],
    [
      () => new Conv2d(3, 2, 3).forward(zeros([1, 8, 8])),
      "Conv2d: want an input [batch, 3, height, width], got [1, 8, 8]; a single image is [3, height, width]",
    ],
    [() => new Conv2d(3, 2, 3).forward(zeros([1, 1, 8, 8])), "Conv2d: want an input [batch, 3, height, width], got [1, 1, 8, 8]"],
    [() => new Conv2d(3, 4, 3, { groups: 2 }), "Conv2d: groups must divide both channel counts, got 2 for 3 to 4"],
    [() => new Conv2d(3, 4, 0), "Conv2d: kernelSize"],
    [() => new MaxPool2d(2).forward(zeros([2, 2])), "MaxPool2d: want an input [batch, channels, height, width], got [2, 2]"],
    [() => new MaxPool2d(2, { padding: 2 }), "MaxPool2d: padding must be at most half the kernel, got padding 2x2 for kernel 2x2"],
    [() => new AvgPool2d(2, { stride: 0 }), "AvgPool2d: stride"],
  ])("%s", (attempt, message) => {
    expect(attempt).toThrow(message);
  });
});
