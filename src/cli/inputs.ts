/** @file What `nabla predict` is given: images, arrays, tables, or examples of the model's own data set, as rows of numbers for the model. */
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { sizeOf } from "../base/shape.ts";
import { encodeRows } from "../data/encode.ts";
import { type Image, imageInput, readImage } from "../data/image.ts";
import { prepareImage } from "../data/image-source.ts";
import { standardizeValues } from "../data/preprocessing.ts";
import { readTableFor } from "../data/registry.ts";
import { readNpy } from "../formats/npy.ts";
import { encodeExample } from "../train/trained.ts";
import type { Description } from "./trained.ts";

/** An example to predict, and what to call it. */
export interface Input {
  readonly name: string;
  readonly values?: Float32Array;
  /** Why the model cannot take it. */
  readonly error?: string;
  /** Whether it is a picture, of which more is shown. */
  readonly picture?: boolean;
}

type Reader = (path: string, about: Description) => Promise<Input[]>;

/** By the file's ending. */
const readers: Readonly<Record<string, Reader>> = {
  ".png": readPicture,
  ".jpg": readPicture,
  ".jpeg": readPicture,
  ".npy": readArray,
  ".csv": readRows,
  ".tsv": readRows,
  ".parquet": readRows,
};

/** Images in formats that are not read: a file that someone names is told so. */
const OTHER_IMAGES = /\.(webp|gif|bmp|tiff?|avif|hei[cf]|jp2|jxl|svg|ico|psd|raw|dng)$/i;

const whyNot = (path: string): string =>
  OTHER_IMAGES.test(path)
    ? `images in the format ${extname(path).slice(1)} are not read, convert it to PNG or JPEG`
    : "cannot tell what it is";

/** The examples in a file; an image that cannot be read is one with its error. @throws {Error} one line if the model takes none of its kind. */
export async function readInputs(path: string, about: Description): Promise<Input[]> {
  const reader = readers[extname(path).toLowerCase()];
  if (!reader) throw new Error(`${path}: ${whyNot(path)}; want a file ending in ${Object.keys(readers).join(", ")}`);
  return reader(path, about);
}

/** The files that are meant: those named, and all readable ones in the folders named and below. @throws {Error} if a folder has none. */
export async function filesIn(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const isFolder = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    const names = isFolder ? await readdir(path, { recursive: true }) : [];
    const readable = names.filter((name) => Object.hasOwn(readers, extname(name).toLowerCase())).sort();
    if (isFolder && readable.length === 0)
      throw new Error(`${path}: is a folder without anything to predict; want files ending in ${Object.keys(readers).join(", ")}`);
    for (const file of isFolder ? readable.map((name) => join(path, name)) : [path]) files.push(file);
  }
  return files;
}

/** The bytes of a file. @throws {Error} that names it. */
export async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (/^\w+:\/\//.test(path))
      throw new Error(`${path}: is an address, and files are read from disk; download it first, and give its path`);
    throw new Error(
      (error as NodeJS.ErrnoException).code === "ENOENT" ? `no file ${path}` : `cannot read ${path}: ${(error as Error).message}`,
    );
  }
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** An image, cut as wanted. @throws {Error} that names the file. */
export async function pictureFrom<T>(path: string, cut: (image: Image) => T, bytes?: Uint8Array): Promise<T> {
  const image = await readImage(bytes ?? (await bytesOf(path)), path);
  try {
    return cut(image);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

async function readPicture(path: string, { inputShape, preprocessing }: Description): Promise<Input[]> {
  const [channels, height, width] = inputShape;
  if (inputShape.length !== 3) throw new Error(`${path}: is an image, but the model takes inputs ${shapeText(inputShape)}, no images`);
  // A file that is not there is a mistake of whoever names it; one that cannot be decoded is flagged, and the others go on.
  const bytes = await bytesOf(path);
  try {
    const image = await pictureFrom(path, (whole) => prepareImage(whole, { channels, height, width }, preprocessing?.image), bytes);
    return [{ name: path, values: standardized(imageInput(image), preprocessing), picture: true }];
  } catch (error) {
    return [{ name: path, error: (error as Error).message.replace(`${path}: `, "") }];
  }
}

/** One example, or several along a first axis: of the shape that the training arrays had, or of the model's, before standardization. */
async function readArray(path: string, about: Description): Promise<Input[]> {
  const { inputShape, preprocessing } = about;
  const { shape, data } = readNpy(await bytesOf(path), path);
  const wanted = preprocessing?.array?.shape ?? inputShape;
  const size = sizeOf(wanted);
  const several = shapeText(shape.slice(1)) === shapeText(wanted);
  if (!several && shapeText(shape) !== shapeText(wanted)) {
    throw new Error(`${path}: has the shape ${shapeText(shape)}; want ${shapeText(wanted)}, or that with the number of examples before it`);
  }
  const values = Float64Array.from(data as ArrayLike<number | bigint>, Number);
  return Array.from({ length: several ? shape[0] : 1 }, (_, i) => ({
    name: several ? `${path}[${i}]` : path,
    values: encodeExample(values.subarray(i * size, (i + 1) * size), about),
  }));
}

/** Values as the model saw them in training. */
export function standardized(values: Float32Array, preprocessing: Description["preprocessing"]): Float32Array {
  return preprocessing?.inputs ? standardizeValues(values, preprocessing.inputs, 1) : values;
}

async function readRows(path: string, { preprocessing, inputShape, task }: Description): Promise<Input[]> {
  if (!preprocessing?.columns)
    throw new Error(
      `${path}: is a table, but the model takes inputs ${shapeText(inputShape)} that came from none; want a .npy file of that shape, or of several such examples, or the run's own model, which knows its columns`,
    );
  const rows = encodeRows(await readTableFor(path, { preprocessing, task }), preprocessing);
  return rows.map(({ name, ...row }) => ({ name: `${path}, ${name}`, ...row }));
}
