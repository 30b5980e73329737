/** @file Adapters of PyTorch's layers and losses as functions. */
import * as nabla from "nabla";
import { functional as F, type Tensor } from "nabla";
import { type Adapter, type Call, every, Other, type TorchDtype, Uncovered } from "./call.ts";

type Per = number | readonly number[];
const one =
  (f: (x: Tensor) => Tensor): Adapter =>
  (c) =>
    f(c.t(0));
const cast = (c: Call, x: Tensor): Tensor => {
  const dtype = c.named<TorchDtype | undefined>("dtype", undefined);
  return dtype ? x.cast(dtype.own) : x;
};
/** Options that were given, by our names. */
const options = (c: Call, names: Readonly<Record<string, string>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(names).flatMap(([torch, own]): [string, unknown][] => {
      const given = c.named<unknown>(torch, undefined);
      return given === undefined ? [] : [[own, given]];
    }),
  );
const pair = ({ values, indices }: { values: Tensor; indices: Tensor }): Tensor[] => [values, indices];

// ---- losses -------------------------------------------------------------------------------------------------------------------------

const loss =
  (f: (c: Call, o: Record<string, unknown>) => Tensor, names: Readonly<Record<string, string>> = {}): Adapter =>
  (c) =>
    f(c, options(c, { reduction: "reduction", weight: "weight", ...names }));

const losses: Readonly<Record<string, Adapter>> = {
  mse_loss: loss((c, o) => F.mseLoss(c.t(0), c.t(1), o)),
  l1_loss: loss((c, o) => F.l1Loss(c.t(0), c.t(1), o)),
  smooth_l1_loss: loss((c, o) => F.smoothL1Loss(c.t(0), c.t(1), o), { beta: "beta" }),
  huber_loss: loss((c, o) => F.huberLoss(c.t(0), c.t(1), o), { delta: "delta" }),
  cross_entropy: loss((c, o) => F.crossEntropy(c.t(0), c.t(1), o), { ignore_index: "ignoreIndex", label_smoothing: "labelSmoothing" }),
  nll_loss: loss((c, o) => F.nllLoss(c.t(0), c.t(1), o), { ignore_index: "ignoreIndex" }),
  binary_cross_entropy: loss((c, o) => F.binaryCrossEntropy(c.t(0), c.t(1), o)),
  binary_cross_entropy_with_logits: loss((c, o) => F.binaryCrossEntropyWithLogits(c.t(0), c.t(1), o), { pos_weight: "posWeight" }),
  kl_div: loss((c, o) => F.klDiv(c.t(0), c.t(1), o), { log_target: "logTarget" }),
  poisson_nll_loss: loss((c, o) => F.poissonNllLoss(c.t(0), c.t(1), o), { log_input: "logInput", full: "full", eps: "eps" }),
  gaussian_nll_loss: loss((c, o) => F.gaussianNllLoss(c.t(0), c.t(1), c.t(2), o), { full: "full", eps: "eps" }),
  hinge_embedding_loss: loss((c, o) => F.hingeEmbeddingLoss(c.t(0), c.t(1), o), { margin: "margin" }),
  soft_margin_loss: loss((c, o) => F.softMarginLoss(c.t(0), c.t(1), o)),
  margin_ranking_loss: loss((c, o) => F.marginRankingLoss(c.t(0), c.t(1), c.t(2), o), { margin: "margin" }),
  cosine_embedding_loss: loss((c, o) => F.cosineEmbeddingLoss(c.t(0), c.t(1), c.t(2), o), { margin: "margin" }),
  multi_margin_loss: loss((c, o) => F.multiMarginLoss(c.t(0), c.t(1), o), { p: "p", margin: "margin" }),
  multilabel_margin_loss: loss((c, o) => F.multilabelMarginLoss(c.t(0), c.t(1), o)),
  multilabel_soft_margin_loss: loss((c, o) => F.multilabelSoftMarginLoss(c.t(0), c.t(1), o)),
  triplet_margin_loss: loss((c, o) => F.tripletMarginLoss(c.t(0), c.t(1), c.t(2), o), {
    margin: "margin",
    p: "p",
    eps: "eps",
    swap: "swap",
  }),
  triplet_margin_with_distance_loss: loss(
    (c, o) => {
      const given = c.named<unknown>("distance_function", undefined);
      if (given instanceof Other && given.name !== "PairwiseDistance") throw new Uncovered(`distance function ${given.name}`);
      return F.tripletMarginLoss(c.t(0), c.t(1), c.t(2), o);
    },
    { margin: "margin", swap: "swap" },
  ),
  // PyTorch's derivative is that of inputs which are normalized once more; as values they are already.
  ctc_loss: loss((c, o) => F.ctcLoss(F.logSoftmax(c.t(0)), c.t(1), c.t(2), c.t(3), o), { zero_infinity: "zeroInfinity" }),
};

