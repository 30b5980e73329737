/**
 * @file PyTorch's files of tensors (`.pth`, `.pt`), as `torch.save(model.state_dict(), path)` writes them: the zip form of 1.6 and later, in which
 * `data.pkl` describes tensors and `data/0`, `data/1`, ... hold elements, and the older one, a row of pickles followed by the elements. Of the
 * pickles only what builds tensors is understood; a file with anything else is refused, and no code of a file is ever run.
 */
import { type PickleDict, type PickleGlobal, unpickle } from "./pickle.ts";
import { decodeElements, type Entry, type TypedArray } from "./safetensors.ts";
import { readZip } from "./zip.ts";

/** PyTorch's storage types as dtypes of entries, with their sizes. */
const STORAGES: Readonly<Record<string, readonly [dtype: string, bytes: number]>> = {
  FloatStorage: ["F32", 4],
  DoubleStorage: ["F64", 8],
  HalfStorage: ["F16", 2],
  BFloat16Storage: ["BF16", 2],
  LongStorage: ["I64", 8],
  IntStorage: ["I32", 4],
  ByteStorage: ["U8", 1],
  BoolStorage: ["BOOL", 1],
};

/** What a persistent id names: elements that lie elsewhere in the file. */
class Storage {
  readonly dtype: string;
  readonly key: string;
  readonly count: number;
  data: TypedArray | undefined;

  constructor(dtype: string, key: string, count: number) {
    [this.dtype, this.key, this.count] = [dtype, key, count];
  }
}

/** A tensor of the pickle: a view of a storage. */
class View {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    [this.storage, this.offset, this.shape, this.strides] = [storage, offset, shape, strides];
  }
}

/** Whether the bytes open like one of the two forms (or like the tar archives before them, which are refused by name). */
export function isPth(bytes: Uint8Array): boolean {
  return isZip(bytes) || isPickled(bytes) || isTar(bytes);
}

/** The tensors of a file by name, in its order; `what` names it in errors. F16 and BF16 come as Float32Arrays, I64 as BigInt64Arrays. */
export async function readPth(bytes: Uint8Array, what = "pth"): Promise<Map<string, Entry>> {
  if (isTar(bytes))
    throw new Error(`${what}: the tar format of PyTorch before 0.1.10 is not read; load it there and save it again with torch.save`);
  if (isZip(bytes)) return readZipped(bytes, what);
  if (isPickled(bytes)) return readPickled(bytes, what);
  throw new Error(`${what}: neither a zip archive nor a pickle, so not a file of torch.save; is it a .safetensors file?`);
}

// ---- the two forms ------------------------------------------------------------------------------------------------------------------

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

