/** @file A training step as a file: LeNet with Adam is small, and trains by the loader alone as it does here. */
import { expect, test } from "vitest";
import { backward, compile, manualSeed, models, nn, optim, tensor } from "../../src/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { load } from "../../src/runtime/wasm/step.ts";

test("LeNet with Adam: at most 300 kB, and 20 losses as here", async () => {
  manualSeed(3);
  const model = new models.LeNet5();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const train = compile((x: Tensor, y: Tensor) => {
    const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), y), model.parameters());
    optimizer.step(grads);
    return { loss: value };
  });
  const x = tensor(
    Float32Array.from({ length: 64 * 784 }, (_, i) => Math.sin(i * i)),
    { shape: [64, 1, 28, 28] },
  );
  const y = tensor(Int32Array.from({ length: 64 }, (_, i) => i % 10));
  const file = await train.save(undefined, x, y);
  expect(file.length).toBeLessThanOrEqual(300_000);
  const step = await load(new Uint8Array(file));
  step.inputs.x!.set(x.dataSync());
  step.inputs.y!.set(y.dataSync());
  const losses: number[] = [];
  for (let i = 0; i < 20; i++) {
    step.inputs.x!.set(x.dataSync());
    step.inputs.y!.set(y.dataSync());
    step.run();
    losses.push(step.outputs.loss![0]!);
  }
  const here = Array.from({ length: 20 }, () => train(x, y).loss.itemSync());
  expect(Math.max(...losses.map((loss, i) => Math.abs(loss - here[i]!)))).toBeLessThan(1e-4);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  const time = (run: () => void): number => {
    const times = Array.from({ length: 30 }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    });
    return times.sort((a, b) => a - b)[10]!;
  };
  console.log(
    `file ${file.length} bytes; a step: file ${time(() => step.run()).toFixed(2)} ms, here ${time(() => void train(x, y)).toFixed(2)} ms`,
  );
});

test("the example with the data in the file learns", async () => {
  const { file, batches } = (await import("../../examples/step.mjs" as string)) as { file: Uint8Array; batches: number };
  const step = await load(new Uint8Array(file));
  const losses: number[] = [];
  for (let i = 0; i < 2 * batches; i++) {
    step.inputs.batch![0] = i % batches;
    step.run();
    losses.push(step.outputs.loss![0]!);
  }
  expect(losses[0]).toBeGreaterThan(1.5);
  expect(Math.min(...losses.slice(-10))).toBeLessThan(losses[0]! / 2);
});
