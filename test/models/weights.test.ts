/** @file Published weights into models: both formats, old names, and one line for each fault. */
import { describe, expect, test } from "vitest";
import { type Entry, writeSafetensors } from "../../src/formats/safetensors.ts";
import { writeZip } from "../../src/formats/zip.ts";
import { DenseNet, GoogLeNet, loadWeights, VisionTransformer } from "../../src/models/index.ts";
import { BatchNorm2d } from "../../src/nn/batch-norm.ts";
import { Linear } from "../../src/nn/linear.ts";
import type { Module } from "../../src/nn/module.ts";
import { Sequential } from "../../src/nn/sequential.ts";
import "../../src/runtime/evaluate.ts";

/** A file for a model: every float of entry i is i + 1. */
function entriesFor(model: Module, rename: (name: string) => string = (name) => name): Map<string, Entry> {
  const floats = [...model.stateDict()].filter(([, { dtype }]) => dtype === "f32");
  return new Map(
    floats.map(([name, { shape }], i) => [
      rename(name),
      { dtype: "F32", shape: [...shape], data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(i + 1) },
    ]),
  );
}

const load = (model: Module, entries: Map<string, Entry>) => loadWeights(model, writeSafetensors(entries), "m.safetensors");
const small = (): Sequential => new Sequential(new Linear(2, 3), new Linear(3, 1));

describe("loadWeights", () => {
  test("sets every cell; counters of batches may be missing", async () => {
    const model = new BatchNorm2d(2);
    await load(model, entriesFor(model));
    expect([...model.running_var!.value.dataSync()]).toEqual([4, 4]);
    expect(model.num_batches_tracked!.value.itemSync()).toBe(0);
  });

  test("a .pth is known by its bytes", async () => {
    // {"weight": f32[1,2] = 5, 6, "bias": f32[1] = 7}, as pickle.dumps(..., 2) of torch's tensors.
    const int = (n: number) => `K${String.fromCharCode(n)}`;
    const word = (s: string) => `X${String.fromCharCode(s.length)}\0\0\0${s}`;
    const tensor = (key: string, count: number, shape: number[]) =>
      `ctorch._utils\n_rebuild_tensor_v2\n((${word("storage")}ctorch\nFloatStorage\n${word(key)}${word("cpu")}${int(count)}tQ${int(0)}(${shape.map(int).join("")}t(${shape.map((_, i) => int(i === shape.length - 1 ? 1 : shape[1])).join("")}ttR`;
    const pickle = `\x80\x02}(${word("weight")}${tensor("0", 2, [1, 2])}${word("bias")}${tensor("1", 1, [1])}u.`;
    const bytes = writeZip(
      new Map(
        Object.entries({
          "m/data.pkl": Uint8Array.from(pickle, (c) => c.charCodeAt(0)),
          "m/data/0": new Uint8Array(Float32Array.of(5, 6).buffer),
          "m/data/1": new Uint8Array(Float32Array.of(7).buffer),
        }),
      ),
    );
    const model = new Linear(2, 1);
    await loadWeights(model, bytes, "m.pth");
    expect([...model.weight.value.dataSync(), ...model.bias!.value.dataSync()]).toEqual([5, 6, 7]);
  });

  test.each([
    ["missing", (e: Map<string, Entry>) => e.delete("1.weight"), '"1.weight" is missing'],
    ["extra", (e: Map<string, Entry>) => e.set("2.bias", e.get("1.bias")!), 'the model has no "2.bias"'],
    [
      "misshapen",
      (e: Map<string, Entry>) => e.set("0.weight", { ...e.get("0.weight")!, shape: [2, 3] }),
      '"0.weight" has shape [2, 3], the model wants [3, 2]',
    ],
    ["empty", (e: Map<string, Entry>) => e.clear(), '"0.weight" is missing (and 3 more of the kind)'],
  ])("%s: one line, and nothing changes", async (_, spoil, message) => {
    const model = small();
    const before = [...model.parameters()[0].value.dataSync()];
    const entries = entriesFor(model);
    spoil(entries);
    await expect(load(model, entries)).rejects.toThrow(`m.safetensors: ${message}; are these the weights of Sequential?`);
    expect([...model.parameters()[0].value.dataSync()]).toEqual(before);
  });

  test("names that torchvision has changed since", async () => {
    const dense = new DenseNet([1, 1], { classes: 2, growth: 8, stem: 8, smallImages: true });
    const old = entriesFor(dense, (name) => name.replace(/(denselayer\d+\.(?:norm|conv))(\d)/, "$1.$2"));
    expect([...old.keys()]).toContain("features.denseblock1.denselayer1.norm.1.weight");
    await load(dense, old);
    expect(dense.stateDict().get("features.norm0.weight")!.value.dataSync()[0]).toBe(2);

    const vit = new VisionTransformer("tiny_16", { classes: 2, imageSize: 32 });
    const early = entriesFor(vit, (name) => name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."));
    await load(vit, early);
    expect(vit.stateDict().get("class_token")!.value.dataSync()[0]).toBe(1);
  });

  test("auxiliary classifiers that the model lacks are passed over", async () => {
    const options = { classes: 2, width: 0.25 };
    await load(new GoogLeNet(options), entriesFor(new GoogLeNet({ ...options, auxiliary: true })));
  });
});
