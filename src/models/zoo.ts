/**
 * @file The classic networks by name, with what a reader wants to know of each: year, idea, source, native input. Names are torchvision's where it
 * has the network. `docs/models.md` is made from this list.
 */
import type { Layer } from "../nn/module.ts";
import { AlexNet, AlexNetLecture } from "./alexnet.ts";
import type { ImageModelOptions } from "./blocks.ts";
import { ConvNeXt, ConvNeXtV2 } from "./convnext.ts";
import { DenseNet } from "./densenet.ts";
import { EfficientNet } from "./efficientnet.ts";
import { GoogLeNet, type GoogLeNetOptions } from "./googlenet.ts";
import { InceptionV3, type InceptionV3Options } from "./inception.ts";
import { LeNet1, LeNet4, LeNet5Classic } from "./lenet.ts";
import { MNASNet } from "./mnasnet.ts";
import { MobileNetV1, MobileNetV2, MobileNetV3 } from "./mobilenet.ts";
import { NASNetMobile } from "./nasnet.ts";
import { RegNet, type RegNetDesign } from "./regnet.ts";
import { CifarResNet, ResNet, type ResNetOptions } from "./resnet.ts";
import { ShuffleNetV2 } from "./shufflenet.ts";
import { SqueezeNet } from "./squeezenet.ts";
import { VGG } from "./vgg.ts";
import { VisionTransformer, type VitOptions } from "./vit.ts";

/** Every option that some network of the list takes; each ignores those of others. */
export type ZooOptions = ImageModelOptions & Pick<GoogLeNetOptions & InceptionV3Options, "auxiliary"> & Pick<VitOptions, "imageSize">;

/** A network of the zoo: how to make it, where it comes from, what it takes. */
export interface ZooEntry {
  /** A new network with fresh weights. */
  readonly make: (options?: ZooOptions) => Layer;
  /** Of publication. */
  readonly year: number;
  /** What it brought, in a line. */
  readonly idea: string;
  /** Paper and table. */
  readonly source: string;
  /** Shape of the images it was made for. */
  readonly input: readonly [channels: number, height: number, width: number];
  /** Classes it was made for: 10 digits or the 1000 of ImageNet. */
  readonly classes: number;
  /** The least side of the images it can take; `exact` if it takes no other. */
  readonly least: number;
  /** The same with `smallImages`; none if that changes nothing. */
  readonly leastSmall?: number;
  readonly exact?: boolean;
}

type Facts = Omit<ZooEntry, "make" | "idea">;

const imagenet = (year: number, source: string, least: number, leastSmall: number, side = 224): Facts => {
  return { year, source, input: [3, side, side], classes: 1000, least, leastSmall };
};

const entries: Record<string, ZooEntry> = {};
/** Options that most networks take. */
const COMMON: readonly (keyof ZooOptions)[] = ["classes", "channels", "smallImages", "width"];
const WITH_AUXILIARY: typeof COMMON = [...COMMON, "auxiliary"];
const WITH_SIZE: typeof COMMON = ["classes", "channels", "smallImages", "imageSize"];

/** `takes` are the options that the network knows; it hears of no others. */
const add = (name: string, facts: Facts, idea: string, make: (options?: ZooOptions) => Layer, takes: typeof COMMON = COMMON): void => {
  const known = (options: ZooOptions): ZooOptions => Object.fromEntries(takes.map((option) => [option, options[option]]));
  entries[name] = { ...facts, idea, make: (options) => make(options && known(options)) };
};

const digits = (year: number, source: string, side: number): Facts => ({
  year,
  source,
  input: [1, side, side],
  classes: 10,
  least: side,
  exact: true,
});
const lenet1 = digits(1990, "LeCun et al. 1990, §4", 28);
add("lenet1", lenet1, "shared weights: the same small kernel everywhere", (o) => new LeNet1(o?.classes));
const lenet4 = digits(1995, "LeCun et al. 1995; 1998, §III.C.4", 32);
add("lenet4", lenet4, "more maps, a hidden layer", (o) => new LeNet4(o?.classes));
const lenet5 = digits(1998, "LeCun et al. 1998, §II.B, Table I", 32);
add("lenet5_1998", lenet5, "maps connected in part, RBF outputs", (o) => {
  const classes = o?.classes ?? 10;
  return new LeNet5Classic({ classes, output: classes === 10 ? "rbf" : "linear" });
});

const alexnet = imagenet(2012, "Krizhevsky et al. 2012; Krizhevsky 2014", 63, 15);
add("alexnet", alexnet, "ReLU, dropout and GPUs make depth work", (o) => new AlexNet(o));
const lecture: Facts = { ...imagenet(2012, "Krizhevsky et al. 2012, §3.5", 227, 32, 227), exact: true };
add("alexnet_lecture", lecture, "the lectures' form: 227 pixels, pooling before normalization, no groups", (o) => new AlexNetLecture(o));

