/** @file The zoo: published counts of parameters and work, names and shapes of weights, options, errors. Nothing here computes with big nets. */
import { afterEach, describe, expect, test } from "vitest";
import { depthOf, macsOf, parameterCount, recordOn } from "../../src/inspect/cost.ts";
import {
  AlexNetLecture,
  CifarResNet,
  EfficientNet,
  GoogLeNet,
  Inception,
  LeNet1,
  LeNet5Classic,
  models,
  NaiveInception,
  VGG,
  VisionTransformer,
  zoo,
} from "../../src/models/index.ts";
import { Conv2d } from "../../src/nn/conv.ts";
import type { Layer } from "../../src/nn/module.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import { pendingCells } from "../../src/runtime/cell.ts";
import "../../src/runtime/evaluate.ts";

// Nobody reads these weights; left waiting, all of them would be drawn with the first value that a test reads.
afterEach(() => pendingCells.clear());

/** A model of the zoo on one image, recorded in evaluation mode. */
function factsOf(name: string) {
  const { make, classes, input } = zoo[name];
  const model = make({ classes, channels: input[0] }).eval();
  const recorded = recordOn((x) => model.forward(x), [[1, ...input]]);
  return {
    parameters: parameterCount(model),
    macs: macsOf(recorded.list),
    depth: depthOf(recorded),
    output: recorded.outputs[0].shape,
    model,
  };
}

/** Parameters as torchvision's documentation of its weights gives them (0.14, "num_params"). */
const TORCHVISION: Readonly<Record<string, number>> = {
  alexnet: 61_100_840,
  vgg11: 132_863_336,
  vgg11_bn: 132_868_840,
  vgg13: 133_047_848,
  vgg13_bn: 133_053_736,
  vgg16: 138_357_544,
  vgg16_bn: 138_365_992,
  vgg19: 143_667_240,
  vgg19_bn: 143_678_248,
  googlenet: 6_624_904,
  resnet18: 11_689_512,
  resnet34: 21_797_672,
  resnet50: 25_557_032,
  resnet101: 44_549_160,
  resnet152: 60_192_808,
  wide_resnet50_2: 68_883_240,
  wide_resnet101_2: 126_886_696,
  resnext50_32x4d: 25_028_904,
  resnext101_32x8d: 88_791_336,
  resnext101_64x4d: 83_455_272,
  densenet121: 7_978_856,
  densenet161: 28_681_000,
  densenet169: 14_149_480,
  densenet201: 20_013_928,
  squeezenet1_0: 1_248_424,
  squeezenet1_1: 1_235_496,
  mobilenet_v2: 3_504_872,
  mobilenet_v3_large: 5_483_032,
  mobilenet_v3_small: 2_542_856,
  mnasnet0_5: 2_218_512,
  mnasnet0_75: 3_170_208,
  mnasnet1_0: 4_383_312,
  mnasnet1_3: 6_282_256,
  shufflenet_v2_x0_5: 1_366_792,
  shufflenet_v2_x1_0: 2_278_604,
  shufflenet_v2_x1_5: 3_503_624,
  shufflenet_v2_x2_0: 7_393_996,
  efficientnet_b0: 5_288_548,
  efficientnet_b1: 7_794_184,
  efficientnet_b2: 9_109_994,
  efficientnet_b3: 12_233_232,
  efficientnet_b4: 19_341_616,
  efficientnet_b5: 30_389_784,
  efficientnet_b6: 43_040_704,
  efficientnet_b7: 66_347_960,
  regnet_y_400mf: 4_344_144,
  regnet_y_800mf: 6_432_512,
  regnet_y_1_6gf: 11_202_430,
  regnet_y_3_2gf: 19_436_338,
  regnet_y_8gf: 39_381_472,
  regnet_y_16gf: 83_590_140,
  regnet_y_32gf: 145_046_770,
  regnet_x_400mf: 5_495_976,
  regnet_x_800mf: 7_259_656,
  regnet_x_1_6gf: 9_190_136,
  regnet_x_3_2gf: 15_296_552,
  regnet_x_8gf: 39_572_648,
  regnet_x_16gf: 54_278_536,
  regnet_x_32gf: 107_811_560,
  convnext_tiny: 28_589_128,
  convnext_small: 50_223_688,
  convnext_base: 88_591_464,
  convnext_large: 197_767_336,
  vit_b_16: 86_567_656,
  vit_b_32: 88_224_232,
  vit_l_16: 304_326_632,
  vit_l_32: 306_535_400,
};