// ---- convolutions and pools -----------------------------------------------------------------------------------------------------------

const CONV = { stride: "stride", padding: "padding", dilation: "dilation", groups: "groups" };
const CONV_OF = [F.conv1d, F.conv2d, F.conv3d] as const;
const TRANSPOSED_OF = [F.convTranspose1d, F.convTranspose2d, F.convTranspose3d] as const;
const conv =
  (n: 1 | 2 | 3): Adapter =>
  (c) => {
    const bias = c.maybe(2, "bias");
    return CONV_OF[n - 1]!(c.t(0), c.t(1), { ...options(c, CONV), ...(bias ? { bias } : {}) });
  };
const transposed =
  (n: 1 | 2 | 3): Adapter =>
  (c) => {
    const bias = c.maybe(2, "bias");
    return TRANSPOSED_OF[n - 1]!(c.t(0), c.t(1), {
      ...options(c, { ...CONV, output_padding: "outputPadding" }),
      ...(bias ? { bias } : {}),
    });
  };
const POOL = { stride: "stride", padding: "padding", ceil_mode: "ceilMode" };
const maxPool =
  (n: 1 | 2 | 3): Adapter =>
  (c) => {
    const kernel = every(c.at<Per>(1, "kernel_size", 1), n);
    const o = options(c, { ...POOL, dilation: "dilation" });
    if (c.named("return_indices", false)) return pair(F.maxPoolWithIndices(c.t(0), kernel, o));
    return [F.maxPool1d, F.maxPool2d, F.maxPool3d][n - 1]!(c.t(0), kernel, o);
  };
const avgPool =
  (n: 1 | 2 | 3): Adapter =>
  (c) => {
    const stride = c.at<Per | undefined>(2, "stride", undefined);
    const divisor = c.at<number | undefined>(6, "divisor_override", undefined);
    return [F.avgPool1d, F.avgPool2d, F.avgPool3d][n - 1]!(c.t(0), every(c.at<Per>(1, "kernel_size", 1), n), {
      ...(stride === undefined || (stride as number[]).length === 0 ? {} : { stride: every(stride, n) }),
      padding: every(c.at<Per>(3, "padding", 0), n),
      ceilMode: c.at(4, "ceil_mode", false),
      countIncludePad: c.at(5, "count_include_pad", true),
      ...(divisor === undefined ? {} : { divisorOverride: divisor }),
    });
  };
const maxUnpool =
  (n: 1 | 2 | 3): Adapter =>
  (c) => {
    const [kernel, padding] = [every(c.named<Per>("kernel_size", 1), n), every(c.named<Per>("padding", 0), n)];
    const stride = every(c.named<Per>("stride", kernel), n);
    const size = c.named<number[] | undefined>("output_size", undefined)?.slice(-n);
    const spatial = c.t(0).shape.slice(-n);
    return F.maxUnpool(c.t(0), c.t(1), size ?? spatial.map((d, i) => (d - 1) * stride[i]! + kernel[i]! - 2 * padding[i]!));
  };
const adaptive =
  (kind: "avg" | "max", n: 1 | 2 | 3): Adapter =>
  (c) => {
    const size = c.at<number | (number | null)[]>(1, "output_size", 1);
    const list = typeof size === "number" ? new Array<number>(n).fill(size) : size;
    if (kind === "avg") return [F.adaptiveAvgPool1d, F.adaptiveAvgPool2d, F.adaptiveAvgPool3d][n - 1]!(c.t(0), list);
    if (c.at(2, "return_indices", false)) return pair(F.adaptiveMaxPoolWithIndices(c.t(0), list));
    return [F.adaptiveMaxPool1d, F.adaptiveMaxPool2d, F.adaptiveMaxPool3d][n - 1]!(c.t(0), list);
  };
const interpolate: Adapter = (c) => {
  const [size, scale, align] = [
    c.at<number | number[] | undefined>(1, "size", undefined),
    c.at<number | undefined>(2, "scale_factor", undefined),
    c.at<boolean | undefined>(4, "align_corners", undefined),
  ];
  return F.interpolate(c.t(0), {
    mode: c.at<F.InterpolateMode>(3, "mode", "nearest"),
    ...(size === undefined ? {} : { size }),
    ...(scale === undefined ? {} : { scaleFactor: scale }),
    ...(align === undefined ? {} : { alignCorners: align }),
  });
};
const upsample =
  (mode: F.InterpolateMode): Adapter =>
  (c) =>
    F.interpolate(c.t(0), {
      mode,
      ...(mode === "bilinear" ? { alignCorners: true } : {}),
      ...options(c, { size: "size", scale_factor: "scaleFactor" }),
    });
