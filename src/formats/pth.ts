/**
 * @file PyTorch's files of tensors (`.pth`, `.pt`), as `torch.save(model.state_dict(), path)` writes them: the zip form of 1.6 and later, in which
 * `data.pkl` describes tensors and `data/0`, `data/1`, ... hold elements, and the older one, a row of pickles followed by the elements. Of the
 * pickles only what builds tensors is understood; a file with anything else is refused, and no code of a file is ever run.
 */
import { bytes as aFile, check } from "../base/check.ts";
import { type Budget, budgetFor, type ReadLimits } from "./budget.ts";
import { brief } from "./clean.ts";
import { type PickleDict, type PickleGlobal, Skipped, unpickle } from "./pickle.ts";
import { bytesPerElement, decodeElements, type Entry, type TypedArray } from "./safetensors.ts";
import type { TensorSet } from "./source.ts";
import { openZip } from "./zip.ts";

/** PyTorch's storage types as dtypes of entries. */
const STORAGES: Readonly<Record<string, string>> = {
  FloatStorage: "F32",
  DoubleStorage: "F64",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
  UntypedStorage: "U8",
};

/** Dtypes of tensors whose storages have none (`_rebuild_tensor_v3`). */
const DTYPES: Readonly<Record<string, string>> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  uint16: "U16",
  uint32: "U32",
  uint64: "U64",
  bool: "BOOL",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  float8_e8m0fnu: "F8_E8M0",
};

/** What checkpoints hold beside tensors, and may: it is passed over. */
const PASSED_OVER: RegExp =
  /^(?:argparse\.Namespace|collections\.deque|datetime\.\w+|pathlib\.\w+|numpy\.\w+|numpy\._?core\.multiarray\.(?:scalar|_reconstruct)|numpy\._?core\.numeric\._frombuffer|_codecs\.encode|torch\.(?:device|layout|memory_format)|torch\.serialization\._get_layout|(?:builtins|__builtin__)\.(?:set|frozenset|complex|slice|bytearray|range|type)|re\._compile)$/;

/** What a persistent id names: elements that lie elsewhere in the file. */
class Storage {
  readonly dtype: string;
  readonly key: string;
  readonly count: number;
  /** Where its elements are in the file. */
  load: (() => Promise<Uint8Array> | Uint8Array) | undefined;
  readonly #elements: Map<string, TypedArray> = new Map();

  constructor(dtype: string, key: string, count: number) {
    [this.dtype, this.key, this.count] = [dtype, key, count];
  }

  /** Its elements in a dtype, copied: they lie unaligned in the file. */
  async elements(dtype: string, what: string, budget: Budget): Promise<TypedArray> {
    const known = this.#elements.get(dtype);
    if (known) return known;
    const bytes = await this.load!();
    const want = this.count * bytesPerElement(this.dtype)!;
    if (bytes.length !== want) throw new Error(`${what}: storage ${brief(this.key)} should have ${want} bytes and has ${bytes.length}`);
    budget.claim((dtype.endsWith("F16") ? 3 : dtype.startsWith("F8") ? 5 : 1) * want, "its storages");
    const whole = want - (want % bytesPerElement(dtype)!);
    const elements = decodeElements(dtype, new Uint8Array(bytes.subarray(0, whole)));
    this.#elements.set(dtype, elements);
    return elements;
  }
}

/** A tensor of the pickle: a view of a storage. */
class View {
  readonly storage: Storage;
  readonly dtype: string;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: Storage, dtype: string, offset: number, shape: readonly number[], strides: readonly number[]) {
    [this.storage, this.dtype, this.offset, this.shape, this.strides] = [storage, dtype, offset, shape, strides];
  }
}

/** Whether the bytes open like one of the two forms (or like the tar archives before them, which are refused by name). */
export function isPth(bytes: Uint8Array): boolean {
  check("isPth: bytes", bytes, aFile);
  return isZip(bytes) || isPickled(bytes) || isTar(bytes);
}

/**
 * The tensors of a file by name, in its order; `what` names it in errors. F16 and BF16 come as Float32Arrays, I64 as BigInt64Arrays. Tensors that
 * are views of one storage in the file share it here too, unless their elements lie in another order.
 */
export async function readPth(bytes: Uint8Array, what = "pth", limits: ReadLimits = {}): Promise<Map<string, Entry>> {
  const budget = budgetFor("readPth", bytes, what, limits);
  const { value, reader } = await parse(bytes, what, budget);
  const entries = new Map<string, Entry>();
  const views = reader.tensors(value);
  // What the file lacks is said before any of it is decoded.
  for (const storage of reader.storages.values()) await storage.elements(storage.dtype, what, budget);
  for (const [name, view] of views) entries.set(name, await entryOf(view, what, budget));
  return entries;
}

