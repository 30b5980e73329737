/**
 * @file The safetensors format (github.com/huggingface/safetensors, README "Format"): named typed arrays in one file.
 *
 *     N: u64 little-endian | N bytes of JSON {name: {dtype, shape, data_offsets: [start, end]}, __metadata__?} | data
 *
 * Offsets count from the end of the header; the data are row-major, little-endian, and leave no hole. Floats of 16 and 8 bits become
 * Float32Arrays on reading and are rounded back on writing, as long as the entry keeps its dtype. Integers keep their width. Elements of a dtype
 * that is not known here (4-bit floats, complex numbers, dtypes of the future) come as their bytes.
 *
 * Files come from strangers, so every claim of the header is checked before it is believed.
 */
import { check, mapOf, object } from "../base/check.ts";
import { kindOf, typedArrayName } from "../base/elements.ts";
import { type Budget, budgetFor, budgetOf, type ReadLimits } from "./budget.ts";
import { brief } from "./clean.ts";
import type { Entry, TypedArray } from "./entry.ts";
import { float8 } from "./float8.ts";
import { parseJsonMaps } from "./json.ts";
import type { ByteSource, TensorSet } from "./source.ts";

export type { Entry, TypedArray } from "./entry.ts";

/** Text by name, beside the tensors. */
export type Metadata = Record<string, string>;

/** What a file holds. */
export interface SafetensorsFile {
  readonly entries: Map<string, Entry>;
  readonly metadata: Metadata;
}

interface Dtype {
  /** Bytes per element in the file. */
  readonly size: number;
  /** What holds the elements in memory. */
  readonly array: new (
    length: number,
  ) => TypedArray;
  /** `bytes` is a copy of the entry's own, so it may be looked at as any array. */
  readonly decode: (bytes: Uint8Array<ArrayBuffer>) => TypedArray;
  readonly encode: (data: TypedArray) => Uint8Array;
}

type ArrayType = { new (length: number): TypedArray; new (buffer: ArrayBuffer): TypedArray; readonly BYTES_PER_ELEMENT: number };

