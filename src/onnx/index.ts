/** @file The entry `nabla/onnx`: models of ONNX files. */
export {
  decodeOnnx,
  encodeOnnx,
  type Int,
  type MessageName,
  type OnnxArray,
  type OnnxAttribute,
  type OnnxBoxed,
  type OnnxData,
  type OnnxDim,
  type OnnxDtype,
  type OnnxEntry,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxInfo,
  type OnnxMapType,
  type OnnxMessages,
  type OnnxModel,
  type OnnxNode,
  type OnnxOpset,
  type OnnxOptional,
  type OnnxSequence,
  type OnnxShape,
  type OnnxSparse,
  type OnnxTensor,
  type OnnxTensorType,
  type OnnxType,
  onnxElements,
} from "../formats/onnx.ts";
export { exportModel as export, type OnnxExportOptions, type OnnxFiles } from "./export/index.ts";
export type { External, OnnxSource, Readable } from "./external.ts";
export { loadLayer, OnnxLayer } from "./layer.ts";
export { inspect, load, type OnnxLoadOptions, type OnnxOpCount, type OnnxSummary } from "./load.ts";
export { type OnnxInput, OnnxModule, type OnnxOutput, type OnnxPort } from "./module.ts";

import { OPS } from "./ops/index.ts";

export { OnnxUnsupportedError } from "./value.ts";

/** The operators that are supported, by name, with their domain before it except for the standard set. */
export const operators: readonly string[] = /* @__PURE__ */ Object.keys(OPS);
