/**
 * @file Weights in several safetensors files, as the libraries of Hugging Face write them: `model.safetensors.index.json` says in which file each tensor
 * is, `{"metadata": {"total_size": n}, "weight_map": {name: file}}`. Only the files that it names are read, and these must lie beside it.
 */
import { type Checks, check, checkOptions, mapOf, object, positive, text } from "../base/check.ts";
import { brief } from "./clean.ts";
import { type Entry, type Metadata, writeSafetensors } from "./safetensors.ts";
import type { TensorInfo, TensorSet } from "./source.ts";

/** A name without a path, so that an index leads nowhere else. */
export function isPlainName(name: unknown): name is string {
  return typeof name === "string" && /^[^/\\:\0]+$/.test(name) && name !== "." && name !== "..";
}

/** The tensors of all shards. `open` gives the tensors of a file that stands beside the index. */
export async function openShards(
  index: ReadonlyMap<string, unknown>,
  open: (name: string) => Promise<TensorSet>,
  what: string,
): Promise<TensorSet> {
  const fileOf = weightMap(index, what);
  const shards = new Map<string, TensorSet>();
  for (const file of new Set(fileOf.values())) shards.set(file, await open(file));
  const tensors = new Map<string, TensorInfo>();
  for (const [name, file] of fileOf) {
    const found = shards.get(file)!.tensors.get(name);
    if (!found) throw new Error(`${what}: "${brief(name)}" should be in ${brief(file)}, which has no such tensor`);
    tensors.set(name, found);
  }
  return {
    tensors,
    read: (name) => shards.get(fileOf.get(name)!)!.read(name),
    close: async () => {
      for (const shard of shards.values()) await shard.close?.();
    },
  };
}

function weightMap(index: ReadonlyMap<string, unknown>, what: string): Map<string, string> {
  const map = index.get("weight_map");
  if (!(map instanceof Map)) throw new Error(`${what}: weight_map is no object from names of tensors to files`);
  for (const [name, file] of map)
    if (!isPlainName(file))
      throw new Error(
        `${what}: weight_map: "${brief(name)}" is in ${typeof file === "string" ? `"${brief(file)}"` : "no file"}; want the name of a file beside it, without a path`,
      );
  return map as Map<string, string>;
}

/** Options of {@link writeSharded}. */
export interface ShardOptions {
  /** Most bytes of tensors in a file; one that is larger has a file of its own. Default: 5e9, as Hugging Face has it. */
  readonly maxShardSize?: number;
  /** What the names of the files begin with. Default "model". */
  readonly name?: string;
  /** Text by name, in every file. */
  readonly metadata?: Metadata;
}

const SHARD_OPTIONS: Checks<ShardOptions> = { maxShardSize: positive, name: text, metadata: object };

/**
 * The files that hold these tensors, by name, one after another: `model-00001-of-00003.safetensors`, ..., and `model.safetensors.index.json`; or
 * `model.safetensors` alone, if all fit into one. Each is made when it is asked for, so that one at a time is in memory.
 */
export function writeSharded(
  entries: ReadonlyMap<string, Entry>,
  options: ShardOptions = {},
): Iterable<readonly [name: string, bytes: Uint8Array]> {
  check("writeSharded: entries", entries, mapOf("tensors by name", object));
  checkOptions("writeSharded", options, SHARD_OPTIONS);
  const { maxShardSize = 5e9, name = "model", metadata } = options;
  if (!isPlainName(name)) throw new Error(`writeSharded: name: want one without a path, got "${brief(name)}"`);
  const shards: Map<string, Entry>[] = [];
  let [size, total] = [0, 0];
  for (const [tensor, entry] of entries) {
    const bytes = entry.data.byteLength;
    if (shards.length === 0 || size + bytes > maxShardSize) {
      shards.push(new Map());
      size = 0;
    }
    shards[shards.length - 1].set(tensor, entry);
    size += bytes;
    total += bytes;
  }
  if (shards.length < 2) return [[`${name}.safetensors`, writeSafetensors(entries, metadata)]];
  return filesOf(shards, name, total, metadata);
}

function* filesOf(
  shards: readonly ReadonlyMap<string, Entry>[],
  name: string,
  total: number,
  metadata?: Metadata,
): Generator<readonly [name: string, bytes: Uint8Array]> {
  const number = (n: number): string => String(n).padStart(5, "0");
  const map: string[] = [];
  for (const [i, shard] of shards.entries()) {
    const file = `${name}-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    // Written out by hand, as the header of a file is: names of numbers would change their order.
    for (const tensor of shard.keys()) map.push(`    ${JSON.stringify(tensor)}: ${JSON.stringify(file)}`);
    yield [file, writeSafetensors(shard, metadata)];
  }
  const index = `{\n  "metadata": {\n    "total_size": ${total}\n  },\n  "weight_map": {\n${map.join(",\n")}\n  }\n}\n`;
  yield [`${name}.safetensors.index.json`, new TextEncoder().encode(index)];
}
