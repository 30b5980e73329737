/** @file The table of operators against ONNX's own list. */
import { expect, test } from "vitest";
import { FAMILIES, OPS } from "../../src/onnx/ops/index.ts";
import { MISSING } from "../../src/onnx/page.ts";

/** Operators of ONNX's sets but ai.onnx.ml as of opset 28, deprecated ones included. */
const ALL = `
  Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization Bernoulli BitCast
  BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike CausalConvWithState Ceil Celu CenterCropPad Clip
  Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum DFT
  DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten
  Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
  GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If ImageDecoder InstanceNormalization IsInf
  IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual LinearAttention Log LogSoftmax Loop LpNormalization LpPool MatMul
  MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial Neg
  NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pad Pow
  QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range
  Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
  RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu
  SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin
  Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat
  StringNormalizer StringSplit Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu
  Unique Unsqueeze Upsample Where Xor ai.onnx.preview.FlexAttention ai.onnx.preview.training.Adagrad ai.onnx.preview.training.Adam
  ai.onnx.preview.training.Gradient ai.onnx.preview.training.Momentum
`;

test("every operator of opset 28 is in the table, or on the list of what is not with its reason", () => {
  const names = ALL.trim().split(/\s+/);
  expect(names.length).toBeGreaterThan(200);
  expect(names.filter((name) => !Object.hasOwn(OPS, name) && !Object.hasOwn(MISSING, name))).toEqual([]);
  expect(Object.keys(MISSING).filter((name) => Object.hasOwn(OPS, name))).toEqual([]);
});

test("no two families have an operator of one name, and names carry their domains", () => {
  const names = Object.values(FAMILIES).flatMap((ops) => Object.keys(ops));
  expect(names.length).toBe(new Set(names).size);
  for (const [name, { domain, since }] of Object.entries(OPS)) {
    expect(domain === undefined || name.startsWith(`${domain}.`), name).toBe(true);
    expect(since).toBeGreaterThan(0);
  }
});
