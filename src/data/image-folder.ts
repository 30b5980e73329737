/**
 * @file Folders of images, a sub-folder per class, as ImageNet is laid out: `cats/1.png`, `dogs/2.jpg`; or with the parts apart: `train/cats/1.png`,
 * `test/cats/9.png`, and `val/` for decisions on the way. Without parts, the images are split at random, the classes' shares kept.
 */
import {
  aPath,
  type Checks,
  check,
  checkOptions,
  type Expectation,
  expectation,
  finite,
  flag,
  fn,
  listOf,
  naturalNumber,
  object,
  optional,
  positive,
  positiveInteger,
  share,
  text,
} from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { READ_LIMITS } from "../formats/budget.ts";
import { collate } from "./batch.ts";
import type { DataDescription, Dataset, Example, Examples, Split } from "./dataset.ts";
import { FILTER, FIT, type ImageOptions, imageExamples } from "./image-source.ts";
import { fromModule, type ModuleSource, startWorkers } from "./prefetch.ts";
import { splitIndices, subset } from "./split.ts";

export interface ImageFolderOptions extends ImageOptions {
  /** Share of the images that test, where the folder has no parts of its own. Default 0.2. */
  readonly testShare?: number;
  /** Of the random split. Default 0. */
  readonly seed?: number;
  /** Whether images are read when their batch is due, instead of all at once. Default false. */
  readonly fromDisk?: boolean;
  /** Threads that read images from disk. Default 0: this one. */
  readonly workers?: number;
  /** Called while all images are read, after each. */
  readonly onRead?: (progress: ReadProgress) => void;
}

/** One side of all images, or height and width. */
export const imageSize: Expectation = expectation(
  "a positive integer, or [height, width]",
  (value) => positiveInteger.holds(value) || (Array.isArray(value) && value.length === 2 && value.every(positiveInteger.holds)),
);

export const IMAGE_FOLDER_OPTIONS: Checks<ImageFolderOptions> = {
  ...READ_LIMITS,
  size: imageSize,
  fit: FIT,
  shorterSide: positiveInteger,
  filter: FILTER,
  channels: expectation("1 or 3", (value) => value === 1 || value === 3),
  testShare: share,
  seed: finite,
  inputs: object,
  randomResizedCrop: expectation("a number above 0 and at most 1", (value) => share.holds(value) && positive.holds(value)),
  cropSeed: finite,
  fromDisk: flag,
  workers: naturalNumber,
  onRead: fn,
};

/** How many of the images of a part have been read. */
export interface ReadProgress {
  readonly done: number;
  readonly total: number;
}

/** Images by position, read when they are wanted, with what there is to know about all of them. */
export interface ImageExamples extends Examples {
  readonly classes: readonly string[];
  readonly inputShape: readonly [channels: number, height: number, width: number];
  readonly paths: readonly string[];
  /** The class of each image. */
  readonly labels: Int32Array;
  /** Files that are no PNG or JPEG by their names, and were left out. */
  readonly leftOut: readonly string[];
}

const IMAGE = /\.(png|jpe?g)$/i;

/** Names of what a folder holds, in order; hidden ones left out. */
async function list(folder: string): Promise<{ folders: string[]; files: string[] }> {
  const { readdir, stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOTDIR") throw new Error(`imagefolder: ${folder} is not a folder`);
    throw new Error(error.code === "ENOENT" ? `imagefolder: no folder ${folder}` : `imagefolder: cannot read ${folder}: ${error.message}`);
  });
  const [folders, files]: [string[], string[]] = [[], []];
  // The order of names and not of the disk, so that classes have the same numbers everywhere.
  for (const name of names.filter((each) => !each.startsWith(".")).sort())
    ((await stat(`${folder}/${name}`).catch(() => undefined))?.isDirectory() ? folders : files).push(name);
  return { folders, files };
}

/** Folders in folders beyond this are taken for a link that leads back. */
const DEEPEST = 32;