const unfold: Adapter = (c) =>
  F.unfold(c.t(0), c.at<Per>(1, "kernel_size", 1), {
    dilation: c.at<Per>(2, "dilation", 1),
    padding: c.at<Per>(3, "padding", 0),
    stride: c.at<Per>(4, "stride", 1),
  });

// ---- norms ----------------------------------------------------------------------------------------------------------------------------

const affine = (c: Call, i = -1): { weight?: Tensor; bias?: Tensor } => {
  const [weight, bias] = [c.maybe(i, "weight"), c.maybe(i < 0 ? i : i + 1, "bias")];
  return { ...(weight ? { weight } : {}), ...(bias ? { bias } : {}) };
};
const batchNorm: Adapter = (c) => {
  const [runningMean, runningVar] = [c.maybe(1, "running_mean"), c.maybe(2, "running_var")];
  const training = c.at(5, "training", false);
  c.ignore("momentum");
  return F.batchNorm(c.t(0), {
    ...affine(c, 3),
    training,
    eps: c.at(7, "eps", 1e-5),
    ...(runningMean ? { runningMean } : {}),
    ...(runningVar ? { runningVar } : {}),
  }).y;
};
/** With the saved statistics that PyTorch gives back too. */
function nativeNorm(x: Tensor, over: readonly number[], y: Tensor, eps: number): Tensor[] {
  const [mean, variance] = [x.mean(over, { keepDims: true }), x.var(over, { keepDims: true, correction: 0 })];
  return [y, mean, variance.add(eps).rsqrt()];
}

