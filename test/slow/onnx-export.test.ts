/** @file Networks of each kind as ONNX files, imported again; all of the zoo nightly, which takes some ten minutes. */
import { expect, test } from "vitest";
import * as onnx from "../../src/onnx/index.ts";
import { expectSameAgain, small } from "../onnx/zoo-case.ts";

test.each(["alexnet", "resnet20", "mobilenet_v2", "squeezenet1_1", "convnextv2_atto"])("%s, unfolded to the bit", async (name) => {
  await expectSameAgain(name, true);
});

test("lenet1, whose sums over windows have a factor of their own", async () => await expectSameAgain("lenet1"));

test("batch norms are in the weights: MobileNet v2 has fewer than 150 nodes", () => {
  const { model, images } = small("mobilenet_v2");
  const { nodes } = onnx.decodeOnnx("Model", onnx.export(model, images(2))).graph!;
  expect(nodes!.filter(({ op }) => op === "Conv")).toHaveLength(52);
  expect(nodes!.length).toBeLessThan(150);
});
