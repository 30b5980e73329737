/** @file Points of one's own from a CSV file: two columns of numbers, and one with two classes. */

/** What was read: x, y, label one after another, in a square around the origin, and how it was understood. */
export interface ReadPoints {
  readonly points: number[];
  readonly note: string;
}

const CLASS_NAMES = /^(class|label|target|y|species|group|category)$/i;
const MOST_POINTS = 500;

/** @throws {Error} for a text that has no such columns; it says which ones were found. */
export function pointsOfCsv(text: string): ReadPoints {
  const lines = text
    .trim()
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  const separator = [",", ";", "\t"].find((each) => lines[0]?.includes(each)) ?? ",";
  const cells = lines.map((line) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")));
  const hasHead = cells[0]?.every((cell) => cell === "" || Number.isNaN(Number(cell))) ?? false;
  const names = hasHead ? cells[0]! : (cells[0] ?? []).map((_, i) => `column ${i + 1}`);
  const rows = (hasHead ? cells.slice(1) : cells).filter((row) => row.length === names.length);
  if (rows.length < 2) throw new Error(`this file has ${rows.length} whole rows; want at least 2 of two numbers and a class`);
  const column = (i: number): string[] => rows.map((row) => row[i]!);
  const isNumeric = (i: number): boolean => column(i).every((cell) => cell !== "" && Number.isFinite(Number(cell)));
  const kinds = (i: number): number => new Set(column(i)).size;
  const all = names.map((_, i) => i);
  const target =
    all.find((i) => CLASS_NAMES.test(names[i]!) && kinds(i) === 2) ??
    all.findLast((i) => !isNumeric(i) && kinds(i) === 2) ??
    all.findLast((i) => kinds(i) === 2);
  if (target === undefined) throw new Error(`no column of this file has two classes; its columns are ${names.join(", ")}`);
  const numeric = all.filter((i) => i !== target && isNumeric(i));
  if (numeric.length < 2) throw new Error(`want two columns of numbers beside the class ${names[target]}; there are ${numeric.length}`);
  const [a, b] = numeric as [number, number];
  const labels = [...new Set(column(target))].sort();
  const [x, y] = [scaled(column(a).map(Number)), scaled(column(b).map(Number))];
  const each = Math.ceil(rows.length / MOST_POINTS);
  const points = rows.flatMap((row, i) => (i % each === 0 ? [x[i]!, y[i]!, labels.indexOf(row[target]!)] : []));
  const thinned = each > 1 ? `, every ${each}th row` : "";
  return { points, note: `${names[a]} and ${names[b]}, class ${names[target]}: ${labels[0]} is ◆, ${labels[1]} is ●${thinned}` };
}

/** Numbers over [-1, 1]. */
function scaled(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low || 1;
  return values.map((v) => Math.round(((2 * (v - low)) / span - 1) * 1e4) / 1e4);
}
