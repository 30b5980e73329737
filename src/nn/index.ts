/** @file The entry `nabla/nn`: layers, losses and initial values. */
// Initial values are computed when first read, by the runtime.
import "../runtime/evaluate.ts";

export { type Lengths, type PadSequenceOptions, padSequence, sequenceLengths, sequenceMask, unpadSequence } from "../math/sequence.ts";
export * from "./activation.ts";
export * from "./adaptive-pool.ts";
export { MultiHeadAttention, type MultiHeadAttentionOptions } from "./attention.ts";
export type { AffineMap, Draws, Scalar } from "./augment.ts";
export {
  type AffineStep,
  type Augment,
  type Augmentation,
  Augmenter,
  type AugmentOptions,
  augment,
  type ColourJitterOptions,
  type CropOptions,
  colourJitter,
  crop,
  type EraseOptions,
  erase,
  flipHorizontal,
  flipVertical,
  type ImageSize,
  type PrincipalColours,
  pcaColour,
  rotate,
  scale,
  shear,
  translate,
  type ValueStep,
} from "./augment.ts";
export { BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormLayerOptions } from "./batch-norm.ts";
export { BatchRenorm, type BatchRenormLayerOptions } from "./batch-renorm.ts";
export { Bilinear } from "./bilinear.ts";
export type { ConvFunction } from "./conv.ts";
export { Conv1d, Conv2d, type Conv2dOptions, Conv3d, type ConvLayerOptions, type ConvNd, type Pair } from "./conv.ts";
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvTransposeLayerOptions } from "./conv-transpose.ts";
export { AlphaDropout, ChannelDropout, Dropout } from "./dropout.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export { EmbeddingBag, type EmbeddingBagLayerOptions } from "./embedding-bag.ts";
export { Flatten } from "./flatten.ts";
export { type FoldOptions, foldBatchNorm, foldBatchNorms } from "./fold.ts";
export { functionalCall } from "./functional-call.ts";
export { groupParameters, type ParameterPredicate } from "./groups.ts";
export type { Initializer, InitializerOptions } from "./initializers.ts";
export * as initializers from "./initializers.ts";
export { Maxout, PReLU, RBF, type RbfOptions } from "./learnt-activation.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export * from "./loss-layers.ts";
export * from "./losses.ts";
export { type ForwardHook, type Layer, Module } from "./module.ts";
export { ModuleDict, ParameterDict } from "./module-dict.ts";
export { ModuleList } from "./module-list.ts";
export * from "./norm.ts";
export * from "./padding.ts";
export { Parameter, State, type StateOptions } from "./parameter.ts";
export { ParameterList } from "./parameter-list.ts";
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  type AvgPoolOptions,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type MaxPoolOptions,
  type PoolOptions,
} from "./pool.ts";
export { exactBatchStatistics } from "./population.ts";
export {
  GRU,
  GRUCell,
  type GruLayerOptions,
  LSTM,
  LSTMCell,
  type LstmLayerOptions,
  type RecurrentCallOptions,
  type RecurrentLayerOptions,
  RNN,
  RNNCell,
  type RnnLayerOptions,
} from "./recurrent.ts";
export { removeReparameterization, type SpectralNormOptions, withSpectralNorm, withWeightNorm } from "./reparameterize.ts";
export { Residual } from "./residual.ts";
export { ChannelShuffle, PixelShuffle, PixelUnshuffle, Upsample } from "./resize.ts";
export { Sequential } from "./sequential.ts";
export { LogSoftmax, Softmax, Softmin } from "./softmax.ts";
export { type ArrayEntry, type LoadReport, type Misshapen, StateDictError, type StateEntry } from "./state-dict.ts";
export {
  Transformer,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerMasks,
  type TransformerOptions,
  type TransformerStackOptions,
} from "./transformer.ts";
export { type Masks, TransformerDecoderLayer, TransformerEncoderLayer, type TransformerLayerOptions } from "./transformer-layer.ts";
export { type Sighting, type Watched, watch } from "./watch.ts";