const vgg = imagenet(2014, "Simonyan & Zisserman 2015, Table 1", 32, 32);
const small3x3 = "nothing but 3×3 convolutions";
for (const [name, column] of [
  ["vgg11", "A"],
  ["vgg13", "B"],
  ["vgg16", "D"],
  ["vgg19", "E"],
] as const) {
  add(name, vgg, `${small3x3}: column ${column}`, (o) => new VGG(column, o));
  add(`${name}_bn`, vgg, `column ${column} with batch normalization`, (o) => new VGG(column, { ...o, batchNorm: true }));
}
add("vgg11_lrn", vgg, `${small3x3}: column A-LRN, with response normalization`, (o) => new VGG("A-LRN", o));
add("vgg16_1x1", vgg, "column C: 1×1 convolutions add nonlinearity alone", (o) => new VGG("C", o));

const googlenet = imagenet(2014, "Szegedy et al. 2015, Fig. 2, Table 1", 32, 8);
add(
  "googlenet",
  googlenet,
  "inception modules with 1×1 bottlenecks, auxiliary losses, no dense layers",
  (o) => new GoogLeNet(o),
  WITH_AUXILIARY,
);
add(
  "googlenet_naive",
  googlenet,
  "inception modules of Fig. 2a: what the bottlenecks save",
  (o) => new GoogLeNet({ ...o, modules: "naive" }),
  WITH_AUXILIARY,
);
const inception = imagenet(2015, "Szegedy et al. 2016, Table 1", 75, 15, 299);
add("inception_v3", inception, "large kernels factorized", (o) => new InceptionV3(o), WITH_AUXILIARY);

const RESNETS = {
  resnet18: ["basic", [2, 2, 2, 2]],
  resnet34: ["basic", [3, 4, 6, 3]],
  resnet50: ["bottleneck", [3, 4, 6, 3]],
  resnet101: ["bottleneck", [3, 4, 23, 3]],
  resnet152: ["bottleneck", [3, 8, 36, 3]],
} as const;
type ResNetName = keyof typeof RESNETS;
const resnet = (name: string, facts: Facts, idea: string, base: ResNetName, own: ResNetOptions = {}): void => {
  const [kind, depths] = RESNETS[base];
  add(name, facts, idea, (o) => new ResNet(kind, depths, { ...o, ...own }));
};
const he = imagenet(2015, "He et al. 2016, Table 1", 32, 8);
for (const name of Object.keys(RESNETS) as ResNetName[]) resnet(name, he, "layers learn what to add to their input", name);
const wide = imagenet(2016, "Zagoruyko & Komodakis 2016, Table 8", 32, 8);
resnet("wide_resnet50_2", wide, "width for depth", "resnet50", { widthPerGroup: 128 });
resnet("wide_resnet101_2", wide, "width for depth", "resnet101", { widthPerGroup: 128 });
const xie = imagenet(2017, "Xie et al. 2017, Table 1", 32, 8);
resnet("resnext50_32x4d", xie, "many parallel paths: cardinality", "resnet50", { groups: 32, widthPerGroup: 4 });
resnet("resnext101_32x8d", xie, "many parallel paths: cardinality", "resnet101", { groups: 32, widthPerGroup: 8 });
resnet("resnext101_64x4d", xie, "many parallel paths: cardinality", "resnet101", { groups: 64, widthPerGroup: 4 });
const hu = imagenet(2018, "Hu et al. 2018, Table 1", 32, 8);
const squeeze = "channels weighed by what all of them say";
resnet("se_resnet50", hu, squeeze, "resnet50", { squeezeExcite: true });
resnet("se_resnet101", hu, squeeze, "resnet101", { squeezeExcite: true });
resnet("se_resnet152", hu, squeeze, "resnet152", { squeezeExcite: true });
resnet("se_resnext50_32x4d", hu, squeeze, "resnet50", { squeezeExcite: true, groups: 32, widthPerGroup: 4 });

const cifar: Facts = { year: 2015, source: "He et al. 2016, §4.2, Table 6", input: [3, 32, 32], classes: 10, least: 8 };
for (const depth of [20, 32, 56])
  add(`resnet${depth}`, cifar, "residual nets for small images, shortcuts without parameters", (o) => new CifarResNet(depth, o));

