/**
 * @file MNIST (LeCun, Cortes & Burges 1998) and Fashion-MNIST (Xiao, Rasul & Vollgraf 2017) from their four idx files in a folder,
 * gzipped as published or unpacked. Pixels are scaled to [0, 1]; `moments` has what standardizes them.
 */
import { type IdxArray, readIdx } from "../formats/idx.ts";
import type { Dataset, Split } from "./dataset.ts";

type Name = "mnist" | "fashion-mnist";

/** Mean and standard deviation of all training pixels, scaled to [0, 1]. */
export const moments: Readonly<Record<Name, { readonly mean: number; readonly std: number }>> = {
  mnist: { mean: 0.1307, std: 0.3081 },
  "fashion-mnist": { mean: 0.286, std: 0.353 },
};

const classes: Readonly<Record<Name, readonly string[]>> = {
  mnist: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  "fashion-mnist": ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
};

const SIDE = 28;

/** Handwritten digits from the idx files in a folder (LeCun, Cortes & Burges 1998). */
export const mnist = (dataDir: string | undefined): Promise<Dataset> => load("mnist", dataDir);
/** Clothes from the idx files in a folder (Xiao, Rasul & Vollgraf 2017). */
export const fashionMnist = (dataDir: string | undefined): Promise<Dataset> => load("fashion-mnist", dataDir);

async function load(name: Name, dataDir: string | undefined): Promise<Dataset> {
  if (!dataDir) throw new Error(`${name}: needs the folder of its idx files (--data-dir DIR)`);
  await requireFolder(name, dataDir);
  // One after the other: both splits at once would hold the unpacked bytes of both.
  const train = await readSplit(name, dataDir, "train");
  const test = await readSplit(name, dataDir, "t10k");
  return { name, train, test, classes: classes[name], inputShape: [1, SIDE, SIDE], task: "classification" };
}

async function requireFolder(name: Name, dataDir: string): Promise<void> {
  const { stat } = await import("node:fs/promises");
  const found = await stat(dataDir).catch(() => undefined);
  if (!found) throw new Error(`${name}: no folder ${dataDir}`);
  if (!found.isDirectory()) throw new Error(`${name}: ${dataDir} is not a folder`);
}

async function readSplit(name: Name, dataDir: string, part: "train" | "t10k"): Promise<Split> {
  const images = await readFile(name, dataDir, `${part}-images-idx3-ubyte`, 3);
  const labels = await readFile(name, dataDir, `${part}-labels-idx1-ubyte`, 1);
  const [count, rows, columns] = images.shape;
  if (rows !== SIDE || columns !== SIDE) throw new Error(`${images.path}: expected images of ${SIDE}x${SIDE}, got ${rows}x${columns}`);
  if (count !== labels.shape[0])
    throw new Error(`${name}: ${count} images in ${images.path}, but ${labels.shape[0]} labels in ${labels.path}`);
  if (count === 0) throw new Error(`${images.path}: no images`);
  const wrong = labels.data.findIndex((label) => label >= classes[name].length);
  if (wrong >= 0)
    throw new Error(`${labels.path}: label ${labels.data[wrong]} of example ${wrong} is out of range 0 to ${classes[name].length - 1}`);
  return { inputs: scale(images.data), targets: Int32Array.from(labels.data), count };
}

/** The file as published (.gz) or unpacked. */
async function readFile(name: Name, dataDir: string, file: string, rank: number): Promise<IdxArray & { path: string }> {
  const fs = await import("node:fs/promises");
  for (const path of [`${dataDir}/${file}.gz`, `${dataDir}/${file}`]) {
    const bytes = await fs.readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw new Error(`${name}: cannot read ${path}: ${error.message}`);
    });
    if (bytes) return { ...(await readIdx(bytes, path, rank)), path };
  }
  throw new Error(`${name}: neither ${file}.gz nor ${file} is in ${dataDir}`);
}

/** Bytes to [0, 1]. A loop, since `Float32Array.from` with a function takes seconds for 47 million pixels. */
function scale(pixels: Uint8Array): Float32Array {
  const scaled = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) scaled[i] = pixels[i] / 255;
  return scaled;
}
