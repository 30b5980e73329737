/** @file The entry `nabla/nn`: layers, losses and initial values. */
export { ReLU, Sigmoid, Tanh } from "./activation.ts";
export { Conv2d, type Conv2dOptions, type Pair } from "./conv.ts";
export { Dropout } from "./dropout.ts";
export { Flatten } from "./flatten.ts";
export type { Initializer, InitializerOptions } from "./initializers.ts";
export * as initializers from "./initializers.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  huberLoss,
  type LossOptions,
  l1Loss,
  mseLoss,
  nllLoss,
  quadraticLoss,
  type Reduction,
} from "./losses.ts";
export { type Layer, Module } from "./module.ts";
export { Parameter, State, type StateOptions } from "./parameter.ts";
export { AvgPool2d, type AvgPoolOptions, avgPool2d, globalAvgPool2d, MaxPool2d, maxPool2d, type PoolOptions } from "./pool.ts";
export { Sequential } from "./sequential.ts";
export { type ArrayEntry, type LoadReport, type Misshapen, StateDictError, type StateEntry } from "./state-dict.ts";
