/** @file Twenty thousand of everything in one list, where the fast suite has 1,200, and thousands of parameters and layers: `npm run test:nightly`. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { Linear, Parameter, Sequential } from "../../src/nn/index.ts";
import { concatenate, fromArray, full, ones, stack } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import * as optim from "../../src/optim/index.ts";
import "../../src/runtime/evaluate.ts";

const N = 20_000;
const PARAMETERS = 4000;
const LAYERS = 5000;
const pairs = (): Tensor[] => Array.from({ length: N }, (_, i) => fromArray(Float32Array.of(i, 1), { shape: [2], dtype: "f32" }));
const long = (x: Tensor): Tensor => Array.from({ length: N }, (_, i) => i).reduce((y) => y.sin(), x);

test("operands of one concatenation", () => {
  expect(concatenate(pairs()).dataSync()[2 * (N - 1)]).toBe(N - 1);
  expect(stack(pairs(), 1).dataSync()[N - 1]).toBe(N - 1);
});

test("terms of a sum, and arguments of one program", () => {
  const add = compile((xs: Tensor[]) => xs.reduce((a, b) => a.add(b)));
  expect(add(pairs()).dataSync()[1]).toBe(N);
});

test("instructions of a chain: run, differentiated, batched", () => {
  const x = ones([4]);
  expect(compile(long)(x).dataSync()[0]).toBeGreaterThan(0);
  expect(grad((v: Tensor) => long(v).sum())(x).dataSync()[0]).toBeGreaterThan(0);
  expect(vmap(long)(ones([3, 2])).shape).toEqual([3, 2]);
});

const STEPS: Readonly<Record<string, (parameters: Parameter[]) => optim.Optimizer>> = {
  SGD: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
  Adam: (p) => new optim.Adam(p),
  AdamW: (p) => new optim.AdamW(p),
  Adamax: (p) => new optim.Adamax(p),
  NAdam: (p) => new optim.NAdam(p),
  RAdam: (p) => new optim.RAdam(p),
  Adagrad: (p) => new optim.Adagrad(p),
  Adadelta: (p) => new optim.Adadelta(p),
  RMSProp: (p) => new optim.RMSProp(p),
  Rprop: (p) => new optim.Rprop(p),
  ASGD: (p) => new optim.ASGD(p),
  Lion: (p) => new optim.Lion(p),
  LAMB: (p) => new optim.LAMB(p),
};

describe.each(["compiled", "eager"])("an optimizer over thousands of parameters, %s", (how) => {
  test.each(how === "compiled" ? Object.keys(STEPS) : ["SGD", "Adam"])("%s", (name) => {
    const parameters = Array.from({ length: PARAMETERS }, (_, i) => new Parameter(full([3], i % 7)));
    const optimizer = STEPS[name]!(parameters);
    const plain = (): Tensor => {
      const lossOf = (): Tensor => parameters.reduce((sum, p) => sum.add(p.value.square().sum()), full([], 0));
      const { value, grads } = backward(lossOf, parameters);
      optimizer.step(grads);
      return value;
    };
    const step = how === "compiled" ? compile(plain) : plain;
    const losses = [step(), step()].map((x) => x.itemSync());
    expect(losses[1]).toBeLessThan(losses[0]!);
    // Equal parameters stay equal: the last of them took part as the first did.
    const last = PARAMETERS - 1 - ((PARAMETERS - 1 - 3) % 7);
    expect(parameters[last]!.value.dataSync()).toEqual(parameters[3]!.value.dataSync());
    expect(parameters[3]!.value.dataSync()[0]).not.toBe(3);
  });
});

test("L-BFGS over thousands of parameters", () => {
  const parameters = Array.from({ length: PARAMETERS }, (_, i) => new Parameter(full([3], i % 7)));
  const optimizer = new optim.LBFGS(parameters);
  const lossOf = (): Tensor => parameters.reduce((sum, p) => sum.add(p.value.square().sum()), full([], 0));
  for (let i = 0; i < 2; i++) optimizer.step(() => backward(lossOf, parameters));
  expect(Math.abs(parameters[3]!.value.dataSync()[0]!)).toBeLessThan(0.1);
});

test.each(["compiled", "eager"])("a Sequential of thousands of layers, %s", (how) => {
  const model = new Sequential(...Array.from({ length: LAYERS }, () => new Linear(4, 4)));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const before = model.parameters().at(-1)!.value.dataSync();
  const x = ones([2, 4]);
  const plain = (): Tensor => {
    const { value, grads } = backward(() => model.forward(x).sum(), optimizer.parameters);
    optimizer.step(grads);
    return value;
  };
  const step = how === "compiled" ? compile(plain) : plain;
  const losses = [step(), step()].map((y) => y.itemSync());
  expect(losses[1]).toBeLessThan(losses[0]!);
  // The gradient of the sum by the last bias is the batch.
  expect(model.parameters().at(-1)!.value.dataSync()[0]).toBeCloseTo(before[0]! - 2 * 0.1 * 2, 4);
});