const dense = imagenet(2017, "Huang et al. 2017, Table 1", 32, 8);
for (const [name, depths, growth, stem] of [
  ["densenet121", [6, 12, 24, 16], 32, 64],
  ["densenet161", [6, 12, 36, 24], 48, 96],
  ["densenet169", [6, 12, 32, 32], 32, 64],
  ["densenet201", [6, 12, 48, 32], 32, 64],
] as const)
  add(name, dense, "each layer reads all before it", (o) => new DenseNet(depths, { ...o, growth, stem }));

const squeezenet = imagenet(2016, "Iandola et al. 2016, Table 1", 31, 8);
add("squeezenet1_0", squeezenet, "AlexNet's accuracy with a fiftieth of its parameters", (o) => new SqueezeNet("1.0", o));
add("squeezenet1_1", squeezenet, "the same for less than half the work", (o) => new SqueezeNet("1.1", o));

const mobile1 = imagenet(2017, "Howard et al. 2017, Table 1", 32, 16);
add("mobilenet_v1", mobile1, "depthwise separable convolutions", (o) => new MobileNetV1(o));
const mobile2 = imagenet(2018, "Sandler et al. 2018, Table 2", 32, 16);
add("mobilenet_v2", mobile2, "residuals between the narrow ends of blocks", (o) => new MobileNetV2(o));
const mobile3 = imagenet(2019, "Howard et al. 2019, Tables 1 and 2", 32, 16);
add("mobilenet_v3_large", mobile3, "searched for phones, hard swish", (o) => new MobileNetV3("large", o));
add("mobilenet_v3_small", mobile3, "searched for phones, hard swish", (o) => new MobileNetV3("small", o));

const nasnet = imagenet(2018, "Zoph et al. 2018, Fig. 4", 35, 8);
add("nasnet_mobile", nasnet, "cells found by search", (o) => new NASNetMobile(o));

const mnasnet = imagenet(2019, "Tan et al. 2019, Fig. 7", 32, 16);
for (const [name, width] of [
  ["mnasnet0_5", 0.5],
  ["mnasnet0_75", 0.75],
  ["mnasnet1_0", 1],
  ["mnasnet1_3", 1.3],
] as const)
  add(name, mnasnet, "searched with latency measured on a phone", (o) => new MNASNet({ ...o, width: width * (o?.width ?? 1) }));

const shuffle = imagenet(2018, "Ma et al. 2018, Table 5", 32, 8);
for (const [name, width] of [
  ["shufflenet_v2_x0_5", 0.5],
  ["shufflenet_v2_x1_0", 1],
  ["shufflenet_v2_x1_5", 1.5],
  ["shufflenet_v2_x2_0", 2],
] as const)
  add(name, shuffle, "made for memory traffic, not for counts", (o) => new ShuffleNetV2({ ...o, width: width * (o?.width ?? 1) }));

[224, 240, 260, 300, 380, 456, 528, 600].forEach((side, version) => {
  const facts = imagenet(2019, "Tan & Le 2019, Table 1", 32, 16, side);
  add(`efficientnet_b${version}`, facts, "depth, width and resolution grow together", (o) => new EfficientNet(version, o));
});

const regnet = imagenet(2020, "Radosavovic et al. 2020, Tables 9 and 10", 32, 16);
for (const kind of ["y", "x"] as const)
  for (const size of ["400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf"] as const) {
    const design: RegNetDesign = `${kind}_${size}`;
    const idea = "a design space, not a design: widths on a quantized line";
    add(`regnet_${design}`, regnet, kind === "y" ? `${idea}, with squeeze and excitation` : idea, (o) => new RegNet(design, o));
  }

const liu = imagenet(2022, "Liu et al. 2022, Table 9", 32, 16);
for (const size of ["tiny", "small", "base", "large"] as const)
  add(`convnext_${size}`, liu, "a ResNet with the choices of transformers", (o) => new ConvNeXt(size, o));
const woo = imagenet(2023, "Woo et al. 2023, Table 9", 32, 16);
for (const size of ["atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"] as const)
  add(`convnextv2_${size}`, woo, "global response normalization", (o) => new ConvNeXtV2(size, o));

const vit: Facts = { ...imagenet(2021, "Dosovitskiy et al. 2021, Table 1", 16, 8), exact: true };
const deit: Facts = { ...vit, source: "Touvron et al. 2021, Table 1" };
for (const size of ["tiny_16", "small_16", "b_16", "b_32", "l_16", "l_32"] as const)
  add(
    `vit_${size}`,
    size.startsWith("tiny") || size.startsWith("small") ? deit : vit,
    "attention between patches, no convolution",
    (o) => {
      return new VisionTransformer(size, o);
    },
    WITH_SIZE,
  );

/** The networks by name. */
export const zoo: Readonly<Record<string, ZooEntry>> = entries;
