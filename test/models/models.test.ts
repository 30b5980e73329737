/** @file Models: sizes, names, and the tasks that each can take. */
import { describe, expect, test } from "vitest";
import { Cnn, ConvNet, exactXor, LeNet5, Mlp, models, Xor } from "../../src/models/index.ts";
import { type Module, Tanh } from "../../src/nn/index.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import "../../src/runtime/evaluate.ts";

const size = (model: Module): number => model.parameters().reduce((n, p) => n + p.shape.reduce((a, b) => a * b, 1), 0);

describe("sizes", () => {
  test("LeNet-5 has 61,706 parameters under PyTorch's names", () => {
    const model = new LeNet5();
    expect(size(model)).toBe(61_706);
    expect([...model.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual([
      ["0.weight", [6, 1, 5, 5]],
      ["0.bias", [6]],
      ["3.weight", [16, 6, 5, 5]],
      ["3.bias", [16]],
      ["7.weight", [120, 400]],
      ["7.bias", [120]],
      ["9.weight", [84, 120]],
      ["9.bias", [84]],
      ["11.weight", [10, 84]],
      ["11.bias", [10]],
    ]);
    expect(model.forward(zeros([2, 1, 28, 28])).shape).toEqual([2, 10]);
  });

  test("Mlp", () => {
    const model = new Mlp([784, 30, 10], { activation: () => new Tanh() });
    expect(size(model)).toBe(784 * 30 + 30 + 30 * 10 + 10);
    expect(model.forward(zeros([5, 1, 28, 28])).shape).toEqual([5, 10]);
    expect(String(model)).toContain("(2): Tanh()");
    expect(() => new Mlp([3])).toThrow("Mlp: want at least the sizes of input and output, got [3]");
  });

  test("ConvNet has fewer than 100,000 parameters on images of 28x28, and takes others from 8x8", () => {
    expect(size(new ConvNet([1, 28, 28], 10))).toBe(98_554);
    expect(new ConvNet([3, 9, 17], 5).eval().forward(zeros([2, 3, 9, 17])).shape).toEqual([2, 5]);
  });

  test("Cnn fits images of any size", () => {
    expect(size(new Cnn([1, 8, 8], 10))).toBe(38_282);
    expect(new Cnn([3, 9, 7], 5).eval().forward(zeros([2, 3, 9, 7])).shape).toEqual([2, 5]);
  });
});

describe("MSC-1", () => {
  test("the exact solution is exact", () => {
    const x = tensor([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect([...exactXor().forward(x).dataSync()]).toEqual([0, 1, 1, 0]);
  });

  test("the model that learns is 2-8-1", () => {
    expect(size(new Xor())).toBe(33);
    expect(new Xor().forward(zeros([4, 2])).shape).toEqual([4, 1]);
  });
});

describe("by name", () => {
  const digits = { inputShape: [1, 8, 8], outputs: 10 };

  test.each([
    ["mlp", digits, [64, 128, 64, 10]],
    ["mlp", { inputShape: [1, 28, 28], outputs: 10 }, [784, 512, 256, 10]],
    ["mlp", { ...digits, hidden: [20, 30] }, [64, 20, 30, 10]],
  ])("%s is sized by the data", (name, task, sizes) => {
    expect(size(models[name](task))).toBe(size(new Mlp(sizes)));
  });

  test.each(["mlp", "cnn", "convnet", "lenet5", "lenet5-cosine", "xor"])("%s gives outputs of the task's size", (name) => {
    const inputShape = { lenet5: [1, 28, 28], "lenet5-cosine": [1, 28, 28], xor: [2] }[name] ?? [1, 8, 8];
    const outputs = name === "xor" ? 1 : 7;
    expect(
      models[name]({ inputShape, outputs })
        .eval()
        .forward(zeros([3, ...inputShape])).shape,
    ).toEqual([3, outputs]);
  });

  test.each([
    ["lenet5", digits, "lenet5: want inputs [1, 28, 28], the data have [1, 8, 8]"],
    ["xor", digits, "xor: want inputs [2], the data have [1, 8, 8]"],
    ["xor", { inputShape: [2], outputs: 2 }, "xor: the model gives one number, the task wants 2"],
    [
      "convnet",
      { inputShape: [1, 7, 8], outputs: 2 },
      "convnet: want images [channels, height, width] of at least 8x8 pixels, the data have [1, 7, 8]",
    ],
    ["cnn", { inputShape: [2], outputs: 1 }, "cnn: want images [channels, height, width] of at least 2x2 pixels, the data have [2]"],
  ])("%s refuses what it cannot take", (name, task, message) => {
    expect(() => models[name](task)).toThrow(message);
  });
});
