/**
 * @file The public face of Nabla.
 */
import "./runtime/evaluate.ts";

export type { Dtype, TypedArray } from "./base/dtype.ts";
export type { AnyTypedArray, BigArray } from "./base/elements.ts";
export type { Key } from "./base/random.ts";
export type { Shape, Type } from "./base/shape.ts";
export * as data from "./data/index.ts";
export * as distributions from "./distributions/index.ts";
export * as formats from "./formats/index.ts";
export type { AnyFunction } from "./function/capture.ts";
export { type Compiled, type CompiledSteps, type CompileOptions, compile } from "./function/compile.ts";
export {
  type Checkpointing,
  type Checkpoints,
  type CustomVjpRules,
  checkpoint,
  checkpointChain,
  cond,
  customJvp,
  customVjp,
  type ScanOptions,
  scan,
} from "./function/control.ts";
export {
  type BackwardOptions,
  backward,
  type GradOptions,
  grad,
  jvp,
  linearize,
  stopGradient,
  valueAndGrad,
  vjp,
  type WithAux,
  type WithoutAux,
} from "./function/derivative.ts";
export { gnvp, hessian, hvp, type Jacobian, jacfwd, jacrev } from "./function/jacobian.ts";
export { type MomentRule, type Moments, momentRules, moments } from "./function/moments.ts";
export { type SaveOptions, saveAll } from "./function/save.ts";
export { show } from "./function/show.ts";
export type { OrCells } from "./function/steps.ts";
export type { Unused } from "./function/unused.ts";
export { type VmapOptions, vmap } from "./function/vmap.ts";
export { whileLoop } from "./function/while.ts";
export { type CheckOptions, type CheckReport, checkGradients, checkModel, type Finding } from "./inspect/check.ts";
export * as cost from "./inspect/cost.ts";
export * as inspect from "./inspect/index.ts";
export { type Interval, type IntervalRule, intervalRules, intervals } from "./inspect/interval.ts";
export { type Maps, type Motion, moveImages, type Probe, type ProbeOptions, type ProbeRow, probe, usualMotions } from "./inspect/probe.ts";
export { type ReceptiveField, receptiveField } from "./inspect/receptive-field.ts";
export { type Summary, type SummaryOptions, type SummaryRow, summary } from "./inspect/summary.ts";
export { type Series, type TaylorRule, taylor, taylorRules } from "./inspect/taylor.ts";
export { type OptimizerMaker, type PlannedMemory, plannedMemory, type TrainingMemory } from "./inspect/training-memory.ts";
export * as kernel from "./kernel/expressions.ts";
export type { Atom, Index, Term } from "./kernel/index-algebra.ts";
export type { BinaryOp, CompareOp, HostBinary, HostUnary, Load, MathOp, Node, UnaryOp } from "./kernel/kernel.ts";
export {
  allclose,
  type CloseOptions,
  copysign,
  equal,
  floatPower,
  floorDivide,
  frexp,
  gcd,
  heaviside,
  isclose,
  lcm,
  ldexp,
  logAddExp2,
  nextafter,
  signbit,
  trueDivide,
  xlog1py,
  xlogy,
} from "./math/arithmetic.ts";
export { at, type IndexKey, indexPut } from "./math/at.ts";
export {
  type CovOptions,
  corrcoef,
  cov,
  cumulativeTrapezoid,
  dist,
  type GradientOptions,
  gradient,
  pdist,
  renorm,
  type TrapezoidOptions,
  trapezoid,
} from "./math/calculus.ts";
export type { Extreme } from "./math/cumulative.ts";

