/**
 * @file ONNX files (onnx.ai, `onnx/onnx.proto`) as plain objects and back, without tensors: Protocol Buffers by the wire functions of `@bufbuild/protobuf`, under the
 * table of `onnx-schema.ts`. Only `nabla/onnx` imports this file, so that others do not load the package.
 *
 * Files come from strangers. Every length is checked before it is believed: elements are looked at only if their bytes are there, messages are nested at most 64 deep,
 * and whatever is wrong is one error of one line.
 */

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { bytes as aFile, check, object, oneOf, text } from "../base/check.ts";
import { brief } from "./clean.ts";
import { float8 } from "./float8.ts";
import {
  DATA_TYPES,
  type Field,
  type Int,
  type MessageName,
  type OnnxDtype,
  type OnnxMessages,
  type OnnxSparse,
  type OnnxTensor,
  SCHEMA,
} from "./onnx-schema.ts";
import type { TypedArray } from "./safetensors.ts";
import { widenHalf } from "./safetensors.ts";

export * from "./onnx-schema.ts";

const MOST_DEPTH = 64;

// ---- reading --------------------------------------------------------------------------------------------------------------------------

/**
 * A file as a plain object: a model, or one of the values beside ONNX's tests (`Tensor`, `Sequence`, `Optional`). Bytes in it are views of `file`. Fields that are not
 * known are skipped; lists are there even if they are empty.
 * @param what Names the file in errors.
 * @throws {Error} of one line, if the file is damaged.
 */
export function decodeOnnx<Name extends MessageName>(message: Name, file: Uint8Array, what = "onnx file"): OnnxMessages[Name] {
  check("decodeOnnx: message", message, oneOf(...Object.keys(SCHEMA)));
  check("decodeOnnx: file", file, aFile);
  check("decodeOnnx: what", what, text);
  try {
    // The tables of SCHEMA and the interfaces say the same.
    return readMessage(new BinaryReader(file), file.length, message, 0) as OnnxMessages[Name];
  } catch (error) {
    const reason = error instanceof Error ? brief(error.message) : String(error);
    throw new Error(`${what}: damaged, or no ONNX file (${reason})`);
  }
}

/** The values of one list as they come: single ones, and typed arrays of packed ones. */
interface Pieces {
  readonly field: Field;
  readonly single: Int[];
  readonly packed: ArrayLike<Int>[];
}

function readMessage(reader: BinaryReader, end: number, message: string, depth: number): object {
  if (depth > MOST_DEPTH) throw new Error(`messages are nested more than ${MOST_DEPTH} deep`);
  const fields = SCHEMA[message];
  const out: Record<string, unknown> = {};
  for (const { name, many } of fields.values()) if (many) out[name] = [];
  const elements = new Map<string, Pieces>();
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = fields.get(number);
    if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw new Error("groups are not in use in ONNX");
    if (!field) reader.skip(wire, number);
    else if (field.kind in ELEMENTS) readElements(reader, wire, field, elements);
    else if (field.many) readMember(reader, wire, field, out[field.name] as unknown[], depth);
    else out[field.name] = readValue(reader, wire, field.kind, depth);
  }
  if (reader.pos !== end) throw new Error(`a ${message} is longer than it says`);
  for (const [name, pieces] of elements) out[name] = joined(pieces);
  return out;
}

/** Wire types of what is no message. */
const WIRES: Readonly<Record<string, WireType>> = { int: WireType.Varint, float: WireType.Bit32 };

function readMember(reader: BinaryReader, wire: WireType, field: Field, into: unknown[], depth: number): void {
  if (wire === WireType.LengthDelimited && field.kind in WIRES) {
    const end = lengthTo(reader);
    while (reader.pos < end) into.push(readValue(reader, WIRES[field.kind], field.kind, depth));
    if (reader.pos !== end) throw new Error("a list is longer than it says");
  } else into.push(readValue(reader, wire, field.kind, depth));
}

/** The end of what comes next, which starts with its length. */
function lengthTo(reader: BinaryReader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new Error("premature EOF");
  return end;
}

