/** @file `nabla onnx FILE`: what an ONNX file holds, and what of it is not supported; and models of ONNX files for the other commands. */
import { columns } from "../base/columns.ts";
import { brief } from "../formats/clean.ts";
import type { Layer } from "../nn/module.ts";
import type { OnnxPort, OnnxSummary } from "../onnx/index.ts";

/** Whether a name is that of an ONNX file. */
export const isOnnx = (name: string): boolean => /\.onnx$/i.test(name);

const typeOf = ({ dtype, shape, isSequence }: OnnxPort): string =>
  `${isSequence ? "sequence of " : ""}${dtype}${shape ? `[${shape.map((d) => (d === "" ? "?" : d)).join(", ")}]` : ""}`;

/** Prints what is in a file. Exit code 1 if an operator in it is not supported. */
export async function onnxCommand(path: string, flags: { readonly json?: boolean }): Promise<number> {
  const { inspect } = await import("../onnx/index.ts");
  const found = await inspect(path);
  console.log(flags.json ? JSON.stringify(found, null, 2) : text(path, found));
  return found.missing.length === 0 ? 0 : 1;
}

function text(path: string, summary: OnnxSummary): string {
  const { producer, irVersion, opsets, inputs, outputs, ops, missing, functions, initializers, metadata } = summary;
  const sets = Object.entries(opsets).map(([domain, version]) => (domain === "ai.onnx" ? `opset ${version}` : `${domain} ${version}`));
  const numbers = initializers.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
  const apart = initializers.filter(({ isExternal }) => isExternal).length;
  const ports = (name: string, list: readonly OnnxPort[]): string[][] =>
    list.map((port, i) => [i === 0 ? name : "", port.name, typeOf(port)]);
  const rows = ops.map(({ op, nodes, isSupported }) => [op, String(nodes), isSupported ? "" : "not supported"]);
  const beside = Object.entries(metadata).map(([name, value]) => [brief(name), brief(value)]);
  return [
    `${path}: ${producer || "no producer named"}, IR ${irVersion}, ${sets.join(", ")}`,
    ...columns([...ports("inputs", inputs), ...ports("outputs", outputs)]),
    `${initializers.length} initializers of ${numbers.toLocaleString("en-US")} numbers${apart > 0 ? `, ${apart} in other files` : ""}${functions.length > 0 ? `; functions: ${functions.join(", ")}` : ""}`,
    "",
    ...columns([["operator", "nodes", ""], ...rows]),
    ...(beside.length > 0 ? ["", ...columns([["metadata", ""], ...beside])] : []),
    ...(missing.length > 0 ? ["", `not supported: ${missing.join(", ")}`] : []),
  ].join("\n");
}

export interface OnnxNetwork {
  readonly model: Layer;
  /** Of one example. */
  readonly inputShape: readonly number[];
  readonly outputs: number;
}

/** The network of an ONNX file with one input [N, ...] and first output [N, outputs]. @throws {Error} one line for whatever is wrong. */
export async function onnxNetwork(path: string, input?: readonly number[]): Promise<OnnxNetwork> {
  const { loadLayer } = await import("../onnx/layer.ts");
  const model = await loadLayer(path);
  const [first] = model.onnx.inputs;
  const declared = first.shape?.slice(1) ?? [];
  const inputShape = input ?? declared.map(Number);
  if (inputShape.length === 0 || !inputShape.every((d) => Number.isInteger(d) && d > 0))
    throw new Error(`${path}: the size of an example is open in the file, ${typeOf(first)}; want --input such as 3x224x224`);
  const last = model.onnx.outputs[0]?.shape?.at(-1);
  return { model, inputShape, outputs: typeof last === "number" ? last : 0 };
}
