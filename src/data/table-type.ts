/** @file Tables as they are read, before their columns are numbers. */
import type { Cell } from "./cells.ts";

/** Named columns of one length. */
export interface Table {
  /** What errors call the file. */
  readonly what: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Where row i stands, such as "line 7". */
  rowName(row: number): string;
  /** Of a CSV file: whether its first line was taken for the names of the columns. */
  readonly header?: boolean;
}
