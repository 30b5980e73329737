/**
 * @file The public face of Nabla.
 */
import "./runtime/evaluate.ts";

export type { Dtype, TypedArray } from "./base/dtype.ts";
export type { Shape } from "./base/shape.ts";
export * as data from "./data/index.ts";
export * as formats from "./formats/index.ts";
export { compile } from "./function/compile.ts";
export { checkpoint, cond, customJvp, customVjp, scan } from "./function/control.ts";
export { backward, grad, jvp, valueAndGrad, vjp } from "./function/derivative.ts";
export { show } from "./function/show.ts";
export { vmap } from "./function/vmap.ts";
export * as functional from "./math/index.ts";
export * as random from "./math/random.ts";
export { manualSeed } from "./math/random.ts";
export { logSoftmax, logSumExp, softmax } from "./math/softmax.ts";
export * as models from "./models/index.ts";
export * as nn from "./nn/index.ts";
export { arange, concatenate, eye, full, ones, stack, tensor, zeros } from "./ops/create.ts";
export { Tensor, type TensorLike, traceOrigins } from "./ops/tensor.ts";
export * as optim from "./optim/index.ts";
export { type BackendName, backendName, setBackend } from "./runtime/backend.ts";
export { Cell } from "./runtime/cell.ts";
export * as train from "./train/index.ts";