function readValue(reader: BinaryReader, wire: WireType, kind: string, depth: number): unknown {
  const want = WIRES[kind] ?? WireType.LengthDelimited;
  if (wire !== want) throw new Error(`a ${kind} of wire type ${wire} instead of ${want}`);
  if (kind === "int") return shortened(reader.int64());
  if (kind === "float") return reader.float();
  if (kind === "string") return reader.string(true);
  if (kind === "bytes") return reader.bytes();
  return readMessage(reader, lengthTo(reader), kind, depth + 1);
}

/** A number where that is exact. */
function shortened(value: bigint | string): Int {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : BigInt(value);
}

// ---- elements of tensors --------------------------------------------------------------------------------------------------------------

interface ElementKind {
  readonly wire: WireType;
  readonly array: { from(values: ArrayLike<Int>): ArrayLike<Int> };
  one(reader: BinaryReader): Int;
  /** All that are packed in some bytes. */
  all(bytes: Uint8Array): ArrayLike<Int>;
}

const fixed = (size: number, bytes: Uint8Array): ArrayBuffer => {
  if (bytes.length % size !== 0) throw new Error(`${bytes.length} bytes of elements that take ${size} each`);
  return new Uint8Array(bytes).buffer;
};

/** Varints end at bytes below 128, so their number is known before there is an array. */
function varints<T extends Int>(bytes: Uint8Array, make: (n: number) => { [i: number]: T } & ArrayLike<T>, one: (r: BinaryReader) => T) {
  let count = 0;
  for (const byte of bytes) if (byte < 128) count++;
  const values = make(count);
  const reader = new BinaryReader(bytes);
  for (let i = 0; i < count; i++) values[i] = one(reader);
  if (reader.pos !== bytes.length) throw new Error("premature EOF");
  return values;
}

const int64 = (reader: BinaryReader): bigint => BigInt(reader.int64());
const uint64 = (reader: BinaryReader): bigint => BigInt(reader.uint64());
const int32 = (reader: BinaryReader): number => reader.int32();

const ELEMENTS: Readonly<Record<string, ElementKind>> = {
  f32: {
    wire: WireType.Bit32,
    array: Float32Array as ElementKind["array"],
    one: (reader) => reader.float(),
    all: (bytes) => new Float32Array(fixed(4, bytes)),
  },
  f64: {
    wire: WireType.Bit64,
    array: Float64Array as ElementKind["array"],
    one: (reader) => reader.double(),
    all: (bytes) => new Float64Array(fixed(8, bytes)),
  },
  i32: {
    wire: WireType.Varint,
    array: Int32Array as ElementKind["array"],
    one: int32,
    all: (bytes) => varints(bytes, (n) => new Int32Array(n), int32),
  },
  i64: {
    wire: WireType.Varint,
    array: BigInt64Array as ElementKind["array"],
    one: int64,
    all: (bytes) => varints(bytes, (n) => new BigInt64Array(n), int64),
  },
  u64: {
    wire: WireType.Varint,
    array: BigUint64Array as ElementKind["array"],
    one: uint64,
    all: (bytes) => varints(bytes, (n) => new BigUint64Array(n), uint64),
  },
};

function readElements(reader: BinaryReader, wire: WireType, field: Field, elements: Map<string, Pieces>): void {
  const kind = ELEMENTS[field.kind];
  const pieces = elements.get(field.name) ?? { field, single: [], packed: [] };
  elements.set(field.name, pieces);
  if (wire === WireType.LengthDelimited) pieces.packed.push(kind.all(reader.bytes()));
  else if (wire === kind.wire) pieces.single.push(kind.one(reader));
  else throw new Error(`elements of wire type ${wire}`);
}

/** In files one form is used for all elements of a tensor; of a mixture the packed ones come first. */
function joined({ field, single, packed }: Pieces): ArrayLike<Int> {
  if (packed.length === 1 && single.length === 0) return packed[0];
  const { array } = ELEMENTS[field.kind];
  const all: Int[] = [];
  for (const piece of [...packed, single]) for (let i = 0; i < piece.length; i++) all.push(piece[i]);
  return array.from(all);
}

