/** @file Synthetic gradients: what a step computes, against backpropagation and by hand; pipelines; what is refused. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import { crossEntropy } from "../../src/math/loss.ts";
import { manualSeed } from "../../src/math/random.ts";
import { BatchNorm1d, Conv2d, Flatten, Linear, ReLU, Sequential } from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import { type DecoupledOptions, DecoupledPipeline, decoupled } from "../../src/train/index.ts";
import { data } from "./small.ts";

const x = tensor(data.train.inputs.slice(0, 50 * 64), { shape: [50, 64] });
const y = tensor(data.train.targets.slice(0, 50));
const sgd = (parameters: Parameters<DecoupledOptions["optimizer"]>[0]): SGD => new SGD(parameters, { lr: 0.5 });
const block = (into: number, out: number): Sequential => new Sequential(new Linear(into, out), new BatchNorm1d(out), new ReLU());

function network(options: Partial<DecoupledOptions> = {}): ReturnType<typeof decoupled> {
  manualSeed(3);
  return decoupled([block(64, 20), block(20, 12), new Linear(12, 10)], {
    inputShape: [64],
    loss: crossEntropy,
    optimizer: sgd,
    ...options,
  });
}

const weights = (model: { namedCells(): [string, { value: Tensor }][] }, pick = /model/): number[][] =>
  model
    .namedCells()
    .filter(([name]) => pick.test(name))
    .map(([, { value }]) => Array.from(value.dataSync()));

function close(a: readonly number[][], b: readonly number[][], digits = 5): void {
  expect(a.length).toBe(b.length);
  for (const [i, each] of a.entries()) for (const [j, value] of each.entries()) expect(value).toBeCloseTo(b[i]![j]!, digits);
}

describe("a step", () => {
  test("with λ = 1 is backpropagation, running statistics too", () => {
    const [net, plain] = [network({ lambda: 1 }), network()];
    const model = new Sequential(...plain.stages.map((stage) => stage.model));
    const optimizer = sgd(model.parameters());
    const [step, usual] = [
      compile((a: Tensor, b: Tensor) => net.step(a, b)),
      compile((a: Tensor, b: Tensor) => {
        const { value, grads } = backward(() => crossEntropy(model.forward(a), b), optimizer.parameters);
        optimizer.step(grads);
        return value;
      }),
    ];
    for (let i = 0; i < 3; i++) expect(step(x, y).itemSync()).toBeCloseTo(usual(x, y).itemSync(), 5);
    close(weights(net), weights(plain));
  });

  test("without gradients moves the last stage alone", () => {
    const net = network({ gradients: "none" });
    const before = weights(net, /parameters|weight|bias/);
    net.step(x, y);
    const names = net.namedCells().filter(([name]) => /weight|bias/.test(name));
    const moved = names.filter(([, { value }], i) => Array.from(value.dataSync()).some((w, j) => w !== before[i]![j]));
    expect(moved.map(([name]) => name)).toEqual(["stages.2.model.weight", "stages.2.model.bias"]);
  });

  test("guesses of 0 leave a stage as it is, and its synthesizer moves towards what is passed down", () => {
    const net = network({ classes: 10 });
    const before = weights(net.stages[1]!, /model.*(weight|bias)/);
    const h = [x];
    for (const stage of net.stages) h.push(stage.model.forward(h.at(-1)!));
    net.step(x, y);
    close(weights(net.stages[1]!, /model.*(weight|bias)/), before, 7);
    // One step of SGD at 0.5 from 0: the bias is the mean of the examples' gradients by the output of the stage.
    const passed = grad((a: Tensor) => crossEntropy(network({ classes: 10 }).stages[2]!.model.forward(a), y))(h[2]!);
    const bias = net.stages[1]!.synthesizer as Linear;
    close([Array.from(bias.bias!.value.dataSync())], [Array.from(passed.sum(0).dataSync())], 4);
  });

  test("BP(λ) mixes the guess with what is passed down", () => {
    const fixed = (): Partial<DecoupledOptions> => ({
      optimizer: (parameters) => new SGD(parameters, { lr: 1 }),
      synthesizer: (into, out) => new Linear(into, out),
    });
    const moves = [0, 1, 0.25].map((lambda) => {
      const net = network({ ...fixed(), lambda });
      const { model } = net.stages[1]!;
      const before = weights(model, /0\.weight/)[0]!;
      net.step(x, y);
      return weights(model, /0\.weight/)[0]!.map((w, i) => w - before[i]!);
    });
    close([moves[2]!], [moves[0]!.map((guess, i) => 0.75 * guess + 0.25 * moves[1]![i]!)], 4);
  });
});

test("guesses point the way of the gradient after some learning, more so with the label", () => {
  const cosines = [undefined, 10].map((classes) => {
    const net = network({ classes, optimizer: (parameters) => new Adam(parameters, { lr: 0.003 }) });
    const step = compile((a: Tensor, b: Tensor) => net.step(a, b));
    const alignment = compile((a: Tensor, b: Tensor) => net.alignment(a, b));
    for (let i = 0; i < 60; i++) step(x, y);
    const found = alignment(x, y).map((each) => each.itemSync());
    for (const each of found) expect(Math.abs(each)).toBeLessThanOrEqual(1 + 1e-6);
    return found;
  });
  expect(cosines[1]![1]).toBeGreaterThan(0.5);
  expect(cosines[1]![1]).toBeGreaterThan(cosines[0]![1]!);
});

test("the alignment with a perfect guess is 1", () => {
  const net = network();
  const truth = grad((a: Tensor) => crossEntropy(net.stages[2]!.model.forward(a), y))(
    net.stages[1]!.model.forward(net.stages[0]!.model.forward(x)),
  );
  net.stages[1]!.guess = () => truth;
  expect(net.alignment(x, y)[1]!.itemSync()).toBeCloseTo(1, 5);
});

test("the alignment of a guess of 0, as the first one is, is 0", () => {
  expect(
    network()
      .alignment(x, y)
      .map((each) => each.itemSync()),
  ).toEqual([0, 0]);
});

test("a pipeline is its stages, each one step behind", () => {
  const [net, byHand] = [network({ classes: 10 }), network({ classes: 10 })];
  const pipeline = new DecoupledPipeline(net);
  const batches = [0, 1, 2, 3].map((i) => [
    tensor(data.train.inputs.slice(i * 30 * 64, (i + 1) * 30 * 64), { shape: [30, 64] }),
    tensor(data.train.targets.slice(i * 30, (i + 1) * 30)),
  ]) as [Tensor, Tensor][];
  const losses = batches.map(([a, b]) => pipeline.step(a, b)?.itemSync());
  expect(losses.slice(0, 2)).toEqual([undefined, undefined]);
  const [s0, s1, s2] = byHand.stages as [(typeof byHand.stages)[0], (typeof byHand.stages)[0], (typeof byHand.stages)[0]];
  const h0: Tensor[] = [];
  const h1: Tensor[] = [];
  const expected: number[] = [];
  for (let t = 0; t < 4; t++) {
    const first = s0.step(...batches[t]!);
    const second = t > 0 ? s1.step(h0[t - 1]!, batches[t - 1]![1]) : undefined;
    const third = t > 1 ? s2.step(h1[t - 2]!, batches[t - 2]![1]) : undefined;
    if (second) s0.learn(h0[t - 1]!, batches[t - 1]![1], second.gradient);
    if (third) s1.learn(h1[t - 2]!, batches[t - 2]![1], third.gradient);
    h0.push(first.output);
    if (second) h1.push(second.output);
    if (third) expected.push(third.output.itemSync());
  }
  expect(losses[2]).toBeCloseTo(expected[0]!, 5);
  expect(losses[3]).toBeCloseTo(expected[1]!, 5);
  close(weights(net, /./), weights(byHand, /./));
});

test("stages may be convolutional", () => {
  const net = decoupled([new Sequential(new Conv2d(1, 4, 3), new ReLU()), new Sequential(new Flatten(), new Linear(4 * 36, 10))], {
    inputShape: [1, 8, 8],
    loss: crossEntropy,
    optimizer: sgd,
    classes: 10,
  });
  expect(net.stages[0]!.guess(net.stages[0]!.forward(x.reshape([50, 1, 8, 8])), y).shape).toEqual([50, 4, 6, 6]);
  expect(Number.isFinite(net.step(x.reshape([50, 1, 8, 8]), y).itemSync())).toBe(true);
});

test("what cannot be is refused", () => {
  const options = { inputShape: [64], loss: crossEntropy, optimizer: sgd };
  expect(() => decoupled([new Linear(64, 10)], options)).toThrow(/decoupled: stages must be/);
  expect(() => decoupled([new Linear(64, 10), new Linear(10, 10)], { ...options, lambda: 2 })).toThrow(
    "decoupled: lambda must be a number from 0 to 1, got 2",
  );
  expect(() => decoupled([new Linear(64, 10), new Linear(10, 10)], { ...options, lamda: 1 } as never)).toThrow(/lambda/);
  const net = network();
  expect(() => net.stages[2]!.guess(x, y)).toThrow("the last stage knows the gradient of its loss");
  expect(() => net.step(x, 3 as never)).toThrow(/Decoupled.step: .*labels/);
});
