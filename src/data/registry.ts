/**
 * @file Data sets by name, as the command and the training loop ask for them; or by path: a CSV or Parquet file, a file of arrays, a folder of images.
 */

import { aPath, type Checks, check, checkOptions, chosen, didYouMean, text } from "../base/check.ts";
import { nodeModule, nodeVersion } from "../base/host.ts";
import { READ_LIMITS, type ReadLimits } from "../formats/budget.ts";
import { ARRAY_OPTIONS, type ArrayOptions, arrayDataset, isArrayFile } from "./arrays.ts";
import { cifar10 } from "./cifar10.ts";
import { CSV_OPTIONS, type CsvOptions, readCsv } from "./csv.ts";
import type { DataDescription, Dataset } from "./dataset.ts";
import { digits } from "./digits.ts";
import { digestOf, FILE_OPTIONS, type FileOptions, readIfThere } from "./files.ts";
import { IMAGE_FOLDER_OPTIONS, type ImageFolderOptions, imageFolder } from "./image-folder.ts";
import { fashionMnist, MNIST_OPTIONS, type MnistOptions, mnist } from "./mnist.ts";
import { readParquet } from "./parquet.ts";
import { parquetShards } from "./parquet-shards.ts";
import { isShardPattern, kindOf, shardsIn } from "./shards.ts";
import { blobs, checkerboard, circles, curve, curves, moons, SYNTHETIC_OPTIONS, type SyntheticOptions, spirals } from "./synthetic.ts";
import { TABLE_OPTIONS, type Table, type TableOptions, tableDataset } from "./table.ts";
import { TEXT_OPTIONS, type TextOptions, textFile } from "./text.ts";
import { WEB_DATASET_OPTIONS, type WebDatasetOptions, webDataset } from "./web-dataset.ts";
import { xor } from "./xor.ts";

/** What a data set can be told; each reads what concerns it. `dataDir` is the folder of its files, or the file or folder itself. */
export interface LoadOptions
  extends FileOptions,
    TableOptions,
    ArrayOptions,
    ImageFolderOptions,
    SyntheticOptions,
    CsvOptions,
    TextOptions,
    ReadLimits {}

/** Loads a data set, or makes it. */
export type DatasetLoader = (options: LoadOptions) => Promise<Dataset>;

const points = (options: LoadOptions): SyntheticOptions => chosen<SyntheticOptions>(options, SYNTHETIC_OPTIONS);
const fileOptions = (options: LoadOptions): FileOptions => chosen<FileOptions>(options, FILE_OPTIONS);
const mnistOptions = (options: LoadOptions): MnistOptions => chosen<MnistOptions>(options, MNIST_OPTIONS);
const shardOptions = (options: LoadOptions): WebDatasetOptions => chosen<WebDatasetOptions>(options, WEB_DATASET_OPTIONS);
const folderOptions = (options: LoadOptions): ImageFolderOptions => chosen<ImageFolderOptions>(options, IMAGE_FOLDER_OPTIONS);

/** Data sets by name. */
// Pure calls: a spread at the top would keep all readers in a bundle that loads no data.
export const datasets: Readonly<Record<string, DatasetLoader>> = /* @__PURE__ */ withCurves({
  digits: () => digits(),
  mnist: (options) => mnist(options.dataDir, mnistOptions(options)),
  "fashion-mnist": (options) => fashionMnist(options.dataDir, mnistOptions(options)),
  cifar10: (options) => cifar10(options.dataDir, fileOptions(options)),
  imagefolder: (options) =>
    imageFolder(requirePath("imagefolder", "a folder with a sub-folder of images for each class", options), folderOptions(options)),
  webdataset: (options) => webDataset(requirePath("webdataset", "a folder of .tar shards", options), shardOptions(options)),
  csv: (options) => tableFile(requirePath("csv", "a CSV file", options), options),
  parquet: (options) => tableFile(requirePath("parquet", "a Parquet file", options), options),
  text: ({ dataDir, context, testShare, maxBytes }) =>
    textFile(requirePath("text", "a text file", { dataDir }), { context, testShare, maxBytes }),
  xor: async () => xor(),
  spirals: async (options) => spirals(points(options)),
  moons: async (options) => moons(points(options)),
  circles: async (options) => circles(points(options)),
  blobs: async (options) => blobs(points(options)),
  checkerboard: async (options) => checkerboard(points(options)),
});

/** The same, and the curves by their own names. */
function withCurves(sets: Readonly<Record<string, DatasetLoader>>): Readonly<Record<string, DatasetLoader>> {
  const own = Object.keys(curves).map((name): [string, DatasetLoader] => [name, async (options) => curve(name, points(options))]);
  return { ...sets, ...Object.fromEntries(own) };
}

function requirePath(name: string, want: string, { dataDir }: LoadOptions): string {
  if (dataDir !== undefined) return dataDir;
  throw new Error(`${name}: want the path of ${want} (--data-dir PATH, or --data PATH in the place of "${name}")`);
}

const LOAD_OPTIONS: Checks<LoadOptions> = {
  ...TEXT_OPTIONS,
  ...FILE_OPTIONS,
  ...ARRAY_OPTIONS,
  ...IMAGE_FOLDER_OPTIONS,
  ...SYNTHETIC_OPTIONS,
  ...CSV_OPTIONS,
  ...TABLE_OPTIONS,
};

