/**
 * @file Checks of the options of functions on tensors: one table for each interface of options.
 */
import {
  aDtype,
  aNumber,
  anyNumber,
  anything,
  type Checks,
  type Expectation,
  eachAxis,
  either,
  expectation,
  flag,
  fn,
  integer,
  list,
  naturalNumber,
  nonNegative,
  numbers,
  oneOf,
  positiveInteger,
} from "../base/check.ts";
import { Tensor } from "../ops/tensor.ts";
import type { GeluOptions, GluOptions, GumbelSoftmaxOptions, HardTanhOptions, RreluOptions, SoftplusOptions } from "./activation.ts";
import type { CloseOptions } from "./arithmetic.ts";
import type { AttentionOptions, DecoderLayerOptions, MultiHeadOptions, TransformerLayerOptions } from "./attention.ts";
import type { CovOptions, GradientOptions, TrapezoidOptions } from "./calculus.ts";
import type { ConvOptions, ConvTransposeOptions } from "./conv.ts";
import type { CtcOptions } from "./ctc.ts";
import type { DeformConvOptions, NonMaxSuppressionOptions, RoiAlignOptions } from "./detection.ts";
import type { NormalizeOptions, PairwiseDistanceOptions } from "./distance.ts";
import type { DropoutOptions } from "./dropout.ts";
import type { EmbeddingBagOptions } from "./embedding-bag.ts";
import type { LogspaceOptions, VanderOptions } from "./grids.ts";
import type { ScatterReduceOptions } from "./indexing.ts";
import type { RankOptions, TriangularOptions } from "./linalg.ts";
import type {
  BceWithLogitsOptions,
  CrossEntropyOptions,
  FocalOptions,
  GaussianOptions,
  KlDivOptions,
  NllOptions,
  PoissonOptions,
  Weighted,
} from "./loss.ts";
import type { Margin, MultiMarginOptions, TripletOptions } from "./margin-loss.ts";
import type { MixOptions } from "./mixing.ts";
import type { Affine, BatchNormOptions, BatchRenormOptions, GlobalResponseNormOptions, LocalResponseNormOptions } from "./normalization.ts";
import type { AvgPoolOptions, LpPoolOptions, MaxPoolOptions, PoolOptions } from "./pool.ts";
import type { UniformOptions } from "./random.ts";
import type { RecurrentOptions, RnnOptions } from "./recurrent.ts";
import type { LossOptions } from "./reduction.ts";
import type { GridSampleOptions, InterpolateOptions } from "./resize.ts";
import type { PadSequenceOptions } from "./sequence.ts";
import type { BincountOptions, HistogramddOptions, HistogramOptions, SearchOptions, UniqueOptions } from "./sets.ts";
import type { SoftmaxOptions } from "./softmax.ts";
import type { NormOptions, QuantileOptions, ReduceOptions, TopkOptions } from "./statistics.ts";
import type { UnfoldOptions } from "./unfold.ts";
import { eachSide } from "./window.ts";

/** Of options whose interface has no name. */
type Named<Names extends string> = Readonly<Record<Names, Expectation>>;

export const aTensor: Expectation = expectation("a tensor", (value) => value instanceof Tensor);
/** What a method of a tensor takes beside it. */
export const anOperand: Expectation = expectation(
  "a tensor, a number or a parameter",
  (value) => typeof value === "number" || value instanceof Tensor || (value as { value?: unknown } | null)?.value instanceof Tensor,
);
const isNull = expectation("null", (value) => value === null);
const lengthsGiven = either(aTensor, numbers);

