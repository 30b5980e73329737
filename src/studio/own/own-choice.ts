/** @file What is chosen of a table, as plain data that the page and its worker know. */

/** Principal components, in place of the number of a column. */
export const COMPONENTS = [-1, -2] as const;

/** All classes but the one that is chosen. */
export const REST = -1;

/** Which points are made of a table. */
export interface OwnChoice {
  /** Columns of the two coordinates, or one of {@link COMPONENTS}. */
  readonly x: number;
  readonly y: number;
  /** Which column of classes. */
  readonly target: number;
  /** The class that is ● (label 1), and the one that is ◆ (label 0) or {@link REST}. */
  readonly one: number;
  readonly other: number;
}

/** What the page knows of a table. */
export interface OwnHead {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly classes: readonly { readonly name: string; readonly kinds: readonly string[] }[];
  readonly note: string;
}

/** Points for training: x, y, label one after another, over [-1, 1], and how they were made. */
export interface OwnPoints {
  readonly points: number[];
  readonly note: string;
}
