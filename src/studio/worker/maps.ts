/** @file The room Maps: a small convolutional net that is trained here, what every layer makes of an image, and what one unit sees, is, and likes. */

import { type Compiled, compile } from "../../function/compile.ts";
import { vjp } from "../../function/derivative.ts";
import { receptiveField } from "../../inspect/receptive-field.ts";
import { crossEntropy } from "../../math/loss.ts";
import { manualSeed } from "../../math/random.ts";
import { softmax } from "../../math/softmax.ts";
import { ReLU } from "../../nn/activation.ts";
import { Conv2d } from "../../nn/conv.ts";
import { Flatten } from "../../nn/flatten.ts";
import { Linear } from "../../nn/linear.ts";
import type { Layer } from "../../nn/module.ts";
import { MaxPool2d } from "../../nn/pool.ts";
import { Sequential } from "../../nn/sequential.ts";
import { fromArray } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import { type StepFunction, stepFunction } from "../../train/step.ts";
import type { OwnTable } from "../own/table.ts";
import {
  type Exciting,
  imageSide,
  MAP_EXAMPLES,
  type MapLayer,
  type MapsAnswer,
  type MapsChoice,
  pixelsOf,
  readMaps,
  type UnitSum,
} from "./maps-choice.ts";
import { digitsOf, type Images, imagesOf, shapes } from "./maps-data.ts";

/** Where images come from beside those that are drawn here. */
export interface MapsSources {
  /** Digits, where the page has them. */
  readonly digits?: () => Promise<{ readonly pixels: Uint8Array; readonly labels: Uint8Array }>;
  /** The table of one's own that is open. */
  readonly own?: () => OwnTable | undefined;
}

const BATCH = 32;
const MOST_TRAIN = 512;
const MOST_EXCITING = 6;
const RATE = 0.005;

type Part = readonly [name: string, layer: Layer];

/** The layers by name, for so many classes. */
function partsOf({ net, channels: c }: MapsChoice, classes: number): Part[] {
  const conv = (from: number, to: number, kernel: number, padding = (kernel - 1) / 2): Part => [
    `conv ${kernel} × ${kernel}`,
    new Conv2d(from, to, kernel, { padding }),
  ];
  const relu = (): Part => ["ReLU", new ReLU()];
  const pool = (size: number): Part => [`max pool ${size}`, new MaxPool2d(size)];
  const dense = (from: number, to: number): Part => ["dense", new Linear(from, to)];
  const flat: Part = ["", new Flatten()];
  if (net === "LeNet-5") {
    const features = [conv(1, 6, 5), relu(), pool(2), conv(6, 16, 5, 0), relu(), pool(2), flat];
    return [...features, dense(400, 120), relu(), dense(120, 84), relu(), dense(84, classes)];
  }
  if (net === "three 3 × 3")
    return [conv(1, c, 3), relu(), conv(c, c, 3), relu(), conv(c, c, 3), relu(), pool(4), flat, dense(16 * c, classes)];
  if (net === "one 7 × 7") return [conv(1, c, 7), relu(), pool(4), flat, dense(16 * c, classes)];
  return [conv(1, c, 3), relu(), pool(2), conv(c, c, 3), relu(), pool(2), flat, dense(16 * c, classes)];
}

const numbers = (x: Tensor): Float32Array => x.dataSync() as Float32Array;

const batch = (pixels: Float32Array, side: number): Tensor =>
  fromArray(pixels.slice(), { shape: [pixels.length / side ** 2, 1, side, side], dtype: "f32" });

/** A net with its images, trained so far. */
class Trained {
  readonly key: string;
  readonly side: number;
  readonly train: Images;
  readonly test: Images;
  readonly parts: readonly Part[];
  steps = 0;
  /** What stays until the next step: drawing an image asks for it again and again. */
  readonly #kept = new Map<string, unknown>();
  readonly #program: Compiled<StepFunction>;
  readonly #model: Sequential;

