/**
 * @file Files that a trained model is tried on. They are read whole and made into examples by the model's own preprocessing: its columns, categories
 * and classes, its image size, its means and deviations. Nothing is fitted to them.
 */
import { aPath, type Checks, check, checkOptions, fn, oneOf, text } from "../base/check.ts";
import { type ArrayOptions, arraySplit, isArrayFile } from "./arrays.ts";
import { checkDescription } from "./check.ts";
import type { DataDescription, Dataset } from "./dataset.ts";
import { encodeTable, extraColumns, type Flagged } from "./encode.ts";
import { digestOf } from "./files.ts";
import { type ImageFolderOptions, imageFolderSplit } from "./image-folder.ts";
import { isTableFile, readTableFor } from "./registry.ts";
import { textSplit } from "./text.ts";

export interface ApplyOptions extends Pick<ArrayOptions, "targets">, Pick<ImageFolderOptions, "onRead"> {
  /** Of tables: the column with the labels. Default: as in training. */
  readonly label?: string;
  /** Which part is read of files and folders that have parts. Default "test"; those without are read whole. */
  readonly part?: "train" | "validation" | "test";
}

const APPLY_OPTIONS: Checks<ApplyOptions> = { label: text, part: oneOf("train", "validation", "test"), targets: aPath, onRead: fn };

/** Examples of a new file, and what is to be said of it. */
export interface Applied {
  /** The examples as the data set's test part. */
  readonly data: Dataset;
  /** Rows that the model cannot take, left out. */
  readonly flagged: readonly Flagged[];
  /** Columns that the model does not look at. */
  readonly extra: readonly string[];
}

/**
 * The examples in a table, a folder of images or a file of arrays, for a model that was trained on such.
 * @throws {Error} one line for a file that the model cannot take, and for labels of no class that it knows.
 */
export async function applyPreprocessing(path: string, about: DataDescription, options: ApplyOptions = {}): Promise<Applied> {
  check("applyPreprocessing: path", path, aPath);
  checkDescription("applyPreprocessing: the description", about);
  checkOptions("applyPreprocessing", options, APPLY_OPTIONS);
  const { label = about.preprocessing?.label, part = "test" } = options;
  const name = path.split(/[/\\]/).filter(Boolean).at(-1) ?? path;
  const known = { ...about, name, preprocessing: { ...about.preprocessing, ...(label !== undefined && { label }) } };
  if (about.preprocessing?.text) return applied(known, await textSplit(path, about), await digestOf([path]));
  if (isTableFile(path)) {
    if (!about.preprocessing?.columns)
      throw new Error(`${path}: is a table, but the model takes inputs [${about.inputShape.join(", ")}] that came from none`);
    const table = await readTableFor(path, known);
    const { split, flagged } = encodeTable(table, known);
    return applied(known, split, await digestOf([path]), flagged, extraColumns(table, known.preprocessing));
  }
  const split = isArrayFile(path)
    ? await arraySplit(path, known, options, part)
    : await imageFolderSplit(path, known, part, options.onRead);
  return applied(known, split);
}

function applied(
  about: DataDescription,
  test: Dataset["test"],
  sha256?: string,
  flagged: readonly Flagged[] = [],
  extra: readonly string[] = [],
): Applied {
  const { sha256: _, ...rest } = about;
  return { data: { ...rest, ...(sha256 && { sha256 }), train: test, test }, flagged, extra };
}