/** Elements whose bytes are the typed array's own (every machine that runs JavaScript engines today is little-endian). */
function plain(array: ArrayType): Dtype {
  return {
    size: array.BYTES_PER_ELEMENT,
    array,
    decode: (bytes) => new array(bytes.buffer),
    encode: (data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** 16-bit floats, widened on reading and rounded on writing. */
function half(widen: (bits: number) => number, narrow: (bits: number) => number): Dtype {
  return {
    size: 2,
    array: Float32Array,
    decode: (bytes) => {
      const floatBits = Uint32Array.from(new Uint16Array(bytes.buffer), widen);
      return new Float32Array(floatBits.buffer);
    },
    encode: (data) => {
      const floatBits = new Uint32Array(Float32Array.from(data as Float32Array).buffer);
      return new Uint8Array(Uint16Array.from(floatBits, narrow).buffer);
    },
  };
}

const isNaNBits = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;

/** `bits / 2^drop`, rounded to nearest, ties to even. */
function roundShift(bits: number, drop: number): number {
  const kept = bits >>> drop;
  const half = 1 << (drop - 1);
  const rest = bits & (2 * half - 1);
  return kept + (rest > half || (rest === half && kept % 2 === 1) ? 1 : 0);
}

/** BF16 is the upper half of an F32. */
const bfloat16: Dtype = half(
  (bits) => bits << 16,
  (bits) => (isNaNBits(bits) ? (bits >>> 16) | 0x40 : roundShift(bits, 16)),
);

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
export function widenHalf(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: fraction · 2^-24. Normalize: the leading one moves to bit 10 and disappears.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

function narrowHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (isNaNBits(bits)) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and above; the rounding below carries 65520 … 65536 into infinity
  if (magnitude >= 0x38800000) return sign | (roundShift(magnitude, 13) - (112 << 10));
  // Below 2^-14 the result is subnormal: the fraction, its leading one written out, in units of 2^-24.
  const drop = 126 - (magnitude >>> 23);
  if (drop > 24) return sign; // below 2^-25, half of the smallest
  return sign | roundShift((magnitude & 0x7fffff) | 0x800000, drop);
}

const float16: Dtype = half(widenHalf, narrowHalf);

const dtypes: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ["F64", plain(Float64Array)],
  ["F32", plain(Float32Array)],
  ["F16", float16],
  ["BF16", bfloat16],
  ["F8_E4M3", { size: 1, array: Float32Array, ...float8("E4M3") }],
  ["F8_E5M2", { size: 1, array: Float32Array, ...float8("E5M2") }],
  ["F8_E8M0", { size: 1, array: Float32Array, ...float8("E8M0") }],
  ["I64", plain(BigInt64Array as unknown as ArrayType)],
  ["U64", plain(BigUint64Array as unknown as ArrayType)],
  ["I32", plain(Int32Array)],
  ["U32", plain(Uint32Array)],
  ["I16", plain(Int16Array)],
  ["U16", plain(Uint16Array)],
  ["I8", plain(Int8Array)],
  ["U8", plain(Uint8Array)],
  ["BOOL", plain(Uint8Array)],
]);

/** Elements of one of the dtypes above from their bytes, a copy that nobody else uses. */
export function decodeElements(dtype: string, bytes: Uint8Array): TypedArray {
  return dtypes.get(dtype)!.decode(bytes as Uint8Array<ArrayBuffer>);
}

/** Bytes of an element in a file; undefined for a dtype that is not known here. */
export function bytesPerElement(dtype: string): number | undefined {
  return dtypes.get(dtype)?.size;
}

/** The reference implementation's own limit; a larger header is a damaged file, not a model. */
const MAX_HEADER = 100_000_000;

interface Described {
  readonly name: string;
  readonly dtype: string;
  readonly shape: number[];
  readonly start: number;
  readonly end: number;
}

/** Reads a whole file; `what` names it in errors. */
export function readSafetensors(bytes: Uint8Array, what = "safetensors", limits: ReadLimits = {}): SafetensorsFile {
  const budget = budgetFor("readSafetensors", bytes, what, limits);
  const { described, metadata, dataStart } = readHeader(bytes, bytes.length, what, budget);
  budget.claim(
    described.reduce((sum, tensor) => sum + memoryOf(tensor), 0),
    "its tensors",
  );
  const entries = new Map<string, Entry>();
  for (const tensor of described)
    entries.set(tensor.name, entryOf(tensor, bytes.subarray(dataStart + tensor.start, dataStart + tensor.end), what));
  return { entries, metadata };
}

/** The tensors of a file that is read by offset: its header now, each tensor when it is wanted. `what` names the file in errors. */
export async function openSafetensors(source: ByteSource, what: string, limits: ReadLimits | Budget = {}): Promise<TensorSet> {
  const budget = budgetOf(limits, what, source.size);
  const start = await source.read(0, 8);
  const { described, dataStart } = readHeader(await source.read(0, headerEnd(start, source.size, what)), source.size, what, budget);
  const byName = new Map(described.map((tensor) => [tensor.name, tensor]));
  return {
    tensors: byName,
    read: async (name) => {
      const tensor = byName.get(name)!;
      budget.claim(memoryOf(tensor), `its "${brief(name)}"`);
      const entry = entryOf(tensor, await source.read(dataStart + tensor.start, tensor.end - tensor.start), what);
      budget.release(memoryOf(tensor));
      return entry;
    },
    close: source.close,
  };
}

function entryOf({ name, dtype, shape }: Described, bytes: Uint8Array, what: string): Entry {
  const own = new Uint8Array(bytes); // a copy: the slice may be unaligned
  if (dtype === "BOOL" && own.some((byte) => byte > 1)) throw new Error(`${what}: "${brief(name)}": a BOOL that is neither 0 nor 1`);
  return { dtype, shape, data: dtypes.get(dtype)?.decode(own) ?? own };
}

/** What reading a tensor takes of memory. */
const memoryOf = ({ dtype, start, end }: Described): number => (end - start) * (1 + widening(dtype));

/** Bytes that decoding takes beside the copy of the file's own, per byte of these. */
function widening(dtype: string): number {
  const known = dtypes.get(dtype);
  return known?.array === Float32Array && known.size < 4 ? 4 / known.size : 0;
}

/** What a parsed header takes of memory, per byte of its text. */
const HEADER_COST = 16;

/** Where the header of a file of `size` bytes ends, which its first eight say. */
function headerEnd(bytes: Uint8Array, size: number, what: string): number {
  if (bytes.length < 8) throw new Error(`${what}: truncated file: ${bytes.length} bytes, the length of the header alone takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > MAX_HEADER)
    throw new Error(`${what}: header too long: ${length} bytes (at most ${MAX_HEADER}); is this a safetensors file?`);
  const end = 8 + Number(length);
  if (end > size) throw new Error(`${what}: truncated file: the header should have ${length} bytes, ${size - 8} are there`);
  return end;
}

interface Header {
  readonly described: readonly Described[];
  readonly metadata: Metadata;
  readonly dataStart: number;
}

/** The header that `bytes` begin with, checked against the size of the whole file. */
function readHeader(bytes: Uint8Array, size: number, what: string, budget: Budget): Header {
  const dataStart = headerEnd(bytes, size, what);
  budget.claim(HEADER_COST * (dataStart - 8), "its header");
  // A copy, because TextDecoder refuses shared memory.
  const text = decodeText(new Uint8Array(bytes.subarray(8, dataStart)), what);
  const header = parseJson(text, what);
  if (!isObject(header)) throw new Error(`${what}: the header is not a JSON object`);
  const metadata = header.get("__metadata__") ?? new Map();
  header.delete("__metadata__");
  const described = [...header].map(([name, value]) => describe(name, value, what));
  checkLayout(described, size - dataStart, what);
  return { described, metadata: checkMetadata(metadata, what), dataStart };
}

function decodeText(bytes: Uint8Array<ArrayBuffer>, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${what}: the header is not UTF-8 text; is this a safetensors file?`);
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return parseJsonMaps(text);
  } catch (error) {
    throw new Error(`${what}: the header is not valid JSON: ${brief((error as Error).message)}`);
  }
}

