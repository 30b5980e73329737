/**
 * @file What is exported, in other hands: every layer of `nn` and every network of the zoo pass `onnx.checker`, and onnxruntime gives the same within 1e-5 of the
 * largest result, for batches of 1, 2 and 7, of which none was recorded but 2.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { compile, models, tensor } from "../../src/index.ts";
import * as onnx from "../../src/onnx/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { LAYERS, layerCase } from "../onnx/layer-cases.ts";
import { complaints, feedsOf, installRuntime, python } from "../onnx/runtime.ts";
import { small } from "../onnx/zoo-case.ts";

let ort: Awaited<ReturnType<typeof installRuntime>>;
beforeAll(async () => {
  ort = await installRuntime();
}, 600_000);

/** The largest difference between a file's results there and a function's here, of the size of the largest result. */
async function missed(file: Uint8Array, fn: (...xs: Tensor[]) => unknown, batches: readonly (readonly Tensor[])[]): Promise<number> {
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  try {
    let worst = 0;
    for (const xs of batches) {
      const result = (await session.run(feedsOf(ort, session, xs)))[session.outputNames[0]!]!;
      const want = fn(...xs) as Tensor;
      expect(result.dims).toEqual(want.shape);
      const b = want.dataSync();
      const size = Math.max(1e-30, ...Array.from(b, Math.abs));
      const off = Array.from(b, (v, i) => (Object.is(v, result.data[i]) ? 0 : Math.abs(v - result.data[i]!) / size));
      worst = Math.max(worst, ...off);
    }
    return worst;
  } finally {
    await session.release();
  }
}

const BATCHES = [1, 2, 7];
/** Rows are added up at indices, which came with opset 16. */
const NEEDS_18: ReadonlySet<string> = new Set(["EmbeddingBag"]);

describe("layers", () => {
  test.each(Object.keys(LAYERS))("%s: onnxruntime gives the same, of opsets 13, 18 and 22", async (name) => {
    const { fn, inputs } = layerCase(name);
    const at = (n: number): Tensor[] => inputs.map((make) => make(n));
    for (const opset of NEEDS_18.has(name) ? [18, 22] : [13, 18, 22]) {
      expect(await missed(onnx.export(fn, at(4), { opset }), fn, BATCHES.map(at))).toBeLessThan(1e-5);
    }
    expect(await missed(onnx.export(fn, at(4), { fold: false }), fn, BATCHES.map(at))).toBeLessThan(1e-5);
  });

  // The checker of version 1.12 knows opsets up to 17.
  test.skipIf(!python)("onnx.checker has no complaint (skipped where Python has no onnx)", () => {
    const files = Object.keys(LAYERS).flatMap((name) => {
      const { fn, inputs } = layerCase(name);
      const example = inputs.map((make) => make(4));
      return [true, false].map((fold) => [`${name} ${fold}`, onnx.export(fn, example, { opset: 17, fold })] as const);
    });
    expect(complaints(Object.fromEntries(files))).toBe("");
  });
});

describe("networks", () => {
  test.each(Object.keys(models.zoo))("%s", async (name) => {
    const { model, images } = small(name);
    const forward = compile((x: Tensor) => model.forward(x), { block: 4 });
    const off = await missed(
      onnx.export(model, images(4)),
      forward as (...xs: Tensor[]) => unknown,
      BATCHES.map((n) => [images(n)]),
    );
    if (process.env.SHOW) console.log(name, off, amplified(forward, images(4)));
    expect(off).toBeLessThan(1e-5 * amplified(forward, images(4)));
    if (python) expect(complaints({ [name]: onnx.export(model, images(4), { opset: 17 }) })).toBe("");
  });
});

/** How much larger a relative change of the input is in the result, at least 1: rounding grows so, whoever rounds. */
function amplified(forward: (x: Tensor) => Tensor, x: Tensor): number {
  const size = (y: Tensor): number => y.square().sum().sqrt().itemSync();
  const change = x.mul(
    tensor(
      Float32Array.from({ length: x.size }, (_, i) => (i % 2 ? 1e-4 : -1e-4)),
      { shape: x.shape },
    ),
  );
  const [y, z] = [forward(x), forward(x.add(change))];
  return Math.max(1, size(z.sub(y)) / size(y) / 1e-4);
}
