/** @file The reader's own data, as `nabla studio --data` serves them: a file, an idx file with its labels, or a folder of images. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface ServedFile {
  /** The name that the page shows: below a folder that was given, the path from that folder on. */
  readonly name: string;
  readonly path: string;
}

/** More than the page takes. */
const MOST_BYTES = 200_000_000;

/** The page fetches each image by itself. */
const MOST_FILES = 2000;

const IMAGE = /\.(png|jpe?g|gif|webp|bmp|avif)$/i;

/** @throws {Error} if there is nothing at the path, or more than a page can show. */
export function servedFiles(path: string): ServedFile[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new Error(`--data: there is no file ${path}; want a CSV, npy, npz, idx or safetensors file, or a folder of images`);
  const files = found.isDirectory() ? images(path) : withLabels(path);
  const size = files.reduce((sum, file) => sum + statSync(file.path).size, 0);
  if (size > MOST_BYTES) throw new Error(`--data ${path}: has ${size} bytes, the studio takes ${MOST_BYTES}; give a sample`);
  return files;
}

/** MNIST keeps the classes of `train-images-idx3-ubyte` in `train-labels-idx1-ubyte`. */
function withLabels(path: string): ServedFile[] {
  const labels = join(dirname(path), basename(path).replace(/images([-.])idx\d/, "labels$1idx1"));
  const both = labels !== path && existsSync(labels) ? [path, labels] : [path];
  return both.map((each) => ({ name: basename(each), path: each }));
}

function images(folder: string): ServedFile[] {
  const all = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => IMAGE.test(name))
    .sort();
  if (all.length === 0) throw new Error(`--data ${folder}: there are no images in this folder; want one folder for each class`);
  if (all.length > MOST_FILES) throw new Error(`--data ${folder}: has ${all.length} images, the studio takes ${MOST_FILES}; give a sample`);
  return all.map((name) => ({ name: `${basename(folder)}/${name.replaceAll("\\", "/")}`, path: join(folder, name) }));
}