const TABLE = /\.(csv|tsv|txt|parquet)$/i;

/** Whether a path is that of a table. */
export const isTableFile = (path: string): boolean => TABLE.test(path);

/**
 * The data set of this name. A path to a table (.csv, .tsv, .txt, .parquet), to arrays (.npy, .npz, idx), to shards (a folder of .tar or .parquet files, or a pattern such
 * as `train-{000..146}.tar`) or to a folder of images is taken for one.
 * @throws {Error} one line for an unknown name, or whatever is wrong with the files.
 */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<Dataset> {
  check("loadDataset: name", name, text);
  checkOptions("loadDataset", options, LOAD_OPTIONS);
  if (Object.hasOwn(datasets, name)) return datasets[name](options);
  const shards = isShardPattern(name) || kindOf(name) === "tar" ? kindOf(name) : await shardsIn(name);
  if (shards === "tar") return webDataset(name, shardOptions(options));
  if (shards === "parquet") return parquetShards(name, chosen<TableOptions & ReadLimits>(options, { ...TABLE_OPTIONS, ...READ_LIMITS }));
  if (isTableFile(name)) return tableFile(name, options);
  if (isArrayFile(name)) return arrayDataset(nameOf(name), name, chosen<ArrayOptions>(options, ARRAY_OPTIONS));
  if (/[/\\]/.test(name)) return imageFolder(name, folderOptions(options));
  if (await isFolder(name)) return imageFolder(name, folderOptions(options));
  const names = Object.keys(datasets);
  throw new Error(
    `unknown data set "${name}"${didYouMean(name, names)} (known: ${names.join(", ")}; or the path of a .csv, .tsv or .parquet file, or of a folder of images: ./${name})`,
  );
}

/** Whether there is such a folder: a path of one part looks like a name. */
async function isFolder(path: string): Promise<boolean> {
  if (nodeVersion() === undefined) return false;
  const { stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** A file with a table as a data set, called after the file. */
async function tableFile(path: string, options: LoadOptions): Promise<Dataset> {
  const texts = new Set([...(options.categorical ?? []), ...(options.ignore ?? [])]);
  const isText = (column: string): boolean => texts.has(column) || (options.task === "classification" && column === options.label);
  const raw = await readTable(path, { ...chosen<CsvOptions & ReadLimits>(options, READ_TABLE_OPTIONS), isText });
  const table = tableDataset(nameOf(path), raw, chosen<TableOptions>(options, TABLE_OPTIONS));
  const data = { ...table, sha256: await digestOf([path]) };
  const csv = csvOptions(options);
  return csv ? { ...data, preprocessing: { ...data.preprocessing, csv } } : data;
}

/** The last part of a path, without what it ends in. */
const nameOf = (path: string): string =>
  path
    .split(/[/\\]/)
    .at(-1)!
    .replace(/\.(csv|tsv|txt|parquet|npy|npz|idx|gz)$/i, "");

/** The options among others that say how a CSV file is written; undefined if all are left to the defaults. */
function csvOptions({ delimiter, header, encoding, decimal, thousands, currency, na }: CsvOptions): CsvOptions | undefined {
  const given = Object.entries({ delimiter, header, encoding, decimal, thousands, currency, na }).filter(
    ([, value]) => value !== undefined,
  );
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

const READ_TABLE_OPTIONS: Checks<CsvOptions & ReadLimits> = { ...CSV_OPTIONS, ...READ_LIMITS };

/**
 * The table in a CSV or (by its ending) Parquet file. A CSV file is read piece by piece, so that it may be larger than a text or a buffer can be.
 */
export async function readTable(path: string, options: CsvOptions & ReadLimits = {}): Promise<Table> {
  check("readTable: path", path, aPath);
  checkOptions("readTable", options, READ_TABLE_OPTIONS);
  if (/\.parquet$/i.test(path)) {
    const bytes = await readIfThere(path);
    if (!bytes) throw new Error(`no file ${path}`);
    return readParquet(bytes, path, chosen<ReadLimits>(options, READ_LIMITS));
  }
  const { createReadStream } = await nodeModule<typeof import("node:fs")>("node:fs");
  const { stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === "ENOENT" || error.code === "ENOTDIR" ? `no file ${path}` : `cannot read ${path}: ${error.message}`);
  });
  if (found.isDirectory()) throw new Error(`cannot read ${path}: it is a folder`);
  return readCsv(createReadStream(path, { highWaterMark: 2 ** 20 }), path, options, found.size);
}

/** A new table for a model, read as the one that trained: of its columns those matter that hold numbers. */
export function readTableFor(path: string, { preprocessing = {}, task }: Pick<DataDescription, "preprocessing" | "task">): Promise<Table> {
  const { csv, columns = [], label } = preprocessing;
  const numbers = new Set(columns.filter(({ categories }) => !categories).map(({ name }) => name));
  if (task === "regression" && label !== undefined) numbers.add(label);
  return readTable(path, { ...csv, isText: (column) => !numbers.has(column) });
}
