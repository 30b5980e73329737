/**
 * @file Folders of images, a sub-folder per class, as ImageNet is laid out: `cats/1.png`, `dogs/2.jpg`; or with the parts apart: `train/cats/1.png`,
 * `test/cats/9.png` (also `val`). Without parts, the images are split at random, the classes' shares kept.
 */
import type { Dataset, Example, Examples, Split } from "./dataset.ts";
import { centreCrop, coverCrop, type Image, imageInput, readImage, resizeImage, withChannels } from "./image.ts";
import { fromModule, type ModuleSource } from "./prefetch.ts";
import { splitIndices, subset } from "./split.ts";

export interface ImageFolderOptions {
  /** Side, or [height, width], to which images are brought. Default: their own size, which must be one for all. */
  readonly size?: number | readonly [height: number, width: number];
  /** "crop" (default) keeps proportions and loses edges; "stretch" keeps all. */
  readonly fit?: "crop" | "stretch";
  /** Of the shorter side before the middle is cut out. Default: it just covers `size`. ImageNet is tested with 256 and a size of 224. */
  readonly shorterSide?: number;
  /** Default: 3 if the first image has colours, else 1. Others are converted. */
  readonly channels?: 1 | 3;
  /** Share of the images that test, where the folder has no parts of its own. Default 0.2. */
  readonly testShare?: number;
  /** Of the random split. Default 0. */
  readonly seed?: number;
}

/** Images by position, read when they are wanted, with what there is to know about all of them. */
export interface ImageExamples extends Examples {
  readonly classes: readonly string[];
  readonly inputShape: readonly [channels: number, height: number, width: number];
  readonly paths: readonly string[];
  /** The class of each image. */
  readonly labels: Int32Array;
}

const IMAGE = /\.(png|jpe?g)$/i;

/** Names of what a folder holds, in order; hidden ones left out. */
async function list(folder: string): Promise<{ folders: string[]; files: string[] }> {
  const { readdir, stat } = await import("node:fs/promises");
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOTDIR") throw new Error(`imagefolder: ${folder} is not a folder`);
    throw new Error(error.code === "ENOENT" ? `imagefolder: no folder ${folder}` : `imagefolder: cannot read ${folder}: ${error.message}`);
  });
  const [folders, files]: [string[], string[]] = [[], []];
  // The order of names and not of the disk, so that classes have the same numbers everywhere.
  for (const name of names.filter((each) => !each.startsWith(".")).sort())
    ((await stat(`${folder}/${name}`)).isDirectory() ? folders : files).push(name);
  return { folders, files };
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
  checkSize(options);
  const { folders } = await list(folder);
  if (folders.length === 0) throw new Error(`imagefolder: ${folder} has no sub-folders; want one for each class, with its images in it`);
  const known = classes ?? folders;
  const stranger = folders.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`imagefolder: ${folder}/${stranger} is of no class that trains (${known.join(", ")})`);
  const paths: string[] = [];
  const labels: number[] = [];
  for (const name of folders) {
    const images = (await list(`${folder}/${name}`)).files.filter((file) => IMAGE.test(file));
    if (images.length === 0)
      throw new Error(`imagefolder: ${folder}/${name} has no images (.png, .jpg, .jpeg); put some there, or remove the folder`);
    for (const image of images) {
      paths.push(`${folder}/${name}/${image}`);
      labels.push(known.indexOf(name));
    }
  }
  const first = await readPath(paths[0]);
  const [height, width] = typeof options.size === "number" ? [options.size, options.size] : (options.size ?? [first.height, first.width]);
  const channels = options.channels ?? first.channels;
  const example = async (index: number): Promise<Example> => {
    const image = await readPath(paths[index]);
    if (!options.size && (image.width !== width || image.height !== height))
      throw new Error(
        `imagefolder: ${paths[index]} is ${image.width}x${image.height}, ${paths[0]} is ${width}x${height}; give a size for all (size: 32, --image-size 32)`,
      );
    return { input: imageInput(prepareImage(image, { width, height, channels }, options)), target: labels[index] };
  };
  return { count: paths.length, example, classes: known, inputShape: [channels, height, width], paths, labels: Int32Array.from(labels) };
}

/** An image with this many channels and of this size. */
export function prepareImage(
  image: Image,
  { width, height, channels }: { readonly width: number; readonly height: number; readonly channels: number },
  { fit = "crop", shorterSide }: Pick<ImageFolderOptions, "fit" | "shorterSide"> = {},
): Image {
  const coloured = withChannels(image, channels === 1 ? 1 : 3);
  if (fit === "stretch") return resizeImage(coloured, width, height);
  if (shorterSide === undefined) return coverCrop(coloured, width, height);
  const scale = shorterSide / Math.min(image.width, image.height);
  return centreCrop(resizeImage(coloured, Math.round(image.width * scale), Math.round(image.height * scale)), width, height);
}

/** This module under the name by which threads can import it: the built package keeps it as an entry, and runs it from a chunk one folder aside. */
const HERE = new URL(`../data/image-folder${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`, import.meta.url).href;

/** The folder as a source that a {@link Loader}'s threads open for themselves. */
export function imageFolderSource(folder: string, options: ImageFolderOptions = {}): ModuleSource {
  return fromModule(HERE, { folder, ...options }, "openSource");
}

/** What {@link imageFolderSource} names. */
export function openSource({ folder, ...options }: ImageFolderOptions & { readonly folder: string }): Promise<ImageExamples> {
  return openImageFolder(folder, options);
}

async function readPath(path: string): Promise<Image> {
  const { readFile } = await import("node:fs/promises");
  return readImage(await readFile(path), path);
}

/** A folder of images as a data set in memory, `name` after the folder. */
export async function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<Dataset> {
  const { folders } = await list(folder);
  const testPart = ["test", "val"].find((part) => folders.includes(part));
  const parts = folders.includes("train") && testPart !== undefined;
  const train = await openImageFolder(parts ? `${folder}/train` : folder, options);
  if (train.classes.length < 2)
    throw new Error(`imagefolder: ${folder} has one class, ${train.classes[0]}; want a sub-folder for each of at least two`);
  const [channels, height, width] = train.inputShape;
  const all = await readAll(train);
  const [first, second] = parts
    ? [
        all,
        await readAll(
          await openImageFolder(`${folder}/${testPart}`, { ...options, size: [height, width], channels: channels as 1 | 3 }, train.classes),
        ),
      ]
    : splitAtRandom(folder, all, train.classes, options);
  return {
    name: folder
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .at(-1)!,
    train: first,
    test: second,
    classes: train.classes,
    inputShape: train.inputShape,
    task: "classification",
    preprocessing: { image: { width, height, channels } },
  };
}

function checkSize({ size, shorterSide }: ImageFolderOptions): void {
  for (const side of [size ?? 1, shorterSide ?? 1].flat())
    if (!Number.isInteger(side) || side < 1) throw new RangeError(`imagefolder: want a size of whole pixels, got ${side}`);
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
  return [subset(all, first), subset(all, second)];
}

async function readAll(examples: ImageExamples): Promise<Split> {
  const width = examples.inputShape.reduce((a, b) => a * b, 1);
  const inputs = new Float32Array(examples.count * width);
  for (let i = 0; i < examples.count; i++) inputs.set((await examples.example(i)).input, i * width);
  return { inputs, targets: examples.labels, count: examples.count };
}
