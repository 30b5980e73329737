/** @file Every layer of `nn` with the inputs of some examples, for tests of what becomes of it in a file. */
import { functional, manualSeed, nn, tensor } from "../../src/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

/** n examples. */
type Make = (n: number) => Tensor;

export interface LayerCase {
  /** What is exported: a function of the inputs, in evaluation mode. */
  readonly fn: (...xs: Tensor[]) => unknown;
  readonly inputs: readonly Make[];
}

/** Numbers between -1 and 1 without a pattern. */
export const floats =
  (...shape: number[]): Make =>
  (n) =>
    tensor(
      Float32Array.from({ length: n * sizeOf(shape) }, (_, i) => Math.sin(i * i + shape.length)),
      { shape: [n, ...shape] },
    );

/** Numbers between 0 and 1. */
const shares =
  (...shape: number[]): Make =>
  (n) =>
    floats(...shape)(n).abs();

/** Whole numbers below `count`. */
const classes =
  (count: number, ...shape: number[]): Make =>
  (n) =>
    tensor(
      Int32Array.from({ length: n * sizeOf(shape) }, (_, i) => (i * 7) % count),
      { shape: [n, ...shape] },
    );

/** -1 and 1. */
const signs =
  (...shape: number[]): Make =>
  (n) =>
    tensor(
      Float32Array.from({ length: n * sizeOf(shape) }, (_, i) => (i % 3 ? 1 : -1)),
      { shape: [n, ...shape] },
    );

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

type Any = Layer & { forward(...xs: Tensor[]): unknown };

/** A layer as it stands. */
const plain = (make: () => nn.Module, ...inputs: Make[]): (() => LayerCase) => {
  return () => {
    const model = make().eval() as Any;
    return { fn: (...xs) => model.forward(...xs), inputs };
  };
};

/** One of several results. */
const part = (make: () => nn.Module, name: string, ...inputs: Make[]): (() => LayerCase) => {
  return () => {
    const model = make().eval() as Any;
    return { fn: (...xs) => (model.forward(...xs) as Record<string, Tensor>)[name], inputs };
  };
};

const vector = floats(6);
const [line, image, volume] = [floats(4, 9), floats(4, 8, 7), floats(4, 5, 4, 6)];
const steps = floats(5, 8);
const none = { reduction: "none" } as const;
const narrow = { hidden: 16, layers: 2 } as const;

