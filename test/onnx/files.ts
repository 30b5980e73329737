/** @file A model of another exporter against its manifest: outputs, which initializers are weights, and the losses of 20 steps of SGD. */
import { existsSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { type Entry, readSafetensors } from "../../src/formats/safetensors.ts";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import * as F from "../../src/math/index.ts";
import { load, type OnnxModule } from "../../src/onnx/index.ts";
import { isTensor, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { SGD } from "../../src/optim/index.ts";

interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

interface Manifest {
  readonly test: Readonly<Record<string, Tolerance>>;
  readonly initializers?: {
    readonly trainable: Readonly<Record<string, unknown>>;
    readonly constants: Readonly<Record<string, unknown>>;
    readonly statistics: readonly string[];
  };
  readonly train?: { readonly loss: string; readonly batch_norm: string; readonly tolerance: { readonly losses: Tolerance } };
}

function asTensor({ shape, data, dtype }: Entry): Tensor {
  if (data instanceof BigInt64Array) return tensor(Int32Array.from(data, Number), { shape });
  if (dtype === "BOOL") return tensor(Uint8Array.from(data as Uint8Array), { shape, dtype: "bool" });
  return tensor(data as Float32Array, { shape });
}

/** By how many tolerances the worst element is off. */
function misses(got: ArrayLike<number>, want: ArrayLike<number | bigint>, { rtol, atol }: Tolerance): number {
  expect(got.length).toBe(want.length);
  let most = 0;
  for (let i = 0; i < want.length; i++) {
    const wanted = Number(want[i]);
    const off = Math.abs(Number(got[i]) - wanted);
    if (off > 0) most = Math.max(most, off / (atol + rtol * Math.abs(wanted)));
  }
  return most;
}

export async function checkModelFolder(folder: string): Promise<void> {
  const manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8")) as Manifest;
  const { entries } = readSafetensors(new Uint8Array(readFileSync(`${folder}/data.safetensors`)), "data.safetensors");
  const group = (prefix: string): [string, Entry][] =>
    [...entries].filter(([name]) => name.startsWith(prefix)).map(([name, entry]) => [name.slice(prefix.length), entry]);
  const model = await load(`${folder}/model.onnx`);
  checkOutputs(model.eval(), group("test/in/"), group("test/out/"), manifest);
  if (manifest.initializers) checkRoles(model, manifest.initializers);
  // Where a file holds a shared weight twice, the file as it is counts.
  const losses = entries.get("train/losses_untied") ?? entries.get("train/losses");
  const target = entries.get("train/target");
  if (!manifest.train || !losses || !target) return;
  if (manifest.train.batch_norm === "batch statistics") model.train();
  const inputs = Object.fromEntries(group("train/in/").map(([name, entry]) => [name, asTensor(entry)]));
  const got = trained(model, inputs, asTensor(target), manifest.train.loss.includes("squared"));
  expect(misses(got, losses.data, manifest.train.tolerance.losses)).toBeLessThan(1);
  // PyTorch's running variance counts n - 1, ONNX's n: means tell.
  for (const [name, entry] of group("train/after/"))
    if (name.endsWith("mean")) {
      const cell = model.stateDict().get(name);
      expect(misses(cell?.value.dataSync() ?? [], entry.data, { rtol: 1e-4, atol: 1e-5 }), name).toBeLessThan(1);
    }
}

function checkOutputs(model: OnnxModule, given: [string, Entry][], wanted: [string, Entry][], { test }: Manifest): void {
  const result = model.forward(Object.fromEntries(given.map(([name, entry]) => [name, asTensor(entry)])));
  for (const [name, entry] of wanted) {
    const got = isTensor(result) ? result : (result as Record<string, Tensor>)[name];
    expect(got.shape, name).toEqual(entry.shape);
    expect(misses(got.dataSync(), entry.data, test[name] ?? { rtol: 0, atol: 0 }), name).toBeLessThanOrEqual(1);
  }
}

/** The manifest lists tensors of two or more elements; those of one are weights where PReLU or a bias has them. */
function checkRoles(model: OnnxModule, { trainable, constants, statistics }: NonNullable<Manifest["initializers"]>): void {
  const parameters = model.namedParameters();
  const large = parameters.filter(([, { shape }]) => shape.reduce((a, b) => a * b, 1) > 1).map(([name]) => name);
  expect(parameters.map(([name]) => name)).toEqual(expect.arrayContaining(Object.keys(trainable)));
  expect(Object.keys(trainable)).toEqual(expect.arrayContaining(large));
  for (const name of Object.keys(constants)) expect(model.stateDict().has(name), name).toBe(false);
  for (const name of statistics) expect(model.stateDict().has(name), name).toBe(true);
}

function trained(model: OnnxModule, inputs: Record<string, Tensor>, target: Tensor, isSquared: boolean): number[] {
  const optimizer = new SGD(model.parameters(), { lr: 0.01 });
  const lossOf = (xs: Record<string, Tensor>): Tensor => {
    const y = model.forward(xs) as Tensor;
    if (isSquared) return F.mseLoss(y, target.cast(y.dtype));
    const flat = y.reshape([-1, y.shape[y.rank - 1]]);
    return F.crossEntropy(flat, target.cast("i32").flatten());
  };
  const step = compile((xs: Record<string, Tensor>) => {
    const { value, grads } = backward(() => lossOf(xs), model.parameters());
    optimizer.step(grads);
    return value;
  });
  const losses = Array.from({ length: 20 }, () => step(inputs).itemSync());
  return [...losses, lossOf(inputs).itemSync()];
}

export const hasModel = (folder: string): boolean => existsSync(`${folder}/model.onnx`);
