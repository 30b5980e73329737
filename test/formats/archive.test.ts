/** @file Weights of all formats, known by their content: shards, checkpoints, Keras, TensorFlow.js, arrays of NumPy, and one line for each fault. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { openWeights, readWeights } from "../../src/formats/archive.ts";
import { writeNpz } from "../../src/formats/npz.ts";
import { type Entry, readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { writeSharded } from "../../src/formats/sharded.ts";

const folder = new URL("../fixtures/weights/", import.meta.url);
const fixture = (name: string): Uint8Array => {
  const bytes = readFileSync(new URL(name, folder));
  return new Uint8Array(name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
};
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const f32 = (n: number, from = 0): Entry => ({ dtype: "F32", shape: [n], data: Float32Array.from({ length: n }, (_, i) => from + i) });
const plain = (entries: ReadonlyMap<string, Entry>): [string, string, readonly number[], number[]][] =>
  [...entries].map(([name, { dtype, shape, data }]) => [name, dtype, shape, Array.from(data, Number)]);

const temporary = mkdtempSync(join(tmpdir(), "nabla-weights-"));
afterAll(() => rmSync(temporary, { recursive: true }));

const entries = new Map<string, Entry>([
  ["a.weight", f32(6)],
  ["10", f32(5, 6)],
  ["2", f32(5, 11)],
  ["big", f32(100)],
  ["half", { dtype: "F16", shape: [2], data: Float32Array.of(0.5, -2) }],
  ["long", { dtype: "I64", shape: [1], data: BigInt64Array.of(-7n) }],
]);

describe("shards", () => {
  const files = new Map(writeSharded(entries, { maxShardSize: 50, metadata: { format: "pt" } }));

  test("are cut by size, and listed in the index", () => {
    expect([...files.keys()]).toEqual([...[1, 2, 3, 4].map((i) => `model-0000${i}-of-00004.safetensors`), "model.safetensors.index.json"]);
    const index = JSON.parse(new TextDecoder().decode(files.get("model.safetensors.index.json")!));
    expect(index.metadata).toEqual({ total_size: 24 + 20 + 20 + 400 + 8 + 8 });
    expect(index.weight_map.big).toBe("model-00003-of-00004.safetensors");
    expect(readSafetensors(files.get("model-00001-of-00004.safetensors")!).metadata).toEqual({ format: "pt" });
  });

  test("what fits into one file is one file", () => {
    expect([...writeSharded(entries, { name: "net" })].map(([name]) => name)).toEqual(["net.safetensors"]);
  });

  test("are read from bytes, from a path, from a folder", async () => {
    const index = files.get("model.safetensors.index.json")!;
    expect(plain(await readWeights(index, { files: async (name) => files.get(name)! }))).toEqual(plain(entries));
    for (const [name, bytes] of files) writeFileSync(join(temporary, name), bytes);
    expect(plain(await readWeights(join(temporary, "model.safetensors.index.json")))).toEqual(plain(entries));
    expect(plain(await readWeights(temporary))).toEqual(plain(entries));
  });

  test("tensors are read by offset, one at a time", async () => {
    const archive = await openWeights(join(temporary, "model-00003-of-00004.safetensors"), { maxBytes: 3000 });
    const set = archive.sets.get("")!;
    expect([...set.tensors.keys()]).toEqual(["big"]);
    // 400 bytes each: all ten would be above the limit, if they were held.
    for (let i = 0; i < 10; i++) expect((await set.read("big")).data[99]).toBe(99);
    await archive.close();
    await expect(set.read("big")).rejects.toThrow();
  });

  const index = (map: unknown): Uint8Array => json({ metadata: {}, weight_map: map });
  test.each([
    ["a path", index({ a: "../x.safetensors" }), 'weight_map: "a" is in "../x.safetensors"; want the name of a file beside it'],
    ["an absolute path", index({ a: "/etc/passwd" }), 'weight_map: "a" is in "/etc/passwd"'],
    ["Windows' path", index({ a: "c:\\x" }), 'weight_map: "a" is in "c:\\x"'],
    ["the folder itself", index({ a: ".." }), 'weight_map: "a" is in ".."'],
    ["a number", index({ a: 3 }), 'weight_map: "a" is in no file'],
    ["a list", index([]), "weight_map is no object"],
    [
      "a tensor that is not there",
      index({ zzz: "model-00001-of-00004.safetensors" }),
      '"zzz" should be in model-00001-of-00004.safetensors',
    ],
    ["an index of an index", index({ a: "model.safetensors.index.json" }), "header"],
    ["other JSON", json({ a: 1 }), "JSON that is neither an index of shards (weight_map) nor a model of TensorFlow.js"],
    ["cut JSON", index({}).slice(0, 9), "no valid JSON"],
  ])("%s is refused", async (_, bytes, message) => {
    await expect(readWeights(bytes, { what: "f", files: async (name) => files.get(name)! })).rejects.toThrow(message);
  });

  test("bytes alone ask for the other files", async () => {
    await expect(readWeights(index({ a: "b.safetensors" }))).rejects.toThrow(
      "weights: has its tensors in b.safetensors; give that file too",
    );
  });

  test("a folder without weights, and no file", async () => {
    await expect(readWeights(tmpdir())).rejects.toThrow("is a folder without weights; want one of model.safetensors.index.json");
    await expect(readWeights(join(temporary, "none"))).rejects.toThrow(`no file ${join(temporary, "none")}`);
  });
});

describe("checkpoints of PyTorch", () => {
  test("a state dict beside an argparse.Namespace", async () => {
    const read = await readWeights(fixture("torch2-namespace.pth"));
    expect(read.size).toBe(38);
    expect(read.get("fc.weight")).toMatchObject({ dtype: "F32", shape: [7, 12] });
  });

  test("dtypes, views of one storage, and values that are no tensors", async () => {
    const read = plain(await readWeights(fixture("torch2-mixed-dtypes.pth")));
    const shown = Object.fromEntries(read.map(([name, dtype, shape, data]) => [name, [dtype, shape, data]]));
    expect(shown).toMatchObject({
      short: ["I16", [6], [-3, -2, -1, 0, 1, 2]],
      char: ["I8", [6], [-3, -2, -1, 0, 1, 2]],
      byte: ["U8", [5], [0, 1, 2, 3, 4]],
      bool: ["BOOL", [2], [1, 0]],
      long: ["I64", [2], [1, -2]],
      scalar: ["F32", [], [2.5]],
      empty: ["F32", [0, 3], []],
      view_a: ["F32", [6, 4], Array.from({ length: 24 }, (_, i) => (i % 4) * 6 + Math.floor(i / 4))],
      view_b: ["F32", [3], [5, 7, 9]],
    });
    expect(read).toHaveLength(12);
    const all = (await readWeights(fixture("torch2-mixed-dtypes.pth"))).get("half")!;
    expect([all.dtype, all.shape]).toEqual(["F16", [3, 4]]);
  });
});

describe("Keras", () => {
  test.each([
    ["cnn", "model.h5"],
    ["unnamed", "model.h5"],
    ["unnamed", "model.weights.h5"],
    ["unnamed", "model.keras"],
    ["lstm", "model.weights.h5"],
    ["gru", "model.weights.h5"],
  ])("%s, %s: every weight as Keras lays it out", async (net, file) => {
    const want = [...readSafetensors(fixture(`keras-${net}.safetensors`)).entries].filter(([name]) => name.startsWith("weights/"));
    const archive = await openWeights(fixture(`keras-${net}-${file}.gz`));
    const read = await readWeights(fixture(`keras-${net}-${file}.gz`));
    const set = archive.sets.get("")!;
    if (!("layers" in set)) throw new Error("has no layers");
    const ours = set.layers.flatMap(({ weights }) => weights.map((name) => read.get(name)!));
    expect(read.size).toBe(want.length);
    const shown = ({ shape, data }: Entry): string => JSON.stringify([shape, [...data].map(Number)]);
    const sorted = (list: string[]): string[] => (set.ordered ? list : list.sort());
    expect(sorted(ours.map(shown))).toEqual(sorted(want.map(([, entry]) => shown(entry))));
  });
});

describe("TensorFlow.js", () => {
  const files = async (name: string): Promise<Uint8Array> => fixture(`tfjs/${name}`);
  test("tensors across shards, and quantized ones", async () => {
    const want = readSafetensors(fixture("tfjs/data.safetensors")).entries;
    const read = await readWeights(fixture("tfjs/model.json"), { files });
    expect(new Map(plain(read).map(([name, , ...rest]) => [name, rest]))).toEqual(
      new Map(plain(want).map(([name, , ...rest]) => [name, rest])),
    );
  });

  const model = (weights: unknown, paths: unknown = ["a.bin"]): Uint8Array => json({ weightsManifest: [{ paths, weights }] });
  test.each([
    ["a path", model([], ["../a.bin"]), 'weightsManifest names "../a.bin"'],
    ["too few bytes", model([{ name: "w", shape: [3], dtype: "float32" }]), '"w" ends at byte 12 of a.bin, which have 8'],
    ["too many", model([{ name: "w", shape: [1], dtype: "float32" }]), "4 bytes at the end of a.bin belong to no tensor"],
    ["an overflow", model([{ name: "w", shape: [1e9, 1e9], dtype: "float32" }]), '"w" ends at byte'],
    ["a string", model([{ name: "w", shape: [1], dtype: "string" }]), '"w": unsupported dtype string'],
    ["no shape", model([{ name: "w", shape: [-1], dtype: "float32" }]), '"w": its shape is not a list of sizes'],
    [
      "a quantization",
      model([{ name: "w", shape: [8], dtype: "float32", quantization: { dtype: "uint4" } }]),
      '"w": its quantization is not',
    ],
    ["twice", model([1, 2].map(() => ({ name: "w", shape: [1], dtype: "float32" }))), 'two tensors are called "w"'],
    ["no groups", json({ weightsManifest: 3 }), "weightsManifest is not a list of groups"],
  ])("%s is refused", async (_, bytes, message) => {
    await expect(readWeights(bytes, { what: "f", files: async () => new Uint8Array(8) })).rejects.toThrow(`f: ${message}`);
  });
});

test("npz and plain safetensors, whatever they are called", async () => {
  const npz = writeNpz(new Map([["w", { dtype: "f8", shape: [2], data: Float64Array.of(1, 2) }]]));
  expect(plain(await readWeights(npz, "m.safetensors"))).toEqual([["w", "F64", [2], [1, 2]]]);
  expect(plain(await readWeights(writeSafetensors(entries), "m.h5")).sort()).toEqual(plain(entries).sort());
});

test("noise, nothing, and arguments of other kinds", async () => {
  await expect(readWeights(Uint8Array.of(1, 2, 3))).rejects.toThrow("weights: truncated file");
  await expect(readWeights(new Uint8Array(0))).rejects.toThrow("weights: truncated file");
  await expect(readWeights(3 as never)).rejects.toThrow("openWeights: source");
  await expect(readWeights(new Uint8Array(9), { kee: "a" } as never)).rejects.toThrow("kee");
});