/** Layers by name; `Name: variant` where one case does not tell. */
export const LAYERS: Readonly<Record<string, () => LayerCase>> = {
  // ---- activations
  ReLU: plain(() => new nn.ReLU(), vector),
  ReLU6: plain(() => new nn.ReLU6(), vector),
  Tanh: plain(() => new nn.Tanh(), vector),
  Sigmoid: plain(() => new nn.Sigmoid(), vector),
  LogSigmoid: plain(() => new nn.LogSigmoid(), vector),
  SiLU: plain(() => new nn.SiLU(), vector),
  Mish: plain(() => new nn.Mish(), vector),
  SELU: plain(() => new nn.SELU(), vector),
  Softsign: plain(() => new nn.Softsign(), vector),
  Tanhshrink: plain(() => new nn.Tanhshrink(), vector),
  Hardsigmoid: plain(() => new nn.Hardsigmoid(), vector),
  Hardswish: plain(() => new nn.Hardswish(), vector),
  Absolute: plain(() => new nn.Absolute(), vector),
  Cosine: plain(() => new nn.Cosine(), vector),
  Identity: plain(() => new nn.Identity(), vector),
  LeakyReLU: plain(() => new nn.LeakyReLU({ negativeSlope: 0.2 }), vector),
  ELU: plain(() => new nn.ELU(), vector),
  CELU: plain(() => new nn.CELU({ alpha: 0.7 }), vector),
  GELU: plain(() => new nn.GELU(), vector),
  "GELU: tanh": plain(() => new nn.GELU({ approximate: "tanh" }), vector),
  Swish: plain(() => new nn.Swish({ beta: 1.5 }), vector),
  Softplus: plain(() => new nn.Softplus(), vector),
  Hardtanh: plain(() => new nn.Hardtanh({ minVal: -0.5, maxVal: 0.3 }), vector),
  Softshrink: plain(() => new nn.Softshrink({ lambda: 0.3 }), vector),
  Hardshrink: plain(() => new nn.Hardshrink({ lambda: 0.3 }), vector),
  GLU: plain(() => new nn.GLU(), vector),
  Threshold: plain(() => new nn.Threshold(0.1, -2), vector),
  RReLU: plain(() => new nn.RReLU(), vector),
  PReLU: plain(() => new nn.PReLU(4), line),
  Maxout: plain(() => new nn.Maxout(6, 3, 2), vector),
  RBF: plain(() => new nn.RBF(6, 4), vector),
  Softmax: plain(() => new nn.Softmax(), vector),
  LogSoftmax: plain(() => new nn.LogSoftmax(), vector),
  Softmin: plain(() => new nn.Softmin(), vector),

  // ---- dense layers and tables
  Linear: plain(() => new nn.Linear(6, 3), vector),
  "Linear: of sequences": plain(() => new nn.Linear(8, 3), steps),
  Bilinear: plain(() => new nn.Bilinear(6, 5, 3), vector, floats(5)),
  Embedding: plain(() => new nn.Embedding(10, 4), classes(10, 3)),
  EmbeddingBag: plain(() => new nn.EmbeddingBag(10, 4), classes(10, 3)),
  "EmbeddingBag: max": plain(() => new nn.EmbeddingBag(10, 4, { mode: "max" }), classes(10, 3)),
  Flatten: plain(() => new nn.Flatten(), image),

  // ---- convolutions
  Conv1d: plain(() => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1 }), line),
  Conv2d: plain(() => new nn.Conv2d(4, 6, 3, { padding: "same" }), image),
  "Conv2d: groups, dilation": plain(() => new nn.Conv2d(4, 8, [3, 2], { groups: 2, dilation: 2, bias: false }), image),
  "Conv2d: reflected": plain(() => new nn.Conv2d(4, 6, 3, { padding: 1, paddingMode: "reflect" }), image),
  Conv3d: plain(() => new nn.Conv3d(4, 3, 2, { padding: 1 }), volume),
  ConvTranspose1d: plain(() => new nn.ConvTranspose1d(4, 3, 3, { stride: 2 }), line),
  ConvTranspose2d: plain(() => new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1 }), image),
  "ConvTranspose2d: groups": plain(() => new nn.ConvTranspose2d(4, 6, 3, { groups: 2 }), image),
  ConvTranspose3d: plain(() => new nn.ConvTranspose3d(4, 2, 2, { stride: 2 }), volume),

  // ---- pools
  MaxPool1d: plain(() => new nn.MaxPool1d(2), line),
  MaxPool2d: plain(() => new nn.MaxPool2d(3, { stride: 2, padding: 1 }), image),
  MaxPool3d: plain(() => new nn.MaxPool3d(2), volume),
  AvgPool1d: plain(() => new nn.AvgPool1d(2), line),
  AvgPool2d: plain(() => new nn.AvgPool2d(3, { stride: 2, padding: 1 }), image),
  AvgPool3d: plain(() => new nn.AvgPool3d(2), volume),
  LPPool1d: plain(() => new nn.LPPool1d(2, 2), line),
  LPPool2d: plain(() => new nn.LPPool2d(2, 3), image),
  LPPool3d: plain(() => new nn.LPPool3d(2, 2), volume),
  AdaptiveAvgPool1d: plain(() => new nn.AdaptiveAvgPool1d(4), line),
  AdaptiveAvgPool2d: plain(() => new nn.AdaptiveAvgPool2d([3, 2]), image),
  AdaptiveAvgPool3d: plain(() => new nn.AdaptiveAvgPool3d(2), volume),
  AdaptiveMaxPool1d: plain(() => new nn.AdaptiveMaxPool1d(4), line),
  AdaptiveMaxPool2d: plain(() => new nn.AdaptiveMaxPool2d([3, 2]), image),
  AdaptiveMaxPool3d: plain(() => new nn.AdaptiveMaxPool3d(2), volume),
  GlobalAvgPool: plain(() => new nn.GlobalAvgPool(), image),
  GlobalMaxPool: plain(() => new nn.GlobalMaxPool(), image),

  // ---- norms and dropout
  BatchNorm: plain(() => new nn.BatchNorm2d(4), image),
  BatchNorm1d: plain(() => new nn.BatchNorm1d(6), vector),
  BatchNorm2d: plain(() => new nn.BatchNorm2d(4), image),
  BatchNorm3d: plain(() => new nn.BatchNorm3d(4), volume),
  BatchRenorm: plain(() => new nn.BatchRenorm(4), image),
  LayerNorm: plain(() => new nn.LayerNorm(8), steps),
  LayerNormChannelsFirst: plain(() => new nn.LayerNormChannelsFirst(4), image),
  RMSNorm: plain(() => new nn.RMSNorm(8), steps),
  GroupNorm: plain(() => new nn.GroupNorm(2, 4), image),
  InstanceNorm: plain(() => new nn.InstanceNorm(4), image),
  GlobalResponseNorm: plain(() => new nn.GlobalResponseNorm(4), image),
  LocalResponseNorm: plain(() => new nn.LocalResponseNorm(3), image),
  Dropout: plain(() => new nn.Dropout(), vector),
  ChannelDropout: plain(() => new nn.ChannelDropout(), image),
  AlphaDropout: plain(() => new nn.AlphaDropout(), vector),

  // ---- padding and sizes
  ZeroPad1d: plain(() => new nn.ZeroPad1d([1, 2]), line),
  ZeroPad2d: plain(() => new nn.ZeroPad2d(2), image),
  ZeroPad3d: plain(() => new nn.ZeroPad3d(1), volume),
  ReflectionPad1d: plain(() => new nn.ReflectionPad1d([1, 2]), line),
  ReflectionPad2d: plain(() => new nn.ReflectionPad2d(2), image),
  ReflectionPad3d: plain(() => new nn.ReflectionPad3d(1), volume),
  ReplicationPad1d: plain(() => new nn.ReplicationPad1d([1, 2]), line),
  ReplicationPad2d: plain(() => new nn.ReplicationPad2d(2), image),
  ReplicationPad3d: plain(() => new nn.ReplicationPad3d(1), volume),
  CircularPad1d: plain(() => new nn.CircularPad1d([1, 2]), line),
  CircularPad2d: plain(() => new nn.CircularPad2d(2), image),
  CircularPad3d: plain(() => new nn.CircularPad3d(1), volume),
  ConstantPad1d: plain(() => new nn.ConstantPad1d([1, 2], 3), line),
  ConstantPad2d: plain(() => new nn.ConstantPad2d(2, 3), image),
  ConstantPad3d: plain(() => new nn.ConstantPad3d(1, 3), volume),
  Upsample: plain(() => new nn.Upsample({ scaleFactor: 2 }), image),
  "Upsample: bilinear": plain(() => new nn.Upsample({ size: [11, 5], mode: "bilinear" }), image),
  PixelShuffle: plain(() => new nn.PixelShuffle(2), image),
  PixelUnshuffle: plain(() => new nn.PixelUnshuffle(2), floats(3, 6, 4)),
  ChannelShuffle: plain(() => new nn.ChannelShuffle(2), image),

  // ---- recurrent
  RNN: part(() => new nn.RNN(8, 5, { batchFirst: true, nonlinearity: "relu" }), "output", steps),
  LSTM: part(() => new nn.LSTM(8, 5, { batchFirst: true, bidirectional: true, layers: 2 }), "output", steps),
  GRU: part(() => new nn.GRU(8, 5, { batchFirst: true, reverse: true }), "h", steps),
  "GRU: lengths": () => {
    const model = new nn.GRU(8, 5, { batchFirst: true }).eval();
    return {
      fn: (x, lengths) => model.forward(x!, undefined, { lengths }).output,
      inputs: [steps, (n) => tensor(Int32Array.from({ length: n }, (_, i) => 1 + (i % 5)))],
    };
  },
  RNNCell: plain(() => new nn.RNNCell(6, 4), vector),
  LSTMCell: part(() => new nn.LSTMCell(6, 4), "c", vector),
  GRUCell: plain(() => new nn.GRUCell(6, 4), vector),

  // ---- attention
  MultiHeadAttention: part(() => new nn.MultiHeadAttention(8, 2), "output", steps),
  "MultiHeadAttention: causal": () => {
    const model = new nn.MultiHeadAttention(8, 2).eval();
    return { fn: (x) => model.forward(x!, x!, x!, { causal: true }).output, inputs: [steps] };
  },
  TransformerEncoderLayer: plain(() => new nn.TransformerEncoderLayer(8, 2, { hidden: 16, activation: "gelu" }), steps),
  TransformerDecoderLayer: plain(() => new nn.TransformerDecoderLayer(8, 2, { hidden: 16, normFirst: true }), steps, floats(3, 8)),
  TransformerEncoder: plain(() => new nn.TransformerEncoder(8, 2, narrow), steps),
  TransformerDecoder: plain(() => new nn.TransformerDecoder(8, 2, narrow), steps, floats(3, 8)),
  Transformer: plain(() => new nn.Transformer(8, 2, { hidden: 16, encoderLayers: 1, decoderLayers: 1 }), floats(3, 8), steps),

  // ---- containers
  Sequential: plain(() => new nn.Sequential(new nn.Linear(6, 4), new nn.Tanh()), vector),
  Residual: plain(() => new nn.Residual(new nn.Linear(6, 6)), vector),
  ModuleList: () => {
    const layers = new nn.ModuleList([new nn.Linear(6, 6), new nn.Linear(6, 6)]);
    return { fn: (x) => [...layers].reduce((y, layer) => layer.forward(y), x!), inputs: [vector] };
  },
  ModuleDict: () => {
    const layers = new nn.ModuleDict({ first: new nn.Linear(6, 4) });
    return { fn: (x) => layers.get("first")!.forward(x!), inputs: [vector] };
  },
  ParameterList: () => {
    const weights = new nn.ParameterList([tensor([1, 2, 3, 4, 5, 6])]);
    return { fn: (x) => [...weights].reduce((y, w) => y.mul(w.value), x!), inputs: [vector] };
  },
  ParameterDict: () => {
    const weights = new nn.ParameterDict({ w: tensor([1, 2, 3, 4, 5, 6]) });
    return { fn: (x) => x!.add(weights.get("w")!.value), inputs: [vector] };
  },

  // ---- losses, one for each example or element
  MSELoss: plain(() => new nn.MSELoss(none), vector, floats(6)),
  L1Loss: plain(() => new nn.L1Loss(none), vector, shares(6)),
  HuberLoss: plain(() => new nn.HuberLoss(none), vector, shares(6)),
  SmoothL1Loss: plain(() => new nn.SmoothL1Loss(none), vector, shares(6)),
  LogCoshLoss: plain(() => new nn.LogCoshLoss(none), vector, shares(6)),
  BCELoss: plain(() => new nn.BCELoss(none), shares(6), shares(6)),
  BCEWithLogitsLoss: plain(() => new nn.BCEWithLogitsLoss(none), vector, shares(6)),
  NLLLoss: plain(() => new nn.NLLLoss(none), vector, classes(6)),
  CrossEntropyLoss: plain(() => new nn.CrossEntropyLoss(none), vector, classes(6)),
  KLDivLoss: plain(() => new nn.KLDivLoss(none), vector, shares(6)),
  PoissonNLLLoss: plain(() => new nn.PoissonNLLLoss(none), vector, shares(6)),
  HingeLoss: plain(() => new nn.HingeLoss(none), vector, signs(6)),
  SquaredHingeLoss: plain(() => new nn.SquaredHingeLoss(none), vector, signs(6)),
  HingeEmbeddingLoss: plain(() => new nn.HingeEmbeddingLoss(none), vector, signs(6)),
  SoftMarginLoss: plain(() => new nn.SoftMarginLoss(none), vector, signs(6)),
  MultiMarginLoss: plain(() => new nn.MultiMarginLoss(none), vector, classes(6)),
  MultiLabelSoftMarginLoss: plain(() => new nn.MultiLabelSoftMarginLoss(none), vector, classes(2, 6)),
  MultiLabelMarginLoss: plain(
    () => new nn.MultiLabelMarginLoss(none),
    vector,
    (n) =>
      tensor(
        Int32Array.from({ length: n * 6 }, (_, i) => [3, 1, -1, 0, 0, 0][i % 6]!),
        { shape: [n, 6] },
      ),
  ),
  SigmoidFocalLoss: plain(() => new nn.SigmoidFocalLoss(none), vector, shares(6)),
  DiceLoss: plain(() => new nn.DiceLoss(none), shares(3, 4, 4), shares(3, 4, 4)),
  QuadraticLoss: plain(() => new nn.QuadraticLoss(none), vector, floats(6)),
  GaussianNLLLoss: plain(() => new nn.GaussianNLLLoss(none), vector, floats(6), shares(6)),
  MarginRankingLoss: plain(() => new nn.MarginRankingLoss(none), vector, shares(6), signs(6)),
  CosineEmbeddingLoss: plain(() => new nn.CosineEmbeddingLoss(none), vector, shares(6), signs()),
  // The batch is the second axis of what the loss takes.
  CTCLoss: () => {
    const loss = new nn.CTCLoss(none);
    const lengths =
      (most: number): Make =>
      (n) =>
        tensor(Int32Array.from({ length: n }, (_, i) => most - (i % 2)));
    return {
      fn: (x, y, inputLengths, targetLengths) =>
        loss.forward(functional.logSoftmax(x!).transpose([1, 0, 2]), y!.add(1), inputLengths!, targetLengths!),
      inputs: [floats(7, 5), classes(4, 3), lengths(7), lengths(3)],
    };
  },
  TripletMarginLoss: plain(() => new nn.TripletMarginLoss(none), vector, shares(6), floats(6)),
};

/** What has no case, and why. */
export const WITHOUT_FILE: Readonly<Record<string, string>> = {
  Module: "a base class",
  Augmenter: "draws random numbers, and gives its input in evaluation mode",
};

/** The case of a name, with weights that do not depend on the order of the cases. */
export function layerCase(name: string): LayerCase {
  manualSeed(1);
  return LAYERS[name]!();
}
