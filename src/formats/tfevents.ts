/**
 * @file TensorBoard's event files: TFRecords (tensorflow.org/tutorials/load_data/tfrecord) of protocol-buffer messages `Event` (tensorflow,
 * core/util/event.proto and core/framework/summary.proto). A file is its records one after another, so it grows by appending.
 *
 *     record: length, u64 | masked CRC32C of these 8 bytes | event | masked CRC32C of the event
 *     Event { wall_time = 1; step = 2; file_version = 3; summary = 5 { value = 1 { tag = 1; simple_value = 2; histo = 5 } } }
 */
import { check, checkOptions, expectation, finite, naturalNumber, object, positiveInteger, text } from "../base/check.ts";
import { kindOf, typedArrayName } from "../base/elements.ts";
import { type Budget, budgetFor, type ReadLimits } from "./budget.ts";

/** A histogram as TensorBoard has it: bucket i counts the values from limit i - 1 up to limit i. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

/** A scalar as an event file has it. */
export interface TensorboardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** Of the first event alone. */
  readonly fileVersion?: string;
  readonly scalars: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Record<string, Histogram>>;
}

const scalarsByTag = expectation(
  "an object with a number for each tag",
  (value) => object.holds(value) && Object.values(value as object).every((each) => typeof each === "number"),
);

/** Seconds since 1970. */
const now = (): number => Date.now() / 1000;

/** The record that a file begins with. TensorBoard wants "tfevents" in the file's name: `events.out.tfevents.<seconds>.<host>`. */
export function eventFileHeader(wallTime: number = now()): Uint8Array {
  check("eventFileHeader: wallTime", wallTime, finite);
  return record([...double(1, wallTime), ...bytesField(3, utf8("brain.Event:2"))]);
}

/** A record with the values of some curves at a step. */
export function scalarEvent(step: number, scalars: Readonly<Record<string, number>>, wallTime: number = now()): Uint8Array {
  check("scalarEvent: step", step, naturalNumber);
  check("scalarEvent: scalars", scalars, scalarsByTag);
  check("scalarEvent: wallTime", wallTime, finite);
  const values = Object.entries(scalars).flatMap(([tag, value]) => bytesField(1, [...bytesField(1, utf8(tag)), ...float(2, value)]));
  return record([...double(1, wallTime), ...varintField(2, step), ...bytesField(5, values)]);
}

/** A record with the distribution of some values (not-numbers left out) at a step, in `buckets` (default 30) of equal width. */
export function histogramEvent(
  step: number,
  tag: string,
  values: ArrayLike<number | bigint>,
  options: { readonly buckets?: number; readonly wallTime?: number } = {},
): Uint8Array {
  check("histogramEvent: step", step, naturalNumber);
  check("histogramEvent: tag", tag, text);
  checkOptions("histogramEvent", options, { buckets: positiveInteger, wallTime: finite });
  const { buckets = 30, wallTime = now() } = options;
  const { min, max, num, sum, sumSquares, bucketLimit, bucket } = histogram(values, buckets);
  const facts = [min, max, num, sum, sumSquares].flatMap((value, i) => double(i + 1, value));
  const packed = (field: number, list: readonly number[]): number[] =>
    bytesField(field, [...new Uint8Array(Float64Array.from(list).buffer)]);
  const value = [...bytesField(1, utf8(tag)), ...bytesField(5, [...facts, ...packed(6, bucketLimit), ...packed(7, bucket)])];
  return record([...double(1, wallTime), ...varintField(2, step), ...bytesField(5, bytesField(1, value))]);
}

function histogram(values: ArrayLike<number | bigint>, buckets: number): Histogram {
  if (typedArrayName(values) === undefined && !Array.isArray(values))
    throw new TypeError(`event: want the values as an array or a typed array, got ${kindOf(values)}`);
  const numbers = Float64Array.from(values, Number).filter(Number.isFinite);
  let [min, max, sum, sumSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const value of numbers) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    sumSquares += value * value;
  }
  if (numbers.length === 0) [min, max] = [0, 0];
  const width = (max - min) / buckets || 1e-12;
  const bucket = new Array<number>(buckets).fill(0);
  for (const value of numbers) bucket[Math.min(buckets - 1, Math.floor((value - min) / width))]++;
  const bucketLimit = bucket.map((_, i) => (i === buckets - 1 && max > min ? max : min + (i + 1) * width));
  return { min, max, num: numbers.length, sum, sumSquares, bucketLimit, bucket };
}

// ---- protocol buffers, as far as events need them -----------------------------------------------------------------------------------

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const double = (field: number, value: number): number[] => [(field << 3) | 1, ...new Uint8Array(Float64Array.of(value).buffer)];
const float = (field: number, value: number): number[] => [(field << 3) | 5, ...new Uint8Array(Float32Array.of(value).buffer)];
const varintField = (field: number, value: number): number[] => [field << 3, ...varint(value)];
const bytesField = (field: number, bytes: ArrayLike<number>): number[] => [(field << 3) | 2, ...varint(bytes.length), ...Array.from(bytes)];

/** Seven bits to a byte, the lowest first; the top bit says that more follow. */
function varint(value: number): number[] {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`event: want a step that is an integer of at least 0, got ${value}`);
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

