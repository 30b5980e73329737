/** @file How images are prepared for published weights: torchvision's presets, by network. */
import { expect, test } from "vitest";
import { IMAGENET } from "../../src/data/imagenet.ts";
import { presetOf, zoo } from "../../src/models/index.ts";

test.each([
  ["resnet50", 256, 224, undefined, 0.485],
  ["vgg16", 256, 224, undefined, 0.485],
  ["googlenet", 256, 224, undefined, 0.5],
  ["inception_v3", 342, 299, undefined, 0.5],
  ["efficientnet_b0", 256, 224, "bicubic", 0.485],
  ["efficientnet_b3", 320, 300, "bicubic", 0.485],
  ["efficientnet_b7", 600, 600, "bicubic", 0.485],
  ["convnext_tiny", 236, 224, undefined, 0.485],
  ["convnext_large", 232, 224, undefined, 0.485],
  ["convnextv2_tiny", 256, 224, "bicubic", 0.485],
  ["vit_l_16", 242, 224, undefined, 0.485],
])("%s: shorter side %i, crop %i", (name, shorterSide, side, filter, red) => {
  const { image, inputs } = presetOf(name);
  expect([image.shorterSide, image.width, image.height, image.filter, inputs!.mean[0]]).toEqual([shorterSide, side, side, filter, red]);
});

test("digits are 0 to 1; another size keeps the proportion", () => {
  expect(presetOf("lenet5_1998")).toEqual({ image: { width: 32, height: 32, channels: 1 } });
  expect(presetOf("resnet18", 112)).toEqual({ image: { width: 112, height: 112, channels: 3, shorterSide: 128 }, inputs: IMAGENET });
});

test("every network's images cover its crop", () => {
  for (const [name, { input }] of Object.entries(zoo)) {
    const { image, inputs } = presetOf(name);
    expect([image.channels, image.height, image.width], name).toEqual(input);
    expect(image.shorterSide ?? image.width, name).toBeGreaterThanOrEqual(image.width);
    expect(inputs === undefined, name).toBe(input[1] < 64);
  }
});
