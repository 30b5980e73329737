/**
 * @file MNIST (LeCun, Cortes & Burges 1998) and Fashion-MNIST (Xiao, Rasul & Vollgraf 2017) from their four idx files,
 * gzipped as published or unpacked, in a folder or from the published mirrors. Pixels are scaled to [0, 1]; `moments` has what standardizes them.
 */
import { aPath, type Checks, check, checkOptions, optional } from "../base/check.ts";
import { type IdxArray, readIdx } from "../formats/idx.ts";
import type { Dataset, Split } from "./dataset.ts";
import { cacheFolder, type RemoteFile } from "./download.ts";
import { FILE_OPTIONS, type FileOptions, locate, readIfThere, requireFolder } from "./files.ts";
import { type ImageFolderOptions, imageSize } from "./image-folder.ts";

/** Sets in the files of MNIST. */
export type MnistName = "mnist" | "fashion-mnist";

/** Mean and standard deviation of all training pixels, scaled to [0, 1]. */
export const moments: Readonly<Record<MnistName, { readonly mean: number; readonly std: number }>> = {
  mnist: { mean: 0.1307, std: 0.3081 },
  "fashion-mnist": { mean: 0.286, std: 0.353 },
};

const classes: Readonly<Record<MnistName, readonly string[]>> = {
  mnist: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  "fashion-mnist": ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
};

const SIDE = 28;

/** The published files (their sizes and SHA-256), and who gives them out. */
const remote: Readonly<Record<MnistName, { readonly mirrors: readonly string[]; readonly files: readonly RemoteFile[] }>> = {
  mnist: {
    mirrors: ["https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"],
    files: [
      remoteFile("train-images-idx3-ubyte", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
      remoteFile("train-labels-idx1-ubyte", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
      remoteFile("t10k-images-idx3-ubyte", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
      remoteFile("t10k-labels-idx1-ubyte", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ],
  },
  "fashion-mnist": {
    mirrors: [
      "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
      "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
    ],
    files: [
      remoteFile("train-images-idx3-ubyte", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
      remoteFile("train-labels-idx1-ubyte", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
      remoteFile("t10k-images-idx3-ubyte", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
      remoteFile("t10k-labels-idx1-ubyte", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ],
  },
};

function remoteFile(name: string, bytes: number, sha256: string): RemoteFile {
  return { name: `${name}.gz`, bytes, sha256 };
}

/** Where the files are, and what is made of them. */
export interface MnistOptions extends FileOptions {
  /** Side of the images: 28, or more for a margin of zeros around them, such as 32 for networks that halve five times. Default: 28. */
  readonly size?: ImageFolderOptions["size"];
}

export const MNIST_OPTIONS: Checks<MnistOptions> = { ...FILE_OPTIONS, size: imageSize };

/** From a folder of its idx files, the cache, or a mirror. */
export const mnist = (dataDir?: string, options: MnistOptions = {}): Promise<Dataset> => load("mnist", dataDir, options);
/** From a folder of its idx files, the cache, or a mirror. */
export const fashionMnist = (dataDir?: string, options: MnistOptions = {}): Promise<Dataset> => load("fashion-mnist", dataDir, options);

async function load(name: MnistName, dataDir: string | undefined, given: MnistOptions): Promise<Dataset> {
  check(`${name}: dataDir`, dataDir, optional(aPath));
  checkOptions(name, given, MNIST_OPTIONS);
  const options = { ...given, dataDir };
  const margin = marginFor(name, options.size);
  const folder = options.dataDir ?? (await downloadAll(name, options));
  await requireFolder(name, folder);
  // One after the other: both splits at once would hold the unpacked bytes of both.
  const train = await readSplit(name, folder, "train", margin);
  const test = await readSplit(name, folder, "t10k", margin);
  const side = SIDE + 2 * margin;
  return { name, train, test, classes: classes[name], inputShape: [1, side, side], task: "classification" };
}

/** Zeros on each side that make images of this size. */
function marginFor(name: MnistName, size: MnistOptions["size"] = SIDE): number {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  const margin = (height - SIDE) / 2;
  if (height !== width || margin < 0 || !Number.isInteger(margin))
    throw new RangeError(
      `${name}: images of ${SIDE}x${SIDE} get the same margin on all sides: want an even size >= ${SIDE}, got ${height}x${width}`,
    );
  return margin;
}

/** The cache's folder, with all files in it. */
async function downloadAll(name: MnistName, options: FileOptions): Promise<string> {
  const { mirrors, files } = remote[name];
  for (const file of files) await locate(name, file, { mirrors, ...options });
  return `${await cacheFolder()}/${name}`;
}

async function readSplit(name: MnistName, dataDir: string, part: "train" | "t10k", margin: number): Promise<Split> {
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
  return { inputs: scale(images.data, margin), targets: Int32Array.from(labels.data), count };
}

/** The file as published (.gz) or unpacked. */
async function readFile(name: MnistName, folder: string, file: string, rank: number): Promise<IdxArray & { path: string }> {
  for (const path of [`${folder}/${file}.gz`, `${folder}/${file}`]) {
    const bytes = await readIfThere(path);
    if (bytes) return { ...(await readIdx(bytes, path, rank)), path };
  }
  throw new Error(`${name}: neither ${file}.gz nor ${file} is in ${folder}`);
}

/** Bytes to [0, 1], with a margin of zeros around each image. Loops, since `Float32Array.from` with a function takes seconds for 47 million pixels. */
function scale(pixels: Uint8Array, margin: number): Float32Array {
  const side = SIDE + 2 * margin;
  const scaled = new Float32Array((pixels.length / SIDE ** 2) * side ** 2);
  for (let from = 0, to = 0; from < pixels.length; to += side ** 2)
    for (let y = margin; y < SIDE + margin; y++)
      for (let x = margin; x < SIDE + margin; x++) scaled[to + y * side + x] = pixels[from++] / 255;
  return scaled;
}
