/**
 * @file Images in shards as WebDataset has them (github.com/webdataset): tar archives in which the files of an example lie one after another and share their name up
 * to the first dot, `0001.jpg` and `0001.cls`. Headers are read once; images stay where they are, and each rank reads those of its part of a batch.
 */
import { aPath, type Checks, check, checkOptions, text } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { tarEntries } from "../formats/tar.ts";
import { collate } from "./batch.ts";
import type { Dataset, Example, Examples, Split } from "./dataset.ts";
import { IMAGE_FOLDER_OPTIONS, type ImageFolderOptions } from "./image-folder.ts";
import { imageExamples } from "./image-source.ts";
import { fromModule, startWorkers } from "./prefetch.ts";
import { bytesOfFile, digestOfShards, drawnSplit, drawTest, nameOfShards, shardedSplit, shardParts, sizeOfFile } from "./shards.ts";

/** Options of {@link webDataset}. */
export interface WebDatasetOptions extends Omit<ImageFolderOptions, "fromDisk" | "onRead"> {
  /** Ending of the files with the classes: a number from 0, or a name. Default "cls". */
  readonly label?: string;
}

const { fromDisk: _, onRead: __, ...OF_IMAGES } = IMAGE_FOLDER_OPTIONS;
export const WEB_DATASET_OPTIONS: Checks<WebDatasetOptions> = { ...OF_IMAGES, label: text };

/** Where the images of some shards lie; plain data, which a thread can be sent. */
interface Index {
  readonly paths: readonly string[];
  /** Images in each shard. */
  readonly shards: Int32Array;
  /** By image: its shard, its name, and its bytes there. */
  readonly shard: Int32Array;
  readonly names: readonly string[];
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** What the files with the classes say. */
  readonly said: readonly string[];
}

/** An example as far as its files have come by. */
interface Sample {
  readonly key: string;
  image?: { readonly name: string; readonly from: number; readonly to: number };
  label?: string;
}

const IMAGE = /^(png|jpe?g)$/;

/**
 * Images in shards as a data set. `path` is a folder of `.tar` files (with `train`, `val` and `test` in the names or as folders, else examples are drawn for
 * tests), a pattern such as `train-{000000..000146}.tar`, or one file.
 * @throws {Error} for a missing shard, a damaged one, and an example without its image or class.
 */
export async function webDataset(path: string, options: WebDatasetOptions = {}): Promise<Dataset> {
  check("webDataset: path", path, aPath);
  checkOptions("webDataset", options, WEB_DATASET_OPTIONS);
  const parts = await shardParts(path, "tar");
  const index = await indexOf(parts.train, options.label);
  const classes = classesOf(index.said);
  if (classes.length < 2) throw new Error(`${path}: has one class, ${classes[0]}; want at least two`);
  const open = (of: Index, fixed: WebDatasetOptions): Promise<Opened> => openImages(of, labelsOf(of, classes), fixed);
  const first = await open(index, options);
  const [channels, height, width] = first.inputShape;
  const fixed = { ...options, size: [height, width] as const, channels: channels as 1 | 3 };
  const part = async (paths: readonly string[]): Promise<Split> => {
    const own = await indexOf(paths, options.label);
    return splitOn(own, await open(own, fixed), labelsOf(own, classes), fixed);
  };
  const whole = await splitOn(index, first, labelsOf(index, classes), fixed);
  const drawn = parts.test ? undefined : drawTest(whole.targets, index.shards, options.testShare ?? 0.2, options.seed);
  const [train, test] = drawn ? drawn.map((draw) => drawnSplit(whole, draw)) : [whole, await part(parts.test!)];
  const { shorterSide, filter, fit, inputs } = options;
  const image = { width, height, channels, ...(shorterSide && { shorterSide }), ...(filter && { filter }), ...(fit && { fit }) };
  return {
    name: nameOfShards(path),
    train,
    test,
    ...(parts.validation && { validation: await part(parts.validation) }),
    classes,
    inputShape: [channels, height, width],
    task: "classification",
    preprocessing: { image, ...(inputs && { inputs }) },
    sha256: await digestOfShards(Object.values(parts).flat()),
    notes: [`${index.paths.length} shards of ${Math.min(...index.shards)} to ${Math.max(...index.shards)} images train`],
  };
}

type Opened = Awaited<ReturnType<typeof imageExamples>>;

