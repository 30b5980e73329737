/** @file The entry `nabla/models`: networks by class and by name. */
import "../runtime/evaluate.ts";

export { AlexNet, AlexNetLecture } from "./alexnet.ts";
export { type ImageModelOptions, SqueezeExcite, StochasticDepth } from "./blocks.ts";
export { Cnn } from "./cnn.ts";
export { ConvNet } from "./convnet.ts";
export { ConvNeXt, ConvNeXtV2 } from "./convnext.ts";
export { DenseNet, type DenseNetOptions } from "./densenet.ts";
export { EfficientNet } from "./efficientnet.ts";
export { GoogLeNet, type GoogLeNetOptions, Inception, type InceptionRow, NaiveInception } from "./googlenet.ts";
export { InceptionV3, type InceptionV3Options } from "./inception.ts";
export { LeNet1, LeNet4, LeNet5, LeNet5Classic, type LeNet5ClassicOptions } from "./lenet.ts";
export { Mlp, type MlpOptions } from "./mlp.ts";
export { MNASNet } from "./mnasnet.ts";
export { MobileNetV1, MobileNetV2, MobileNetV3 } from "./mobilenet.ts";
export { NASNetMobile } from "./nasnet.ts";
export { type Preset, presetOf } from "./preset.ts";
export { type ModelTask, models } from "./registry.ts";
export { RegNet, type RegNetDesign } from "./regnet.ts";
export { CifarResNet, ResNet, type ResNetOptions } from "./resnet.ts";
export { ShuffleNetV2 } from "./shufflenet.ts";
export { SqueezeNet } from "./squeezenet.ts";
export { VGG, type VggOptions } from "./vgg.ts";
export { VisionTransformer, type VitOptions } from "./vit.ts";
export { loadWeights, readWeights } from "./weights.ts";
export { exactXor, Xor } from "./xor.ts";
export { type ZooEntry, type ZooOptions, zoo } from "./zoo.ts";
