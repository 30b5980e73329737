/** @file What a table was taken for, in five lines: `nabla train` shows them, so that a wrong guess is seen before it trains. */
import { isMissing } from "./cells.ts";
import type { Column } from "./preprocessing-types.ts";
import type { Table } from "./table-type.ts";

/** Names with commas between; one that has a comma itself in quotes, as flags take it. */
export function namesText(names: readonly string[]): string {
  return names.map((name) => (name.includes(",") ? `"${name.replaceAll('"', '""')}"` : name)).join(", ");
}

const SHOWN = 8;

/** Rows and header, numbers, categories, label, missing cells. */
export function tableNotes(
  { columns: names, rows, header }: Table,
  columns: readonly Column[],
  inputs: readonly number[],
  label: number,
  classes: readonly string[],
  used: number,
): string[] {
  const top = header === undefined ? "" : header ? ", names in the first line (--header)" : ", no line of names (--header)";
  const numbers = columns.filter(({ categories }) => !categories).map(({ name }) => name);
  const categories = columns.flatMap(({ name, categories: values }) => (values ? [`${name} (${values.length})`] : []));
  const gaps = [...inputs, label]
    .map((c) => ({ name: names[c], count: rows.reduce((n, row) => n + Number(isMissing(row[c])), 0) }))
    .filter(({ count }) => count > 0);
  return [
    `table: ${rows.length} rows, ${used} used; ${names.length} columns${top}`,
    `numbers: ${list(numbers)}`,
    `categories: ${list(categories)}`,
    `label: ${names[label]}, ${classes.length > 0 ? `${classes.length} classes: ${list(classes)}` : "a number"}`,
    `missing cells: ${list(gaps.map(({ name, count }) => `${name} (${count})`))}`,
  ];
}

function list(names: readonly string[]): string {
  if (names.length === 0) return "none";
  return names.length > SHOWN ? `${namesText(names.slice(0, SHOWN))} and ${names.length - SHOWN} more` : namesText(names);
}
