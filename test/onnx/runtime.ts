/**
 * @file Other readers of ONNX: onnxruntime's WebAssembly build, which npm installs without a download, and the checker of the Python package `onnx`, where it is at hand.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll } from "vitest";
import type { Tensor } from "../../src/ops/tensor.ts";
import { installTools } from "../consumers/install.ts";

interface OrtTensor {
  readonly data: Float32Array | Int32Array;
  readonly dims: readonly number[];
}

export interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

interface Ort {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(bytes: Uint8Array, options: object): Promise<OrtSession> };
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
}

/** onnxruntime-web with one thread, in a folder that is removed behind the tests. */
export async function installRuntime(): Promise<Ort> {
  const folder = mkdtempSync(join(tmpdir(), "nabla-ort-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  installTools(folder, (name) => name === "onnxruntime-web");
  const ort = (await import(pathToFileURL(join(folder, "node_modules/onnxruntime-web/dist/ort.node.min.mjs")).href)) as Ort;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
}

const TYPES: Readonly<Record<string, string>> = { f32: "float32", f64: "float64", i32: "int32", u8: "uint8", u32: "uint32", bool: "bool" };

/** Tensors as its own, by the names of the inputs. */
export function feedsOf(ort: Ort, session: OrtSession, xs: readonly Tensor[]): Record<string, OrtTensor> {
  return Object.fromEntries(
    session.inputNames.map((name, i) => [name, new ort.Tensor(TYPES[xs[i]!.dtype]!, xs[i]!.dataSync().slice(), xs[i]!.shape)]),
  );
}

/** A Python that can import `onnx`; undefined where there is none. */
export const python: string | undefined = [process.env.PYTHON, "/usr/bin/python3", "python3"].find(
  (command) => command !== undefined && spawnSync(command, ["-c", "import onnx"]).status === 0,
);

const CHECK = `import sys, os, onnx
for name in sorted(os.listdir(sys.argv[1])):
    try:
        onnx.checker.check_model(os.path.join(sys.argv[1], name), full_check=True)
    except Exception as error:
        print(name, str(error).splitlines()[0])
`;

/** What `onnx.checker`, with its inference of shapes, says of files. */
export function complaints(files: Readonly<Record<string, Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), "nabla-checker-"));
  try {
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, `${name.replace(/\W+/g, "-")}.onnx`), bytes);
    return execFileSync(python!, ["-c", CHECK, folder], { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
