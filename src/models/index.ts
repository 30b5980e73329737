/** @file The entry `nabla/models`: networks by class and by name. */
import "../runtime/evaluate.ts";

export { readWeights, type WeightsOptions } from "../formats/archive.ts";
export { AlexNet, AlexNetLecture } from "./alexnet.ts";
export type { ConvNormOptions } from "./blocks.ts";
export {
  type Chain,
  type ConvNormAct,
  type ImageModelOptions,
  SqueezeExcite,
  type SqueezeExciteOptions,
  StochasticDepth,
} from "./blocks.ts";
export { Cnn } from "./cnn.ts";
export { ConvNet } from "./convnet.ts";
export { ConvNeXt, ConvNeXtV2, type ConvNeXtV2Version, type ConvNeXtVersion } from "./convnext.ts";
export { DenseNet, type DenseNetOptions } from "./densenet.ts";
export { EfficientNet } from "./efficientnet.ts";
export {
  type AuxiliaryHead,
  type BasicConv,
  type Branches,
  GoogLeNet,
  type GoogLeNetOptions,
  Inception,
  type InceptionRow,
  NaiveInception,
} from "./googlenet.ts";
export {
  type GenerateOptions,
  Gpt,
  type GptAttention,
  type GptBlock,
  type GptCache,
  type GptFeedForward,
  type GptHead,
  type GptOptions,
  type GptTrunk,
  generate,
} from "./gpt.ts";
export type { Widen } from "./inception.ts";
export {
  type InceptionA,
  type InceptionAuxiliaryHead,
  type InceptionB,
  type InceptionC,
  type InceptionD,
  type InceptionE,
  InceptionV3,
  type InceptionV3Options,
} from "./inception.ts";
export type { KerasOptions } from "./keras-layers.ts";
export type { Connections } from "./lenet.ts";
export {
  LeNet1,
  LeNet4,
  LeNet5,
  LeNet5Classic,
  type LeNet5ClassicOptions,
  type LeNet5Options,
  type PartialConv,
  type RbfOutput,
  type Subsampling,
} from "./lenet.ts";
export { Mlp, type MlpOptions } from "./mlp.ts";
export { MNASNet } from "./mnasnet.ts";
export { MobileNetV1, MobileNetV2, MobileNetV3, type MobileNetV3Version } from "./mobilenet.ts";
export type { FactorizedReduction, Place, Pointwise } from "./nasnet.ts";
export { NASNetMobile, type NasNetCell } from "./nasnet.ts";
export { type Preset, presetOf } from "./preset.ts";
export { type ModelMaker, type ModelTask, models } from "./registry.ts";
export { RegNet, type RegNetDesign } from "./regnet.ts";
export { CifarResNet, ResNet, type ResNetOptions } from "./resnet.ts";
export { ShuffleNetV2 } from "./shufflenet.ts";
export { SqueezeNet, type SqueezeNetVersion } from "./squeezenet.ts";
export { VGG, type VggColumn, type VggOptions } from "./vgg.ts";
export { VisionTransformer, type VitEncoder, type VitOptions, type VitVersion } from "./vit.ts";
export { type LoadWeightsOptions, loadWeights } from "./weights.ts";
export { exactXor, Xor } from "./xor.ts";
export { type ZooEntry, type ZooOptions, zoo } from "./zoo.ts";
