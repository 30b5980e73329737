/** @file ImageDecoder against Pillow 9.4: small images in each format and its usual kinds (test/fixtures/encoded-images.json). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { tensor } from "../../src/ops/create.ts";
import { of, run } from "./one-node.ts";

interface Encoded {
  /** The file, its pixels as RGB and as grey, in base64. */
  readonly file: string;
  readonly rgb: string;
  readonly grey: string;
  readonly shape: readonly [height: number, width: number, channels: number];
}

const images = JSON.parse(readFileSync(new URL("../fixtures/encoded-images.json", import.meta.url), "utf8")) as Record<string, Encoded>;
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const decode = async (file: Uint8Array, kind: string) => (await run("ImageDecoder", 20, [tensor(file)], { pixel_format: kind }))[0]!;

describe.each(Object.entries(images))("%s", (_, { file, rgb, grey, shape }) => {
  test("in colour, and the other way round", async () => {
    const want = [...bytesOf(rgb)];
    const y = await decode(bytesOf(file), "RGB");
    expect(y.shape).toEqual(shape);
    expect(of(y)).toEqual(want);
    expect(of(await decode(bytesOf(file), "BGR"))).toEqual(want.map((_v, i) => want[i - (i % 3) + 2 - (i % 3)]));
  });

  test("in grey", async () => {
    const y = await decode(bytesOf(file), "Grayscale");
    expect(y.shape).toEqual([shape[0], shape[1], 1]);
    expect(of(y)).toEqual([...bytesOf(grey)]);
  });

  test("cut short there are no pixels", async () => {
    const y = await decode(bytesOf(file).slice(0, 24), "RGB");
    expect(y.shape).toEqual([0, 0, 3]);
  });
});

test("what is no image gives no pixels, as ONNX says; a kind that is not read is an error", async () => {
  expect((await decode(Uint8Array.from([1, 2, 3, 4, 5]), "RGB")).shape).toEqual([0, 0, 3]);
  await expect(decode(bytesOf(images.png!.file), "YUV")).rejects.toThrow('onnx: ImageDecoder "y0": pixels of kind "YUV"');
  const deep = bytesOf(images.bmp!.file);
  deep[28] = 16;
  await expect(decode(deep, "RGB")).rejects.toThrow(/a bitmap of 16 bits with compression 0 is not read; save it as PNG/);
});

test("text images with comments, and 16 bits of grey", async () => {
  const text = (s: string) => decode(new TextEncoder().encode(s), "Grayscale");
  expect(of(await text("P2\n# made by hand\n3 1\n10 # most\n0 5 10\n"))).toEqual([0, 128, 255]);
  expect(of(await text("P1 4 1 1010"))).toEqual([0, 255, 0, 255]);
  const wide = Uint8Array.from([...new TextEncoder().encode("P5 2 1 65535\n"), 0xff, 0xff, 0x80, 0x00]);
  expect(of(await decode(wide, "Grayscale"))).toEqual([255, 128]);
});

test("a small file that announces many pixels is refused before they are decoded", async () => {
  /** A file whose bytes `put` bytes behind `marker` are 60,000 twice. */
  const announcing = (file: Uint8Array, marker: readonly number[], put: number, bytes: number): Uint8Array => {
    const at = file.findIndex((_, i) => marker.every((byte, j) => file[i + j] === byte));
    expect(at).toBeGreaterThanOrEqual(0);
    const view = new DataView(file.buffer);
    for (const i of [0, 1]) bytes === 2 ? view.setUint16(at + put + 2 * i, 60_000) : view.setUint32(at + put + 4 * i, 60_000);
    return file;
  };
  const jpeg = announcing(bytesOf(images.jpeg!.file), [0xff, 0xc0], 5, 2);
  const jpeg2000 = announcing(bytesOf(images.jpeg2000!.file), [0xff, 0x4f, 0xff, 0x51], 8, 4);
  for (const file of [jpeg, jpeg2000])
    await expect(decode(file, "RGB")).rejects.toThrow(/reading it would take at least 10.8 GB of memory \(60000x60000 pixels\)/);
});