export { cummax, cummin, cumprod, diff, logCumSumExp } from "./math/cumulative.ts";
export { bilinear, cross, einsum, kron, outer, tensordot } from "./math/einsum.ts";
export { embeddingBag } from "./math/embedding-bag.ts";
export * as fft from "./math/fft.ts";
export {
  blockDiag,
  cartesianProd,
  combinations,
  countNonzero,
  dstack,
  fliplr,
  flipud,
  hstack,
  type LogspaceOptions,
  logspace,
  tensorSplit,
  trilIndices,
  triuIndices,
  type VanderOptions,
  vander,
  vstack,
} from "./math/grids.ts";
export * as functional from "./math/index.ts";
export {
  embedding,
  gather,
  indexAdd,
  indexCopy,
  indexFill,
  indexSelect,
  maskedFill,
  maskedScatter,
  maskedSelect,
  nonzero,
  put,
  putAlongAxis,
  type ScatterReduceOptions,
  type ScatterReduction,
  scatter,
  scatterAdd,
  scatterReduce,
  take,
  takeAlongAxis,
} from "./math/indexing.ts";
export * as linalg from "./math/linalg-all.ts";
export {
  aminmax,
  type Chosen,
  kthValue,
  medianWithIndex,
  mode,
  nanMean,
  nanMedian,
  nanMedianWithIndex,
  nanQuantile,
  nanSum,
} from "./math/order.ts";
export {
  atan2,
  digamma,
  erfc,
  erfinv,
  frac,
  hypot,
  lerp,
  lgamma,
  logAddExp,
  logit,
  mod,
  nanToNum,
  polygamma,
  sinc,
} from "./math/pointwise.ts";
export { manualSeed } from "./math/random.ts";
export * as random from "./math/random-namespace.ts";
export {
  chunk,
  columns,
  diag,
  diagEmbed,
  diagonal,
  linspace,
  meshgrid,
  type PadMode,
  pad,
  repeatInterleave,
  roll,
  rot90,
  slidingWindows,
  splitAt,
  tile,
  trace,
  tril,
  triu,
} from "./math/rearrange.ts";
export {
  type BincountOptions,
  bincount,
  bucketize,
  type HistogramddOptions,
  type HistogramOptions,
  histogram,
  histogram2d,
  histogramdd,
  isin,
  type SearchOptions,
  searchsorted,
  type Unique,
  type UniqueOptions,
  unique,
  uniqueConsecutive,
} from "./math/sets.ts";
export * as signal from "./math/signal.ts";
export { logSoftmax, softmax } from "./math/softmax.ts";
export * as special from "./math/special.ts";
export type { Interpolation, NormOptions, QuantileOptions, ReduceOptions, TopkOptions } from "./math/statistics.ts";
export { logSumExp, median, norm, quantile, topk } from "./math/statistics.ts";
export * as models from "./models/index.ts";
export * as nn from "./nn/index.ts";
export type { Nested, TensorOptions } from "./ops/create.ts";
export { arange, concatenate, eye, full, ones, stack, tensor, zeros } from "./ops/create.ts";
export type { NestedArray } from "./ops/display.ts";
export { type Elementwise, elementwise, type PartialDerivative, type Share } from "./ops/elementwise.ts";
export type {
  Derivative,
  HostArray,
  Instruction,
  Lowering,
  Maybe,
  Op,
  OpDefinition,
  Operand,
  Reach,
  Region,
  Sample,
  Site,
  Tuple,
  Walks,
} from "./ops/op.ts";
export { defineOp } from "./ops/op.ts";
export { rebind } from "./ops/region.ts";
export { type AxesLike, type ConvOptions, type ReduceAxesOptions, Tensor, type TensorLike, traceOrigins } from "./ops/tensor.ts";
export * as optim from "./optim/index.ts";
export { type BackendName, backendName } from "./runtime/backends.ts";
export { Cell } from "./runtime/cell.ts";
export { formatProfile, type KernelProfile, profile } from "./runtime/profile.ts";
export { setBackend } from "./runtime/set-backend.ts";
export { getThreads, setThreads } from "./runtime/wasm/pool.ts";
export type { InstructionOf, Listed, OpFace, Origin, RegionOf, Storage, Traits, Value } from "./tape/node.ts";
export { tapeOf } from "./tape/tape.ts";
export * as train from "./train/index.ts";