describe("networks that torchvision has", () => {
  test.each(Object.entries(TORCHVISION))("%s has %i parameters", (name, count) => {
    const { classes, input, make } = zoo[name];
    expect(parameterCount(make({ classes, channels: input[0] }))).toBe(count);
  });

  test("Inception v3 and GoogLeNet with their auxiliary classifiers", () => {
    expect(parameterCount(zoo.inception_v3.make({ auxiliary: true }))).toBe(27_161_264);
    expect(parameterCount(zoo.googlenet.make({ auxiliary: true }))).toBe(13_004_888);
  });
});

/** Millions with as many decimals as a paper prints. */
const millions = (n: number, decimals: number): string => (n / 1e6).toFixed(decimals);

describe("networks that torchvision lacks, by their papers", () => {
  test("LeNet-1: 2,578 parameters, 98,442 connections (LeCun et al. 1990, §4)", () => {
    expect(parameterCount(new LeNet1())).toBe(2578);
    // Connections of a map count its bias: 4 of 24x24, 4 of 12x12, 12 of 8x8 with 20 kernels, 12 of 4x4, 10 units.
    const connections = 4 * 576 * 26 + 4 * 144 * 5 + 64 * (20 * 25 + 12) + 12 * 16 * 5 + 1930;
    expect(connections).toBe(98_442);
    expect(new LeNet1().h3.weight.shape).toEqual([20, 5, 5]);
  });

  test("LeNet-4: by its description 262,306 connections, about the 260,000 of LeCun et al. (1995)", () => {
    const connections = 4 * 784 * 26 + 8 * 196 * 5 + 100 * (48 * 25 + 16) + 16 * 25 * 5 + 120 * 401 + 10 * 121;
    expect(connections).toBe(262_306);
    expect(Math.round(connections / 10_000)).toBe(26);
    // The paper's "about 17,000" parameters leave out most of the 120·401 of the hidden layer.
    expect(factsOf("lenet4").parameters).toBe(4 * 26 + 8 * 2 + 48 * 25 + 16 + 16 * 2 + 120 * 401 + 10 * 121);
  });

  test("LeNet-5: 60,000 trainable parameters (LeCun et al. 1998, §II.B), 1,516 of them in C3", () => {
    const model = new LeNet5Classic();
    expect(parameterCount(model)).toBe(60_000);
    expect(parameterCount(model.c3)).toBe(1516);
    expect(parameterCount(model.s2)).toBe(12);
    expect(parameterCount(model.c5)).toBe(48_120);
  });

  test("AlexNet in the lectures' form: 62,378,344, CONV1 34,944, 55 = (227 - 11)/4 + 1 (CNN-2)", () => {
    const model = new AlexNetLecture();
    expect(parameterCount(model)).toBe(62_378_344);
    expect(parameterCount(model[0])).toBe(34_944);
    expect(recordOn((x) => model[0].forward(x), [[1, 3, 227, 227]]).outputs[0].shape).toEqual([1, 96, 55, 55]);
    expect(parameterCount(new Conv2d(3, 4, 3))).toBe(112);
  });

  // Simonyan & Zisserman (2015), Table 2: millions of parameters.
  test.each([
    ["vgg11", "133"],
    ["vgg11_lrn", "133"],
    ["vgg13", "133"],
    ["vgg16_1x1", "134"],
    ["vgg16", "138"],
    ["vgg19", "144"],
  ])("%s: %s M", (name, printed) => {
    expect(millions(factsOf(name).parameters, 0)).toBe(printed);
  });

  test("VGG-C differs from VGG-D by its three 1x1 kernels alone", () => {
    expect(factsOf("vgg16").parameters - factsOf("vgg16_1x1").parameters).toBe(8 * (256 * 256 + 2 * 512 * 512));
  });

  test("SENet: SE-ResNet-50 has 28.1 M parameters, 2.5 M more than ResNet-50, and 3.87 GFLOPs against 3.86 (Hu et al. 2018, §6.4, Table 2)", () => {
    const [plain, excited] = [factsOf("resnet50"), factsOf("se_resnet50")];
    expect(excited.parameters).toBe(28_088_024);
    expect(millions(excited.parameters - plain.parameters, 1)).toBe("2.5");
    expect((excited.macs.total - plain.macs.total) / plain.macs.total).toBeLessThan(0.01);
  });

  test("NASNet-A (4 @ 1056): 5.3 M parameters, 564 M multiply-adds (Zoph et al. 2018, Table 4)", () => {
    const { parameters, macs } = factsOf("nasnet_mobile");
    expect(parameters).toBe(5_289_978); // the trainable ones of Keras' NASNetMobile
    expect(millions(macs.total, 0)).toBe("564");
  });

  test("MobileNet v1: 4.2 M parameters, 569 M multiply-adds (Howard et al. 2017, Table 4)", () => {
    const { parameters, macs, depth } = factsOf("mobilenet_v1");
    expect(millions(parameters, 1)).toBe("4.2");
    expect(millions(macs.total, 0)).toBe("569");
    expect(depth).toBe(28); // §3.1: 28 layers
    // Table 6: widths 0.75, 0.5, 0.25.
    const narrow = [0.75, 0.5, 0.25].map((width) => millions(parameterCount(zoo.mobilenet_v1.make({ width })), 1));
    expect(narrow).toEqual(["2.6", "1.3", "0.5"]);
  });

  // Woo et al. (2023), Table 9 and 14: millions of parameters and GFLOPs (multiply-adds).
  test.each([
    ["atto", "3.7", "0.55"],
    ["femto", "5.2", "0.78"],
    ["pico", "9.1", "1.37"],
    ["nano", "15.6", "2.45"],
    ["tiny", "28.6", "4.46"],
    ["base", "88.7", "15.35"],
    ["large", "198.0", "34.36"],
  ])("ConvNeXt v2 %s: %s M, %s G", (size, parameters, giga) => {
    const facts = factsOf(`convnextv2_${size}`);
    expect(millions(facts.parameters, 1)).toBe(parameters);
    expect((facts.macs.total / 1e9).toFixed(2)).toBe(giga);
  });

  test.each([
    [20, "0.27"],
    [32, "0.46"],
    [56, "0.85"],
  ])("ResNet-%i for CIFAR: %s M (He et al. 2016, Table 6), as deep as its name", (depth, printed) => {
    const facts = factsOf(`resnet${depth}`);
    expect(millions(facts.parameters, 2)).toBe(printed);
    expect(facts.depth).toBe(depth);
  });

  test("DeiT-Ti and DeiT-S: 5 M and 22 M (Touvron et al. 2021, Table 1)", () => {
    expect(factsOf("vit_tiny_16").parameters).toBe(5_717_416);
    expect(factsOf("vit_small_16").parameters).toBe(22_050_664);
  });
});