/**
 * The dictionaries of tensors in a file, by the keys that lead to them: `""` for the file's own object, `state_dict`, `model.ema`. Values that are no tensors are passed
 * over, and so is what belongs to an optimizer (dictionaries under numbers). Tensors are read when they are wanted.
 */
export async function openCheckpoint(bytes: Uint8Array, what = "pth", limits: ReadLimits = {}): Promise<ReadonlyMap<string, TensorSet>> {
  const budget = budgetFor("openCheckpoint", bytes, what, limits);
  const { value, reader } = await parse(bytes, what, budget);
  if (!(value instanceof Map)) reader.tensors(value); // says what it is instead
  const found = new Map<string, Map<string, View>>();
  collect(value, "", found, []);
  return new Map([...found].map(([key, views]) => [key, setOf(views, what, budget)]));
}

function setOf(views: ReadonlyMap<string, View>, what: string, budget: Budget): TensorSet {
  return { tensors: views, read: (name) => entryOf(views.get(name)!, what, budget) };
}

/** Nested deeper than checkpoints are. */
const DEEPEST = 8;

function collect(dict: unknown, key: string, found: Map<string, Map<string, View>>, path: readonly unknown[]): void {
  if (!(dict instanceof Map) || path.length > DEEPEST || path.includes(dict)) return;
  const views = new Map<string, View>();
  for (const [name, value] of dict) if (value instanceof View && (typeof name === "string" || isSize(name))) views.set(String(name), value);
  if (views.size > 0 && !found.has(key)) found.set(key, views);
  for (const [name, value] of dict) if (typeof name === "string") collect(value, key ? `${key}.${name}` : name, found, [...path, dict]);
}

// ---- the two forms ------------------------------------------------------------------------------------------------------------------

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

interface Parsed {
  readonly value: unknown;
  readonly reader: TensorReader;
}

async function parse(bytes: Uint8Array, what: string, budget: Budget): Promise<Parsed> {
  if (isTar(bytes))
    throw new Error(`${what}: the tar format of PyTorch before 0.1.10 is not read; load it there and save it again with torch.save`);
  if (isZip(bytes)) return readZipped(bytes, what, budget);
  if (isPickled(bytes)) return readPickled(bytes, what, budget);
  throw new Error(`${what}: neither a zip archive nor a pickle, so not a file of torch.save; is it a .safetensors file?`);
}

