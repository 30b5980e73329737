/** @file A training step as a file: LeNet with Adam is small, and trains by the loader alone as it does here. */
import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import ts from "typescript";
import { expect, test } from "vitest";
import { features } from "../../src/codegen/wasm/instantiate.ts";
import { load } from "../../src/runtime/wasm/step.ts";
import { lenetStep } from "../function/lenet-step.ts";

test("LeNet with Adam: at most 300 kB, and 20 losses as here", async () => {
  const { train, x, y, file } = await lenetStep();
  expect(file.length).toBeLessThanOrEqual(300_000);
  const run = async (bytes: Uint8Array<ArrayBuffer>): Promise<number[]> => {
    const step = await load(bytes);
    return Array.from({ length: 20 }, () => {
      step.inputs.x!.set(x.dataSync());
      step.inputs.y!.set(y.dataSync());
      (step.train as () => void)();
      return step.outputs.loss![0]!;
    });
  };
  const losses = await run(file);
  const fused = features().relaxed ? await run((await lenetStep(true)).file) : losses;
  const here = Array.from({ length: 20 }, () => train(x, y).loss.itemSync());
  // A file that every host takes multiplies and adds apart; with fused ones the bits are those that the step has here.
  expect(fused).toEqual(here);
  expect(Math.max(...losses.map((loss, i) => Math.abs(loss - here[i]!)))).toBeLessThan(1e-4);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
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
