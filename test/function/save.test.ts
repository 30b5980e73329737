/** @file Compiled functions as files: the losses of a step, run by the loader alone; names, several functions, and what a file cannot bring along. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { features } from "../../src/codegen/wasm/instantiate.ts";
import * as nb from "../../src/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { type LoadedStep, load, type StepArray } from "../../src/runtime/wasm/step.ts";

const { compile, nn, optim, tensor, backward, saveAll } = nb;
const bytesOf = (step: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(step);
const data = (shape: readonly number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i)),
    { shape },
  );

/** Whether this engine runs the fused multiply-adds of a file that asks for them. */
const RELAXED = features().relaxed;

function mlp() {
  nb.manualSeed(5);
  const model = new nn.Sequential(new nn.Linear(6, 16), new nn.GELU(), new nn.Dropout(0.1), new nn.Linear(16, 3));
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-2 });
  const train = compile((x: Tensor, y: Tensor) => {
    const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), y), model.parameters());
    optimizer.step(grads);
    return { loss: value };
  });
  return { model, optimizer, train };
}

const x = data([8, 6]);
const y = tensor(Int32Array.from([0, 1, 2, 0, 1, 2, 0, 1]));

/** What a module says of itself: names of its exports and its note. */
function look(bytes: Uint8Array): { names: string[]; imports: string[]; note: Record<string, unknown> } {
  const module = new WebAssembly.Module(bytesOf(bytes));
  const [note] = WebAssembly.Module.customSections(module, "nabla");
  return {
    names: WebAssembly.Module.exports(module).map(({ name }) => name),
    imports: WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`),
    note: JSON.parse(new TextDecoder().decode(note)),
  };
}

const losses = (step: LoadedStep, n: number): number[] =>
  Array.from({ length: n }, () => {
    step.inputs.x!.set(x.dataSync());
    step.inputs.y!.set(y.dataSync());
    step.run();
    return step.outputs.loss![0]!;
  });

describe("a training step", () => {
  test("has the same losses without the library, and its cells go back into the model", async () => {
    const { model, optimizer, train } = mlp();
    const file = await train.save(undefined, x, y);
    const { names, imports, note } = look(file);
    expect(imports).toEqual([]);
    expect(names).toContain("inputs x f32[8,6]");
    expect(names).toContain("inputs y i32[8]");
    expect(names).toContain("outputs loss f32[]");
    expect(names).toContain("cells 0.weight f32[16,6]");
    expect(names).toContain("cells lr f32[]");
    expect(note).toMatchObject({
      version: 1,
      relaxed: false,
      functions: [{ name: "run", inputs: { x: "f32[8,6]" }, outputs: { loss: "f32[]" } }],
    });

    const step = await load(bytesOf(file));
    const got = losses(step, 20);
    const want = Array.from({ length: 20 }, () => train(x, y).loss.itemSync());
    expect(Math.max(...got.map((loss, i) => Math.abs(loss - want[i]!)))).toBeLessThan(1e-5);
    expect(got[19]).toBeLessThan(got[0]!);

    const entries = (names: Iterable<string>): Map<string, { shape: readonly number[]; data: StepArray }> =>
      new Map([...names].map((name) => [name, { shape: step.cells[name]!.shape, data: step.cells[name]! }]));
    model.loadStateDict(entries(model.stateDict().keys()));
    optimizer.loadStateDict(entries(optimizer.stateDict().keys()));
    expect([...model.parameters()[0]!.value.dataSync()]).toEqual([...step.cells["0.weight"]!]);
  });

  test.skipIf(!RELAXED)("with fused multiply-adds: the losses of the library, to the bit", async () => {
    const { train } = mlp();
    const file = await saveAll({ run: train }, { run: [x, y] }, { relaxed: true });
    const step = await load(bytesOf(file));
    expect(losses(step, 20)).toEqual(Array.from({ length: 20 }, () => train(x, y).loss.itemSync()));
  });

  test("the learning rate is a cell", async () => {
    const { train } = mlp();
    const step = await load(bytesOf(await train.save(undefined, x, y)));
    step.cells.lr![0] = 0;
    const before = [...step.cells["0.weight"]!];
    losses(step, 3);
    expect([...step.cells["0.weight"]!]).toEqual(before);
    step.cells.lr![0] = 0.1;
    losses(step, 1);
    expect([...step.cells["0.weight"]!]).not.toEqual(before);
  });

  test("goes to a path too", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nabla-save-"));
    const path = join(folder, "step.wasm");
    const bytes = await compile((a: Tensor) => a.mul(2)).save(path, tensor([1, 2]));
    expect(new Uint8Array(readFileSync(path))).toEqual(bytes);
    rmSync(folder, { recursive: true });
  });
});

test("functions that share cells are one file", async () => {
  const { model, train } = mlp();
  const predict = compile((x: Tensor) => nb.functional.softmax(model.forward(x), 1));
  const alone = (await train.save(undefined, x, y)).length;
  model.eval();
  const file = await saveAll({ predict, also: predict }, { predict: [x], also: [data([1, 6])] }, { license: "MIT" });
  expect(file.length).toBeLessThan(2 * alone);
  expect(look(file).note).toMatchObject({ license: "MIT" });
  const step = await load(bytesOf(file));
  step.inputs["predict.x"]!.set(x.dataSync());
  (step.predict as () => void)();
  step.inputs["also.x"]!.set(x.dataSync().slice(0, 6));
  const first = [...step.outputs["predict.result"]!];
  (step.also as () => void)();
  expect(Math.max(...Array.from(predict(x).dataSync(), (v, i) => Math.abs(v - first[i]!)))).toBeLessThan(1e-6);
  expect([...step.outputs["also.result"]!].map((v) => v.toFixed(5))).toEqual(first.slice(0, 3).map((v) => v.toFixed(5)));
});

test("integers, doubles, functions of Math, loops", async () => {
  const fn = compile((a: Tensor, n: Tensor) => ({
    tan: a.cast("f64").tan().pow(n.cast("f64")),
    rem: n.rem(3),
    loop: nb.scan((h: Tensor, v: Tensor): [Tensor, Tensor] => [h.add(v), h], tensor(0), a)[1],
    yes: a.gt(0),
  }));
  const [a, n] = [tensor([0.5, -1, 2]), tensor(Int32Array.of(5, 6, 7))];
  const step = await load(bytesOf(await fn.save(undefined, a, n)));
  step.inputs.a!.set(a.dataSync());
  step.inputs.n!.set(n.dataSync());
  step.run();
  const want = fn(a, n);
  for (const name of ["tan", "rem", "loop", "yes"] as const)
    expect([...step.outputs[name]!]).toEqual([...want[name].dataSync()].map(Number));
});

test("names of one kind are told apart, and given ones must be", async () => {
  const [a, b] = [new nn.State(tensor([1, 2]), { label: "m" }), new nn.State(tensor([3, 4]), { label: "m" })];
  const fn = compile(() => a.value.add(b.value));
  const { names } = look(await fn.save(undefined));
  expect(names.filter((name) => name.startsWith("cells"))).toEqual(["cells m f32[2]", "cells m#2 f32[2]"]);
  const given = new Map([[a, "first"], [b, "second"]]); // biome-ignore format: pairs
  expect(look(await saveAll({ run: fn }, { run: [] }, { names: given })).names).toContain("cells second f32[2]");
  await expect(saveAll({ run: fn }, { run: [] }, { names: new Map([[a, "x"], [b, "x"]]) })).rejects.toThrow('two cells are called "x"'); // biome-ignore format: pairs
});

describe("what a file cannot bring along", () => {
  test.each<[string, (a: Tensor) => Tensor, RegExp]>([
    ["a sort", (a) => a.sort().values, /the function sorts \(argsort, at .*save\.test.*\), which a file cannot bring along/],
    ["a decomposition", (a) => nb.linalg.cholesky(a.reshape([1, 1])), /computes cholesky \(cholesky, at .*save\.test/],
    ["a function that no host has", (a) => nb.special.erfinv(a), /computes erfinv/],
  ])("%s", async (_, fn, message) => {
    await expect(compile(fn).save(undefined, tensor([0.5]))).rejects.toThrow(message);
  });

  test("arguments", async () => {
    const fn = compile((a: Tensor) => a.mul(2));
    await expect(saveAll({}, {})).rejects.toThrow("want at least one function");
    await expect(saveAll({ "a b": fn }, { "a b": [] })).rejects.toThrow("want names of letters and digits");
    await expect(saveAll({ cells: fn }, { cells: [] })).rejects.toThrow("want names of letters and digits");
    await expect(saveAll({ fn }, {})).rejects.toThrow("want example arguments for fn");
    await expect(saveAll({ fn }, { fn: [tensor(1)], other: [] })).rejects.toThrow("examples for other");
    await expect(saveAll({ fn }, { fn: [tensor(1)] }, { relax: true } as never)).rejects.toThrow("relax");
  });
});