async function readZipped(bytes: Uint8Array, what: string, budget: Budget): Promise<Parsed> {
  const zip = openZip(bytes, what, budget);
  const names = new Set(zip.names);
  const pickle = zip.names.find((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickle === undefined) throw new Error(`${what}: a zip archive without data.pkl, so not a file of torch.save`);
  const folder = pickle.slice(0, -"data.pkl".length);
  if (names.has(`${folder}constants.pkl`))
    throw new Error(`${what}: a TorchScript program, not a state dict; save with torch.save(model.state_dict(), path)`);
  const byteOrder = `${folder}byteorder`;
  if (names.has(byteOrder)) checkByteOrder(await zip.read(byteOrder), what);
  const reader = new TensorReader(what, budget);
  const { value } = unpickle(await zip.read(pickle), reader.options);
  for (const storage of reader.storages.values()) {
    const entry = `${folder}data/${storage.key}`;
    storage.load = () => {
      if (!names.has(entry)) throw new Error(`${what}: damaged file: storage ${brief(storage.key)} is missing`);
      return zip.read(entry);
    };
  }
  return { value, reader };
}

function checkByteOrder(text: Uint8Array, what: string): void {
  const order = new TextDecoder().decode(new Uint8Array(text));
  if (order !== "little") throw new Error(`${what}: written on a ${brief(order)}-endian machine; only little-endian files are read`);
}

/** A pickled long, 0x1950a86a20f9469cfc6c, opens the older form: behind the protocol (2 to 5) and, from 4 on, a frame of known length. */
const MAGIC = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

function isPickled(bytes: Uint8Array): boolean {
  const start = bytes[2] === 0x95 ? 11 : 2;
  return bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5 && MAGIC.every((byte, i) => bytes[start + i] === byte);
}

/** Magic, version, system, the object, the keys of the storages: five pickles. Then each storage as a count (u64) and its elements. */
function readPickled(bytes: Uint8Array, what: string, budget: Budget): Parsed {
  const reader = new TensorReader(what, budget);
  let at = 0;
  const next = (): unknown => {
    const { value, end } = unpickle(bytes, reader.options, at);
    at = end;
    return value;
  };
  for (const _ of ["magic", "version"]) next();
  const system = next();
  if (system instanceof Map && system.get("little_endian") === false)
    throw new Error(`${what}: written on a big-endian machine; only little-endian files are read`);
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new Error(`${what}: damaged file: the list of its storages is missing`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const key of keys) {
    const storage = typeof key === "string" ? reader.storages.get(key) : undefined;
    if (!storage) throw new Error(`${what}: damaged file: storage ${nameOf(key)} belongs to no tensor`);
    const start = at + 8;
    at = start + storage.count * bytesPerElement(storage.dtype)!;
    if (at > bytes.length) throw new Error(`${what}: truncated file: storage ${brief(key)} ends at byte ${at} of ${bytes.length}`);
    if (Number(view.getBigUint64(start - 8, true)) !== storage.count)
      throw new Error(`${what}: damaged file: storage ${brief(key)} has another size than its tensors say`);
    const end = at;
    storage.load = () => bytes.subarray(start, end);
  }
  const lost = [...reader.storages.values()].find(({ load }) => !load);
  if (lost) throw new Error(`${what}: damaged file: storage ${brief(lost.key)} has no elements in the file`);
  return { value, reader };
}

/** The oldest form is a tar archive with entries `storages`, `tensors`, `pickle`. */
function isTar(bytes: Uint8Array): boolean {
  return bytes.length > 262 && new TextDecoder().decode(new Uint8Array(bytes.subarray(257, 262))) === "ustar";
}

// ---- tensors ------------------------------------------------------------------------------------------------------------------------

const isSize = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
/** PyTorch's own limit of dimensions. */
const MOST_SIZES = 64;
const isSizes = (x: unknown): x is number[] => Array.isArray(x) && x.length <= MOST_SIZES && x.every(isSize);
/** What an entry of a dictionary takes of memory at most. */
const BYTES_PER_PAIR = 100;

/** What the names in the pickles of one file stand for. */
class TensorReader {
  readonly storages: Map<string, Storage> = new Map();
  readonly #what: string;
  readonly #budget: Budget;

  constructor(what: string, budget: Budget) {
    [this.#what, this.#budget] = [what, budget];
  }

  get options(): Parameters<typeof unpickle>[1] {
    return { what: this.#what, budget: this.#budget, global: (name) => this.#global(name), persistent: (id) => this.#storage(id) };
  }

  #fault(text: string): Error {
    return new Error(`${this.#what}: ${text}`);
  }

  #global(name: string): PickleGlobal | undefined {
    if (name === "collections.OrderedDict") return { name, call: ([pairs]) => this.#ordered(pairs) };
    if (/^collections\.(defaultdict|Counter)$/.test(name)) return { name, call: () => new Map() };
    if (/^torch\._utils\._rebuild_tensor(_v[23])?$/.test(name)) return { name, call: (args) => this.#rebuild(args) };
    if (/^torch\._utils\._rebuild_parameter(_with_state)?$/.test(name)) return { name, call: ([view]) => view };
    if (name === "torch.Size") return { name, call: ([sizes]) => sizes };
    const dtype = /^torch\.(\w+)$/.exec(name)?.[1] ?? "";
    if (Object.hasOwn(DTYPES, dtype) || /^(?:complex|qu?int|float)\d+/.test(dtype)) return { name: dtype };
    const storage = /^torch\.(?:storage\.)?(\w+Storage)$/.exec(name)?.[1];
    if (storage !== undefined) return { name: storage };
    return PASSED_OVER.test(name) ? { name, call: () => new Skipped(name) } : undefined;
  }

  /** Python 2 wrote the entries as pairs, Python 3 sets them one by one. */
  #ordered(pairs: unknown = []): Map<unknown, unknown> {
    if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2))
      throw this.#fault("damaged file: a dictionary of no pairs");
    this.#budget.claim(BYTES_PER_PAIR * pairs.length, "its dictionaries");
    return new Map(pairs as [unknown, unknown][]);
  }

  /** ("storage", type, key, device, count, ...). */
  #storage(id: unknown): Storage {
    const [kind, type, key, , count] = Array.isArray(id) ? id : [];
    const name = (type as PickleGlobal | undefined)?.name ?? "";
    if (kind !== "storage" || typeof key !== "string" || !isSize(count))
      throw this.#fault("damaged file: a storage is not described as PyTorch does it");
    if (!Object.hasOwn(STORAGES, name))
      throw this.#fault(
        `unsupported elements, ${name} (supported: ${Object.keys(STORAGES).join(", ")}); convert the tensors before saving`,
      );
    const found = this.storages.get(key) ?? new Storage(STORAGES[name], key, count);
    this.storages.set(key, found);
    return found;
  }

  /** (storage, offset, shape, strides, gradient, hooks, dtype?, ...); every element must lie within the storage. */
  #rebuild([storage, offset, shape, strides, , , named]: readonly unknown[]): View {
    if (!(storage instanceof Storage) || !isSize(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length)
      throw this.#fault("damaged file: a tensor is not described as PyTorch does it");
    const dtype = this.#dtype(storage, named);
    const count = Math.floor((storage.count * bytesPerElement(storage.dtype)!) / bytesPerElement(dtype)!);
    if (shape.reduce((a, b) => a * b, 1) > count)
      throw this.#fault(`a tensor has more elements than its storage ${brief(storage.key)}; save a copy of it, with .clone()`);
    const last = shape.reduce((at, n, i) => at + (n - 1) * strides[i], offset);
    if (!shape.includes(0) && last >= count) throw this.#fault(`damaged file: a tensor reaches beyond storage ${brief(storage.key)}`);
    return new View(storage, dtype, offset, shape, strides);
  }

  /** Storages of newer files have no dtype, their tensors do. */
  #dtype(storage: Storage, named: unknown): string {
    const name = typeof named === "object" && named !== null && "name" in named ? String(named.name) : undefined;
    if (name === undefined) return storage.dtype;
    if (!Object.hasOwn(DTYPES, name))
      throw this.#fault(`unsupported elements, torch.${brief(name)} (supported: ${Object.keys(DTYPES).join(", ")})`);
    return DTYPES[name];
  }

  /** The tensors of a state dict. @throws {Error} for any other object. */
  tensors(value: unknown): Map<string, View> {
    const wanted = "want a state dict, as torch.save(model.state_dict(), path) writes it";
    if (!(value instanceof Map)) throw this.#fault(`holds ${kindOf(value)}; ${wanted}`);
    const views = new Map<string, View>();
    for (const [key, entry] of value as PickleDict) {
      const isName = typeof key === "string" || isSize(key);
      if (!(entry instanceof View) || !isName) {
        const inner = [...value].find(([, nested]) => nested instanceof Map && [...nested.values()].some((x) => x instanceof View));
        const remedy = inner ? `its "${nameOf(inner[0])}" seems to be one: save that alone` : wanted;
        const fault = isName ? `"${nameOf(key)}" is ${kindOf(entry)}, not a tensor` : `it has ${kindOf(key)} for a name`;
        throw this.#fault(`${fault}; ${remedy}`);
      }
      const name = String(key);
      if (views.has(name)) throw this.#fault(`two of its tensors are called "${brief(name)}"`);
      views.set(name, entry);
    }
    return views;
  }
}

