/** @file Layers that are read from files of other programs: who reads them registers here, so that only programs that import it carry it. */
import type { Layer } from "./module.ts";

type ReadLayer = (source: string) => Promise<Layer>;

let onnx: ReadLayer | undefined;

/** For `nabla/onnx`. */
export function registerOnnx(read: ReadLayer): void {
  onnx = read;
}

/** @throws {Error} in a program without `nabla/onnx`, or if the file cannot be read. */
export async function readOnnxLayer(source: string): Promise<Layer> {
  if (onnx) return await onnx(source);
  throw new Error(`${source}: models of ONNX are read by nabla/onnx; want \`import { loadLayer } from "nabla/onnx"\` in the program`);
}
