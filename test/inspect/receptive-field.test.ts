/** @file Receptive fields (CNN-6): by hand, and as the support of the gradient. */
import { describe, expect, test } from "vitest";
import { grad } from "../../src/function/derivative.ts";
import { blueprint, parameterCount } from "../../src/inspect/cost.ts";
import { receptiveField } from "../../src/inspect/receptive-field.ts";
import { summary } from "../../src/inspect/summary.ts";
import { keyOf, uniform } from "../../src/math/random.ts";
import { VGG, zoo } from "../../src/models/index.ts";
import { AvgPool2d, BatchNorm2d, Conv2d, Flatten, type Layer, Linear, MaxPool2d, ReLU, Sequential } from "../../src/nn/index.ts";
import { ones } from "../../src/nn/initializers.ts";
import "../../src/runtime/evaluate.ts";

const conv = (kernel: number, options = {}) => new Conv2d(1, 1, kernel, { weightInitializer: ones, ...options });
const square = (size: number, stride: number, offset: number) => ({
  size: [size, size],
  stride: [stride, stride],
  offset: [offset, offset],
});

/** Rows and columns of the image where the gradient of one unit's value is not zero. */
function support(model: Layer, side: number, unit: number): { first: number; last: number } {
  const x = uniform(keyOf(5), [1, 1, side, side], { low: 0.5, high: 1 });
  const g = grad((image: typeof x) => model.forward(image).narrow(2, unit, 1).narrow(3, unit, 1).sum())(x);
  const columns = [...g.abs().sum([0, 1, 2]).dataSync()];
  return { first: columns.findIndex((v) => v > 0), last: columns.findLastIndex((v) => v > 0) };
}

describe("against the support of the gradient", () => {
  test.each<[string, () => Layer, number, ReturnType<typeof square>]>([
    ["one 3x3", () => new Sequential(conv(3)), 9, square(3, 1, 0)],
    ["three 3x3, as one 7x7", () => new Sequential(conv(3), conv(3), conv(3)), 15, square(7, 1, 0)],
    ["one 7x7", () => new Sequential(conv(7)), 15, square(7, 1, 0)],
    ["with padding", () => new Sequential(conv(3, { padding: 1 }), conv(3, { padding: 1 })), 15, square(5, 1, -2)],
    ["with strides", () => new Sequential(conv(3, { stride: 2 }), conv(3, { stride: 2 })), 31, square(7, 4, 0)],
    ["with dilation", () => new Sequential(conv(3, { dilation: 2 }), conv(3, { dilation: 3 })), 31, square(11, 1, 0)],
    ["mean pooling", () => new Sequential(conv(5), new AvgPool2d(2), conv(3)), 31, square(10, 2, 0)],
  ])("%s", (_, make, side, want) => {
    const model = make();
    const field = receptiveField(model, [1, side, side])!;
    expect(field).toEqual(want);
    const unit = 3;
    const [size, stride, offset] = [field.size[1], field.stride[1], field.offset[1]];
    expect(support(model, side, unit)).toEqual({ first: offset + unit * stride, last: offset + unit * stride + size - 1 });
  });
});

describe("by rule", () => {
  test("max pooling sees the window, whichever element wins", () => {
    expect(
      receptiveField(
        new Sequential(new Conv2d(3, 4, 5, { padding: 2 }), new ReLU(), new MaxPool2d(3, { stride: 2, padding: 1 })),
        [3, 33, 33],
      ),
    ).toEqual(square(7, 2, -3));
  });

  test("batch normalization in evaluation sees a pixel; a dense layer sees the image", () => {
    expect(receptiveField(new Sequential(new Conv2d(3, 4, 3), new BatchNorm2d(4)).eval(), [3, 9, 9])).toEqual(square(3, 1, 0));
    expect(receptiveField(new Sequential(new Flatten(), new Linear(27, 2)), [3, 3, 3])).toBeUndefined();
  });

  test("VGG-16's features: 212 pixels, 32 apart, the first from -90", () => {
    expect(receptiveField(new VGG("D").features, [3, 224, 224])).toEqual(square(212, 32, -90));
  });

  test("ResNet-50's last stage: 427 pixels, 32 apart", () => {
    // 7 + 2·2 of the stem, 3 times 2·4, 2·4 and 3 times 2·8, 2·8 and 5 times 2·16, 2·16 and 2 times 2·32.
    expect(7 + 4 + 24 + 8 + 48 + 16 + 160 + 32 + 128).toBe(427);
    const { rows } = summary(blueprint(() => zoo.resnet50.make()).eval(), [3, 224, 224], { receptive: true });
    const last = rows.findLast(({ name }) => name.startsWith("layer4"))!;
    expect(last.receptiveField).toMatchObject({ size: [427, 427], stride: [32, 32] });
  });
});

test("three 3x3 see what one 7x7 sees with 27 C² parameters against 49 C² (Simonyan & Zisserman 2015, §2.3)", () => {
  const c = 8;
  const layer = (kernel: number) => new Conv2d(c, c, kernel, { bias: false });
  const [three, one] = [new Sequential(layer(3), layer(3), layer(3)), new Sequential(layer(7))];
  expect(receptiveField(three, [c, 21, 21])).toEqual(receptiveField(one, [c, 21, 21]));
  expect([parameterCount(three), parameterCount(one)]).toEqual([27 * c * c, 49 * c * c]);
});