  constructor(choice: MapsChoice, images: Images, key: string) {
    this.key = key;
    this.side = imageSide(choice);
    const size = this.side ** 2;
    const count = images.labels.length;
    // Of many images the first are trained on; of few every fourth is kept back.
    const isTest = (i: number): boolean => (count > 4 * MAP_EXAMPLES ? i >= count - MAP_EXAMPLES : i % 4 === 3);
    const part = (wanted: boolean, most: number): Images => {
      const taken = Array.from({ length: count }, (_, i) => i)
        .filter((i) => isTest(i) === wanted)
        .slice(0, most);
      const pixels = new Float32Array(taken.length * size);
      for (const [k, i] of taken.entries()) pixels.set(images.pixels.subarray(i * size, (i + 1) * size), k * size);
      return { pixels, labels: Int32Array.from(taken, (i) => images.labels[i]!), classes: images.classes };
    };
    this.train = part(false, MOST_TRAIN);
    this.test = part(true, MAP_EXAMPLES);
    manualSeed(choice.seed);
    this.parts = partsOf(choice, images.classes.length);
    this.#model = new Sequential(...this.parts.map(([, layer]) => layer));
    const optimizer = new Adam(this.#model.parameters(), { lr: RATE });
    this.#program = compile(stepFunction(this.#model, optimizer, { loss: crossEntropy }));
  }

  get parameters(): number {
    return this.#model.parameters().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  }

  /** What `make` gives, computed once for these steps of training. */
  once<T>(name: string, make: () => T): T {
    if (!this.#kept.has(name)) this.#kept.set(name, make());
    return this.#kept.get(name) as T;
  }

  advance(to: number): void {
    if (this.steps < to) this.#kept.clear();
    const size = this.side ** 2;
    const { pixels, labels } = this.train;
    for (; this.steps < to; this.steps++) {
      // Neighbours are of different classes; steps of a number without common factor with most counts mix them.
      const taken = Array.from({ length: BATCH }, (_, i) => ((this.steps * BATCH + i) * 37) % labels.length);
      const x = new Float32Array(BATCH * size);
      for (const [k, i] of taken.entries()) x.set(pixels.subarray(i * size, (i + 1) * size), k * size);
      this.#program(
        batch(x, this.side),
        fromArray(
          Int32Array.from(taken, (i) => labels[i]!),
          { shape: [BATCH], dtype: "i32" },
        ),
      ).dataSync();
    }
  }

  /** From what one layer gives to what a later one gives; `from` is -1 for the image. */
  through(from: number, to: number): (x: Tensor) => Tensor {
    return (x) => this.parts.slice(from + 1, to + 1).reduce((y, [, layer]) => layer.forward(y) as Tensor, x);
  }

  dispose(): void {
    this.#program.dispose();
  }
}

export class MapsDesk {
  readonly #sources: MapsSources;
  #trained: Trained | undefined;

  constructor(sources: MapsSources = {}) {
    this.#sources = sources;
  }

  async ask(given: unknown): Promise<MapsAnswer> {
    const choice = readMaps(given);
    const trained = await this.#train(choice);
    const size = trained.side ** 2;
    const pick = choice.example % trained.test.labels.length;
    const image = choice.drawn === "" ? trained.test.pixels.slice(pick * size, (pick + 1) * size) : pixelsOf(choice.drawn);
    const x = batch(image, trained.side);
    const { layers, places, outputs } = layersOf(trained, x);
    const within = (value: number, count: number): number => Math.min(value, count - 1);
    const layer = within(choice.layer, layers.length);
    const { channels, side, values } = layers[layer]!;
    const [channel, row, column] = [within(choice.channel, channels), within(choice.row, side), within(choice.column, side)];
    const unit = { trained, part: places[layer]!, channel, row, column, side, channels };
    const probabilities = Array.from(numbers(softmax(outputs.at(-1)!)));
    const found = probabilities.indexOf(Math.max(...probabilities));
    return {
      choice: { ...choice, layer, channel, row, column },
      classes: trained.test.classes,
      image,
      label: choice.drawn === "" ? trained.test.labels[pick]! : -1,
      layers,
      probabilities,
      parameters: trained.parameters,
      accuracy: trained.once("right", () => accuracyOf(trained)),
      value: values[(channel * side + row) * side + column]!,
      field: fieldOf(unit),
      effective: trained.once(`seen ${unit.part} ${placeOf(unit)}`, () => effectiveOf(unit)),
      saliency: saliencyOf(trained, x, found),
      cam: side > 1 ? gradCam(trained.through(unit.part, trained.parts.length - 1), outputs[unit.part]!, found) : new Float32Array(),
      sum: sumOf(unit, unit.part === 0 ? x : outputs[unit.part - 1]!),
      exciting: trained.once(`exciting ${unit.part} ${channel}`, () => excitingOf(unit)),
    };
  }

  async #train(choice: MapsChoice): Promise<Trained> {
    const { net, data, channels, seed, steps } = choice;
    const table = data === "own images" ? this.#sources.own?.() : undefined;
    const key = JSON.stringify([net, data, net === "LeNet-5" ? 0 : channels, seed, table?.name, table?.rows]);
    if (this.#trained?.key !== key || this.#trained.steps > steps) {
      const images = await this.#images(choice, table);
      this.#trained?.dispose();
      this.#trained = new Trained(choice, images, key);
    }
    this.#trained.advance(steps);
    return this.#trained;
  }

  async #images(choice: MapsChoice, table: OwnTable | undefined): Promise<Images> {
    const side = imageSide(choice);
    if (choice.data === "own images") return imagesOf(table, side);
    if (choice.data === "shapes") return shapes(MOST_TRAIN + MAP_EXAMPLES, side, choice.seed);
    if (!this.#sources.digits) throw new Error("the digits are not in this file: npx nabla studio has them");
    return digitsOf(await this.#sources.digits(), side);
  }
}

/** What each layer gives for an image; `places` are those of the layers among the net's parts. */
function layersOf({ parts }: Trained, x: Tensor): { layers: MapLayer[]; places: number[]; outputs: Tensor[] } {
  const found = { layers: [] as MapLayer[], places: [] as number[], outputs: [] as Tensor[] };
  for (const [i, [name, layer]] of parts.entries()) {
    const y = layer.forward(found.outputs.at(-1) ?? x) as Tensor;
    found.outputs.push(y);
    if (name === "") continue;
    found.places.push(i);
    found.layers.push({ name, channels: y.shape[1]!, side: y.shape[2] ?? 1, values: numbers(y).slice() });
  }
  return found;
}

interface Unit {
  readonly trained: Trained;
  /** Which of the net's parts it is in. */
  readonly part: number;
  readonly channel: number;
  readonly row: number;
  readonly column: number;
  readonly side: number;
  readonly channels: number;
}

function accuracyOf(trained: Trained): number {
  const { pixels, labels } = trained.test;
  const found = numbers(trained.through(-1, trained.parts.length - 1)(batch(pixels, trained.side)));
  const classes = trained.test.classes.length;
  const isRight = (label: number, i: number): boolean => {
    const row = found.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row)) === label;
  };
  return labels.filter(isRight).length / labels.length;
}