/** A key of a dictionary for an error; lists are not written out. */
const nameOf = (key: unknown): string => (typeof key === "string" || typeof key === "number" ? brief(`${key}`) : kindOf(key));

function kindOf(value: unknown): string {
  if (value === null) return "None";
  if (value instanceof Map) return "a dictionary";
  if (value instanceof View) return "a tensor";
  if (value instanceof Skipped) return `an object (${value.name})`;
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The elements of a view in row-major order: a part of its storage if they lie in it so, else a copy. */
async function entryOf({ storage, dtype, offset, shape, strides }: View, what: string, budget: Budget): Promise<Entry> {
  const all = await storage.elements(dtype, what, budget);
  const size = shape.reduce((a, b) => a * b, 1);
  let step = 1;
  const contiguous = shape.reduceRight((ok, n, i) => {
    const fits = ok && (n === 1 || strides[i] === step);
    step *= n;
    return fits;
  }, true);
  if (contiguous || size === 0) return { dtype, shape: [...shape], data: all.subarray(offset, offset + size) as TypedArray };
  budget.claim(size * all.BYTES_PER_ELEMENT, "tensors in another order than their storages");
  const data = new (all.constructor as new (n: number) => TypedArray)(size);
  const index = shape.map(() => 0);
  for (let i = 0, at = offset; i < size; i++) {
    data[i] = all[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return { dtype, shape: [...shape], data };
}
