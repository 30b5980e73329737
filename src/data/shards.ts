/**
 * @file Data sets in many files (shards), as WebDataset and Parquet have them: `train-000000.tar`, `train-00000-of-00008.parquet`. Named by their folder, by a
 * pattern with the first and last number, `train-{000000..000146}.tar`, or by one file.
 */
import { nodeModule, nodeVersion } from "../base/host.ts";
import type { Split } from "./dataset.ts";
import { onDisk, PARTS, type Part } from "./image-folder.ts";
import { splitIndices } from "./split.ts";

/** What shards are: the ending of their names. */
export type ShardKind = "tar" | "parquet";

/** The shards of each part; where there is no part for tests, examples are drawn for it. */
export type ShardParts = Readonly<Record<"train", readonly string[]> & Partial<Record<"validation" | "test", readonly string[]>>>;

const RANGE = /\{(\d+)\.\.(\d+)\}/;

/** Whether a path is a pattern of shards. */
export const isShardPattern = (path: string): boolean => RANGE.test(path) && kindOf(path) !== undefined;

/** What the shards of a path are; undefined for another kind of file. */
export const kindOf = (path: string): ShardKind | undefined => /\.(tar|parquet)$/i.exec(path)?.[1]?.toLowerCase() as ShardKind | undefined;

/** What shards a folder, or its folders `train`, `val` and `test`, hold; undefined if none. */
export async function shardsIn(folder: string): Promise<ShardKind | undefined> {
  if (nodeVersion() === undefined) return undefined;
  for (const place of [folder, ...PARTS.train.map((name) => `${folder}/${name}`)]) {
    const found = (await namesIn(place)).map(kindOf).find((kind) => kind !== undefined);
    if (found) return found;
  }
  return undefined;
}

/**
 * The shards of a path, by parts: folders or names that say `train`, `val` or `test`.
 * @throws {Error} if a shard is missing between others, or there is none.
 */
export async function shardParts(path: string, kind: ShardKind): Promise<ShardParts> {
  if (RANGE.test(path)) return { train: await existing(expanded(path)) };
  if (kindOf(path) !== undefined) return { train: await existing([path]) };
  const parts: Partial<Record<Part, string[]>> = {};
  for (const part of ["train", "validation", "test"] as const) {
    const folders = (await namesIn(path)).filter((name) => PARTS[part].includes(name.toLowerCase()));
    const inFolder = folders.length > 0 ? await shardsOf(`${path}/${folders[0]}`, kind) : [];
    const named = (await shardsOf(path, kind)).filter((file) => partIn(file) === part);
    const found = [...inFolder, ...named];
    if (found.length > 0) parts[part] = found;
  }
  const rest = (await shardsOf(path, kind)).filter((file) => partIn(file) === undefined);
  if (rest.length > 0 && parts.train)
    throw new Error(`${path}: ${rest[0]} is of no part, others are (${parts.train[0]}); want train, val or test in each name, or in none`);
  const train = parts.train ?? rest;
  if (train.length === 0) throw new Error(`${path}: has no shards (.${kind}) to train on`);
  const test = parts.test ?? parts.validation;
  return { train, ...(test && { test }), ...(parts.test && parts.validation && { validation: parts.validation }) };
}

/** The part that a file's name says: `imagenet-val-000003.tar`. */
function partIn(path: string): Part | undefined {
  const words = path.slice(path.lastIndexOf("/") + 1).toLowerCase().split(/[-_.\d]+/); // biome-ignore format: one thought
  return (["train", "validation", "test"] as const).find((part) => PARTS[part].some((name) => words.includes(name)));
}

async function namesIn(folder: string): Promise<string[]> {
  const { readdir } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw new Error(`cannot read ${folder}: ${error.message}`);
  });
  return names.filter((name) => !name.startsWith(".")).sort();
}

/** Shards of a folder in the order of their names. @throws {Error} where a number is missing. */
async function shardsOf(folder: string, kind: ShardKind): Promise<string[]> {
  const names = (await namesIn(folder)).filter((name) => kindOf(name) === kind);
  checkNumbers(folder, names);
  return names.map((name) => `${folder}/${name}`);
}