export const LOSS_OPTIONS: Checks<LossOptions> = { reduction: oneOf("mean", "sum", "none"), sampleWeight: anOperand };
export const POISSON_OPTIONS: Checks<PoissonOptions> = { ...LOSS_OPTIONS, logInput: flag, full: flag, eps: aNumber };
export const GAUSSIAN_OPTIONS: Checks<GaussianOptions> = { ...LOSS_OPTIONS, full: flag, eps: aNumber };
export const WEIGHTED_OPTIONS: Checks<Weighted> = { ...LOSS_OPTIONS, weight: anOperand };
export const BCE_WITH_LOGITS_OPTIONS: Checks<BceWithLogitsOptions> = { ...WEIGHTED_OPTIONS, posWeight: anOperand };
export const KL_DIV_OPTIONS: Checks<KlDivOptions> = {
  sampleWeight: anOperand,
  reduction: oneOf("mean", "sum", "none", "batchmean"),
  logTarget: flag,
};
export const NLL_OPTIONS: Checks<NllOptions> = { ...LOSS_OPTIONS, weight: anOperand, ignoreIndex: aNumber };
export const CROSS_ENTROPY_OPTIONS: Checks<CrossEntropyOptions> = { ...NLL_OPTIONS, labelSmoothing: aNumber };
export const FOCAL_OPTIONS: Checks<FocalOptions> = { ...LOSS_OPTIONS, alpha: aNumber, gamma: aNumber };
export const MIX_OPTIONS: Checks<MixOptions> = { alpha: aNumber, classes: aNumber, key: aTensor };
export const SOFTPLUS_OPTIONS: Checks<SoftplusOptions> = { beta: aNumber, threshold: aNumber };
export const GELU_OPTIONS: Checks<GeluOptions> = { approximate: oneOf("none", "tanh") };
export const RRELU_OPTIONS: Checks<RreluOptions> = { lower: aNumber, upper: aNumber, training: flag, key: aTensor };
export const HARD_TANH_OPTIONS: Checks<HardTanhOptions> = { minVal: aNumber, maxVal: aNumber };
export const GLU_OPTIONS: Checks<GluOptions> = { axis: integer, activation: fn };
export const SOFTMAX_OPTIONS: Checks<SoftmaxOptions> = { temperature: aNumber };
export const GUMBEL_SOFTMAX_OPTIONS: Checks<GumbelSoftmaxOptions> = { ...SOFTMAX_OPTIONS, hard: flag, axis: integer, key: aTensor };
export const UNFOLD_OPTIONS: Checks<UnfoldOptions> = { stride: eachAxis, padding: eachAxis, dilation: eachAxis };
export const TRIANGULAR_OPTIONS: Checks<TriangularOptions> = { upper: flag, unitDiagonal: flag };
export const RANK_OPTIONS: Checks<RankOptions> = { absolute: nonNegative, relative: nonNegative, hermitian: flag };
export const CTC_OPTIONS: Checks<CtcOptions> = { ...LOSS_OPTIONS, blank: aNumber, zeroInfinity: flag };
export const MARGIN_OPTIONS: Checks<Margin> = { ...LOSS_OPTIONS, margin: aNumber };
export const MULTI_MARGIN_OPTIONS: Checks<MultiMarginOptions> = { ...MARGIN_OPTIONS, p: aNumber, weight: anOperand };
export const TRIPLET_OPTIONS: Checks<TripletOptions> = { ...MARGIN_OPTIONS, p: aNumber, eps: aNumber, swap: flag, distance: fn };
export const RECURRENT_OPTIONS: Checks<RecurrentOptions> = {
  bidirectional: flag,
  reverse: flag,
  batchFirst: flag,
  between: fn,
  lengths: lengthsGiven,
  checkpoint: anything,
};
export const RNN_OPTIONS: Checks<RnnOptions> = { ...RECURRENT_OPTIONS, nonlinearity: oneOf("tanh", "relu") };
export const CONV_OPTIONS: Checks<ConvOptions> = {
  bias: anOperand,
  stride: eachAxis,
  padding: either(eachSide, oneOf("same", "valid")),
  paddingMode: oneOf("zeros", "reflect", "replicate", "circular"),
  dilation: eachAxis,
  groups: aNumber,
};
export const CONV_TRANSPOSE_OPTIONS: Checks<ConvTransposeOptions> = {
  bias: anOperand,
  stride: eachAxis,
  padding: eachAxis,
  outputPadding: eachAxis,
  dilation: eachAxis,
  groups: aNumber,
};
export const REDUCE_OPTIONS: Checks<ReduceOptions> = { keepDims: flag };
export const NORM_OPTIONS: Checks<NormOptions> = { ...REDUCE_OPTIONS, p: aNumber, axes: eachAxis };
export const QUANTILE_OPTIONS: Checks<QuantileOptions> = {
  ...REDUCE_OPTIONS,
  interpolation: oneOf("linear", "lower", "higher", "midpoint", "nearest"),
};
export const TOPK_OPTIONS: Checks<TopkOptions> = { axis: integer, largest: flag };
export const PAD_SEQUENCE_OPTIONS: Checks<PadSequenceOptions> = { batchFirst: flag, paddingValue: anyNumber };
export const ATTENTION_OPTIONS: Checks<AttentionOptions> = { mask: aTensor, causal: flag, scale: aNumber, onWeights: fn };
export const MULTI_HEAD_OPTIONS: Checks<MultiHeadOptions> = {
  mask: aTensor,
  causal: flag,
  onWeights: fn,
  heads: aNumber,
  keyMask: aTensor,
  zeroAttention: flag,
  averageWeights: flag,
};
export const TRANSFORMER_LAYER_OPTIONS: Checks<TransformerLayerOptions> = {
  ...MULTI_HEAD_OPTIONS,
  activation: either(oneOf("relu", "gelu"), fn),
  normFirst: flag,
  eps: aNumber,
  dropout: fn,
};
export const DECODER_LAYER_OPTIONS: Checks<DecoderLayerOptions> = {
  ...TRANSFORMER_LAYER_OPTIONS,
  memoryMask: aTensor,
  memoryKeyMask: aTensor,
};
export const INTERPOLATE_OPTIONS: Checks<InterpolateOptions> = {
  size: eachAxis,
  scaleFactor: eachAxis,
  mode: oneOf("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"),
  alignCorners: flag,
  antialias: flag,
};
export const GRID_SAMPLE_OPTIONS: Checks<GridSampleOptions> = {
  mode: oneOf("bilinear", "nearest", "bicubic"),
  paddingMode: oneOf("zeros", "border", "reflection"),
  alignCorners: flag,
};
export const DROPOUT_OPTIONS: Checks<DropoutOptions> = { p: anOperand, training: flag, key: aTensor };
export const AFFINE_OPTIONS: Checks<Affine> = { weight: anOperand, bias: anOperand, eps: aNumber };
export const BATCH_NORM_OPTIONS: Checks<BatchNormOptions> = {
  ...AFFINE_OPTIONS,
  training: flag,
  runningMean: anOperand,
  runningVar: anOperand,
  momentum: anOperand,
};
export const BATCH_RENORM_OPTIONS: Checks<BatchRenormOptions> = {
  ...AFFINE_OPTIONS,
  runningMean: anOperand,
  runningStd: anOperand,
  training: flag,
  rMax: aNumber,
  dMax: aNumber,
  momentum: aNumber,
};
export const LOCAL_RESPONSE_NORM_OPTIONS: Checks<LocalResponseNormOptions> = { alpha: aNumber, beta: aNumber, k: aNumber };
export const GLOBAL_RESPONSE_NORM_OPTIONS: Checks<GlobalResponseNormOptions> = {
  weight: anOperand,
  bias: anOperand,
  eps: aNumber,
  channelAxis: integer,
};
export const NORMALIZE_OPTIONS: Checks<NormalizeOptions> = { p: aNumber, axis: integer, eps: aNumber };
export const PAIRWISE_DISTANCE_OPTIONS: Checks<PairwiseDistanceOptions> = { p: aNumber, eps: aNumber, keepDims: flag };
export const UNIFORM_OPTIONS: Checks<UniformOptions> = { low: aNumber, high: aNumber, dtype: aDtype };
export const POOL_OPTIONS: Checks<PoolOptions> = { stride: eachAxis, padding: eachSide, ceilMode: flag };
export const MAX_POOL_OPTIONS: Checks<MaxPoolOptions> = { ...POOL_OPTIONS, dilation: eachAxis };
export const AVG_POOL_OPTIONS: Checks<AvgPoolOptions> = { ...POOL_OPTIONS, countIncludePad: flag, divisorOverride: aNumber };
export const LP_POOL_OPTIONS: Checks<LpPoolOptions> = { stride: eachAxis, ceilMode: flag };

