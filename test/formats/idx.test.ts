/** @file The idx reader: real and made-up files, plain and gzipped, and every fault it must name. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readIdx } from "../../src/formats/idx.ts";

/** An idx file of unsigned bytes. */
function idx(shape: number[], data: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  shape.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size);
  });
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

describe("readIdx", () => {
  test("reads shape and bytes", async () => {
    expect(await readIdx(idx([2, 1, 3], [1, 2, 3, 4, 5, 255]), "x", 3)).toEqual({
      shape: [2, 1, 3],
      data: Uint8Array.of(1, 2, 3, 4, 5, 255),
    });
    expect(await readIdx(idx([0, 28, 28], []), "x")).toEqual({ shape: [0, 28, 28], data: new Uint8Array() });
  });

  test("reads what was written, plain or gzipped, at any offset of its buffer", async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), fc.integer({ min: 0, max: 7 }), async (shape, zipped, offset) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const data = Uint8Array.from({ length: size }, (_, i) => (i * 37) % 256);
        const file = idx(shape, data);
        const bytes = zipped ? gzipSync(file) : file;
        const moved = new Uint8Array(offset + bytes.length);
        moved.set(bytes, offset);
        expect(await readIdx(moved.subarray(offset), "x", shape.length)).toEqual({ shape, data });
      }),
    );
  });

  const good = idx([2, 2], [1, 2, 3, 4]);
  const withMagic = (magic: number) => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(0, magic);
    return bytes;
  };

  test.each<[string, Uint8Array, number | undefined, string]>([
    ["no magic", Uint8Array.of(0, 0, 8), undefined, "f: not an idx file: 3 bytes, too short for the magic number"],
    ["labels for images", good, 3, "f: wrong magic number: expected 2051 (unsigned bytes, 3 dimensions), got 2050 (0x00000802)"],
    [
      "floats",
      withMagic(0x0d02),
      undefined,
      "f: wrong magic number: expected 0x000008NN (unsigned bytes, NN dimensions), got 3330 (0x00000d02)",
    ],
    [
      "another format",
      withMagic(0x89504e47),
      1,
      "f: wrong magic number: expected 2049 (unsigned bytes, 1 dimensions), got 2303741511 (0x89504e47)",
    ],
    ["a header cut off", good.slice(0, 9), undefined, "f: short file: 9 bytes, the header alone has 12"],
    ["data cut off", good.slice(0, -1), undefined, "f: short file: its header announces [2, 2] = 4 bytes of data, there are 3"],
    ["trailing bytes", Uint8Array.of(...good, 9), undefined, "f: its header announces [2, 2] = 4 bytes of data, but 5 follow"],
  ])("%s", async (_, bytes, rank, message) => {
    await expect(readIdx(bytes, "f", rank)).rejects.toThrow(new Error(message));
    await expect(readIdx(gzipSync(bytes), "f", rank)).rejects.toThrow(new Error(message));
  });

  test("damaged and incomplete gzip data", async () => {
    const zipped = gzipSync(idx([1000], new Uint8Array(1000).fill(7)));
    await expect(readIdx(zipped.subarray(0, zipped.length - 12), "f")).rejects.toThrow(/^f: damaged or incomplete gzip data \(.+\)$/);
    const damaged = Uint8Array.from(zipped);
    damaged[damaged.length - 6] ^= 0xff; // the check sum
    await expect(readIdx(damaged, "f")).rejects.toThrow(/^f: damaged or incomplete gzip data/);
    await expect(readIdx(Uint8Array.of(0x1f, 0x8b, 1, 2, 3), "f")).rejects.toThrow(/^f: damaged or incomplete gzip data/);
  });
});
