/** @file A model of an ONNX file as a layer, one tensor to one tensor, for what trains and predicts with layers. */
import { registerOnnx } from "../nn/foreign.ts";
import { Module } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { OnnxSource } from "./external.ts";
import { load, type OnnxLoadOptions } from "./load.ts";
import type { OnnxModule } from "./module.ts";

/** Of several outputs the first counts. */
export class OnnxLayer extends Module {
  readonly onnx: OnnxModule;

  constructor(onnx: OnnxModule) {
    super();
    this.onnx = onnx;
  }

  forward(x: Tensor): Tensor {
    const result = this.onnx.forward(x);
    return ("dtype" in result ? result : Object.values(result)[0]) as Tensor;
  }
}

/**
 * A model of an ONNX file as a layer: one tensor to one tensor, the first output.
 * @throws {Error} of one line if the file has more inputs than one, or cannot be read.
 */
export async function loadLayer(source: OnnxSource, options: OnnxLoadOptions = {}): Promise<OnnxLayer> {
  const model = await load(source, options);
  if (model.inputs.length !== 1)
    throw new Error(
      `${String(source)}: want a network of one input, this one has ${model.inputs.map(({ name }) => name).join(", ") || "none"}`,
    );
  return new OnnxLayer(model);
}

registerOnnx((source) => loadLayer(source));