// ---- writing --------------------------------------------------------------------------------------------------------------------------

/** The bytes of a message, fields in the order of their numbers. Fields that are not in the table are left out. */
export function encodeOnnx<Name extends MessageName>(message: Name, value: OnnxMessages[Name]): Uint8Array {
  check("encodeOnnx: message", message, oneOf(...Object.keys(SCHEMA)));
  check("encodeOnnx: value", value, object);
  const writer = new BinaryWriter();
  writeMessage(writer, message, value);
  return writer.finish();
}

function writeMessage(writer: BinaryWriter, message: string, value: object): void {
  for (const [number, { name, kind, many }] of SCHEMA[message]) {
    const given: unknown = (value as Record<string, unknown>)[name];
    if (given === undefined) continue;
    if (kind in ELEMENTS) writeElements(writer, number, kind, given as ArrayLike<Int>);
    else if (many) for (const each of Array.from(given as ArrayLike<unknown>)) writeValue(writer, number, kind, each);
    else writeValue(writer, number, kind, given);
  }
}

function writeValue(writer: BinaryWriter, number: number, kind: string, value: unknown): void {
  writer.tag(number, WIRES[kind] ?? WireType.LengthDelimited);
  if (kind === "int") writer.int64(BigInt(value as Int));
  else if (kind === "float") writer.float(value as number);
  else if (kind === "string") writer.string(value as string);
  else if (kind === "bytes") writer.bytes(value as Uint8Array);
  else {
    writer.fork();
    writeMessage(writer, kind, value as object);
    writer.join();
  }
}

function writeElements(writer: BinaryWriter, number: number, kind: string, values: ArrayLike<Int>): void {
  if (values.length === 0) return;
  writer.tag(number, WireType.LengthDelimited).fork();
  for (let i = 0; i < values.length; i++) {
    if (kind === "f32") writer.float(values[i] as number);
    else if (kind === "f64") writer.double(values[i] as number);
    else if (kind === "u64") writer.uint64(BigInt(values[i]));
    else if (kind === "i64") writer.int64(BigInt(values[i]));
    else writer.int32(Number(values[i]));
  }
  writer.join();
}

// ---- what a tensor holds --------------------------------------------------------------------------------------------------------------

/** What holds the elements of a tensor on the host. Floats below 32 bits are widened; integers of 2 and 4 bits take a byte each. */
export type OnnxData = TypedArray;

/** A tensor of a file: its element type, its shape and its elements in row-major order. */
export interface OnnxArray {
  readonly dtype: OnnxDtype;
  readonly shape: number[];
  readonly data: OnnxData;
}

type Reading = {
  /** Bits that an element takes in the file. */
  readonly bits: number;
  raw(bytes: Uint8Array<ArrayBuffer>, count: number): OnnxData;
  /** From the list that holds the elements of this type where there are no raw bytes. */
  list(tensor: OnnxTensor): ArrayLike<Int> | undefined;
  from(values: ArrayLike<Int>, count: number): OnnxData;
};

type Numbers = ArrayLike<number>;

const floats32 = (widen: (bits: number) => number, bits: ArrayLike<number>): Float32Array =>
  new Float32Array(Uint32Array.from(bits, (each) => widen(each) >>> 0).buffer);
const brain = (bits: number): number => (bits & 0xffff) << 16;
const half = (bits: number): number => widenHalf(bits & 0xffff);

/** E4M3 and E5M2 with one NaN, no infinities and no negative zero; the exponent's bias is one more (Noune et al. 2022). */
function finiteFloat8(fractionBits: number, bias: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, bits) => {
    if (bits === 0x80) return Number.NaN;
    const exponent = (bits & 0x7f) >> fractionBits;
    const fraction = bits & (2 ** fractionBits - 1);
    const scaled = exponent === 0 ? fraction : 2 ** fractionBits + fraction;
    return (bits & 0x80 ? -1 : 1) * scaled * 2 ** (Math.max(1, exponent) - bias - fractionBits);
  });
}