const functions: Readonly<Record<string, Adapter>> = {
  ...losses,
  relu: one((x) => x.relu()),
  relu6: one(F.relu6),
  hardswish: one(F.hardSwish),
  hardsigmoid: one(F.hardSigmoid),
  hardtanh: (c) => F.hardTanh(c.t(0), options(c, { min_val: "minVal", max_val: "maxVal" })),
  hardshrink: (c) => F.hardShrink(c.t(0), options(c, { lambd: "lambda" })),
  softshrink: (c) => F.softShrink(c.t(0), options(c, { lambd: "lambda" })),
  leaky_relu: (c) => F.leakyRelu(c.t(0), options(c, { negative_slope: "negativeSlope" })),
  elu: (c) => F.elu(c.t(0), options(c, { alpha: "alpha" })),
  celu: (c) => F.celu(c.t(0), options(c, { alpha: "alpha" })),
  selu: one(F.selu),
  silu: one(F.silu),
  mish: one(F.mish),
  gelu: (c) => F.gelu(c.t(0), options(c, { approximate: "approximate" })),
  logsigmoid: one(F.logSigmoid),
  softsign: one(F.softsign),
  tanhshrink: one(F.tanhShrink),
  softplus: (c) => F.softplus(c.t(0), options(c, { beta: "beta", threshold: "threshold" })),
  threshold: (c) => F.threshold(c.t(0), { threshold: c.at(1, "threshold", 0), value: c.at(2, "value", 0) }),
  prelu: (c) => F.prelu(c.t(0), c.t(1, "weight")),
  glu: (c) => F.glu(c.t(0), { axis: c.at(1, "dim", -1) }),
  softmin: (c) => F.softmin(cast(c, c.t(0)), c.at(1, "dim", -1)),
  normalize: (c) => F.normalize(c.t(0), { axis: c.named("dim", 1), ...options(c, { p: "p", eps: "eps" }) }),
  cosine_similarity: (c) => F.cosineSimilarity(c.t(0), c.t(1), { axis: c.named("dim", 1), ...options(c, { eps: "eps" }) }),
  pairwise_distance: (c) => F.pairwiseDistance(c.t(0), c.t(1), options(c, { p: "p", eps: "eps", keepdim: "keepDims" })),
  pdist: (c) => nabla.pdist(c.t(0), options(c, { p: "p" })),
  linear: (c) => F.linear(c.t(0), c.t(1), c.maybe(2, "bias")),
  bilinear: (c) => nabla.bilinear(c.t(0), c.t(1), c.t(2), c.maybe(3, "bias")),
  conv1d: conv(1),
  conv2d: conv(2),
  conv3d: conv(3),
  conv_transpose1d: transposed(1),
  conv_transpose2d: transposed(2),
  conv_transpose3d: transposed(3),
  max_pool1d: maxPool(1),
  max_pool2d: maxPool(2),
  max_pool3d: maxPool(3),
  avg_pool1d: avgPool(1),
  avg_pool2d: avgPool(2),
  avg_pool3d: avgPool(3),
  max_unpool1d: maxUnpool(1),
  max_unpool2d: maxUnpool(2),
  max_unpool3d: maxUnpool(3),
  adaptive_avg_pool1d: adaptive("avg", 1),
  adaptive_avg_pool2d: adaptive("avg", 2),
  adaptive_avg_pool3d: adaptive("avg", 3),
  adaptive_max_pool1d: adaptive("max", 1),
  adaptive_max_pool2d: adaptive("max", 2),
  adaptive_max_pool3d: adaptive("max", 3),
  interpolate,
  upsample_bilinear: upsample("bilinear"),
  upsample_nearest: upsample("nearest"),
  unfold,
  pixel_shuffle: (c) => F.pixelShuffle(c.t(0), c.named("upscale_factor", 1)),
  pixel_unshuffle: (c) => F.pixelUnshuffle(c.t(0), c.named("downscale_factor", 1)),
  grid_sample: (c) =>
    F.gridSample(c.t(0), c.t(1), {
      alignCorners: c.named("align_corners", false),
      ...options(c, { mode: "mode", padding_mode: "paddingMode" }),
    }),
  batch_norm: batchNorm,
  layer_norm: (c) => F.layerNorm(c.t(0), c.at<number[]>(1, "normalized_shape", []), { ...affine(c, 2), ...options(c, { eps: "eps" }) }),
  group_norm: (c) => F.groupNorm(c.t(0), c.at(1, "num_groups", 1), { ...affine(c), ...options(c, { eps: "eps" }) }),
  instance_norm: (c) => {
    const running = [c.maybe(-1, "running_mean"), c.maybe(-1, "running_var")];
    if (!c.ignore("momentum").named("use_input_stats", true)) {
      if (running.some((x) => !x)) throw new Uncovered("no statistics");
      return F.batchNorm(c.t(0), { ...affine(c), runningMean: running[0]!, runningVar: running[1]!, ...options(c, { eps: "eps" }) }).y;
    }
    return F.instanceNorm(c.t(0), { ...affine(c), ...options(c, { eps: "eps" }) });
  },
  local_response_norm: (c) => F.localResponseNorm(c.t(0), c.at(1, "size", 1), options(c, { alpha: "alpha", beta: "beta", k: "k" })),
  embedding_bag: (c) => {
    const o = options(c, {
      offsets: "offsets",
      mode: "mode",
      per_sample_weights: "perSampleWeights",
      padding_idx: "paddingIndex",
      include_last_offset: "includeLastOffset",
    });
    return F.embeddingBag(c.t(1), c.t(0), { mode: "mean", ...o });
  },
};

export const layers: Readonly<Record<string, Adapter>> = {
  ...Object.fromEntries(Object.entries(functions).map(([name, f]) => [`nn.functional.${name}`, f])),
  softmax: (c) => F.softmax(cast(c, c.t(0)), c.at(1, "dim", -1)),
  log_softmax: (c) => F.logSoftmax(cast(c, c.t(0)), c.at(1, "dim", -1)),
  native_layer_norm: (c) => {
    const [shape, eps] = [c.at<number[]>(1, "normalized_shape", []), c.at(4, "eps", 1e-5)];
    const x = c.t(0);
    return nativeNorm(
      x,
      shape.map((_, i) => i - shape.length),
      F.layerNorm(x, shape, { ...affine(c, 2), eps }),
      eps,
    );
  },
  native_batch_norm: (c) => {
    const [x, eps] = [c.t(0), c.at(7, "eps", 1e-5)];
    const [weight, bias, runningMean, runningVar] = [c.maybe(1, "weight"), c.maybe(2, "bias"), c.maybe(3, ""), c.maybe(4, "")];
    const training = c.at(5, "training", false);
    c.at(6, "momentum", 0);
    const { y } = F.batchNorm(x, {
      eps,
      training,
      ...(weight ? { weight } : {}),
      ...(bias ? { bias } : {}),
      ...(runningMean ? { runningMean } : {}),
      ...(runningVar ? { runningVar } : {}),
    });
    if (!training) return [y, nabla.zeros([0]), nabla.zeros([0])];
    const [, mean, scale] = nativeNorm(
      x,
      x.shape.map((_, i) => i).filter((i) => i !== 1),
      y,
      eps,
    );
    return [y, mean!.flatten(), scale!.flatten()];
  },
};