describe("inception modules", () => {
  // 28x28x256 into 128 1x1, 192 3x3, 96 5x5, and pooling.
  const row = [128, 64, 192, 64, 96, 64] as const;
  const onMaps = (module: Layer) => recordOn((x) => module.forward(x), [[1, 256, 28, 28]]);

  test("the naive one passes 672 maps on and takes 854 M multiply-adds", () => {
    const recorded = onMaps(new NaiveInception(256, row).eval());
    expect(recorded.outputs[0].shape).toEqual([1, 672, 28, 28]);
    expect(millions(macsOf(recorded.list).total, 0)).toBe("854");
  });

  test("with bottlenecks of 64 maps 480 and 271 M", () => {
    const recorded = onMaps(new Inception(256, row, 5).eval());
    expect(recorded.outputs[0].shape).toEqual([1, 480, 28, 28]);
    expect(millions(macsOf(recorded.list).total, 0)).toBe("271");
  });
});

describe("depth counted from the tape is the number in the name", () => {
  test.each([
    ["alexnet", 8],
    ["vgg11", 11],
    ["vgg19", 19],
    ["googlenet", 22],
    ["resnet18", 18],
    ["resnet152", 152],
    ["densenet121", 121],
    ["densenet201", 201],
  ])("%s: %i", (name, depth) => {
    expect(factsOf(name).depth).toBe(depth);
  });
});