async function readZipped(bytes: Uint8Array, what: string): Promise<Map<string, Entry>> {
  const zip = await readZip(bytes, what);
  const pickle = [...zip.keys()].find((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickle === undefined) throw new Error(`${what}: a zip archive without data.pkl, so not a file of torch.save`);
  const folder = pickle.slice(0, -"data.pkl".length);
  if (zip.has(`${folder}constants.pkl`))
    throw new Error(`${what}: a TorchScript program, not a state dict; save with torch.save(model.state_dict(), path)`);
  checkByteOrder(zip.get(`${folder}byteorder`), what);
  const reader = new TensorReader(what);
  const views = reader.tensors(unpickle(zip.get(pickle)!, reader.options).value);
  for (const storage of reader.storages.values()) {
    const data = zip.get(`${folder}data/${storage.key}`);
    if (!data) throw new Error(`${what}: damaged file: storage ${storage.key} is missing`);
    storage.data = elementsOf(storage, new Uint8Array(data), what); // a copy: entries lie unaligned in the file
  }
  return entriesOf(views, what);
}

function checkByteOrder(text: Uint8Array | undefined, what: string): void {
  const order = text ? new TextDecoder().decode(new Uint8Array(text)) : "little";
  if (order !== "little") throw new Error(`${what}: written on a ${order}-endian machine; only little-endian files are read`);
}

/** A pickled long, 0x1950a86a20f9469cfc6c, opens the older form. */
const MAGIC = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

function isPickled(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** Magic, version, system, the object, the keys of the storages: five pickles. Then each storage as a count (u64) and its elements. */
async function readPickled(bytes: Uint8Array, what: string): Promise<Map<string, Entry>> {
  const reader = new TensorReader(what);
  let at = MAGIC.length;
  const next = (): unknown => {
    const { value, end } = unpickle(bytes, reader.options, at);
    at = end;
    return value;
  };
  next();
  const system = next();
  if (system instanceof Map && system.get("little_endian") === false)
    throw new Error(`${what}: written on a big-endian machine; only little-endian files are read`);
  const views = reader.tensors(next());
  const keys = next();
  if (!Array.isArray(keys)) throw new Error(`${what}: damaged file: the list of its storages is missing`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const key of keys) {
    const storage = reader.storages.get(String(key));
    if (!storage) throw new Error(`${what}: damaged file: storage ${key} belongs to no tensor`);
    const start = at + 8;
    at = start + storage.count * bytesPerElement(storage);
    if (at > bytes.length) throw new Error(`${what}: truncated file: storage ${key} ends at byte ${at} of ${bytes.length}`);
    if (Number(view.getBigUint64(start - 8, true)) !== storage.count)
      throw new Error(`${what}: damaged file: storage ${key} has another size than its tensors say`);
    storage.data = elementsOf(storage, new Uint8Array(bytes.subarray(start, at)), what);
  }
  return entriesOf(views, what);
}

/** The oldest form is a tar archive with entries `storages`, `tensors`, `pickle`. */
function isTar(bytes: Uint8Array): boolean {
  return bytes.length > 262 && new TextDecoder().decode(new Uint8Array(bytes.subarray(257, 262))) === "ustar";
}

// ---- tensors ------------------------------------------------------------------------------------------------------------------------

const isSize = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
const isSizes = (x: unknown): x is number[] => Array.isArray(x) && x.every(isSize);

/** What the names in the pickles of one file stand for. */
class TensorReader {
  readonly storages: Map<string, Storage> = new Map();
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  get options(): Parameters<typeof unpickle>[1] {
    return { what: this.#what, global: (name) => this.#global(name), persistent: (id) => this.#storage(id) };
  }

  #fault(text: string): Error {
    return new Error(`${this.#what}: ${text}`);
  }

  #global(name: string): PickleGlobal | undefined {
    if (name === "collections.OrderedDict") return { name, call: ([pairs]) => this.#ordered(pairs) };
    if (/^torch\._utils\._rebuild_tensor(_v2)?$/.test(name)) return { name, call: (args) => this.#rebuild(args) };
    if (name === "torch._utils._rebuild_parameter") return { name, call: ([view]) => view };
    if (name === "torch.Size") return { name, call: ([sizes]) => sizes };
    const storage = /^torch\.(\w+Storage)$/.exec(name)?.[1];
    return storage === undefined ? undefined : { name: storage };
  }

  /** Python 2 wrote the entries as pairs, Python 3 sets them one by one. */
  #ordered(pairs: unknown = []): Map<unknown, unknown> {
    if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2))
      throw this.#fault("damaged file: a dictionary of no pairs");
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
    const found = this.storages.get(key) ?? new Storage(STORAGES[name][0], key, count);
    this.storages.set(key, found);
    return found;
  }

  /** (storage, offset, shape, strides, ...); every element must lie within the storage. */
  #rebuild([storage, offset, shape, strides]: readonly unknown[]): View {
    if (!(storage instanceof Storage) || !isSize(offset) || !isSizes(shape) || !isSizes(strides) || shape.length !== strides.length)
      throw this.#fault("damaged file: a tensor is not described as PyTorch does it");
    if (shape.reduce((a, b) => a * b, 1) > storage.count)
      throw this.#fault(`a tensor has more elements than its storage ${storage.key}; save a copy of it, with .clone()`);
    const last = shape.reduce((at, n, i) => at + (n - 1) * strides[i], offset);
    if (!shape.includes(0) && last >= storage.count) throw this.#fault(`damaged file: a tensor reaches beyond storage ${storage.key}`);
    return new View(storage, offset, shape, strides);
  }

  /** The tensors of a state dict. @throws {Error} for any other object. */
  tensors(value: unknown): Map<string, View> {
    const wanted = "want a state dict, as torch.save(model.state_dict(), path) writes it";
    if (!(value instanceof Map)) throw this.#fault(`holds ${kindOf(value)}; ${wanted}`);
    for (const [key, entry] of value as PickleDict) {
      if (entry instanceof View && typeof key === "string") continue;
      const inner = [...value].find(([, nested]) => nested instanceof Map && [...nested.values()].some((x) => x instanceof View));
      const remedy = inner ? `its "${inner[0]}" seems to be one: save that alone` : wanted;
      throw this.#fault(`"${key}" is ${kindOf(entry)}, not a tensor; ${remedy}`);
    }
    return value as Map<string, View>;
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "None";
  if (value instanceof Map) return "a dictionary";
  if (value instanceof View) return "a tensor";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function bytesPerElement({ dtype }: Storage): number {
  return Object.values(STORAGES).find(([name]) => name === dtype)![1];
}

function elementsOf(storage: Storage, bytes: Uint8Array<ArrayBuffer>, what: string): TypedArray {
  const want = storage.count * bytesPerElement(storage);
  if (bytes.length !== want) throw new Error(`${what}: storage ${storage.key} should have ${want} bytes and has ${bytes.length}`);
  return decodeElements(storage.dtype, bytes);
}

function entriesOf(views: Map<string, View>, what: string): Map<string, Entry> {
  return new Map([...views].map(([name, view]) => [name, entryOf(name, view, what)]));
}

/** The elements of a view in row-major order. */
function entryOf(name: string, { storage, offset, shape, strides }: View, what: string): Entry {
  const all = storage.data;
  if (!all) throw new Error(`${what}: "${name}" has no elements in the file`);
  const size = shape.reduce((a, b) => a * b, 1);
  let step = 1;
  const contiguous = shape.reduceRight((ok, n, i) => {
    const fits = ok && (n === 1 || strides[i] === step);
    step *= n;
    return fits;
  }, true);
  if (contiguous || size === 0) return { dtype: storage.dtype, shape: [...shape], data: all.slice(offset, offset + size) as TypedArray };
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
  return { dtype: storage.dtype, shape: [...shape], data };
}