function record(event: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(12 + event.length + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(event.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(event, 12);
  view.setUint32(12 + event.length, maskedCrc(bytes.subarray(12, 12 + event.length)), true);
  return bytes;
}

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0x82f63b78 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** CRC-32C (Castagnoli et al. 1993; RFC 3720, B.4). */
export function crc32c(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = table[(c ^ byte) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** Rotated and shifted by a constant, since a CRC of data that hold CRCs is weak (TFRecord format). */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// ---- reading ------------------------------------------------------------------------------------------------------------------------

/**
 * The events of a file, every checksum checked; `what` names it in errors. What else than scalars and histograms events hold is passed over. A last
 * record that is cut off, as a killed process or a running one leaves it, ends the reading.
 */
export function readEvents(bytes: Uint8Array, what = "events", limits: ReadLimits = {}): TensorboardEvent[] {
  const budget = budgetFor("readEvents", bytes, what, limits);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: TensorboardEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const where = `${what}: record ${events.length} at byte ${at}`;
    if (at + 12 > bytes.length) break;
    if (view.getUint32(at + 8, true) !== maskedCrc(bytes.subarray(at, at + 8))) throw new Error(`${where}: wrong checksum of its length`);
    const length = Number(view.getBigUint64(at, true));
    if (at + 16 + length > bytes.length) break;
    const event = bytes.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 12 + length, true) !== maskedCrc(event)) throw new Error(`${where}: wrong checksum`);
    budget.claim(BYTES_PER_EVENT, "its events");
    events.push(readEvent(event, where, budget));
    at += 16 + length;
  }
  return events;
}

/**
 * What an event, a field of a message and a curve take of memory, about. Fields of two bytes become objects, so an event may take a hundred times as
 * much as its record; the fields of one event are held at a time.
 */
const BYTES_PER_EVENT = 512;
const BYTES_PER_FIELD = 176;
const BYTES_PER_CURVE = 128;

/** A field of a message: a number (wire types 0, 1 and 5) or bytes (2). */
type Field = readonly [field: number, value: number | Uint8Array];

function fields(message: Uint8Array, where: string, budget: Budget): Field[] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const result: Field[] = [];
  let at = 0;
  const need = (n: number): number => {
    if (!(at + n <= message.length)) throw new Error(`${where}: damaged message`);
    at += n;
    return at - n;
  };
  const varintHere = (): number => {
    let value = 0;
    for (let scale = 1; scale < 2 ** 63; scale *= 128) {
      const byte = message[need(1)];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    // Of ten bytes: a negative number in two's complement of 64 bits, which a double would round.
    const [start, end] = [at - 9, need(1)];
    let bits = 0n;
    for (let i = end; i >= start; i--) bits = (bits << 7n) | BigInt(message[i] & 127);
    return Number(BigInt.asIntN(64, bits));
  };
  while (at < message.length) {
    budget.claim(BYTES_PER_FIELD, "its events");
    const key = varintHere();
    const wire = key % 8;
    if (![0, 1, 2, 5].includes(wire)) throw new Error(`${where}: damaged message`);
    if (wire === 0) result.push([Math.floor(key / 8), varintHere()]);
    else if (wire === 1) result.push([Math.floor(key / 8), view.getFloat64(need(8), true)]);
    else if (wire === 5) result.push([Math.floor(key / 8), view.getFloat32(need(4), true)]);
    else {
      const length = varintHere();
      const start = need(length);
      result.push([Math.floor(key / 8), message.subarray(start, start + length)]);
    }
  }
  return result;
}

const numberAt = (message: readonly Field[], field: number): number =>
  (message.find(([f, v]) => f === field && typeof v === "number")?.[1] as number) ?? 0;
const bytesAt = (message: readonly Field[], field: number): Uint8Array[] =>
  message.flatMap(([f, v]) => (f === field && typeof v !== "number" ? [v] : []));
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.slice());

function readEvent(bytes: Uint8Array, where: string, budget: Budget): TensorboardEvent {
  const before = budget.left;
  const event = fields(bytes, where, budget);
  // Without a prototype, so that a curve may be called "__proto__".
  const scalars: Record<string, number> = Object.create(null);
  const histograms: Record<string, Histogram> = Object.create(null);
  for (const summary of bytesAt(event, 5)) {
    for (const message of bytesAt(fields(summary, where, budget), 1)) {
      const value = fields(message, where, budget);
      const tag = textOf(bytesAt(value, 1)[0] ?? new Uint8Array());
      if (value.some(([field]) => field === 2)) scalars[tag] = numberAt(value, 2);
      for (const histo of bytesAt(value, 5)) histograms[tag] = readHistogram(fields(histo, where, budget), budget);
    }
  }
  const [version] = bytesAt(event, 3);
  // What is left of the event: its texts and numbers.
  const curves = Object.values(histograms).reduce((sum, h) => sum + 8 * (h.bucket.length + h.bucketLimit.length), 0);
  const names = Object.keys(scalars).length + Object.keys(histograms).length;
  budget.release(before - budget.left);
  budget.claim(2 * bytes.length + curves + BYTES_PER_CURVE * names, "its events");
  return { wallTime: numberAt(event, 1), step: numberAt(event, 2), ...(version && { fileVersion: textOf(version) }), scalars, histograms };
}

function readHistogram(message: readonly Field[], budget: Budget): Histogram {
  const [min, max, num, sum, sumSquares] = [1, 2, 3, 4, 5].map((field) => numberAt(message, field));
  const packed = (field: number): number[] =>
    bytesAt(message, field).flatMap((bytes) => {
      budget.claim(4 * bytes.length, "its events");
      return [...new Float64Array(new Uint8Array(bytes.subarray(0, bytes.length & ~7)).buffer)];
    });
  return { min, max, num, sum, sumSquares, bucketLimit: packed(6), bucket: packed(7) };
}