/** The theoretical field. A unit of a dense layer sees everything. */
function fieldOf({ trained, part, row, column, side }: Unit): MapsAnswer["field"] {
  const maps = new Sequential(...trained.parts.slice(0, part + 1).map(([, layer]) => layer));
  const field = side > 1 ? receptiveField(maps, [1, trained.side, trained.side]) : undefined;
  if (!field) return { row: 0, column: 0, size: trained.side, stride: 0 };
  const [stride, offset] = [field.stride[0]!, field.offset[0]!];
  return { row: offset + stride * row, column: offset + stride * column, size: field.size[0]!, stride };
}

/** Where the unit is among the outputs of its layer. */
const placeOf = ({ channel, row, column, side }: Unit): number => (channel * side + row) * side + column;

/** What a change of each pixel changes, in the mean over the examples (Luo et al. 2016). */
function effectiveOf(unit: Unit): Float32Array {
  const { trained, part } = unit;
  const { value, pullback } = vjp(trained.through(-1, part))(batch(trained.test.pixels, trained.side));
  const [count] = value.shape as readonly [number];
  const upstream = new Float32Array(value.shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < count; i++) upstream[i * (upstream.length / count) + placeOf(unit)] = 1;
  const [gradient] = pullback(fromArray(upstream, { shape: value.shape, dtype: "f32" })) as [Tensor];
  return numbers(gradient.abs().mean(0)).slice();
}

