/**
 * @file Weights in any of the formats that are read, known by their content and never by their names: safetensors, in one file or in shards, PyTorch's checkpoints, Keras's and
 * TensorFlow.js's files, and arrays of NumPy. No code of a file is ever run.
 */
import { bytes as aFile, aPath, type Checks, check, checkOptions, either, fn, nonNegative, text } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { Budget, type ReadLimits } from "./budget.ts";
import { brief } from "./clean.ts";
import { isHdf5 } from "./hdf5.ts";
import { parseJsonMaps } from "./json.ts";
import { type KerasSet, openKerasH5, openKerasZip, withLayers } from "./keras.ts";
import { readNpz } from "./npz.ts";
import { isPth, openCheckpoint } from "./pth.ts";
import { type Entry, openSafetensors } from "./safetensors.ts";
import { openShards } from "./sharded.ts";
import { type ByteSource, bytesSource, fileSource, readAll, type TensorSet, tensorSet } from "./source.ts";
import { openTfjs } from "./tfjs.ts";
import { openZip } from "./zip.ts";

/** What reading weights may be told. */
export interface WeightsOptions extends ReadLimits {
  /** Names the file in errors. Default: its path, else "weights". */
  readonly what?: string;
  /** Of a checkpoint that holds several state dicts, the one to read: the keys that lead to it, such as `model` or `ema.state_dict`. */
  readonly key?: string;
  /** The bytes of a file that stands beside this one, for weights in several files. Default: that of the same folder, if a path was given. */
  readonly files?: (name: string) => Promise<Uint8Array>;
}

export const WEIGHTS_OPTIONS: Checks<WeightsOptions> = { maxBytes: nonNegative, what: text, key: text, files: fn };

/** A file that is open: its sets of tensors by the keys that lead to them; "" for what has none. */
export interface Archive {
  readonly what: string;
  readonly sets: ReadonlyMap<string, TensorSet | KerasSet>;
  close(): Promise<void>;
}

/** Index files of a folder, in the order in which they are looked for. */
const OF_FOLDER = ["model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin", "model.json"];
/** More than any list of shards or model.json has. */
const MOST_JSON = 2 ** 28;

const source = either(aFile, aPath);

/** Opens weights: bytes, or (in Node) the path of a file or of a folder in the layout of Hugging Face or TensorFlow.js. */
export async function openWeights(from: Uint8Array | string, options: WeightsOptions = {}): Promise<Archive> {
  check("openWeights: source", from, source);
  checkOptions("openWeights", options, WEIGHTS_OPTIONS);
  if (typeof from !== "string") return new Opener(options, options.what ?? "weights", from.length).open(bytesSource(from));
  const path = await fileOf(from);
  const file = await fileSource(path);
  const folder = path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  const opener = new Opener(options, options.what ?? path, file.size, (name) => fileSource(folder + name));
  return opener.open(file).catch(async (error: unknown) => {
    await file.close?.();
    throw error;
  });
}

/**
 * The tensors of a file by name, as the file has them: names, order and layout are the file's. Of a checkpoint that holds a state dict beside other things the state dict is
 * read; where there are several, `key` says which.
 */
export async function readWeights(from: Uint8Array | string, options: WeightsOptions | string = {}): Promise<Map<string, Entry>> {
  const archive = await openWeights(from, typeof options === "string" ? { what: options } : options);
  try {
    return await readAll(chosenSet(archive, typeof options === "string" ? undefined : options.key));
  } finally {
    await archive.close();
  }
}

/** The set that is meant. @throws {Error} that lists the keys, if none or several could be. */
export function chosenSet({ sets, what }: Archive, key?: string): TensorSet | KerasSet {
  if (key !== undefined) {
    const found = sets.get(key);
    if (found) return found;
    throw new Error(`${what}: has no tensors under the key "${brief(key)}"; it has ${listOf(sets)}`);
  }
  const candidates = candidatesIn(sets);
  if (candidates.size === 0)
    throw new Error(`${what}: holds no tensors with names; want a state dict, as torch.save(model.state_dict(), path) writes it`);
  if (candidates.size > 1)
    throw new Error(
      `${what}: several of its dictionaries hold tensors: ${listOf(candidates)}; say which is meant with { key } (--weights-key)`,
    );
  return [...candidates.values()][0];
}

/** The sets that may be a model's: a few tensors beside a state dict are no weights. */
export function candidatesIn(sets: Archive["sets"]): Archive["sets"] {
  const own = sets.get("");
  const within = [...sets].filter(([key]) => key !== "");
  if (!own || !within.some(([, { tensors }]) => tensors.size > own.tensors.size))
    return own && within.every(([, s]) => s.tensors.size * 4 < own.tensors.size) ? new Map([["", own]]) : sets;
  return new Map(within);
}

/** Keys with the numbers of their tensors. */
export function listOf(sets: Archive["sets"]): string {
  const parts = [...sets]
    .slice(0, 8)
    .map(([key, { tensors }]) => `${key === "" ? "its own object" : `"${brief(key)}"`} (${tensors.size} tensors)`);
  return parts.join(", ") + (sets.size > 8 ? ` and ${sets.size - 8} more` : "") || "none";
}

