/** @file Whole small networks with stored weights: outputs and all gradients. */
import { describe, expect, test } from "vitest";
import { backward } from "../../src/function/derivative.ts";
import { Module, mseLoss, Parameter } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";
import { Golden, type GoldenCase } from "./golden.ts";
import { GoldenLeNet, GoldenMlp, loadGolden, shapesOf } from "./golden-networks.ts";

/** h = relu(Wᵀx + c), y = wᵀh + b in the symbols of the book. */
class GoldenXor extends Module {
  readonly W: Parameter;
  readonly c: Parameter;
  readonly w: Parameter;
  readonly b: Parameter;

  constructor(golden: Golden, { params }: GoldenCase) {
    super();
    const stored = (name: string): Parameter => new Parameter(golden.tensor(params![name]), name);
    [this.W, this.c, this.w, this.b] = [stored("W"), stored("c"), stored("w"), stored("b")];
  }

  hidden(x: Tensor): Tensor {
    return x.matmul(this.W).add(this.c).relu();
  }

  forward(x: Tensor): Tensor {
    return this.hidden(x).matmul(this.w).add(this.b);
  }
}

const golden = new Golden("networks");

/** Compares named outputs, and the gradients of Σ output·cotangent by the parameters and the input. */
function checkNetwork(c: GoldenCase, model: Module, fn: (x: Tensor) => Record<string, Tensor>): void {
  const x = new Cell(golden.tensor(c.inputs.x));
  const parameters = model.namedParameters();
  for (const [role, y] of Object.entries(fn(x.value))) golden.expectClose(y.dataSync(), c.outputs[role], c.tol.outputs[role]);
  const total = (): Tensor =>
    Object.entries(fn(x.value))
      .map(([role, y]) => y.mul(golden.tensor(c.cotangents![role]).cast("f32").reshape(y.shape)).sum())
      .reduce((a, b) => a.add(b));
  const { grads } = backward(total, [...parameters.map(([, p]) => p), x]);
  const names = [...parameters.map(([name]) => name), "input:x"];
  expect(names.toSorted()).toEqual(Object.keys(c.grads!).toSorted());
  names.forEach((name, i) => {
    golden.expectClose(grads[i].dataSync(), c.grads![name], c.tol.grads[name]);
  });
}

describe("networks", () => {
  const find = (id: string): GoldenCase => golden.cases.find((c) => c.id === id)!;

  test("lenet5_train", () => {
    const c = find("lenet5_train");
    const model = new GoldenLeNet(shapesOf(golden, c));
    loadGolden(golden, model, c);
    checkNetwork(c, model, (x) => ({ out: model.forward(x) }));
  });

  test("mlp_relu_train", () => {
    const c = find("mlp_relu_train");
    const model = new GoldenMlp(shapesOf(golden, c), "relu");
    loadGolden(golden, model, c);
    checkNetwork(c, model, (x) => ({ out: model.forward(x) }));
  });

  test("xor: the exact solution, row MSC-1", () => {
    const c = find("xor");
    const model = new GoldenXor(golden, c);
    checkNetwork(c, model, (x) => ({ h: model.hidden(x), y: model.forward(x) }));
    expect([...model.forward(golden.tensor(c.inputs.x)).dataSync()]).toEqual([0, 1, 1, 0]);
  });

  test("xor_mse", () => {
    const c = find("xor_mse");
    const model = new GoldenXor(golden, c);
    checkNetwork(c, model, (x) => {
      const y = model.forward(x);
      const target = y.like(0).add(golden.tensor(c.inputs.x).sum(1).eq(1).cast("f32").reshape(y.shape));
      return { loss: mseLoss(y.add(c.attrs.offset), target) };
    });
  });
});
