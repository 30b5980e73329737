/** @file The room Maps: every number that it shows is what the library computes another way. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { digitImages } from "../../src/data/digits.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { gradCam, MapsDesk } from "../../src/studio/worker/maps.ts";
import {
  drawnOf,
  FIRST_MAPS,
  MAP_NETS,
  type MapsAnswer,
  type MapsChoice,
  pixelsOf,
  readMaps,
} from "../../src/studio/worker/maps-choice.ts";
import { shapes } from "../../src/studio/worker/maps-data.ts";

const desk = new MapsDesk({ digits: digitImages });
const ask = (patch: Partial<MapsChoice> = {}): Promise<MapsAnswer> => desk.ask({ ...FIRST_MAPS, steps: 10, ...patch });

test("the shapes are learned, and the same steps give the same bits after a step back", async () => {
  const first = await ask({ steps: 100 });
  expect(first.accuracy).toBeGreaterThan(0.8);
  expect(first.probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  await ask({ steps: 20 });
  expect(await ask({ steps: 100 })).toEqual(first);
});

test("a unit of a convolution is the sum of its products and the bias, at every place", async () => {
  for (const net of MAP_NETS)
    for (const [layer, row, column] of [
      [0, 0, 0],
      [0, 7, 9],
      [3, 2, 5],
      [2, 15, 0],
    ] as const) {
      const { sum, value } = await ask({ net, layer, row, column, channel: 1 });
      if (!sum) continue;
      const terms = sum.windows.flatMap((window, c) => window.map((x, i) => x * sum.weights[c]![i]!));
      expect(terms.length).toBe(sum.windows.length * sum.kernel ** 2);
      expect(terms.reduce((a, b) => a + b, sum.bias)).toBeCloseTo(value, 4);
    }
});

test("three 3 × 3 see 7 × 7, as one 7 × 7 does, for 27 C² weights instead of 49 C²; pooling widens the field", async () => {
  const field = async (patch: Partial<MapsChoice>): Promise<MapsAnswer["field"]> => (await ask({ steps: 0, ...patch })).field;
  const sizes = await Promise.all([0, 2, 4].map((layer) => field({ net: "three 3 × 3", layer })));
  expect(sizes.map(({ size }) => size)).toEqual([3, 5, 7]);
  expect((await field({ net: "one 7 × 7", layer: 0, row: 0, column: 5 })).size).toBe(7);
  expect(await field({ layer: 5, row: 1, column: 2 })).toEqual({ row: 1, column: 5, size: 10, stride: 4 });
});

test("what is outside of the field changes nothing, and what the gradient says changes the unit as it says", async () => {
  const image = shapes(3, 16, 7).pixels.slice(2 * 256);
  const at = { layer: 3, channel: 2, row: 3, column: 4, drawn: drawnOf(image) };
  const { field, effective, value } = await ask(at);
  const inside = (i: number): boolean => {
    const [r, c] = [Math.floor(i / 16) - field.row, (i % 16) - field.column];
    return r >= 0 && c >= 0 && r < field.size && c < field.size;
  };
  expect(effective.every((x, i) => x >= 0 && (inside(i) || x === 0))).toBe(true);
  expect(effective.some((x) => x > 0)).toBe(true);
  const changed = Float32Array.from(pixelsOf(at.drawn), (x, i) => (inside(i) ? x : 1 - x));
  expect((await ask({ ...at, drawn: drawnOf(changed) })).value).toBeCloseTo(value, 5);
});

test("Grad-CAM is the maps, weighed by the mean slope of the class over each map; the slopes are those of finite differences", async () => {
  const weights = Float32Array.from({ length: 16 }, (_, i) => Math.sin(3 * i + 1));
  const tail = (maps: Tensor): Tensor =>
    maps
      .mul(maps)
      .reshape([1, 8])
      .matmul(fromArray(weights, { shape: [8, 2], dtype: "f32" }));
  const values = Float32Array.from([1, 0.5, -0.25, 2, 0.75, -1, 1.5, 0.25]);
  const mapsOf = (of: Float32Array): Tensor => fromArray(of, { shape: [1, 2, 2, 2], dtype: "f32" });
  for (const of of [0, 1]) {
    const output = (i: number, by: number): number => tail(mapsOf(values.map((x, k) => (k === i ? x + by : x)))).dataSync()[of] as number;
    const slopes = Array.from(values, (_, i) => (output(i, 0.125) - output(i, -0.125)) / 0.25);
    const means = [slopes.slice(0, 4), slopes.slice(4)].map((each) => each.reduce((a, b) => a + b) / 4);
    const wanted = Array.from({ length: 4 }, (_, i) => Math.max(0, means[0]! * values[i]! + means[1]! * values[4 + i]!));
    expect(wanted.some((x) => x > 0)).toBe(true);
    gradCam(tail, mapsOf(values), of).forEach((x, i) => void expect(x).toBeCloseTo(wanted[i]!, 4));
  }
  const { cam, layers } = await ask({ steps: 60, layer: 5 });
  expect(cam.length).toBe(layers[5]!.side ** 2);
  expect(cam.every((x) => x >= 0) && cam.some((x) => x > 0)).toBe(true);
});

test("saliency is what a change of a pixel changes of the likeliest class, before softmax", async () => {
  const first = await ask({ drawn: drawnOf(shapes(3, 16, 7).pixels.slice(2 * 256)) });
  const likeliest = first.probabilities.indexOf(Math.max(...first.probabilities));
  const output = async (place: number, by: number): Promise<number> => {
    const pixels = first.image.slice();
    pixels[place]! += by;
    return (await ask({ drawn: drawnOf(pixels) })).layers.at(-1)!.values[likeliest]!;
  };
  const places = Array.from(first.saliency.keys()).sort((a, b) => first.saliency[b]! - first.saliency[a]!);
  const place = places.find((i) => first.image[i]! > 0.2 && first.image[i]! < 0.8)!;
  const slope = ((await output(place, 1 / 15)) - (await output(place, -1 / 15))) / (2 / 15);
  // Max pooling and ReLU bend within a step of a shade.
  expect(Math.abs(Math.abs(slope) - first.saliency[place]!)).toBeLessThan(0.1 * first.saliency[places[0]!]!);
});

test("the most exciting examples are those with the largest outputs, in order", async () => {
  const { exciting } = await ask({ layer: 1, channel: 3 });
  expect(exciting.length).toBe(6);
  const again = await Promise.all(
    exciting.slice(0, 2).map(({ pixels, row, column }) => ask({ layer: 1, channel: 3, drawn: drawnOf(pixels), row, column })),
  );
  // A drawn image has 16 shades.
  again.forEach(({ value }, i) => void expect(Math.abs(value - exciting[i]!.value)).toBeLessThan(0.1));
  expect(exciting.map(({ value }) => value)).toEqual(exciting.map(({ value }) => value).sort((a, b) => b - a));
});

test("LeNet-5 has 61,706 parameters and reads digits; a drawn digit goes through it", async () => {
  const found = await ask({ net: "LeNet-5", data: "digits", steps: 60, layer: 11 });
  expect(found.parameters).toBe(61_706);
  expect(found.layers.map(({ channels, side }) => [channels, side]).slice(0, 6)).toEqual([
    [6, 28],
    [6, 28],
    [6, 14],
    [16, 10],
    [16, 10],
    [16, 5],
  ]);
  expect(found.accuracy).toBeGreaterThan(0.6);
  expect((await ask({ net: "LeNet-5", data: "digits", steps: 60, drawn: drawnOf(found.image) })).label).toBe(-1);
});

test("what is not there is told in a line; what a link says wrongly is left out", async () => {
  await expect(new MapsDesk().ask({ ...FIRST_MAPS, data: "digits" })).rejects.toThrow(/npx nabla studio/);
  await expect(ask({ data: "own images" })).rejects.toThrow(/drop square images/);
  expect(readMaps({ net: "VGG", layer: -1, drawn: "xyz", channels: 99, steps: 3.5 })).toEqual(FIRST_MAPS);
  expect(readMaps({ drawn: "0f" }).drawn).toBe("");
});
