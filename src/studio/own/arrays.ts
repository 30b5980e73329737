/** @file Arrays of one's own as tables: npy and npz files of NumPy, idx files as MNIST has them, with a file of classes beside the one of numbers. */
import { readIdx } from "../../formats/idx.ts";
import { readNpy } from "../../formats/npy.ts";
import { readNpz } from "../../formats/npz.ts";
import { type Classes, classesOf, type OwnTable } from "./table.ts";

/** A file as its bytes. */
export interface OwnFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Pixels on a side of an image that are kept: more of them change the picture of the whole little, and take long. */
const MOST_SIDE = 16;

/** More rows are not read: every nth is. */
const MOST_ROWS = 5000;

export const isArrays = (name: string): boolean => /(\.np[yz]|\.idx|idx\d-ubyte)(\.gz)?$/i.test(name);

async function arraysIn({ name, bytes }: OwnFile): Promise<Named[]> {
  const limits = { maxBytes: 512 * 2 ** 20 };
  const numbers = (data: ArrayLike<number | bigint>): ArrayLike<number> =>
    data instanceof BigInt64Array || data instanceof BigUint64Array ? Float64Array.from(data, Number) : (data as ArrayLike<number>);
  if (/\.npz$/i.test(name)) {
    const found = await readNpz(bytes, name, limits);
    return [...found].map(([member, { shape, data }]) => ({ name: member, shape, data: numbers(data) }));
  }
  if (/\.npy$/i.test(name)) {
    const { shape, data } = readNpy(bytes, name, limits);
    return [{ name, shape, data: numbers(data) }];
  }
  const { shape, data } = await readIdx(bytes, name, undefined, limits);
  return [{ name, shape, data }];
}

/** Whole numbers, few of them different. */
function labelsOf({ name, data }: Named, taken: readonly number[]): Classes | undefined {
  const cells = taken.map((i) => data[i]!);
  return cells.every(Number.isInteger) ? classesOf(name.replace(/\.np[yz]$/i, ""), cells.map(String)) : undefined;
}

/** The mean of the pixels in each of at most 16 × 16 blocks, of image `i`. Channels are averaged too. */
function* blocksOf({ data }: Named, i: number, [height, width, channels]: readonly [number, number, number]): Generator<number> {
  const [rows, columns] = [Math.min(MOST_SIDE, height), Math.min(MOST_SIDE, width)];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const [top, bottom] = [Math.floor((r * height) / rows), Math.floor(((r + 1) * height) / rows)];
      const [left, right] = [Math.floor((c * width) / columns), Math.floor(((c + 1) * width) / columns)];
      let sum = 0;
      for (let y = top; y < bottom; y++)
        for (let x = left * channels; x < right * channels; x++) sum += data[(i * height + y) * width * channels + x]!;
      yield sum / ((bottom - top) * (right - left) * channels);
    }
  }
}

/** Height, width and channels of what an array has for each row; undefined for plain columns. */
function imageShape({ shape }: Named): [number, number, number] | undefined {
  if (shape.length === 3) return [shape[1]!, shape[2]!, 1];
  if (shape.length === 4)
    return shape[1]! <= 4 && shape[3]! > 4 ? [shape[1]! * shape[2]!, shape[3]!, 1] : [shape[1]!, shape[2]!, shape[3]!];
  const side = Math.sqrt(shape[1] ?? 0);
  return Number.isInteger(side) && side >= 8 ? [side, side, 1] : undefined;
}

/** Numbers of an array, row by row, as columns. */
export function columnsOf(array: Named, taken: readonly number[]): Pick<OwnTable, "columns" | "pixels"> {
  const image = imageShape(array);
  const wide = array.shape.slice(1).reduce((a, b) => a * b, 1);
  const rows = image
    ? taken.map((i) => [...blocksOf(array, i, image)])
    : taken.map((i) => Array.from({ length: wide }, (_, j) => array.data[i * wide + j]!));
  const names = (rows[0] ?? []).map((_, j) => `${image ? "pixel" : "column"} ${j + 1}`);
  return { columns: names.map((name, j) => ({ name, values: Float64Array.from(rows, (row) => row[j]!) })), pixels: image !== undefined };
}

/** A table of the arrays of some files: the one of rank 2 or more has the numbers, one of rank 1 and the same length the classes. */
export async function tableOfArrays(files: readonly OwnFile[]): Promise<OwnTable> {
  const arrays = (await Promise.all(files.map(arraysIn))).flat();
  const listed = arrays.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(", ");
  const inputs = arrays.filter(({ shape }) => shape.length >= 2 && shape.length <= 4).sort((a, b) => b.data.length - a.data.length)[0];
  if (!inputs) throw new Error(`want an array of rows of numbers or images; there are ${listed}`);
  const count = inputs.shape[0]!;
  const beside = arrays.filter(({ shape }) => shape.reduce((a, b) => a * b, 1) === count);
  const each = Math.ceil(count / MOST_ROWS);
  const taken = Array.from({ length: Math.ceil(count / each) }, (_, i) => i * each);
  const ofFiles = beside.flatMap((array) => labelsOf(array, taken) ?? []);
  const { columns, pixels } = columnsOf(inputs, taken);
  const all = Array.from(taken.keys());
  const ofColumns = pixels ? [] : columns.flatMap(({ name, values }) => labelsOf({ name, shape: [], data: values }, all) ?? []);
  const classes = [...ofColumns, ...ofFiles];
  if (classes.length === 0)
    throw new Error(`${listed}: there are no classes; drop a file of ${count} whole numbers together with it (at most 20 different ones)`);
  return {
    name: inputs.name,
    rows: taken.length,
    columns,
    classes,
    pixels,
    note: each > 1 ? `one row in ${each} of ${count} is read` : "",
  };
}

/** Grey images that a page has decoded, one after another, all of `side` × `side`. */
export interface OwnImages {
  readonly name: string;
  readonly side: number;
  readonly pixels: Uint8Array;
  /** The class of each. */
  readonly labels: readonly string[];
  readonly note: string;
}

/** A table of images. */
export function tableOfImages({ name, side, pixels, labels, note }: OwnImages): OwnTable {
  const classes = classesOf("label", labels);
  if (!classes)
    throw new Error(
      `${name}: want images of 2 to 20 classes, each in a folder of its class or with its name in front, such as cat-1.png; got ${[...new Set(labels)].slice(0, 5).join(", ")}`,
    );
  const array = { name, shape: [labels.length, side, side], data: pixels };
  return { name, rows: labels.length, ...columnsOf(array, Array.from(labels.keys())), classes: [classes], note };
}
