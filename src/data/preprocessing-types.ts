/** @file What is done to the inputs of a data set before a model gets them. */
import type { CsvOptions } from "./csv.ts";
import type { ImageFilter } from "./image.ts";

/** x becomes (x - mean) / std, with one pair for each of the equal parts of an example: a feature, a channel, a target value. */
export interface Standardization {
  readonly mean: readonly number[];
  /** 1 where the training part has one value only, so that nothing is divided by 0. */
  readonly std: readonly number[];
}

/** One column of a table: a number, or a category that becomes as many inputs as it has values ("one-hot"). */
export interface Column {
  readonly name: string;
  /** The values of a category, in the order of their inputs; absent for numbers. */
  readonly categories?: readonly string[];
  /** What a missing cell counts as; absent if it is an error. */
  readonly fill?: number | string;
}

export interface Preprocessing {
  /** How the CSV file that trained is written, where that is not the default: new files are read the same way. */
  readonly csv?: CsvOptions;
  /** Of tables: the columns that make the inputs, in order. */
  readonly columns?: readonly Column[];
  /** Of tables: the column that is predicted. */
  readonly label?: string;
  /** Of images: size to which they were brought, and how bytes became numbers (`byte / 255`). */
  readonly image?: ImagePreparation;
  /** Of arrays: what an example is before it becomes an input. */
  readonly array?: RawArray;
  /** Of texts: inputs are the numbers of characters, which are the classes. */
  readonly text?: Readonly<Record<never, never>>;
  /** Of the inputs, after all else. */
  readonly inputs?: Standardization;
  /** Of regression targets; `unstandardize` brings outputs back to their own units. */
  readonly targets?: Standardization;
}

/** Size of the images that a model takes, and how others are brought to it. */
export interface ImagePreparation {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** Of the shorter side before the middle is cut out. Default: it just covers the size. */
  readonly shorterSide?: number;
  /** How the shorter side is reached. Default "bilinear". */
  readonly filter?: ImageFilter;
  /** "crop" (default) keeps proportions and loses edges; "stretch" keeps all. */
  readonly fit?: "crop" | "stretch";
}

/** How examples of an array file become inputs. */
export interface RawArray {
  /** Shape of an example as the file has it. */
  readonly shape: readonly number[];
  /** Whether the channels of its images come last. */
  readonly channelsLast?: boolean;
  /** What values are multiplied by: 1/255 for bytes of images. Default 1. */
  readonly scale?: number;
}