const isObject = (value: unknown): value is Map<string, unknown> => value instanceof Map;
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function describe(name: string, value: unknown, what: string): Described {
  const fail = (fault: string): never => {
    throw new Error(`${what}: "${brief(name)}": ${fault}`);
  };
  if (!isObject(value)) return fail("its header entry is not an object");
  const [dtype, shape, offsets] = ["dtype", "shape", "data_offsets"].map((field) => value.get(field));
  if (typeof dtype !== "string") return fail("has no dtype");
  if (!Array.isArray(shape) || !shape.every(isSize)) return fail(`shape ${excerpt(shape)} is not a list of sizes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    return fail(`data_offsets ${excerpt(offsets)} is not a pair of positions`);
  }
  const [start, end] = offsets as [number, number];
  const known = dtypes.get(dtype);
  const expected = elementCount(shape) * (known?.size ?? 0);
  if (known && end - start !== expected)
    return fail(`wrong size: ${dtype} [${brief(shape.join(", "))}] needs ${expected} bytes, data_offsets give ${end - start}`);
  if (end < start) return fail(`data_offsets ${excerpt(offsets)} end before they begin`);
  return { name, dtype, shape, start, end };
}

const excerpt = (value: unknown): string =>
  brief(
    Array.isArray(value) ? `[${value.slice(0, 9).map(excerpt).join(", ")}]` : isObject(value) ? "{...}" : String(JSON.stringify(value)),
  );

const elementCount = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** The entries, in the order of their bytes, must tile the data exactly. */
function checkLayout(described: readonly Described[], available: number, what: string): void {
  const sorted = [...described].sort((a, b) => a.start - b.start || a.end - b.end);
  let position = 0;
  let previous = "";
  for (const { name, start, end } of sorted) {
    if (start < position)
      throw new Error(
        `${what}: "${brief(name)}" and "${brief(previous)}" overlap: bytes ${start} to ${Math.min(end, position)} belong to both`,
      );
    if (start > position) throw new Error(`${what}: bytes ${position} to ${start}, before "${brief(name)}", belong to no tensor`);
    if (end > available)
      throw new Error(`${what}: truncated file: "${brief(name)}" ends at byte ${end} of the data, there are ${available}`);
    position = end;
    previous = name;
  }
  if (position < available) throw new Error(`${what}: ${available - position} bytes after the last tensor belong to no tensor`);
}

function checkMetadata(metadata: unknown, what: string): Metadata {
  const plain = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata) ? metadata : { "": undefined };
  const entries: [string, unknown][] = isObject(plain) ? [...plain] : Object.entries(plain);
  if (entries.every(([, value]) => typeof value === "string")) return Object.fromEntries(entries) as Metadata;
  throw new Error(`${what}: __metadata__ must map names to strings`);
}

/**
 * The bytes of a file with these entries. Data are laid out widest dtype first (stable otherwise), behind a header padded to
 * eight bytes, so that every tensor is aligned for readers that map the file.
 */
export function writeSafetensors(entries: ReadonlyMap<string, Entry>, metadata?: Metadata): Uint8Array {
  check("writeSafetensors: entries", entries, mapOf("tensors by name", object));
  const sized = [...entries].map(([name, entry]) => ({ name, entry, dtype: checkEntry(name, entry) }));
  sized.sort((a, b) => b.dtype.size - a.dtype.size);

  // Written out by hand: as keys of an object, names like "10" would change their order and "__proto__" would vanish.
  const fields: string[] = [];
  if (metadata && Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(checkMetadata(metadata, "safetensors"))}`);
  let end = 0;
  const starts = sized.map(({ name, entry, dtype }) => {
    const start = end;
    end += entry.data.length * dtype.size;
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: entry.dtype, shape: entry.shape, data_offsets: [start, end] })}`);
    return start;
  });

  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerLength + end).fill(0x20, 8, 8 + headerLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(json, 8);
  sized.forEach(({ entry, dtype }, i) => {
    file.set(dtype.encode(entry.data), 8 + headerLength + starts[i]);
  });
  return file;
}

function checkEntry(name: string, { dtype, shape, data }: Entry): Dtype {
  const known = dtypes.get(dtype);
  if (name === "__metadata__") throw new Error(`safetensors: "__metadata__" is no name for a tensor`);
  if (!known) throw new Error(`safetensors: "${brief(name)}": unsupported dtype ${dtype} (supported: ${[...dtypes.keys()].join(", ")})`);
  // By name, since an array from another realm is no instance of this realm's class.
  const array = typedArrayName(data);
  if (array !== known.array.name && !(known.array === Uint8Array && array === "Uint8ClampedArray")) {
    throw new Error(`safetensors: "${brief(name)}": ${dtype} is written from a ${known.array.name}, got a ${array ?? kindOf(data)}`);
  }
  if (elementCount(shape) !== data.length) {
    throw new Error(
      `safetensors: "${brief(name)}": shape [${shape.join(", ")}] has ${elementCount(shape)} elements, the data ${data.length}`,
    );
  }
  return known;
}