describe("faults", () => {
  test.each([
    ["resnet18", [3, 4, 4], "resnet18: want images [channels, height, width] of at least 8x8 pixels, the data have [3, 4, 4]"],
    ["alexnet_lecture", [3, 224, 224], "alexnet_lecture: want inputs [3, 227, 227], the data have [3, 224, 224]"],
    ["lenet1", [1, 32, 32], "lenet1: want inputs [1, 28, 28], the data have [1, 32, 32]"],
    ["vgg16", [784], "vgg16: want images [channels, height, width] of at least 32x32 pixels, the data have [784]"],
  ])("%s refuses %j", (name, inputShape, message) => {
    expect(() => models[name]({ inputShape, outputs: 10 })).toThrow(message);
  });

  test.each([
    ["a width", () => new VGG("A", { width: 0 }), "model: width must be above 0, got 0"],
    ["a depth", () => new CifarResNet(21), "CifarResNet: the depth must be 6n + 2, such as 20, 32 or 56; got 21"],
    ["a version", () => new EfficientNet(8), "EfficientNet: want a version from 0 to 7, got 8"],
    [
      "patches",
      () => new VisionTransformer("b_16", { imageSize: 100 }),
      "VisionTransformer: patches of 16 pixels do not tile images of 100",
    ],
    [
      "classes of RBF units",
      () => new LeNet5Classic({ classes: 26 }),
      'LeNet5Classic: RBF units stand for 10 digits, the task has 26 classes; take output "linear"',
    ],
    [
      "an image's size",
      () => new LeNet1().forward(zeros([1, 1, 32, 32])),
      "LeNet1: want an input [batch, 1, 28, 28], got [1, 1, 32, 32]; pad or resize the images",
    ],
    [
      "a transformer's image",
      () => new VisionTransformer("tiny_16").forward(zeros([1, 3, 32, 32])),
      "VisionTransformer: want images of 224x224, got 32x32; resize them, or set imageSize",
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe("details", () => {
  test("LeNet-5's RBF units are largest at the drawing of their digit", () => {
    const { output } = new LeNet5Classic();
    const codes = [...output.stateDict()][0][1].value;
    const scores = output.forward(codes as never);
    expect([...scores.argmax(1).dataSync()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(codes.shape).toEqual([10, 84]);
  });

  test("GoogLeNet's loss adds 0.3 of each auxiliary loss while training, and nothing in evaluation", () => {
    const model = new GoogLeNet({ classes: 4, auxiliary: true, width: 0.25, smallImages: true });
    const x = zeros([2, 3, 32, 32]).add(0.5);
    const labels = tensor([1, 3], { dtype: "i32" });
    const { logits, auxiliary } = recordedHeads(model, x.shape);
    expect([logits, ...auxiliary]).toEqual([
      [2, 4],
      [2, 4],
      [2, 4],
    ]);
    model.eval();
    expect(model.forwardAll(x).auxiliary).toEqual([]);
    expect(model.loss(x, labels).shape).toEqual([]);
  });
});

function recordedHeads(model: GoogLeNet, shape: readonly number[]): { logits: readonly number[]; auxiliary: (readonly number[])[] } {
  const { outputs } = recordOn(
    (x) => {
      const { logits, auxiliary } = model.forwardAll(x);
      return [logits, ...auxiliary];
    },
    [shape],
  );
  const [logits, ...auxiliary] = outputs.map((y) => y.shape);
  return { logits, auxiliary };
}