const byTable = (make: () => Float32Array): ((bytes: ArrayLike<number>) => Float32Array) => {
  let made: Float32Array | undefined;
  return (bytes) => {
    made ??= make();
    const table = made;
    return Float32Array.from(bytes, (bits) => table[bits & 255]);
  };
};

/** E2M1: 1 sign, 2 exponent (bias 1), 1 fraction. */
const FLOAT4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
const float4 = (bits: number): number => (bits & 8 ? -FLOAT4[bits & 7] : FLOAT4[bits & 7]);

/** Several elements to a byte, the first in its lowest bits. */
const unpacked = (bytes: ArrayLike<number>, bits: number, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (bytes[Math.floor((i * bits) / 8)] >> ((i * bits) % 8)) & (2 ** bits - 1));

const signed = (bits: number, values: Uint8Array): Int8Array => Int8Array.from(values, (v) => (v >= 2 ** (bits - 1) ? v - 2 ** bits : v));

const INT32S = (tensor: OnnxTensor): Numbers | undefined => tensor.int32s;
const numbersOf = (values: ArrayLike<Int>): number[] => Array.from(values, Number);

function plain(
  array: { new (buffer: ArrayBuffer): OnnxData; from(list: never): OnnxData; BYTES_PER_ELEMENT: number },
  list: Reading["list"],
): Reading {
  return {
    bits: 8 * array.BYTES_PER_ELEMENT,
    raw: (bytes) => new array(bytes.buffer),
    list,
    from: (values) => array.from(values as never),
  };
}

function narrow(bits: number, decode: (bits: ArrayLike<number>) => Float32Array): Reading {
  return {
    bits,
    raw: (bytes) => decode(bits === 16 ? new Uint16Array(bytes.buffer) : bytes),
    list: INT32S,
    from: (values) => decode(numbersOf(values)),
  };
}

function packed(bits: number, convert: (values: Uint8Array) => OnnxData): Reading {
  const read = (bytes: ArrayLike<number>, count: number): OnnxData => convert(unpacked(bytes, bits, count));
  return { bits, raw: read, list: INT32S, from: (values, count) => read(numbersOf(values), count) };
}

const asBits = (values: ArrayLike<Int>, widen: (bits: number) => number): Float32Array => floats32(widen, values as Numbers);

const READINGS: Readonly<Partial<Record<OnnxDtype, Reading>>> = {
  float: plain(Float32Array, (t) => t.floats),
  double: plain(Float64Array, (t) => t.doubles),
  int32: plain(Int32Array, INT32S),
  int16: plain(Int16Array, INT32S),
  int8: plain(Int8Array, INT32S),
  uint16: plain(Uint16Array, INT32S),
  uint8: plain(Uint8Array, INT32S),
  bool: plain(Uint8Array, INT32S),
  int64: plain(BigInt64Array, (t) => t.int64s),
  uint64: plain(BigUint64Array, (t) => t.uint64s),
  uint32: { ...plain(Uint32Array, (t) => t.uint64s), from: (values) => Uint32Array.from(numbersOf(values)) },
  float16: narrow(16, (bits) => asBits(bits, half)),
  bfloat16: narrow(16, (bits) => asBits(bits, brain)),
  float8e4m3fn: narrow(8, (bits) => float8("E4M3").decode(Uint8Array.from(bits))),
  float8e5m2: narrow(8, (bits) => float8("E5M2").decode(Uint8Array.from(bits))),
  float8e8m0: narrow(8, (bits) => float8("E8M0").decode(Uint8Array.from(bits))),
  float8e4m3fnuz: narrow(
    8,
    byTable(() => finiteFloat8(3, 8)),
  ),
  float8e5m2fnuz: narrow(
    8,
    byTable(() => finiteFloat8(2, 16)),
  ),
  float4e2m1: packed(4, (values) => Float32Array.from(values, float4)),
  uint4: packed(4, (values) => values),
  int4: packed(4, (values) => signed(4, values)),
  uint2: packed(2, (values) => values),
  int2: packed(2, (values) => signed(2, values)),
};

