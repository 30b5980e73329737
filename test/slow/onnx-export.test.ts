/** @file Every network of the zoo as an ONNX file in a small form: imported again it gives what the network gives, for a batch that was not recorded. */
import { describe, expect, test } from "vitest";
import { manualSeed, models, tensor } from "../../src/index.ts";
import * as onnx from "../../src/onnx/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const { zoo } = models;

function small(name: string) {
  const { make, input, exact, least } = zoo[name]!;
  manualSeed(1);
  const model = make({ classes: 7, channels: input[0], width: 0.25 }).eval();
  const side = exact ? input[1] : least;
  const images = (n: number): Tensor =>
    tensor(
      Float32Array.from({ length: n * input[0] * side * side }, (_, i) => Math.sin(i * i)),
      { shape: [n, input[0], side, side] },
    );
  return { model, images };
}

describe("the zoo", () => {
  test.each(Object.keys(zoo))("%s", async (name) => {
    const { model, images } = small(name);
    const again = await onnx.load(onnx.export(model, images(2)));
    const x = images(3);
    const [got, want] = [(again.forward(x) as Tensor).dataSync(), model.forward(x).dataSync()];
    const size = Math.max(1e-6, ...Array.from(want, Math.abs));
    expect(Math.max(...Array.from(want, (v, i) => Math.abs(v - got[i]!))) / size).toBeLessThan(1e-4);
  });
});

test("batch norms are in the weights: MobileNet v2 has fewer than 150 nodes", () => {
  const { model, images } = small("mobilenet_v2");
  const { nodes } = onnx.decodeOnnx("Model", onnx.export(model, images(2))).graph!;
  expect(nodes!.filter(({ op }) => op === "Conv")).toHaveLength(52);
  expect(nodes!.length).toBeLessThan(150);
});