export const ROI_ALIGN_OPTIONS: Checks<RoiAlignOptions> = {
  size: list,
  spatialScale: aNumber,
  samplingRatio: naturalNumber,
  mode: oneOf("avg", "max"),
  aligned: flag,
};
export const NMS_OPTIONS: Checks<NonMaxSuppressionOptions> = {
  maxPerClass: naturalNumber,
  iouThreshold: aNumber,
  scoreThreshold: aNumber,
  centred: flag,
};
export const DEFORM_CONV_OPTIONS: Checks<DeformConvOptions> = {
  bias: anOperand,
  mask: aTensor,
  stride: eachAxis,
  padding: eachSide,
  dilation: eachAxis,
  groups: positiveInteger,
  offsetGroups: positiveInteger,
};

export const HUBER_LOSS: Checks<LossOptions> & Named<"delta"> = { ...LOSS_OPTIONS, delta: aNumber };
export const SMOOTH_L1_LOSS: Checks<LossOptions> & Named<"beta"> = { ...LOSS_OPTIONS, beta: aNumber };
export const DICE_LOSS: Checks<LossOptions> & Named<"eps"> = { ...LOSS_OPTIONS, eps: aNumber };
export const SWISH: Named<"beta"> = { beta: aNumber };
export const LEAKY_RELU: Named<"negativeSlope"> = { negativeSlope: aNumber };
export const ELU: Named<"alpha"> = { alpha: aNumber };
export const THRESHOLD: Named<"threshold" | "value"> = { threshold: aNumber, value: aNumber };
export const SOFT_SHRINK: Named<"lambda"> = { lambda: anOperand };
export const HARD_SHRINK: Named<"lambda"> = { lambda: aNumber };
export const MAXOUT: Named<"pieces" | "axis"> = { pieces: aNumber, axis: integer };
export const RBF: Named<"sigma"> = { sigma: anOperand };
export const MULTILABEL_SOFT_MARGIN_LOSS: Checks<LossOptions> & Named<"weight"> = { ...LOSS_OPTIONS, weight: anOperand };
export const RNN_CELL: Named<"nonlinearity"> = { nonlinearity: oneOf("tanh", "relu") };
export const NAN_TO_NUM: Named<"nan" | "posinf" | "neginf"> = { nan: aNumber, posinf: aNumber, neginf: aNumber };
export const SEQUENCE_MASK: Named<"batchFirst"> = { batchFirst: flag };
export const AFFINE_GRID: Named<"alignCorners"> = { alignCorners: flag };
export const WEIGHT_NORM: Named<"axis"> = { axis: either(integer, isNull) };
export const SPECTRAL_NORM: Named<"axis"> = { axis: integer };
export const COSINE_SIMILARITY: Named<"axis" | "eps"> = { axis: integer, eps: aNumber };
export const MESHGRID: Named<"indexing"> = { indexing: oneOf("ij", "xy") };
export const LINSPACE: Named<"dtype"> = { dtype: oneOf("f32", "f64") };
export const CDIST: Named<"p"> = { p: aNumber };
export const NORMAL: Named<"dtype"> = { dtype: aDtype };
export const UNIQUE_OPTIONS: Checks<UniqueOptions> = { axis: integer };
export const SEARCH_OPTIONS: Checks<SearchOptions> = { right: flag };
export const ISIN: Named<"invert"> = { invert: flag };
export const BINCOUNT_OPTIONS: Checks<BincountOptions> = { weights: aTensor, minLength: naturalNumber, length: naturalNumber };
export const HISTOGRAM_OPTIONS: Checks<HistogramOptions> = { range: list, weights: aTensor, density: flag };
export const HISTOGRAMDD_OPTIONS: Checks<HistogramddOptions> = HISTOGRAM_OPTIONS;
export const CLOSE_OPTIONS: Checks<CloseOptions> = { rtol: aNumber, atol: aNumber, equalNaN: flag };
export const LOGSPACE_OPTIONS: Checks<LogspaceOptions> = { base: aNumber, dtype: oneOf("f32", "f64") };
export const VANDER: Checks<VanderOptions> = { columns: naturalNumber, increasing: flag };
export const COMBINATIONS: Named<"withReplacement"> = { withReplacement: flag };
export const TRAPEZOID_OPTIONS: Checks<TrapezoidOptions> = { x: aTensor, dx: aNumber, axis: integer };
export const GRADIENT_OPTIONS: Checks<GradientOptions> = {
  spacing: either(aNumber, either(aTensor, list)),
  axes: eachAxis,
  edgeOrder: expectation("1 or 2", (value) => value === 1 || value === 2),
};
export const COV_OPTIONS: Checks<CovOptions> = { correction: aNumber, fweights: aTensor, aweights: aTensor };
export const PDIST: Named<"p"> = { p: aNumber };
export const EMBEDDING_BAG_OPTIONS: Checks<EmbeddingBagOptions> = {
  offsets: aTensor,
  includeLastOffset: flag,
  mode: oneOf("sum", "mean", "max"),
  perSampleWeights: aTensor,
  paddingIndex: integer,
};
export const RANDINT: Named<"low" | "high" | "dtype"> = { low: integer, high: integer, dtype: aDtype };
export const MULTINOMIAL: Named<"replacement"> = { replacement: flag };
export const PUT: Named<"accumulate"> = { accumulate: flag };
export const SCATTER_REDUCE_OPTIONS: Checks<ScatterReduceOptions> = { includeSelf: flag };
export const EMBEDDING: Named<"paddingIndex"> = { paddingIndex: aNumber };