/** 1 for one class, and 0 for the others. */
const one = ({ shape }: Tensor, of: number): Tensor =>
  fromArray(
    Float32Array.from({ length: shape[1]! }, (_, i) => Number(i === of)),
    { shape, dtype: "f32" },
  );

/** What a change of each pixel of this image changes of a class (Simonyan et al. 2014). */
function saliencyOf(trained: Trained, x: Tensor, of: number): Float32Array {
  const { value, pullback } = vjp(trained.through(-1, trained.parts.length - 1))(x);
  const [gradient] = pullback(one(value, of)) as [Tensor];
  return numbers(gradient.abs()).slice();
}

/** Grad-CAM (Selvaraju et al. 2017): the maps, weighed by the mean gradient of a class by each of them; what speaks against it is cut. */
export function gradCam(tail: (maps: Tensor) => Tensor, maps: Tensor, of: number): Float32Array {
  const [, channels, side] = maps.shape as readonly [number, number, number];
  const { value, pullback } = vjp(tail)(maps);
  const [gradient] = pullback(one(value, of)) as [Tensor];
  const weights = gradient
    .reshape([channels, side * side])
    .mean(1)
    .reshape([channels, 1]);
  return numbers(
    maps
      .reshape([channels, side * side])
      .mul(weights)
      .sum(0)
      .relu(),
  ).slice();
}

function sumOf({ trained, part, channel, row, column }: Unit, input: Tensor): UnitSum | undefined {
  const layer = trained.parts[part]![1];
  if (!(layer instanceof Conv2d)) return undefined;
  const [, channels, kernel] = layer.weight.shape as readonly [number, number, number];
  const [before, weight] = [numbers(input), numbers(layer.weight.value)];
  const from = input.shape[2]!;
  const [padding] = layer.padding as readonly [number, ...number[]];
  const pixel = (c: number, r: number, k: number): number =>
    r >= 0 && r < from && k >= 0 && k < from ? before[(c * from + r) * from + k]! : 0;
  const square = (of: (r: number, c: number) => number): number[] =>
    Array.from({ length: kernel * kernel }, (_, i) => of(Math.floor(i / kernel), i % kernel));
  const all = Array.from({ length: channels }, (_, c) => c);
  return {
    kernel,
    padding,
    bias: numbers(layer.bias!.value)[channel]!,
    windows: all.map((c) => square((r, k) => pixel(c, row + r - padding, column + k - padding))),
    weights: all.map((c) => square((r, k) => weight[((channel * channels + c) * kernel + r) * kernel + k]!)),
  };
}

/** The images trained on that make a channel largest, and where. */
function excitingOf({ trained, part, channel, channels, side }: Unit): Exciting[] {
  const { pixels } = trained.train;
  const values = numbers(trained.through(-1, part)(batch(pixels, trained.side)));
  const size = trained.side ** 2;
  const best = Array.from({ length: pixels.length / size }, (_, image) => {
    const map = values.subarray((image * channels + channel) * side * side, (image * channels + channel + 1) * side * side);
    const value = map.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return { image, value, at: map.indexOf(value) };
  });
  best.sort((a, b) => b.value - a.value || a.image - b.image);
  return best.slice(0, MOST_EXCITING).map(({ image, value, at }) => ({
    pixels: pixels.slice(image * size, (image + 1) * size),
    row: Math.floor(at / side),
    column: at % side,
    value,
  }));
}