/** Shards are numbered without gaps, from any number on, and `-of-00008` says how many there are. */
function checkNumbers(folder: string, names: readonly string[]): void {
  const series = new Map<string, { digits: string; of: string | undefined }[]>();
  for (const name of names) {
    const [, stem, digits, of, rest] = /^(.*?)(\d+)(?:-of-(\d+))?([^\d]*)$/.exec(name) ?? [];
    if (digits === undefined) continue;
    const key = `${stem}#${of ?? ""}${rest}`;
    series.set(key, [...(series.get(key) ?? []), { digits, of }]);
  }
  for (const [key, found] of series) {
    const numbers = new Set(found.map(({ digits }) => Number(digits)));
    const { digits, of } = found[0]!;
    const first = of === undefined ? Number(digits) : Math.min(1, Number(digits));
    const count = of === undefined ? Math.max(...numbers) - first + 1 : Number(of);
    const gap = Array.from({ length: count }, (_, i) => first + i).find((number) => !numbers.has(number));
    if (gap === undefined) continue;
    const [before, after] = key.split("#") as [string, string];
    const name = `${before}${String(gap).padStart(digits.length, "0")}${of === undefined ? "" : "-of-"}${after}`;
    throw new Error(`${folder}: shard ${name} is missing, there are ${numbers.size} of ${count}; bring it, or name those that there are`);
  }
}

function expanded(pattern: string): string[] {
  const [range, first, last] = RANGE.exec(pattern)!;
  const [from, to] = [Number(first), Number(last)];
  if (to < from) throw new Error(`${pattern}: want the first number before the last, as in {000000..000146}`);
  return Array.from({ length: to - from + 1 }, (_, i) => pattern.replace(range, String(from + i).padStart(first!.length, "0")));
}

/** @throws {Error} for the first of the files that there is not. */
async function existing(paths: readonly string[]): Promise<string[]> {
  for (const path of paths) await sizeOfFile(path);
  return [...paths];
}

/** @throws {Error} if there is no such file. */
export async function sizeOfFile(path: string): Promise<number> {
  const { stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === "ENOENT" || error.code === "ENOTDIR" ? `shard ${path} is missing` : `cannot read ${path}: ${error.message}`,
    );
  });
  if (!found.isFile()) throw new Error(`cannot read ${path}: it is no file`);
  return found.size;
}

/** The bytes of a file from here to before there. @throws {Error} if it is shorter. */
export async function bytesOfFile(path: string, from: number, to: number): Promise<Uint8Array> {
  const { open } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const file = await open(path).catch((error: Error) => {
    throw new Error(`cannot read ${path}: ${error.message}`);
  });
  try {
    const bytes = new Uint8Array(to - from);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    if (bytesRead < bytes.length)
      throw new Error(`${path}: has changed since the run began: ${bytesRead} of ${bytes.length} bytes at ${from}`);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Names and sizes of shards as a digest: reading all of them would take minutes. */
export async function digestOfShards(paths: readonly string[]): Promise<string> {
  const { createHash } = await nodeModule<typeof import("node:crypto")>("node:crypto");
  const hash = createHash("sha256");
  for (const path of paths) hash.update(`${path.slice(path.lastIndexOf("/") + 1)}\n${await sizeOfFile(path)}\n`);
  return hash.digest("hex");
}

/** A split that stays on disk, in shards of so many examples each. */
export function shardedSplit(targets: Split["targets"], shards: Int32Array, read: NonNullable<Split["read"]>): Split {
  // The getter of `inputs` must stay one.
  return Object.defineProperty(onDisk(targets as Int32Array, read), "shards", { value: shards, enumerable: true });
}

/** Some of the examples of a split in shards, in their order there. */
export interface Draw {
  readonly chosen: Int32Array;
  /** How many lie in each shard; those of which none does are left out. */
  readonly shards: Int32Array;
}

/** Draws examples for tests: those that train, and those that test. */
export function drawTest(targets: Split["targets"], shards: Int32Array, share: number, seed: number | undefined): [Draw, Draw] {
  const ends = endsOf(shards);
  return splitIndices({ targets, count: targets.length }, share, { seed }).map((indices) => {
    const chosen = indices.slice().sort();
    const counts = new Int32Array(ends.length);
    for (let k = 0, s = 0; k < chosen.length; k++) {
      while (chosen[k]! >= ends[s]!) s++;
      counts[s]!++;
    }
    return { chosen, shards: counts.filter((n) => n > 0) };
  }) as [Draw, Draw];
}

/** Positions behind the last example of each shard. */
export function endsOf(shards: Int32Array): Int32Array {
  let end = 0;
  return shards.map((n) => (end += n));
}

/** The examples of a split that were drawn. */
export function drawnSplit({ targets, read }: Split, { chosen, shards }: Draw): Split {
  const own = targets instanceof Int32Array ? chosen.map((i) => targets[i]!) : Float32Array.from(chosen, (i) => targets[i]!);
  return shardedSplit(own, shards, (indices, epoch) => read!(indices.map((i) => chosen[i]!), epoch)); // biome-ignore format: one thought
}

/** What a data set in shards is called: the last part of its path. */
export const nameOfShards = (path: string): string =>
  path
    .replace(/[/\\]+$/, "")
    .split(/[/\\]/)
    .at(-1)!
    .replace(/\.(tar|parquet)$/i, "");
