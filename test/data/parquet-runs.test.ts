/** @file Pages of Parquet files that claim more than they hold: refused before they are decoded, however small the file. */
import { expect, test } from "vitest";
import { decompressors } from "../../src/data/parquet-codecs.ts";
import { checkRuns } from "../../src/data/parquet-runs.ts";
import { Budget } from "../../src/formats/budget.ts";

type Header = Parameters<typeof checkRuns>[1];
type Element = Parameters<typeof checkRuns>[2];

const { deltaBinaryUnpack } = await import("hyparquet/src/delta.js");
const budget = (): Budget => new Budget("f", 0, { maxBytes: 2 ** 20 });
const check = (page: number[], header: object, element: object = {}): void =>
  checkRuns(Uint8Array.from(page), header as Header, { name: "x", type: "INT32", ...element } as Element, budget(), deltaBinaryUnpack);
const v1 = (num_values: number, encoding: string, more: object = {}) => ({
  type: "DATA_PAGE",
  data_page_header: { num_values, encoding },
  ...more,
});
const v2 = (num_values: number, encoding: string, num_nulls: number, definition_levels_byte_length: number, more: object = {}) => ({
  type: "DATA_PAGE_V2",
  data_page_header_v2: { num_values, num_nulls, encoding, definition_levels_byte_length, repetition_levels_byte_length: 0 },
  ...more,
});
const required = { repetition_type: "REQUIRED" };
/** A run of 2^28 - 1 values in five bytes. */
const LONG = [0xfe, 0xff, 0xff, 0xff, 0x01, 1];

test.each<[string, () => void, string]>([
  ["levels that end before all values", () => check([0, 0, 0, 0, ...LONG], v1(40, "PLAIN")), "runs of 0 values where 40 are wanted"],
  ["levels of the second version that end early", () => check(LONG, v2(40, "PLAIN", 0, 0)), "runs of 0 values where 40 are wanted"],
  ["a long run of levels", () => check([6, 0, 0, 0, ...LONG], v1(40, "PLAIN")), "a run of 268435455 values where 40 are left"],
  ["a long run of indices", () => check([1, ...LONG], v1(40, "RLE_DICTIONARY"), required), "where 40 are left"],
  [
    "more indices than values are there",
    () => check([2, 0, 0, 0, 3, 0b0011, 1, 8, 0], v1(4, "RLE_DICTIONARY")),
    "a run of 4 values where 2 are left",
  ],
  [
    "a group of no values, after which the package is one byte further",
    () => check([1, 1, 1, ...LONG], v1(8, "RLE_DICTIONARY"), required),
    "a run of no values",
  ],
  [
    "two headers, of which the type names the long one",
    () => check([1, ...LONG], v2(40, "RLE_DICTIONARY", 0, 0, { data_page_header: { num_values: 2 ** 30 } }), required),
    "where 40 are left",
  ],
  ["nulls that the levels do not have", () => check([8, 1], v2(4, "PLAIN", 3, 2)), "3 of 4 values should be missing, 0 are"],
  [
    "fewer differences than values",
    () => check([128, 1, 4, 1, 0], v1(1000, "DELTA_BYTE_ARRAY"), required),
    "1 values where 1000 are wanted",
  ],
  [
    "blocks of a size below 0, behind the lengths of shared beginnings",
    () => check([128, 1, 4, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 4, 1, 0], v1(1, "DELTA_BYTE_ARRAY"), required),
    "blocks of 4294967295 values in 4 parts",
  ],
  ["blocks of no values", () => check([0, 4, 2, 0], v1(2, "DELTA_BINARY_PACKED"), required), "blocks of 0 values"],
  [
    "elements of gigabytes in streams",
    () => check([0], v1(1000, "BYTE_STREAM_SPLIT"), { ...required, type: "FIXED_LEN_BYTE_ARRAY", type_length: 2 ** 31 - 1 }),
    "1000 values of 2147483647 bytes in 1 bytes",
  ],
])("%s", (_, run, message) => {
  expect(run).toThrow(message);
});

test("pages that hold what they claim pass", () => {
  check([2, 0, 0, 0, 8, 1, 1, 8, 0], v1(4, "RLE_DICTIONARY"));
  check([2, 0, 0, 0, 3, 0b0101, 1, 4, 0], v1(4, "RLE_DICTIONARY"));
  check([8, 0], v2(4, "PLAIN", 4, 2));
  check([0], v1(4, "RLE_DICTIONARY"), required);
});

test("frames that lead back to themselves end", async () => {
  const unpack = (await decompressors())("LZ4");
  const back = Uint8Array.from([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xf8, ...new Uint8Array(16)]);
  expect(() => unpack(back, 100)).toThrow();
});

test("a block that claims gigabytes ends at the size of its page", async () => {
  const unpack = (await decompressors())("ZSTD");
  // 98,000 sequences, each a match of 65,539 bytes, in a block of 10 bytes.
  const block = [0, 255, 255, 255, 0x54, 0, 0, 52, 1, 1];
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 100, 1 | (2 << 1) | ((block.length << 3) & 0xff), block.length >> 5, 0, ...block];
  expect(() => unpack(Uint8Array.from(frame), 100)).toThrow("a page of 100 bytes unpacks to 0");
});