/** All files in a folder and below, a folder's own first. */
async function walk(folder: string, depth = 0): Promise<string[]> {
  if (depth > DEEPEST) throw new Error(`imagefolder: ${folder}: folders in folders, ${DEEPEST} deep; does a link lead back?`);
  const { folders, files } = await list(folder);
  const found = files.map((name) => `${folder}/${name}`);
  for (const name of folders) found.push(...(await walk(`${folder}/${name}`, depth + 1)));
  return found;
}

/** Files that were left out, counted and named: "3 files are no PNG or JPEG and were left out: a.webp, ..."; undefined for none. */
function leftOutNote(folder: string, leftOut: readonly string[]): string | undefined {
  if (leftOut.length === 0) return undefined;
  const names = leftOut.slice(0, 5).map((path) => path.slice(folder.length + 1));
  const count = leftOut.length === 1 ? "1 file is no PNG or JPEG and was" : `${leftOut.length} files are no PNG or JPEG and were`;
  return `${count} left out: ${names.join(", ")}${leftOut.length > names.length ? ", ..." : ""}`;
}

/**
 * The images of a folder with a sub-folder per class.
 * @param classes The classes to expect (of the training part); default: the sub-folders, by name.
 */
export async function openImageFolder(
  folder: string,
  options: ImageFolderOptions = {},
  classes?: readonly string[],
): Promise<ImageExamples> {
  check("openImageFolder: folder", folder, aPath);
  checkOptions("openImageFolder", options, IMAGE_FOLDER_OPTIONS);
  check("openImageFolder: classes", classes, optional(listOf(text)));
  const { folders } = await list(folder);
  if (folders.length === 0) throw new Error(`imagefolder: ${folder} has no sub-folders; want one for each class, with its images in it`);
  const known = classes ?? folders;
  const stranger = folders.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`imagefolder: ${folder}/${stranger} is of no class that trains (${known.join(", ")})`);
  const paths: string[] = [];
  const labels: number[] = [];
  const leftOut: string[] = [];
  for (const name of folders) {
    const files = await walk(`${folder}/${name}`);
    const images = files.filter((file) => IMAGE.test(file));
    leftOut.push(...files.filter((file) => !IMAGE.test(file)));
    if (images.length === 0)
      throw new Error(`imagefolder: ${folder}/${name} has no images (.png, .jpg, .jpeg); put some there, or remove the folder`);
    for (const image of images) {
      paths.push(image);
      labels.push(known.indexOf(name));
    }
  }
  const { readFile } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const source = { labels: Int32Array.from(labels), name: (i: number) => paths[i], bytes: (i: number) => readFile(paths[i]) };
  const examples = await imageExamples("imagefolder", source, options);
  return { ...examples, classes: known, paths, labels: source.labels, leftOut };
}

/** This module under the name by which threads can import it: the built package keeps it as an entry, and runs it from a chunk one folder aside. */
function here(): string {
  const { url } = import.meta; // bundlers take new URL(..., import.meta.url) for a file of the page
  return new URL(`../data/image-folder${url.slice(url.lastIndexOf("."))}`, url).href;
}

/** The folder as a source that a {@link Loader}'s threads open for themselves. */
export function imageFolderSource(folder: string, options: ImageFolderOptions = {}, classes?: readonly string[]): ModuleSource {
  check("imageFolderSource: folder", folder, aPath);
  checkOptions("imageFolderSource", options, IMAGE_FOLDER_OPTIONS);
  return fromModule(here(), { folder, ...options, ...(classes && { classes }) }, "openSource");
}

/** What {@link imageFolderSource} names. */
export function openSource({
  folder,
  classes,
  ...options
}: ImageFolderOptions & { readonly folder: string; readonly classes?: readonly string[] }): Promise<ImageExamples> {
  return openImageFolder(folder, options, classes);
}

