/** @file From the records of runs (tables of numbers by name) to curves with names. */

/** Points that are joined by lines; one that is no finite number is a gap. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What was recorded at one step. */
export type Row = Readonly<Record<string, number>>;

/** The text of a CSV file of numbers, the first line names. Cells that are no numbers (a row that was cut short) are NaN. */
export function rowsOfCsv(text: string): Row[] {
  const [head = "", ...lines] = text.trim().split(/\r?\n/);
  const names = head.split(",");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const cells = line.split(",");
      return Object.fromEntries(names.map((name, i) => [name, cells[i] === undefined || cells[i] === "" ? Number.NaN : Number(cells[i])]));
    });
}

/** A column over another (default: over the number of the row, from 1). Undefined if no row has it. */
export function curveOf(rows: readonly Row[], column: string, name: string = column, over?: string): Curve | undefined {
  const points = rows.map((row, i): [number, number] => [over === undefined ? i + 1 : row[over], row[column] ?? Number.NaN]);
  return points.some(([, y]) => Number.isFinite(y)) ? { name, points } : undefined;
}

/** A curve of at most about `most` points: means over neighbours, so that thousands of steps make a readable line. */
export function thinned({ name, points }: Curve, most = 400): Curve {
  const each = Math.ceil(points.length / most);
  if (each <= 1) return { name, points };
  const groups = Array.from({ length: Math.ceil(points.length / each) }, (_, i) => points.slice(i * each, (i + 1) * each));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return { name, points: groups.map((group) => [mean(group.map(([x]) => x)), mean(group.map(([, y]) => y).filter(Number.isFinite))]) };
}
