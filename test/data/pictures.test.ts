/** @file Kinds of PNG and JPEG that other decoders read, with their pixels; and pictures that claim more than memory, refused before they are decoded. */
import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readImage } from "../../src/data/image.ts";
import { chunk, jpeg, png, segments } from "./make-images.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

describe("PNG", () => {
  const cases = [0, 2, 3, 4, 6].flatMap((colour) =>
    [1, 2, 4, 8, 16]
      .filter((depth) => (colour === 0 ? true : colour === 3 ? depth <= 8 : depth >= 8))
      .flatMap((depth) => [false, true].map((interlaced) => [colour, depth, interlaced] as const)),
  );
  test.each(cases)("colour type %i of %i bits, interlaced: %s", async (colour, depth, interlaced) => {
    const most = 2 ** depth - 1;
    const sample = (x: number, y: number, c: number): number =>
      (depth === 16 ? 257 * ((y * 11 + x) * 3 + 31 * c) : (y * 11 + x) * 7 + 31 * c) & most;
    const { data, channels, width, height } = await readImage(png({ width: 11, height: 9, colour, depth, interlaced, sample }));
    expect([width, height, channels]).toEqual([11, 9, colour % 4 === 0 ? 1 : 3]);
    const want = Array.from({ length: 99 * channels }, (_, i) => {
      const [pixel, c] = [Math.floor(i / channels), i % channels];
      const value = sample(pixel % 11, Math.floor(pixel / 11), colour === 3 ? 0 : c);
      return colour === 3 ? (5 * value + c) & 255 : Math.round((255 * value) / most);
    });
    expect([...data]).toEqual(want);
  });

  test.each<[string, Uint8Array]>([
    ["a text with a wrong checksum", chunk("tEXt", text("a\0b"), true)],
    ["a colour profile that is none", chunk("iCCP", text("x"))],
    ["a resolution of one byte", chunk("pHYs", text("x"))],
    ["a transparency of the wrong length", chunk("tRNS", text("xxxxxxx"))],
    ["a time that is none", chunk("tIME", text(""))],
    ["a chunk of somebody's", chunk("abCd", text("hello"))],
  ])("%s does not cost the picture", async (_, extra) => {
    expect((await readImage(png({ extra: [extra] }))).data).toEqual((await readImage(png())).data);
  });

  test("a large picture of 16 bits is read", async () => {
    const { data } = await readImage(png({ width: 300, height: 300, depth: 16, colour: 2, sample: (x, y, c) => x * y * 977 + c }));
    expect(data.length).toBe(270_000);
  });

  test.each<[string, Uint8Array, RegExp]>([
    [
      "a byte of data",
      (() => {
        const file = Uint8Array.from(png());
        file[file.length - 20] ^= 1;
        return file;
      })(),
      /^f: damaged or truncated PNG \(/,
    ],
    ["cut off", png().subarray(0, 60), /^f: damaged or truncated PNG \(/],
    ["an unknown critical chunk", png({ extra: [chunk("ABCD", text(""))] }), /^f: chunk ABCD of this PNG is not known$/],
    ["three bits", png({ depth: 3, data: deflateSync(new Uint8Array(20)) }), /colour type 0 of 3 bits is not known/],
  ])("%s is refused", async (_, file, message) => {
    await expect(readImage(file, "f")).rejects.toThrow(message);
  });
});

describe("JPEG", () => {
  const base = fixture("rgb.jpg");
  const parts = segments(base);
  const rgb = segments(fixture("rgb-components.jpg"));
  const numbered = rgb.map((part) => {
    const copy = Uint8Array.from(part);
    for (let i = 0; i < 3; i++) if (part[1] === 0xc0) copy[10 + 3 * i] = i + 1;
    for (let i = 0; i < 3; i++) if (part[1] === 0xda) copy[5 + 2 * i] = i + 1;
    return copy;
  });
  const gradient = (y: number, x: number) => [15 * x, 10 * y, 6 * (x + y)];
  test.each<[string, Uint8Array]>([
    ["colour transform 0 and components R, G, B", jpeg(rgb)],
    ["components R, G, B and no marker", jpeg(rgb.filter((part) => part[1] !== 0xee))],
    ["colour transform 0 and components 1, 2, 3", jpeg(numbered)],
    ["fill bytes before each marker", jpeg(parts.map((part) => Buffer.concat([Uint8Array.of(0xff, 0xff, 0xff), part])))],
    ["junk between segments", jpeg(parts.map((part, i) => (i ? Buffer.concat([Uint8Array.of(0, 0x12, 0xff, 0, 0x34), part]) : part)))],
    ["bytes behind the end", Buffer.concat([base, new Uint8Array(50), text("hello")])],
    ["no end marker", base.subarray(0, -2)],
    ["restart markers", fixture("restart.jpg")],
    ["progressive", fixture("progressive.jpg")],
    ["CMYK", fixture("cmyk.jpg")],
    ["a comment of markers", jpeg([Uint8Array.of(0xff, 0xfe, 0, 6, 0xff, 0xc0, 0xff, 0xda), ...parts])],
  ])("%s", async (_, file) => {
    const { data, width, height } = await readImage(file);
    expect([width, height]).toEqual([16, 24]);
    let worst = 0;
    for (let y = 0; y < 24; y++)
      for (let x = 0; x < 16; x++)
        for (let c = 0; c < 3; c++) worst = Math.max(worst, Math.abs(data[(y * 16 + x) * 3 + c] - gradient(y, x)[c]));
    expect(worst).toBeLessThan(26);
  });

  test.each<[string, (part: Uint8Array) => Uint8Array, string]>([
    ["12 bits", (part) => part.with(4, 12), "f: a JPEG of 12 bits per sample is not read; save it with 8"],
    ["arithmetic coding", (part) => part.with(1, 0xc9), "f: this JPEG's coding (lossless, hierarchical or arithmetic) is not read"],
    ["no rows", (part) => part.with(5, 0).with(6, 0), "f: damaged or truncated JPEG (its header announces 16x0 pixels)"],
  ])("%s is named", async (_, change, message) => {
    await expect(readImage(jpeg(parts.map((part) => (part[1] === 0xc0 ? change(Uint8Array.from(part)) : part))), "f")).rejects.toThrow(
      message,
    );
  });

  test("half a picture is none", async () => {
    await expect(readImage(base.subarray(0, -60), "f")).rejects.toThrow("f: damaged or truncated JPEG (");
  });
});

test("orientations of EXIF, in both formats", async () => {
  const stored = await readImage(fixture("rgb.jpg"));
  const turned = await readImage(fixture("exif6.jpg"));
  expect([turned.width, turned.height]).toEqual([24, 16]);
  // Held on its side: the first row is the stored first column from below.
  for (let x = 0; x < 24; x++) expect(turned.data[3 * x]).toBe(stored.data[3 * 16 * (23 - x)]);
  const tiff = (orientation: number, little: boolean): Uint8Array =>
    Uint8Array.from(
      little
        ? [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
        : [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0],
    );
  // 2x3 pixels: 0 1 / 2 3 / 4 5, as the standard's table turns them.
  const want = ["01|23|45", "10|32|54", "54|32|10", "45|23|01", "024|135", "420|531", "531|420", "135|024"];
  for (const [i, rows] of want.entries())
    for (const little of [true, false]) {
      const { data, width } = await readImage(
        png({ width: 2, height: 3, sample: (x, y) => 2 * y + x, extra: [chunk("eXIf", tiff(i + 1, little))] }),
      );
      expect([width, [...data].join("")], `${i + 1}`).toEqual([rows.indexOf("|"), rows.replaceAll("|", "")]);
    }
});

describe("pictures that claim more than they are", () => {
  const grow = (part: Uint8Array): Uint8Array => (part[1] === 0xc0 ? part.with(5, 0xff).with(6, 0xff).with(7, 0xff).with(8, 0xff) : part);
  const huge = segments(fixture("rgb.jpg")).map((part) => grow(Uint8Array.from(part)));
  test.each<[string, () => Uint8Array, RegExp]>([
    ["a JPEG of 65535x65535", () => jpeg(huge), /65535x65535 pixels take more than its \d+ bytes of data/],
    [
      "the same with enough data",
      () => jpeg([...huge.slice(0, -1), Buffer.concat([huge.at(-1)!.slice(0, -2), new Uint8Array(40_000_000).fill(1)])]),
      /^f: reading it would take at least \d+ GB of memory \(65535x65535 pixels\), the limit is .*--max-bytes \d+/,
    ],
    [
      "a PNG of 1x1 with much data",
      () => png({ width: 1, height: 1, data: deflateSync(new Uint8Array(2 ** 26)) }),
      /damaged or truncated PNG/,
    ],
    [
      "the same, interlaced",
      () => png({ width: 1, height: 1, interlaced: true, data: deflateSync(new Uint8Array(2 ** 26)) }),
      /damaged or truncated PNG/,
    ],
    [
      "a PNG of 30000x30000 and no data",
      () => png({ width: 30_000, height: 30_000, data: deflateSync(new Uint8Array(9)) }),
      /cannot hold them/,
    ],
    [
      "a PNG of 30000x30000",
      () => png({ width: 30_000, height: 30_000, data: new Uint8Array(1_000_000) }),
      /^f: reading it would take at least 9\.\d+ GB of memory \(30000x30000 pixels\)/,
    ],
  ])("%s", async (_, make, message) => {
    const file = make();
    const before = process.memoryUsage().arrayBuffers;
    await expect(readImage(file, "f")).rejects.toThrow(message);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 25);
  });

  test("maxBytes bounds a call, and can be raised", async () => {
    const file = png({ width: 100, height: 100 });
    await expect(readImage(file, "f", { maxBytes: 1000 })).rejects.toThrow(
      /^f: reading it would take at least .* the limit is 1 kB; .*--max-bytes/,
    );
    expect((await readImage(file, "f", { maxBytes: 1_000_000 })).width).toBe(100);
  });
});
