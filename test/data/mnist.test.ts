/** @file MNIST and Fashion-MNIST from a folder: made-up folders with every fault, and the real files where they are. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { moments } from "../../src/data/mnist.ts";
import { loadDataset } from "../../src/data/registry.ts";
import { sized } from "../size.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nabla-mnist-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function idx(magic: number, sizes: number[], data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  header.setUint32(0, magic);
  sizes.forEach((size, i) => {
    header.setUint32(4 + 4 * i, size);
  });
  return Uint8Array.of(...new Uint8Array(header.buffer), ...data);
}

const images = (count: number, side = 28) =>
  idx(
    2051,
    [count, side, side],
    Uint8Array.from({ length: count * side * side }, (_, i) => i % 256),
  );
const labels = (...values: number[]) => idx(2049, [values.length], Uint8Array.from(values));

/** A whole, tiny data set; `changes` replaces files, or removes them with null. */
function write(changes: Record<string, Uint8Array | null> = {}): void {
  const files: Record<string, Uint8Array | null> = {
    "train-images-idx3-ubyte.gz": gzipSync(images(3)),
    "train-labels-idx1-ubyte": labels(7, 0, 9),
    "t10k-images-idx3-ubyte": images(2),
    "t10k-labels-idx1-ubyte.gz": gzipSync(labels(1, 2)),
    ...changes,
  };
  for (const [name, bytes] of Object.entries(files)) if (bytes) writeFileSync(join(folder, name), bytes);
}

const load = (name = "mnist") => loadDataset(name, { dataDir: folder });

describe("a folder of idx files", () => {
  test("reads gzipped and plain files; pixels in [0, 1]", async () => {
    write();
    const { train, test: rest, inputShape, classes, task } = await load("fashion-mnist");
    expect([train.count, rest.count, inputShape, task]).toEqual([3, 2, [1, 28, 28], "classification"]);
    expect([...train.targets]).toEqual([7, 0, 9]);
    expect(train.inputs.length).toBe(3 * 784);
    expect(train.inputs[255]).toBe(1);
    expect(train.inputs[51]).toBe(Math.fround(0.2));
    expect(classes[9]).toBe("Ankle boot");
  });

  test("a size gives every image a margin of zeros", async () => {
    write();
    const plain = (await load()).train.inputs;
    const { train, test: rest, inputShape } = await loadDataset("mnist", { dataDir: folder, size: 32 });
    expect([inputShape, train.inputs.length, rest.inputs.length]).toEqual([[1, 32, 32], 3 * 1024, 2 * 1024]);
    const expected = new Float32Array(3 * 1024);
    plain.forEach((value, i) => {
      const [image, y, x] = [Math.floor(i / 784), Math.floor((i % 784) / 28), i % 28];
      expected[image * 1024 + (y + 2) * 32 + x + 2] = value;
    });
    expect(train.inputs).toEqual(expected);
    for (const size of [27, 26, 33, [32, 36] as const])
      await expect(loadDataset("mnist", { dataDir: folder, size })).rejects.toThrow(/want an even size >= 28, got \d+x\d+/);
  });

  test.each<[string, Record<string, Uint8Array | null>, string]>([
    [
      "a missing file",
      { "train-labels-idx1-ubyte": null },
      "mnist: neither train-labels-idx1-ubyte.gz nor train-labels-idx1-ubyte is in DIR",
    ],
    [
      "labels where images should be",
      { "t10k-images-idx3-ubyte": labels(1) },
      "DIR/t10k-images-idx3-ubyte: wrong magic number: expected 2051 (unsigned bytes, 3 dimensions), got 2049 (0x00000801)",
    ],
    [
      "a short file",
      { "t10k-images-idx3-ubyte": images(2).slice(0, -10) },
      "DIR/t10k-images-idx3-ubyte: short file: its header announces [2, 28, 28] = 1568 bytes of data, there are 1558",
    ],
    [
      "a label out of range",
      { "train-labels-idx1-ubyte": labels(1, 10, 2) },
      "DIR/train-labels-idx1-ubyte: label 10 of example 1 is out of range 0 to 9",
    ],
    [
      "more images than labels",
      { "train-labels-idx1-ubyte": labels(1, 2) },
      "mnist: 3 images in DIR/train-images-idx3-ubyte.gz, but 2 labels in DIR/train-labels-idx1-ubyte",
    ],
    ["images of another size", { "t10k-images-idx3-ubyte": images(2, 8) }, "DIR/t10k-images-idx3-ubyte: expected images of 28x28, got 8x8"],
    ["no images", { "t10k-images-idx3-ubyte": images(0), "t10k-labels-idx1-ubyte.gz": labels() }, "DIR/t10k-images-idx3-ubyte: no images"],
  ])("%s is one clear line", async (_, changes, message) => {
    write(changes);
    await expect(load()).rejects.toThrow(new Error(message.replaceAll("DIR", folder)));
  });

  test("a missing folder, a file for a folder", async () => {
    write();
    await expect(loadDataset("mnist", { dataDir: join(folder, "absent") })).rejects.toThrow(`mnist: no folder ${folder}/absent`);
    await expect(loadDataset("mnist", { dataDir: join(folder, "train-labels-idx1-ubyte") })).rejects.toThrow(/is not a folder$/);
  });
});

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
describe.skipIf(!existsSync(shared))("the real files (skipped where ../shared/data is absent)", () => {
  test.each(sized(["mnist"] as const, ["mnist", "fashion-mnist"] as const))("%s has the published sizes and moments", async (name) => {
    const { train, test: rest } = await loadDataset(name, { dataDir: join(shared, name) });
    expect([train.count, rest.count]).toEqual([60_000, 10_000]);
    let sum = 0;
    let squares = 0;
    for (const pixel of train.inputs) {
      sum += pixel;
      squares += pixel * pixel;
    }
    const mean = sum / train.inputs.length;
    expect(mean).toBeCloseTo(moments[name].mean, 4);
    expect(Math.sqrt(squares / train.inputs.length - mean * mean)).toBeCloseTo(moments[name].std, 4);
  });
});
