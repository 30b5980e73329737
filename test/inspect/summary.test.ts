/** @file Tables of models: the lectures' VGG-16 line by line (SUM-1), reused layers, layers that compute on their own. */
import { describe, expect, test } from "vitest";
import { blueprint } from "../../src/inspect/cost.ts";
import { summary } from "../../src/inspect/summary.ts";
import { zoo } from "../../src/models/index.ts";
import { MultiHeadAttention } from "../../src/nn/attention.ts";
import { Linear } from "../../src/nn/linear.ts";
import { type Layer, Module } from "../../src/nn/module.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const tableOf = (name: string) => summary(blueprint(() => zoo[name].make()).eval(), zoo[name].input);

describe("VGG-16 as lectures print it: activations, parameters without biases", () => {
  // Simonyan & Zisserman (2015), column D; pooling included, ReLU in place.
  const LECTURE = [
    [224 * 224 * 64, 3 * 3 * 3 * 64],
    [224 * 224 * 64, 3 * 3 * 64 * 64],
    [112 * 112 * 64, 0],
    [112 * 112 * 128, 3 * 3 * 64 * 128],
    [112 * 112 * 128, 3 * 3 * 128 * 128],
    [56 * 56 * 128, 0],
    [56 * 56 * 256, 3 * 3 * 128 * 256],
    [56 * 56 * 256, 3 * 3 * 256 * 256],
    [56 * 56 * 256, 3 * 3 * 256 * 256],
    [28 * 28 * 256, 0],
    [28 * 28 * 512, 3 * 3 * 256 * 512],
    [28 * 28 * 512, 3 * 3 * 512 * 512],
    [28 * 28 * 512, 3 * 3 * 512 * 512],
    [14 * 14 * 512, 0],
    [14 * 14 * 512, 3 * 3 * 512 * 512],
    [14 * 14 * 512, 3 * 3 * 512 * 512],
    [14 * 14 * 512, 3 * 3 * 512 * 512],
    [7 * 7 * 512, 0],
    [4096, 102_760_448],
    [4096, 16_777_216],
    [1000, 4_096_000],
  ];
  const table = tableOf("vgg16");

  test("line by line", () => {
    const lines = table.rows.filter(({ layer }) => ["Conv2d", "MaxPool2d", "Linear"].includes(layer));
    expect(lines.map(({ activations, parameters, biases }) => [activations, parameters - biases])).toEqual(LECTURE);
  });

  test("totals: 138,344,128 without biases, 138,357,544 with them", () => {
    const { parameters, biases, macs } = table.totals;
    expect([parameters - biases, parameters]).toEqual([138_344_128, 138_357_544]);
    expect(macs).toBe(15_470_264_320);
    expect(table.rows.reduce((n, row) => n + row.macs, 0)).toBe(macs);
    expect(String(table)).toContain("138,344,128 parameters without biases");
  });

  test("to 28x28 9,335 M multiply-accumulates; the 7,485 M that are printed are all convolutions of VGG-11", () => {
    const early = table.rows.filter(({ outputShape }) => outputShape.length === 4 && outputShape[3] >= 56);
    expect(Math.floor(early.reduce((n, row) => n + row.macs, 0) / 1e6)).toBe(9335);
    const small = tableOf("vgg11").rows.filter(({ layer }) => layer === "Conv2d");
    expect(Math.floor(small.reduce((n, row) => n + row.macs, 0) / 1e6)).toBe(7485);
  });
});

test("GoogLeNet against AlexNet and VGG-16: 9.2 and 20.9 times fewer parameters", () => {
  const [google, alex, vgg] = ["googlenet", "alexnet", "vgg16"].map((name) => tableOf(name).totals.parameters);
  expect((alex / google).toFixed(1)).toBe("9.2");
  expect((vgg / google).toFixed(1)).toBe("20.9");
});

test("GoogLeNet's stem takes 478 M multiply-accumulates, where 418 M are printed", () => {
  const stem = tableOf("googlenet").rows.filter(({ name }) => /^conv[123]\./.test(name));
  expect(Math.round(stem.reduce((n, row) => n + row.macs, 0) / 1e6)).toBe(478);
});

class Twice extends Module {
  readonly layer: Linear = new Linear(3, 3);
  forward(x: Tensor): Tensor {
    return this.layer.forward(this.layer.forward(x).relu());
  }
}

test("a layer that is used twice computes twice and has its parameters once", () => {
  const { rows, totals } = summary(new Twice(), [3], { batch: 2 });
  expect(rows.map(({ name, parameters, macs }) => [name, parameters, macs])).toEqual([
    ["layer", 12, 18],
    ["layer", 0, 18],
  ]);
  expect(totals).toEqual({ activations: 12, parameters: 12, biases: 3, macs: 36 });
});

test("what a module computes without its children is on its own line: attention", () => {
  class SelfAttention extends Module {
    readonly attention: MultiHeadAttention = new MultiHeadAttention(8, 2);
    forward(x: Tensor): Tensor {
      return this.attention.forward(x).output;
    }
  }
  const { rows, totals } = summary(new SelfAttention() as Layer, [5, 8]);
  expect(rows.map(({ layer, parameters, macs }) => [layer, parameters, macs])).toEqual([
    ["Linear", 8 * 8 + 8, 5 * 8 * 8],
    ["MultiHeadAttention", 3 * 8 * 8 + 3 * 8, 5 * 8 * 24 + 2 * 5 * 5 * 8],
  ]);
  expect(totals.macs).toBe(rows[0].macs + rows[1].macs);
});