/** The file that a path stands for. */
async function fileOf(path: string): Promise<string> {
  const { readdir, stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) return path;
  const names = new Set(await readdir(path));
  const name = OF_FOLDER.find((known) => names.has(known));
  if (name === undefined)
    throw new Error(`${path}: is a folder without weights; want one of ${OF_FOLDER.join(", ")} in it, or the path of a file`);
  return `${path}/${name}`;
}

/** Opens one file and those that it names. */
class Opener {
  readonly #what: string;
  readonly #budget: Budget;
  readonly #beside: ((name: string) => Promise<ByteSource>) | undefined;

  constructor(options: WeightsOptions, what: string, size: number, beside?: (name: string) => Promise<ByteSource>) {
    this.#what = what;
    this.#budget = new Budget(what, size, options);
    const { files } = options;
    this.#beside = files ? async (name) => bytesSource(await files(name)) : beside;
  }

  async open(file: ByteSource): Promise<Archive> {
    const sets = await this.#sets(file, this.#what);
    const close = async (): Promise<void> => {
      for (const set of sets.values()) await set.close?.();
      await file.close?.();
    };
    return { what: this.#what, sets, close };
  }

  async #sets(file: ByteSource, what: string, isShard = false): Promise<Archive["sets"]> {
    const start = await file.read(0, 512);
    const whole = async (): Promise<Uint8Array> => file.read(0, file.size);
    const budget = this.#budget;
    if (isHdf5(start)) return alone(await openKerasH5(await whole(), what, budget));
    if (start[0] === 0x50 && start[1] === 0x4b) return this.#zip(await whole(), what);
    if (isPth(start)) return openCheckpoint(await whole(), what, budget);
    const first = String.fromCharCode(...start.subarray(start[0] === 0xef ? 3 : 0, 16)).trimStart()[0];
    // A header's length comes before the brace of a safetensors file.
    if (!isShard && (first === "{" || first === "[") && start[8] !== 0x7b) return this.#json(await whole(), what);
    return alone(await openSafetensors(file, what, budget));
  }

  /** Several formats are zip archives. */
  async #zip(bytes: Uint8Array, what: string): Promise<Archive["sets"]> {
    const zip = openZip(bytes, what, this.#budget);
    if (zip.names.includes("model.weights.h5") && zip.names.includes("config.json"))
      return alone(await openKerasZip(zip, what, this.#budget));
    if (zip.names.some((name) => name.endsWith(".npy"))) return alone(tensorSet(await npzEntries(bytes, what, this.#budget)));
    return openCheckpoint(bytes, what, this.#budget);
  }

  async #json(bytes: Uint8Array, what: string): Promise<Archive["sets"]> {
    if (bytes.length > MOST_JSON) throw new Error(`${what}: a text of ${bytes.length} bytes; want at most ${MOST_JSON}`);
    const value = jsonOf(bytes, what);
    if (value instanceof Map && value.has("weight_map")) return alone(await openShards(value, (name) => this.#shard(name), what));
    const manifest = Array.isArray(value) ? new Map<string, unknown>([["weightsManifest", value]]) : value;
    if (!(manifest instanceof Map) || !manifest.has("weightsManifest"))
      throw new Error(`${what}: JSON that is neither an index of shards (weight_map) nor a model of TensorFlow.js (weightsManifest)`);
    const set = await openTfjs(manifest, (name) => this.#bytes(name), what, this.#budget);
    return alone(withLayers(set, manifest.get("modelTopology")));
  }

  async #source(name: string): Promise<ByteSource> {
    if (this.#beside) return this.#beside(name);
    throw new Error(
      `${this.#what}: has its tensors in ${brief(name)}; give that file too: { files: async (name) => bytes }, or the path instead of bytes`,
    );
  }

  async #shard(name: string): Promise<TensorSet> {
    const file = await this.#source(name);
    const sets = await this.#sets(file, brief(name), true);
    const set = chosenSet({ what: brief(name), sets, close: async () => {} });
    return { ...set, close: file.close };
  }

  async #bytes(name: string): Promise<Uint8Array> {
    const file = await this.#source(name);
    try {
      this.#budget.claim(file.size, `its ${brief(name)}`);
      return await file.read(0, file.size);
    } finally {
      await file.close?.();
    }
  }
}

const alone = (set: TensorSet | KerasSet): Archive["sets"] => new Map([["", set]]);

function jsonOf(bytes: Uint8Array, what: string): unknown {
  try {
    return parseJsonMaps(new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes)).replace(/^\ufeff/, ""));
  } catch (error) {
    throw new Error(`${what}: no valid JSON: ${brief((error as Error).message)}`);
  }
}

/** NumPy's dtypes as those of entries. */
const OF_NUMPY: Readonly<Record<string, string>> = {
  f2: "F16",
  f4: "F32",
  f8: "F64",
  i1: "I8",
  i2: "I16",
  i4: "I32",
  i8: "I64",
  u1: "U8",
  u2: "U16",
  u4: "U32",
  u8: "U64",
  b1: "BOOL",
};

async function npzEntries(bytes: Uint8Array, what: string, budget: Budget): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for (const [name, { dtype, shape, data }] of await readNpz(bytes, what, budget)) {
    const known = OF_NUMPY[dtype];
    if (known === undefined) throw new Error(`${what}: "${brief(name)}" has the dtype ${brief(dtype)}, which no tensor has`);
    entries.set(name, { dtype: known, shape: [...shape], data: data as Entry["data"] });
  }
  return entries;
}
