/** @file A training step as a file: LeNet with Adam is small, and trains by the loader alone as it does here. */
import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import ts from "typescript";
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

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

test.skipIf(!existsSync(CHROMIUM))("a page has the same 20 losses, to the bit (skipped where chromium is not installed)", async () => {
  const { file } = (await import("../../examples/step.mjs" as string)) as { file: Uint8Array };
  const here = await load(new Uint8Array(file));
  const losses = Array.from({ length: 20 }, (_, i) => {
    here.inputs.batch![0] = i;
    here.run();
    return here.outputs.loss![0]!;
  });
  const source = readFileSync(new URL("../../src/runtime/wasm/step.ts", import.meta.url), "utf8");
  const { outputText } = ts.transpileModule(source, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 } });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    // As a text, since the test tool rewrites imports in functions.
    const got = await page.evaluate(`(async () => {
      const { load } = await import("data:text/javascript," + ${JSON.stringify(encodeURIComponent(outputText))});
      const step = await load(Uint8Array.from(atob("${Buffer.from(file).toString("base64")}"), (c) => c.charCodeAt(0)));
      return Array.from({ length: 20 }, (_, i) => {
        step.inputs.batch[0] = i;
        step.run();
        return step.outputs.loss[0];
      });
    })()`);
    expect(got).toEqual(losses);
  } finally {
    await browser.close();
  }
});
