/**
 * @file What a page of a Parquet file claims inside: runs of equal values (RLE) and shared beginnings (DELTA_BYTE_ARRAY), of which a few bytes can
 * claim gigabytes. Checked before the page is decoded (Apache Parquet, Encodings.md).
 */
import type { SchemaElement } from "hyparquet";
import type { Budget } from "../formats/budget.ts";

type PageHeader = ReturnType<typeof import("hyparquet/src/column.js").parquetHeader>;

/** Reads numbers that are stored as blocks of differences. */
type UnpackDeltas = (reader: { view: DataView; offset: number }, count: number, output: Int32Array) => void;

/** @throws {Error} if a run of an unpacked page is longer than its values, or strings that share beginnings exceed the budget. */
export function checkRuns(page: Uint8Array, header: PageHeader, element: SchemaElement, budget: Budget, unpack: UnpackDeltas): void {
  const { data_page_header: first, data_page_header_v2: second } = header;
  const about = first ?? second;
  if (!about) return;
  const nullable = element.repetition_type !== "REQUIRED";
  let at = second ? second.repetition_levels_byte_length : 0;
  if (second) {
    if (nullable) checkHybrid(page.subarray(at, at + second.definition_levels_byte_length), 1, about.num_values);
    at += second.definition_levels_byte_length;
    if (!(second.num_nulls >= 0 && second.num_nulls <= second.num_values))
      throw new Error(`${second.num_nulls} of ${second.num_values} values are missing`);
  } else if (nullable) {
    const length = uint32(page, at);
    if (at + 4 + length > page.length) throw new Error("levels reach beyond their page");
    checkHybrid(page.subarray(at + 4, at + 4 + length), 1, about.num_values);
    at += 4 + length;
  }
  const values = page.subarray(at);
  const { encoding } = about;
  if (encoding === "PLAIN_DICTIONARY" || encoding === "RLE_DICTIONARY") {
    if (values.length > 0) checkHybrid(values.subarray(1), values[0], about.num_values);
  } else if (encoding === "RLE") checkHybrid(values.subarray(4), 1, about.num_values);
  else if (encoding?.startsWith("DELTA")) checkDelta(values, encoding, about.num_values, budget, unpack);
}

const uint32 = (bytes: Uint8Array, at: number): number => {
  if (at + 4 > bytes.length) throw new Error("a page ends within a length");
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true);
};

/** Runs of equal values, and groups of eight packed ones, of `width` bits each; `count` values are wanted. */
function checkHybrid(bytes: Uint8Array, width: number, count: number): void {
  if (width > 32) throw new Error(`indices of ${width} bits`);
  let seen = 0;
  for (let at = 0; at < bytes.length && seen < count; ) {
    const [head, next] = varint(bytes, at);
    const packed = head % 2 === 1;
    const length = packed ? 8 * Math.floor(head / 2) : Math.floor(head / 2);
    if (length > count - seen + (packed ? 7 : 0) && (!packed || length > 8 * Math.ceil((count - seen) / 8) + 504))
      throw new Error(`a run of ${length} values where ${count - seen} are left`);
    if (length === 0 && !packed) throw new Error("a run of no values");
    at = next + (packed ? Math.floor(head / 2) * width : Math.ceil(width / 8));
    seen += length;
  }
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
function checkDelta(bytes: Uint8Array, encoding: string, most: number, budget: Budget, unpack: UnpackDeltas): void {
  const [blockSize, afterSize] = varint(bytes, 0);
  const [perBlock, afterPer] = varint(bytes, afterSize);
  const [total] = varint(bytes, afterPer);
  if (!(perBlock > 0 && blockSize % perBlock === 0 && blockSize <= 2 ** 16))
    throw new Error(`blocks of ${blockSize} values in ${perBlock} parts`);
  if (total > most) throw new Error(`${total} values where at most ${most} are wanted`);
  if (encoding !== "DELTA_BYTE_ARRAY") return;
  const beginnings = new Int32Array(total);
  unpack({ view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }, total, beginnings);
  budget.claim(
    beginnings.reduce((sum, length) => sum + Math.max(0, length), 0),
    "texts that share beginnings",
  );
}