/** What the parts of a data set are called. */
export const PARTS: Readonly<Record<Part, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["val", "valid", "validation"],
  test: ["test", "testing"],
};
export type Part = "train" | "validation" | "test";
type Parts = Readonly<Record<"train" | "test", string> & Partial<Record<"validation", string>>>;

/**
 * The folders of the parts, or nothing if these are classes. Where there is no `test/`, `val/` tests, as ImageNet is tested.
 * @throws {Error} if parts and something else lie side by side.
 */
function partsOf(folder: string, folders: readonly string[]): Parts | undefined {
  const named = (part: Part): string | undefined => folders.find((name) => PARTS[part].includes(name.toLowerCase()));
  const [train, validation, test] = [named("train"), named("validation"), named("test")];
  if (train === undefined || (test ?? validation) === undefined) return undefined;
  const other = folders.find((name) => ![train, validation, test].includes(name));
  if (other !== undefined)
    throw new Error(`imagefolder: ${folder}/${other} lies beside ${train}/, but is no part (train, val, test); move it elsewhere`);
  return test === undefined ? { train, test: validation! } : { train, test, ...(validation !== undefined && { validation }) };
}

/** A folder of images as a data set, `name` after the folder: in memory, or (`fromDisk`) read batch by batch. */
export async function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<Dataset> {
  check("imageFolder: folder", folder, aPath);
  checkOptions("imageFolder", options, IMAGE_FOLDER_OPTIONS);
  const parts = partsOf(folder, (await list(folder)).folders);
  const home = parts ? `${folder}/${parts.train}` : folder;
  const train = await openImageFolder(home, options);
  if (train.classes.length < 2)
    throw new Error(`imagefolder: ${folder} has one class, ${train.classes[0]}; want a sub-folder for each of at least two`);
  const [channels, height, width] = train.inputShape;
  const fixed = { ...options, size: [height, width] as const, channels: channels as 1 | 3 };
  const digest = await startDigest();
  const read = async (path: string, examples: ImageExamples): Promise<Split> => {
    if (!options.fromDisk) return readAll(examples, options.onRead, digest.add);
    await digest.addSizes(examples.paths);
    return diskSplit(examples, path, fixed, train.classes);
  };
  const part = async (name: string): Promise<Split> =>
    read(`${folder}/${name}`, await openImageFolder(`${folder}/${name}`, fixed, train.classes));
  const whole = await read(home, train);
  const note = leftOutNote(home, train.leftOut);
  const [first, second] = parts ? [whole, await part(parts.test)] : splitAtRandom(folder, whole, train.classes, options);
  const validation = parts?.validation === undefined ? undefined : await part(parts.validation);
  const { shorterSide, filter, fit, inputs } = options;
  const image = { width, height, channels, ...(shorterSide && { shorterSide }), ...(filter && { filter }), ...(fit && { fit }) };
  return {
    name: folder
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .at(-1)!,
    train: first,
    test: second,
    ...(validation && { validation }),
    classes: train.classes,
    inputShape: train.inputShape,
    task: "classification",
    preprocessing: { image, ...(inputs && { inputs }) },
    sha256: digest.end(),
    ...(note !== undefined && { notes: [note] }),
  };
}

/**
 * A folder of images (the part that is asked for, where it has parts) as examples for a trained model: by its classes, its size and channels, its
 * statistics. @throws {Error} for a class that the model does not know.
 */
export async function imageFolderSplit(
  folder: string,
  { classes, preprocessing, inputShape }: DataDescription,
  part: Part,
  onRead?: ImageFolderOptions["onRead"],
): Promise<Split> {
  const { image, inputs } = preprocessing ?? {};
  if (!image) throw new Error(`${folder}: is a folder of images, but the model was not trained on one`);
  const parts = partsOf(folder, (await list(folder)).folders);
  const chosen = parts?.[part];
  if (parts && chosen === undefined)
    throw new Error(`imagefolder: ${folder} has no ${part} part; it has ${Object.values(parts).join(", ")}`);
  const [channels, height, width] = inputShape;
  const { shorterSide, filter, fit } = image;
  const options = { size: [height, width] as const, channels: channels as 1 | 3, shorterSide, filter, fit, inputs };
  return readAll(await openImageFolder(chosen === undefined ? folder : `${folder}/${chosen}`, options, classes), onRead);
}

