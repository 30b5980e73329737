/** @file Data and weights of one's own, in the worker: read once, and asked for points again as the reader chooses other columns. */
import type { Entry } from "../../formats/entry.ts";
import { readSafetensors, writeSafetensors } from "../../formats/safetensors.ts";
import { openZip } from "../../formats/zip.ts";
import type { Config } from "../worker/config.ts";
import { Net } from "../worker/net.ts";
import { isArrays, type OwnFile, type OwnImages, tableOfArrays, tableOfImages } from "./arrays.ts";
import { tableOfCsv } from "./csv.ts";
import type { OwnChoice, OwnHead, OwnPoints } from "./own-choice.ts";
import { firstChoice, headOf, type OwnTable, pointsOf } from "./table.ts";

export type OwnCommand =
  | { readonly do: "own"; readonly files: readonly OwnFile[] }
  | { readonly do: "own-zip"; readonly file: OwnFile }
  | { readonly do: "own-images"; readonly images: OwnImages }
  | { readonly do: "own-points"; readonly choice: OwnChoice }
  | { readonly do: "write-weights"; readonly config: Config; readonly weights: readonly number[] }
  | { readonly do: "read-weights"; readonly config: Config; readonly file: OwnFile };

/** A table that was read, and what is shown of it at first. */
export interface OwnAnswer extends OwnPoints {
  readonly head: OwnHead;
  readonly choice: OwnChoice;
}

/** Bytes that a zip archive may be unpacked to: as many as the page takes of files. */
const MOST_UNPACKED = 200_000_000;

export class OwnDesk {
  #table: OwnTable | undefined;

  /** The table that is open. */
  get table(): OwnTable | undefined {
    return this.#table;
  }

  async ask(command: OwnCommand): Promise<unknown> {
    if (command.do === "own") return this.#take(await tableOf(command.files));
    if (command.do === "own-zip") return filesInZip(command.file);
    if (command.do === "own-images") return this.#take(tableOfImages(command.images));
    if (command.do === "write-weights") return weightsFile(command.config, command.weights);
    if (command.do === "read-weights") return weightsIn(command.config, command.file);
    if (!this.#table) throw new Error("there is no table any more; open the file again");
    return pointsOf(this.#table, command.choice);
  }

  /** A table that cannot be shown leaves the one before in place. */
  #take(table: OwnTable): OwnAnswer {
    const choice = firstChoice(table);
    const { points, note } = pointsOf(table, choice);
    this.#table = table;
    return { head: headOf(table), choice, points, note };
  }
}

/**
 * The files of a zip archive, without a folder that holds them all, files that some systems add, and those whose names begin with a dot. @throws {Error} if there
 * are none.
 */
export async function filesInZip({ name, bytes }: OwnFile): Promise<OwnFile[]> {
  const zip = openZip(bytes, name, { maxBytes: MOST_UNPACKED });
  const names = zip.names.filter((each) => !/(^|\/)(\.|__MACOSX\/)|\/$/.test(each)).sort();
  if (names.length === 0)
    throw new Error(`${name}: there are no files in it; want images in one folder for each class, a table, or arrays`);
  const folder = names[0]!.slice(0, names[0]!.indexOf("/") + 1);
  const start = names.every((each) => each.startsWith(folder)) ? folder.length : 0;
  const files: OwnFile[] = [];
  // Entries that are stored are views of the archive: a copy is sent.
  for (const each of names) files.push({ name: each.slice(start), bytes: new Uint8Array(await zip.read(each)) });
  return files;
}

async function tableOf(files: readonly OwnFile[]): Promise<OwnTable> {
  const arrays = files.filter(({ name }) => isArrays(name));
  if (arrays.length === files.length) return tableOfArrays(files);
  if (files.length === 1) return tableOfCsv(files[0]!.name, new TextDecoder().decode(files[0]!.bytes));
  throw new Error(
    `want one table, or arrays (npy, npz, idx) with their classes, or images; got ${files.map(({ name }) => name).join(", ")} together`,
  );
}

/** The names and shapes of a net's weights, as the program that the page saves has them. */
const layout = (config: Config): [name: string, shape: readonly number[]][] => {
  const { weights: _, ...fresh } = config;
  return [...new Net(fresh).model.stateDict()].map(([name, { shape }]) => [name, shape]);
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Weights as a safetensors file. */
export function weightsFile(config: Config, weights: readonly number[]): Uint8Array {
  let at = 0;
  const entries = layout(config).map(([name, shape]) => {
    const data = Float32Array.from(weights.slice(at, at + sizeOf(shape)));
    at += data.length;
    return [name, { dtype: "F32", shape: [...shape], data }] satisfies [string, Entry];
  });
  return writeSafetensors(new Map(entries), { format: "pt" });
}

/** The weights of a file, for the net that is open. @throws {Error} if the file is of another net. */
export function weightsIn(config: Config, { name, bytes }: OwnFile): number[] {
  const { entries } = readSafetensors(bytes, name);
  const wanted = layout(config);
  const shown = (of: Iterable<readonly [string, readonly number[]]>): string =>
    [...of].map(([key, shape]) => `${key} [${shape.join(", ")}]`).join(", ");
  const fits = entries.size === wanted.length && wanted.every(([key, shape]) => String(entries.get(key)?.shape) === String(shape));
  if (!fits) {
    const got = shown([...entries].slice(0, 8).map(([key, { shape }]) => [key, shape]));
    throw new Error(`${name} has the weights ${got}; the net on the page wants ${shown(wanted)}: set its layers first`);
  }
  return wanted.flatMap(([key]) => Array.from(entries.get(key)!.data, Number));
}
