/**
 * @file The namespace `functional`: activations, convolutions, pooling, normalization, losses, recurrent layers and attention as plain
 * functions. Tensors come first, options last; what is learnt is passed in.
 */
export * from "./activation.ts";
export * from "./attention.ts";
export * from "./conv.ts";
export * from "./ctc.ts";
export * from "./detection.ts";
export { cdist, cosineSimilarity, type NormalizeOptions, normalize, type PairwiseDistanceOptions, pairwiseDistance } from "./distance.ts";
export * from "./dropout.ts";
export { bilinear } from "./einsum.ts";
export { type EmbeddingBagOptions, embeddingBag } from "./embedding-bag.ts";
export { embedding } from "./indexing.ts";
export { linear } from "./linear.ts";
export * from "./loss.ts";
export * from "./margin-loss.ts";
export * from "./mixing.ts";
export * from "./normalization.ts";
export * from "./pool.ts";
export { type PadMode, pad } from "./rearrange.ts";
export * from "./recurrent.ts";
export { type LossOptions, type LossParts, lossParts, type Reduction } from "./reduction.ts";
export * from "./resize.ts";
export { type Lengths, type PadSequenceOptions, padSequence, sequenceLengths, sequenceMask, unpadSequence } from "./sequence.ts";
export { entropy, logSoftmax, type SoftmaxOptions, softmax, softmin } from "./softmax.ts";
export * from "./unfold.ts";
export type { Padding } from "./window.ts";