/** A digest that grows by the names and contents of files. */
async function startDigest(): Promise<{
  add(path: string, bytes: Uint8Array): void;
  addSizes(paths: readonly string[]): Promise<void>;
  end(): string;
}> {
  const { createHash } = await nodeModule<typeof import("node:crypto")>("node:crypto");
  const { stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const hash = createHash("sha256");
  const nameOf = (path: string): string => path.split("/").slice(-2).join("/");
  return {
    add: (path, bytes) => void hash.update(`${nameOf(path)}\n${bytes.length}\n`).update(bytes),
    // Of what stays on disk names and sizes must do: reading all of it would take minutes.
    addSizes: async (paths) => {
      for (const path of paths) hash.update(`${nameOf(path)}\n${(await stat(path)).size}\n`);
    },
    end: () => hash.digest("hex"),
  };
}

/** A split whose images stay on disk. */
async function diskSplit(examples: ImageExamples, folder: string, options: ImageFolderOptions, classes: readonly string[]): Promise<Split> {
  const { size, fit, shorterSide, filter, channels, inputs, randomResizedCrop, cropSeed, maxBytes, workers = 0 } = options;
  // What a thread can be sent.
  const plain = { size, fit, shorterSide, filter, channels, inputs, randomResizedCrop, cropSeed, maxBytes };
  const threads = workers > 0 ? await startWorkers(imageFolderSource(folder, plain, classes), workers) : undefined;
  const read = async (indices: Int32Array, epoch?: number): Promise<Float32Array> => {
    if (threads) return (await threads.fetch(indices, epoch)).inputs as Float32Array;
    const all: Example[] = [];
    for (const index of indices) all.push(await examples.example(index, epoch));
    return collate(all, indices).inputs as Float32Array;
  };
  return onDisk(examples.labels, read);
}

/** Some of the examples of a split that stays on disk. */
export function onDisk(targets: Int32Array, read: NonNullable<Split["read"]>): Split {
  return {
    targets,
    count: targets.length,
    read,
    get inputs(): Float32Array {
      throw new Error("these images stay on disk: read some with split.read(indices), or take batches of them with a Loader");
    },
  };
}

function splitAtRandom(
  folder: string,
  all: Split,
  classes: readonly string[],
  { testShare = 0.2, seed }: ImageFolderOptions,
): [Split, Split] {
  const counts = new Int32Array(classes.length);
  for (const target of all.targets) counts[target]++;
  const single = counts.indexOf(1);
  if (single >= 0)
    throw new Error(
      `imagefolder: ${folder}/${classes[single]} has one image, which cannot be in both parts; add some, or remove the folder`,
    );
  const [first, second] = splitIndices(all, testShare, { seed });
  const { read } = all;
  if (!read) return [subset(all, first), subset(all, second)];
  const some = (chosen: Int32Array): Split =>
    onDisk(
      chosen.map((i) => all.targets[i]),
      (indices, epoch) =>
        read(
          indices.map((i) => chosen[i]),
          epoch,
        ),
    );
  return [some(first), some(second)];
}

async function readAll(
  examples: ImageExamples,
  onRead?: ImageFolderOptions["onRead"],
  onBytes?: (path: string, bytes: Uint8Array) => void,
): Promise<Split> {
  const { count, paths } = examples;
  const { readFile } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const width = examples.inputShape.reduce((a, b) => a * b, 1);
  const inputs = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    inputs.set((await examples.example(i)).input, i * width);
    onBytes?.(paths[i], await readFile(paths[i]));
    onRead?.({ done: i + 1, total: count });
  }
  return { inputs, targets: examples.labels, count };
}
