/** @file Every layer of `nn` as an ONNX file: imported again it gives the same, unfolded to the bit, at a batch size that was never recorded. */
import { expect, test } from "vitest";
import { nn } from "../../src/index.ts";
import * as onnx from "../../src/onnx/index.ts";
import { isTensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { LAYERS, type LayerCase, layerCase, WITHOUT_FILE } from "./layer-cases.ts";

test("each layer has a case, or a reason for none", () => {
  const layers = Object.entries(nn).flatMap(([name, value]) =>
    typeof value === "function" && (value === nn.Module || value.prototype instanceof nn.Module) ? [name] : [],
  );
  const told = new Set([...Object.keys(LAYERS).map((name) => name.split(":")[0]), ...Object.keys(WITHOUT_FILE)]);
  expect(layers.filter((name) => !told.has(name))).toEqual([]);
});

/** Unfolded files whose results differ in the last bits, and why. */
const OTHER_BITS: Readonly<Record<string, readonly string[]>> = {
  "ONNX has no log1p and no expm1": [
    ...["ELU", "CELU", "SELU", "Mish", "LogSigmoid", "Softplus", "BCEWithLogitsLoss", "LogCoshLoss", "SigmoidFocalLoss"],
    ...["SoftMarginLoss", "MultiLabelSoftMarginLoss"],
  ],
  "masks are constants there, and other sums are fused with them": ["MultiHeadAttention: causal"],
  "rows are added up element by element there": ["EmbeddingBag"],
};
const isExact = (name: string): boolean => !Object.values(OTHER_BITS).flat().includes(name);

/** By how much results of a layer differ from those of its file, of the size of the largest; 0 if they are equal to the bit. */
async function missed({ fn, inputs }: LayerCase, fold: boolean): Promise<number> {
  const file = onnx.export(
    fn,
    inputs.map((make) => make(4)),
    { fold },
  );
  const model = await onnx.load(file);
  const names = model.inputs.map(({ name }) => name);
  const xs = inputs.map((make) => make(5));
  const result = model.forward(Object.fromEntries(names.map((name, i) => [name, xs[i]!])));
  const got = (isTensor(result) ? result : Object.values(result as object)[0]) as Tensor;
  const want = fn(...xs) as Tensor;
  expect(got.shape).toEqual(want.shape);
  const [a, b] = [got.dataSync(), want.dataSync()];
  const size = Math.max(1e-30, ...Array.from(b, Math.abs));
  return Math.max(...Array.from(b, (v, i) => (v === a[i] || Object.is(v, a[i]) ? 0 : Math.abs(v - a[i]!) / size)));
}

test.each(Object.keys(LAYERS))("%s", async (name) => {
  const plain = await missed(layerCase(name), false);
  if (isExact(name)) expect(plain).toBe(0);
  expect(plain).toBeLessThan(1e-6);
  expect(await missed(layerCase(name), true)).toBeLessThan(1e-6);
});
