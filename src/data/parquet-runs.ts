/**
 * @file What a page of a Parquet file claims inside: runs of equal values (RLE) and shared beginnings (DELTA_BYTE_ARRAY), of which a few bytes can
 * claim gigabytes. Checked before the page is decoded (Apache Parquet, Encodings.md).
 */
import type { SchemaElement } from "hyparquet";
import type { Budget } from "../formats/budget.ts";

type PageHeader = ReturnType<typeof import("hyparquet/src/column.js").parquetHeader>;

/** Reads numbers that are stored as blocks of differences. */
type UnpackDeltas = (reader: { view: DataView; offset: number }, count: number, output: Int32Array) => void;

/** The header of a data page that its type names: a damaged page may have several. */
export function dataHeader({ type, data_page_header: first, data_page_header_v2: second }: PageHeader): typeof first | typeof second {
  return type === "DATA_PAGE" ? first : type === "DATA_PAGE_V2" ? second : undefined;
}

/**
 * The package decodes runs until it has all values, past the end of their bytes if need be, and trusts each length. So every run is walked here as
 * the package will, over bytes that must hold all of them.
 * @throws {Error} if runs of an unpacked page hold more or fewer values than it claims, or strings that share beginnings exceed the budget.
 */
export function checkRuns(page: Uint8Array, header: PageHeader, element: SchemaElement, budget: Budget, unpack: UnpackDeltas): void {
  const about = dataHeader(header);
  if (!about) return;
  const { present, at } = checkLevels(page, header, element.repetition_type !== "REQUIRED");
  const values = page.subarray(at);
  const { encoding } = about;
  const second = header.type === "DATA_PAGE_V2";
  if (encoding === "RLE" || encoding === "PLAIN_DICTIONARY" || encoding === "RLE_DICTIONARY") {
    // As the package takes them: bits behind a length, or indices behind their width, of which in the first version width 0 has no runs.
    if (second ? encoding === "RLE" : element.type === "BOOLEAN") checkHybrid(values.subarray(4), 1, present);
    else if (values.length > 0 && (second || values[0] > 0)) checkHybrid(values.subarray(1), values[0], present);
  } else if (encoding === "BYTE_STREAM_SPLIT") checkStreams(values, element, present);
  else if (encoding?.startsWith("DELTA") && present > 0) checkDelta(values, encoding, present, budget, unpack);
}

/** How many values of a page are not missing, and where they begin. */
function checkLevels(page: Uint8Array, header: PageHeader, nullable: boolean): { present: number; at: number } {
  const { num_values: count } = dataHeader(header)!;
  if (header.type !== "DATA_PAGE_V2") {
    if (!nullable) return { present: count, at: 0 };
    const at = 4 + uint32(page, 0);
    if (at > page.length) throw new Error("levels reach beyond their page");
    return { present: checkHybrid(page.subarray(4, at), 1, count), at };
  }
  const { num_nulls: missing, definition_levels_byte_length: length, repetition_levels_byte_length: start } = header.data_page_header_v2!;
  if (!(missing >= 0 && missing <= count)) throw new Error(`${missing} of ${count} values are missing`);
  const present = nullable ? checkHybrid(page.subarray(start, start + length), 1, count) : count;
  if (present !== count - missing) throw new Error(`${missing} of ${count} values should be missing, ${count - present} are`);
  return { present, at: start + length };
}

const uint32 = (bytes: Uint8Array, at: number): number => {
  if (at + 4 > bytes.length) throw new Error("a page ends within a length");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
};

/** More packed values than are wanted that a run may have: writers fill blocks. */
const PADDING = 511;

/**
 * Runs of equal values, and groups of eight packed ones, of `width` bits each; `count` values are wanted.
 * @returns How many of the values are 1, if they have one bit. @throws {Error} if the bytes hold fewer values, or a run more.
 */
function checkHybrid(bytes: Uint8Array, width: number, count: number): number {
  if (width > 32) throw new Error(`indices of ${width} bits`);
  let [seen, ones] = [0, 0];
  for (let at = 0; seen < count; ) {
    if (at >= bytes.length) throw new Error(`runs of ${seen} values where ${count} are wanted`);
    const [head, next] = varint(bytes, at);
    const packed = head % 2 === 1;
    const length = packed ? 8 * Math.floor(head / 2) : Math.floor(head / 2);
    const left = count - seen;
    if (length > left + (packed ? PADDING : 0)) throw new Error(`a run of ${length} values where ${left} are left`);
    if (length === 0) throw new Error("a run of no values");
    // Of packed values of no bits the package takes a byte.
    at = next + (packed ? Math.max(1, (length / 8) * width) : Math.ceil(width / 8));
    if (width === 1) ones += packed ? onesIn(bytes, next, Math.min(length, left)) : bytes[next] === 1 ? length : 0;
    seen += length;
  }
  return ones;
}

function onesIn(bytes: Uint8Array, start: number, count: number): number {
  let ones = 0;
  for (let i = 0; i < count; i++) ones += (bytes[start + (i >> 3)] >> (i & 7)) & 1;
  return ones;
}

const WIDTHS: Readonly<Record<string, number>> = { INT32: 4, FLOAT: 4, INT64: 8, DOUBLE: 8 };

/** The first bytes of all values, then the second bytes, ...; the package makes room for them before it looks. */
function checkStreams(bytes: Uint8Array, { type, type_length: length = 0 }: SchemaElement, count: number): void {
  const width = WIDTHS[type ?? ""] ?? length;
  if (!(count * width <= bytes.length)) throw new Error(`${count} values of ${width} bytes in ${bytes.length} bytes`);
}

function varint(bytes: Uint8Array, start: number): [value: number, next: number] {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw new Error("a page ends within a number");
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return [value, start + i + 1];
  }
  throw new Error("a number of more than 32 bits");
}

/** Blocks of differences; strings that share beginnings are as long as their lengths say, not as their bytes. */
function checkDelta(bytes: Uint8Array, encoding: string, count: number, budget: Budget, unpack: UnpackDeltas): void {
  checkBlocks(bytes, 0, count);
  if (encoding !== "DELTA_BYTE_ARRAY") return;
  const beginnings = new Int32Array(count);
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  unpack(reader, count, beginnings);
  checkBlocks(bytes, reader.offset, count);
  budget.claim(
    beginnings.reduce((sum, length) => sum + Math.max(0, length), 0),
    "texts that share beginnings",
  );
}

/** What differences say of their blocks: a size below 0 would lead the package back and forth for ever. */
function checkBlocks(bytes: Uint8Array, at: number, count: number): void {
  const [blockSize, afterSize] = varint(bytes, at);
  const [perBlock, afterPer] = varint(bytes, afterSize);
  const [total] = varint(bytes, afterPer);
  if (!(perBlock > 0 && blockSize > 0 && blockSize % perBlock === 0 && blockSize <= 2 ** 16))
    throw new Error(`blocks of ${blockSize} values in ${perBlock} parts`);
  if (total !== count) throw new Error(`${total} values where ${count} are wanted`);
}