/** The element type of a number in a file. @throws {Error} for a number that is none. */
export function onnxDtype(type: Int | undefined, what: string): OnnxDtype {
  const name = DATA_TYPES[Number(type ?? 0)];
  if (name === undefined || name === "undefined") throw new Error(`${what}: there is no element type ${String(type ?? 0)}`);
  return name;
}

/** The sizes of a tensor. @throws {Error} for one that is negative, and if there are more elements than a program can count. */
export function onnxShape(dims: readonly Int[] | undefined, what: string): number[] {
  const shape = (dims ?? []).map(Number);
  if (!shape.every((d) => Number.isSafeInteger(d) && d >= 0) || !Number.isSafeInteger(shape.reduce((a, b) => a * b, 1)))
    throw new Error(`${what}: a shape of [${brief(shape.join(", "))}]`);
  return shape;
}

/**
 * The elements of a tensor, copied (`slice` of Node's Buffer would not copy).
 * @param what Names the tensor in errors.
 * @param external The bytes of a tensor whose elements are in another file.
 * @throws {Error} if the elements are not as many as the shape says, and for strings and complex numbers.
 */
export function onnxElements(tensor: OnnxTensor, what: string, external?: Uint8Array): OnnxArray {
  check("onnxElements: tensor", tensor, object);
  check("onnxElements: what", what, text);
  const dtype = onnxDtype(tensor.type, what);
  const shape = onnxShape(tensor.dims, what);
  const reading = READINGS[dtype];
  if (!reading) throw new Error(`${what}: elements of type ${dtype} are not supported`);
  const count = shape.reduce((a, b) => a * b, 1);
  const raw = external ?? tensor.raw;
  if (raw !== undefined && (raw.length > 0 || count === 0)) {
    const want = Math.ceil((count * reading.bits) / 8);
    if (raw.length !== want) throw new Error(`${what}: ${raw.length} bytes where [${brief(shape.join(", "))}] of ${dtype} takes ${want}`);
    return { dtype, shape, data: reading.raw(new Uint8Array(raw), count) };
  }
  const list = reading.list(tensor) ?? [];
  const want = reading.bits < 8 ? Math.ceil((count * reading.bits) / 8) : count;
  if (list.length !== want) throw new Error(`${what}: ${list.length} elements where [${brief(shape.join(", "))}] wants ${want}`);
  return { dtype, shape, data: reading.from(list, count) };
}

/** More elements than this are not filled in: a file of a few bytes can ask for any number. */
const MOST_FILLED = 2 ** 26;

/**
 * A tensor of which only some elements are stored, with zeros for the others. Places are positions in the flat tensor, or an index for each axis.
 * @throws {Error} if places and elements do not fit, or there are more than 2²⁶ elements.
 */
export function onnxFilled({ values, indices, dims }: OnnxSparse, what: string): OnnxArray {
  const shape = onnxShape(dims, what);
  const count = shape.reduce((a, b) => a * b, 1);
  if (count > MOST_FILLED)
    throw new Error(`${what}: a sparse tensor of [${brief(shape.join(", "))}] has more than ${MOST_FILLED} elements`);
  const { dtype, data } = onnxElements(values ?? {}, what);
  const places = onnxElements(indices ?? {}, what);
  const wide = places.shape.length > 1 ? shape.length : 1;
  if (places.data.length !== data.length * wide)
    throw new Error(`${what}: ${data.length} elements at ${places.data.length} numbers of places`);
  const filled = Array.from({ length: count }, () => 0);
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    for (let axis = 0; axis < wide; axis++) at = at * (wide > 1 ? shape[axis] : 1) + Number(places.data[i * wide + axis]);
    if (!(at >= 0 && at < count)) throw new Error(`${what}: an element at place ${at} of ${count}`);
    filled[at] = Number(data[i]);
  }
  return { dtype, shape, data: Float64Array.from(filled) };
}