/** Finds the images of some shards. */
async function indexOf(paths: readonly string[], label = "cls"): Promise<Index> {
  const samples: Required<Sample>[] = [];
  const shards: number[] = [];
  for (const path of paths) {
    const before = samples.length;
    for (const sample of await samplesOf(path, label)) samples.push(sample);
    if (samples.length === before) throw new Error(`${path}: holds no images`);
    shards.push(samples.length - before);
  }
  return {
    paths,
    shards: Int32Array.from(shards),
    shard: Int32Array.from(shards.flatMap((n, s) => new Array<number>(n).fill(s))),
    names: samples.map(({ image }) => image.name),
    from: Float64Array.from(samples, ({ image }) => image.from),
    to: Float64Array.from(samples, ({ image }) => image.to),
    said: samples.map((sample) => sample.label),
  };
}

/** The examples of a shard, in order. */
async function samplesOf(path: string, label: string): Promise<Required<Sample>[]> {
  const { openSync, readSync, closeSync } = await nodeModule<typeof import("node:fs")>("node:fs");
  const size = await sizeOfFile(path);
  const file = openSync(path, "r");
  const read = (from: number, to: number): Uint8Array => {
    const bytes = new Uint8Array(to - from);
    readSync(file, bytes, 0, bytes.length, from);
    return bytes;
  };
  const samples: Sample[] = [];
  try {
    for (const { name, from, to } of tarEntries(read, size, path)) {
      const dot = name.indexOf(".", name.lastIndexOf("/") + 1);
      const [key, ending] = dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1).toLowerCase()];
      let sample = samples.at(-1);
      if (sample?.key !== key) {
        sample = { key };
        samples.push(sample);
      }
      if (IMAGE.test(ending)) {
        if (sample.image) throw new Error(`${path}: example ${key} has two images, ${sample.image.name} and ${name}`);
        sample.image = { name, from, to };
      } else if (ending === label) sample.label = new TextDecoder().decode(read(from, to)).trim();
    }
  } finally {
    closeSync(file);
  }
  return samples.map((sample) => complete(sample, path, label));
}

function complete({ key, image, label }: Sample, path: string, ending: string): Required<Sample> {
  if (!image) throw new Error(`${path}: example ${key} has no image (.png, .jpg, .jpeg)`);
  if (!label) throw new Error(`${path}: example ${key} has no class (.${ending}); name the ending of such files with --label`);
  return { key, image, label };
}

/** Names of the classes: numbers from 0 as they are, other texts in the order of the alphabet. */
function classesOf(said: readonly string[]): string[] {
  const different = [...new Set(said)];
  if (!different.every((text) => /^\d{1,6}$/.test(text))) return different.sort();
  const most = different.reduce((max, text) => Math.max(max, Number(text)), 0);
  return Array.from({ length: most + 1 }, (_, i) => String(i));
}

/** @throws {Error} for a class that does not train. */
function labelsOf({ said, names, paths, shard }: Index, classes: readonly string[]): Int32Array {
  const numbers = new Map(classes.map((name, i) => [name, i]));
  return Int32Array.from(said, (text, i) => {
    const number = numbers.get(text) ?? numbers.get(String(Number(text)));
    if (number === undefined)
      throw new Error(`${paths[shard[i]!]}: ${names[i]} is of class "${text.slice(0, 40)}", of which there are no examples to train on`);
    return number;
  });
}

function openImages(index: Index, labels: Int32Array, options: ImageFolderOptions): Promise<Opened> {
  const { paths, shard, names, from, to } = index;
  const pathOf = (i: number): string => paths[shard[i]!]!;
  return imageExamples(
    "webdataset",
    { labels, name: (i) => `${pathOf(i)}: ${names[i]}`, bytes: (i) => bytesOfFile(pathOf(i), from[i]!, to[i]!) },
    options,
  );
}

/** What a thread that reads images opens. */
export function openSource({
  index,
  labels,
  options,
}: {
  index: Index;
  labels: Int32Array;
  options: ImageFolderOptions;
}): Promise<Examples> {
  return openImages(index, labels, options);
}

/** This module under the name by which threads can import it: the built package keeps it as an entry, and runs it from a chunk one folder aside. */
function here(): string {
  const { url } = import.meta; // bundlers take new URL(..., import.meta.url) for a file of the page
  return new URL(`../data/web-dataset${url.slice(url.lastIndexOf("."))}`, url).href;
}

async function splitOn(index: Index, examples: Opened, labels: Int32Array, fixed: WebDatasetOptions): Promise<Split> {
  const { workers = 0, label: _label, testShare: _share, seed: _seed, ...options } = fixed;
  const threads = workers > 0 ? await startWorkers(fromModule(here(), { index, labels, options }, "openSource"), workers) : undefined;
  return shardedSplit(labels, index.shards, async (indices, epoch) => {
    if (threads) return (await threads.fetch(indices, epoch)).inputs as Float32Array;
    const all: Example[] = [];
    for (const i of indices) all.push(await examples.example(i, epoch));
    return collate(all, indices).inputs as Float32Array;
  });
}
