/** @file Images of other tools' making, and folders of them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  centreCrop,
  coverCrop,
  type Image,
  imageInput,
  mirrorImage,
  readImage,
  resizeImage,
  resizeShorterSide,
  withChannels,
} from "../../src/data/image.ts";
import { imageFolderSource, openImageFolder } from "../../src/data/image-folder.ts";
import { classNames, tenCrops } from "../../src/data/imagenet.ts";
import { Loader } from "../../src/data/loader.ts";
import { loadDataset } from "../../src/data/registry.ts";
import { readNpz } from "../../src/formats/npz.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const grey = Uint8Array.from({ length: 35 }, (_, i) => 7 * i);
const colour = [...grey].flatMap((g) => [g, 255 - g, g >> 1]);

describe("PNG files of Pillow", () => {
  test.each<[string, number, ArrayLike<number>]>([
    ["grey.png", 1, grey],
    ["grey16.png", 1, grey],
    ["bits.png", 1, grey.map((g) => (g > 100 ? 255 : 0))],
    ["grey-alpha.png", 1, grey],
    ["rgb.png", 3, colour],
    ["rgba.png", 3, colour],
    ["palette.png", 3, colour.map((c) => (c >= 128 ? 255 : 0))],
  ])("%s", async (name, channels, data) => {
    expect(await readImage(fixture(name))).toEqual({ width: 7, height: 5, channels, data: Uint8Array.from(data) });
  });
});

describe("JPEG files of Pillow", () => {
  const at = (y: number, x: number) => [15 * x, 10 * y, 6 * (x + y)];
  test.each([
    ["rgb.jpg", 3],
    ["progressive.jpg", 3],
    ["cmyk.jpg", 3],
    ["grey.jpg", 1],
  ])("%s", async (name, channels) => {
    const image = await readImage(fixture(name));
    expect([image.width, image.height, image.channels]).toEqual([16, 24, channels]);
    let worst = 0;
    for (let y = 0; y < 24; y++)
      for (let x = 0; x < 16; x++)
        for (let c = 0; c < channels; c++) worst = Math.max(worst, Math.abs(image.data[(y * 16 + x) * channels + c] - at(y, x)[c]));
    expect(worst).toBeLessThan(26); // colours are stored at half the resolution
    const mean = image.data.reduce((a, b) => a + b) / image.data.length;
    expect(Math.abs(mean - (channels === 1 ? 112.5 : (112.5 + 115 + 114) / 3))).toBeLessThan(1);
  });
});

describe("sizes and channels", () => {
  const made = (width: number, height: number, channels: 1 | 3): Image => ({
    width,
    height,
    channels,
    data: Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37) % 256),
  });

  test("resized as Pillow resizes", async () => {
    const { half, wide } = Object.fromEntries(await readNpz(fixture("deflated.npz"), "resized"));
    const data = Uint8Array.from(
      { length: 24 * 16 * 3 },
      (_, i) => [15 * (Math.floor(i / 3) % 16), 10 * Math.floor(i / 48), 6 * ((Math.floor(i / 3) % 16) + Math.floor(i / 48))][i % 3],
    );
    const gradient: Image = { width: 16, height: 24, channels: 3, data };
    for (const [width, height, want] of [
      [8, 12, half],
      [40, 20, wide],
    ] as const) {
      const got = resizeImage(gradient, width, height).data;
      expect(want.shape).toEqual([height, width, 3]);
      expect(Math.max(...got.map((value, i) => Math.abs(value - Number(want.data[i]))))).toBeLessThanOrEqual(1);
    }
  });

  test("bicubic weights at a quarter of a pixel, by hand; what overshoots is clamped", () => {
    const edge: Image = { width: 6, height: 1, channels: 1, data: Uint8Array.of(0, 0, 0, 200, 200, 200) };
    // Keys (1981): 0.8672, 0.2266, -0.0703 and -0.0234 at distances 0.25, 0.75, 1.25 and 1.75.
    expect([...resizeImage(edge, 12, 1, "bicubic").data.slice(3, 9)]).toEqual([0, 0, 41, 159, 214, 205]);
    const white: Image = { ...edge, data: Uint8Array.of(0, 0, 0, 255, 255, 255) };
    expect(Math.max(...resizeImage(white, 12, 1, "bicubic").data)).toBe(255);
  });

  test("a shorter side; the longer one is rounded down", () => {
    const sizes = (width: number, height: number, side: number) => {
      const image = resizeShorterSide(made(width, height, 1), side);
      return [image.width, image.height];
    };
    expect([sizes(30, 50, 20), sizes(50, 30, 20), sizes(7, 7, 20)]).toEqual([
      [20, 33],
      [33, 20],
      [20, 20],
    ]);
    expect(() => resizeShorterSide(made(1, 50_000, 1), 256)).toThrow("an image of 1x50000 is too long and thin for a side of 256");
  });

  test("ten crops: corners, middle, and their mirror images (Krizhevsky et al. 2012)", () => {
    const image: Image = { width: 4, height: 4, channels: 1, data: Uint8Array.from({ length: 16 }, (_, i) => i) };
    const crops = tenCrops(image, { width: 2, height: 2, channels: 1, shorterSide: 4 });
    expect(crops.map(({ data }) => [...data])).toEqual([
      [0, 1, 4, 5],
      [2, 3, 6, 7],
      [8, 9, 12, 13],
      [10, 11, 14, 15],
      [5, 6, 9, 10],
      [1, 0, 5, 4],
      [3, 2, 7, 6],
      [9, 8, 13, 12],
      [11, 10, 15, 14],
      [6, 5, 10, 9],
    ]);
    const colours = mirrorImage({ width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
    expect([...colours.data]).toEqual([4, 5, 6, 1, 2, 3]);
  });

  test("names of classes: lines, synsets, JSON", () => {
    expect(classNames("tench\ngreat white shark\n")).toEqual({ names: ["tench", "great white shark"] });
    const both = { names: ["tench, Tinca tinca", "goldfish"], synsets: ["n01440764", "n01443537"] };
    expect(classNames("n01440764 tench, Tinca tinca\r\nn01443537: goldfish")).toEqual(both);
    expect(classNames('{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench, Tinca tinca"]}')).toEqual(both);
    expect(classNames('["a", "b"]')).toEqual({ names: ["a", "b"] });
    expect(() => classNames("a\n\nb", "x.txt")).toThrow("x.txt: line 2 is empty; want one class per line");
    expect(() => classNames('{"0": "a", "2": "b"}', "x.json")).toThrow("x.json: class 1 is missing; want a name, or a synset and a name");
    expect(() => classNames("[1]", "x.json")).toThrow("x.json: class 0 is 1;");
    expect(() => classNames("{", "x.json")).toThrow("x.json: is not JSON");
  });

  test("the same size is the same image; crops are the middle", () => {
    const image = made(4, 6, 3);
    expect(resizeImage(image, 4, 6)).toBe(image);
    expect([...centreCrop(made(4, 4, 1), 2, 2).data]).toEqual([5, 6, 9, 10].map((i) => (i * 37) % 256));
    expect(() => centreCrop(image, 5, 5)).toThrow("centreCrop: want at least 5x5 pixels, got 4x6; resize it first");
    const covered = coverCrop(made(30, 60, 1), 10, 10);
    expect([covered.width, covered.height]).toEqual([10, 10]);
  });

  test("grey to colour and back; planes from 0 to 1", () => {
    const image = made(2, 2, 1);
    expect(withChannels(withChannels(image, 3), 1)).toEqual(image);
    expect([...imageInput({ width: 2, height: 1, channels: 3, data: Uint8Array.of(255, 0, 51, 0, 255, 102) })]).toEqual([
      1,
      0,
      0,
      1,
      Math.fround(0.2),
      Math.fround(0.4),
    ]);
  });
});

describe("folders of images", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nabla-images-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** An image of one colour. */
  function write(path: string, value: number, [width, height] = [4, 4], channels: 1 | 3 = 1): void {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), encode({ width, height, channels, data: new Uint8Array(width * height * channels).fill(value) }));
  }

  test("a sub-folder per class, split at random", async () => {
    for (let i = 0; i < 10; i++) write(`cats/${i}.png`, 51);
    for (let i = 0; i < 5; i++) write(`dogs/${i}.png`, 102);
    writeFileSync(join(folder, "cats", "notes.txt"), "not an image");
    writeFileSync(join(folder, ".hidden"), "");
    const { train, test: rest, classes, inputShape, preprocessing } = await loadDataset(folder);
    expect([train.count, rest.count, classes, inputShape]).toEqual([12, 3, ["cats", "dogs"], [1, 4, 4]]);
    expect(preprocessing).toEqual({ image: { width: 4, height: 4, channels: 1 } });
    for (const split of [train, rest])
      for (let i = 0; i < split.count; i++) expect(split.inputs[16 * i + 5]).toBe(Math.fround(split.targets[i] ? 0.4 : 0.2));
    expect([...rest.targets].sort()).toEqual([0, 0, 1]);
  });

  test("parts of their own; other sizes and channels brought to one", async () => {
    write("train/a/1.png", 255, [9, 5], 3);
    write("train/b/1.png", 0, [4, 4]);
    write("test/b/1.png", 255, [30, 10]);
    const data = await loadDataset("imagefolder", { dataDir: folder, size: 6 });
    expect([data.inputShape, data.train.count, data.test.count, [...data.test.targets]]).toEqual([[3, 6, 6], 2, 1, [1]]);
    expect(data.test.inputs.every((x) => x === 1)).toBe(true);
  });

  test("ImageNet's protocol: the shorter side first, then the middle", async () => {
    write("a/1.png", 10, [30, 60]);
    write("b/1.png", 20, [64, 32]);
    const images = await openImageFolder(folder, { shorterSide: 16, size: 14 });
    expect(images.inputShape).toEqual([1, 14, 14]);
    for (const index of [0, 1]) {
      const { input } = await images.example(index);
      expect([input.length, new Set(input).size]).toEqual([196, 1]);
    }
    await expect(openImageFolder(folder, { shorterSide: 8, size: 14 }).then((small) => small.example(0))).rejects.toThrow(
      "want at least 14x14 pixels",
    );
  });

  test("named by its module, for threads", async () => {
    for (let i = 0; i < 4; i++) write(`${i % 2 ? "odd" : "even"}/${i}.png`, 51 * i);
    const seen: number[] = [];
    for await (const { targets } of new Loader(imageFolderSource(folder, { size: 2 }), { batchSize: 3 })) seen.push(...targets);
    expect(seen).toEqual([0, 0, 1, 1]);
  });

  test("read one by one, through the loader", async () => {
    for (let i = 0; i < 4; i++) write(`${i % 2 ? "odd" : "even"}/${i}.png`, 51 * i);
    const images = await openImageFolder(folder);
    const seen: number[] = [];
    for await (const { inputs, targets, count } of new Loader(images, { batchSize: 3, shuffle: true }))
      for (let i = 0; i < count; i++) seen.push(Math.round(inputs[16 * i] * 5) * 10 + targets[i]);
    expect(seen.sort((a, b) => a - b)).toEqual([0, 11, 20, 31]);
  });
});
