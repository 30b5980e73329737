/** @file Data of one's own as a table: columns of numbers, columns of classes, and the points of the plane that two columns and two classes make. */
import { COMPONENTS, type OwnChoice, type OwnHead, type OwnPoints, REST } from "./own-choice.ts";
import { principalScores } from "./principal-scores.ts";

export interface Column {
  readonly name: string;
  /** NaN where there is no number. */
  readonly values: Float64Array;
}

/** A column of few different values. */
export interface Classes {
  readonly name: string;
  /** The names of the values, in order. */
  readonly kinds: readonly string[];
  /** Of each row, which of `kinds` it is; -1 for none. */
  readonly of: Int32Array;
}

export interface OwnTable {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly Column[];
  readonly classes: readonly Classes[];
  /** Whether the columns are pixels of images. */
  readonly pixels: boolean;
  /** What was left out or changed when it was read; empty if nothing. */
  readonly note: string;
}

/** More values than this make no classes. */
export const MOST_KINDS = 20;

/** More points than this are not shown. */
export const MOST_POINTS = 500;

const CLASS_NAMES = /^(class|label|labels|target|species|group|category|digit)$/i;

/** Classes from a text for each row; undefined if all are the same, or most are different. */
export function classesOf(name: string, cells: readonly string[]): Classes | undefined {
  const found = new Set<string>();
  for (const cell of cells) {
    if (cell !== "") found.add(cell);
    if (found.size > MOST_KINDS) return undefined;
  }
  if (found.size < 2) return undefined;
  const kinds = [...found].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  const place = new Map(kinds.map((kind, i) => [kind, i]));
  return { name, kinds, of: Int32Array.from(cells, (cell) => place.get(cell) ?? -1) };
}

export const headOf = ({ name, rows, columns, classes, note }: OwnTable): OwnHead => ({
  name,
  rows,
  columns: columns.map((column) => column.name),
  classes: classes.map(({ name, kinds }) => ({ name, kinds })),
  note,
});

/** What is shown of a table at first. @throws {Error} if it has no two columns of numbers, or no classes. */
export function firstChoice({ name, columns, classes, pixels }: OwnTable): OwnChoice {
  const last = (test: (each: Classes) => boolean): number => classes.findLastIndex(test);
  const isNumeric = (each: Classes): boolean => columns.some((column) => column.name === each.name);
  const byName = classes.findIndex((each) => CLASS_NAMES.test(each.name));
  const byText = last((each) => !isNumeric(each));
  // Beside x, a column y may be a coordinate.
  const isY = last((each) => each.name.toLowerCase() === "y");
  const target = [byName, byText, isY, last(({ kinds }) => kinds.length === 2), classes.length - 1].find((i) => i >= 0);
  if (target === undefined) {
    const names = columns.map((column) => column.name);
    const shown = names.length > 8 ? `${names.slice(0, 8).join(", ")} …` : names.join(", ");
    throw new Error(`no column of ${name} has classes, which are 2 to ${MOST_KINDS} different values; its columns are ${shown || "texts"}`);
  }
  const chosen = classes[target]!;
  const numeric = columns.flatMap((column, i) => (column.name === chosen.name ? [] : [i]));
  if (numeric.length < 2)
    throw new Error(`${name}: want two columns of numbers beside the class ${chosen.name}; there are ${numeric.length}`);
  const [x, y] = pixels || numeric.length > 8 ? COMPONENTS : (numeric as [number, number]);
  return { x, y, target, one: 1, other: chosen.kinds.length === 2 ? 0 : REST };
}

/** Coordinates and their name. */
function axisOf(table: OwnTable, { target }: OwnChoice, at: number): Column {
  if (at >= 0) return table.columns[at]!;
  const inputs = table.columns.filter(({ name }) => name !== table.classes[target]!.name);
  return {
    name: `principal component ${-at}`,
    values: principalScores(
      inputs.map(({ values }) => values),
      table.rows,
    )[-at - 1]!,
  };
}

const isChoice = ({ columns, classes }: OwnTable, { x, y, target, one, other }: OwnChoice): boolean => {
  const kinds = classes[target]?.kinds.length ?? 0;
  const isAxis = (at: number): boolean => Number.isInteger(at) && at >= COMPONENTS[1] && at < columns.length;
  return isAxis(x) && isAxis(y) && one >= 0 && one < kinds && other >= REST && other < kinds && one !== other;
};

/** The points of a choice. Rows without one of its numbers or classes are left out; of too many, every nth row is taken. */
export function pointsOf(table: OwnTable, choice: OwnChoice): OwnPoints {
  if (!isChoice(table, choice)) throw new RangeError(`${table.name} has no such columns and classes`);
  const [x, y] = [axisOf(table, choice, choice.x), axisOf(table, choice, choice.y)];
  const { name, kinds, of } = table.classes[choice.target]!;
  const wanted = Array.from(of.keys()).filter(
    (i) => of[i] === choice.one || (choice.other === REST ? of[i]! >= 0 : of[i] === choice.other),
  );
  const whole = wanted.filter((i) => Number.isFinite(x.values[i]) && Number.isFinite(y.values[i]));
  if (whole.length < 2) throw new Error(`${table.name}: ${whole.length} rows have both ${x.name} and ${y.name}; want at least 2`);
  const each = Math.ceil(whole.length / MOST_POINTS);
  const rows = whole.filter((_, i) => i % each === 0);
  const [xs, ys] = [scaled(rows.map((i) => x.values[i]!)), scaled(rows.map((i) => y.values[i]!))];
  const points = rows.flatMap((row, i) => [xs[i]!, ys[i]!, of[row] === choice.one ? 1 : 0]);
  const said = [
    `${x.name} and ${y.name}, class ${name}: ${choice.other === REST ? "all others are" : `${kinds[choice.other]} is`} ◆, ${kinds[choice.one]} is ●`,
    ...(each > 1 ? [`one row in ${each} of ${whole.length}`] : []),
    ...(whole.length < wanted.length ? [`${counted(wanted.length - whole.length)} without a number left out`] : []),
    ...(table.note === "" ? [] : [table.note]),
  ];
  return { points, note: said.join("; ") };
}

/** A count of rows, in words. */
export const counted = (n: number): string => `${n} row${n === 1 ? "" : "s"}`;

/** Numbers over [-1, 1]. */
function scaled(values: readonly number[]): number[] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const v of values) [low, high] = [Math.min(low, v), Math.max(high, v)];
  const span = high - low || 1;
  return values.map((v) => Math.round(((2 * (v - low)) / span - 1) * 1e4) / 1e4);
}
