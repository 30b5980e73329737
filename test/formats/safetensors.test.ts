/** @file safetensors: what is written is read back, bit for bit; files of other writers; every fault is named. */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Entry, readSafetensors, type TypedArray, writeSafetensors } from "../../src/formats/safetensors.ts";

const arrays: Record<string, (n: number) => fc.Arbitrary<TypedArray>> = {
  F32: (n) => fc.float32Array({ minLength: n, maxLength: n }),
  F64: (n) => fc.float64Array({ minLength: n, maxLength: n }),
  I32: (n) => fc.int32Array({ minLength: n, maxLength: n }),
  U32: (n) => fc.uint32Array({ minLength: n, maxLength: n }),
  U8: (n) => fc.uint8Array({ minLength: n, maxLength: n }),
  BOOL: (n) => fc.uint8Array({ minLength: n, maxLength: n, max: 1 }),
  I64: (n) => fc.bigInt64Array({ minLength: n, maxLength: n }),
};

const entry: fc.Arbitrary<Entry> = fc
  .tuple(fc.constantFrom(...Object.keys(arrays)), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }))
  .chain(([dtype, shape]) => arrays[dtype](shape.reduce((a, b) => a * b, 1)).map((data) => ({ dtype, shape, data })));

const name = fc.string({ unit: "grapheme" }).filter((text) => text !== "__metadata__");
const files = fc.dictionary(name, entry, { maxKeys: 8 }).map((object) => new Map(Object.entries(object)));

/** A file with this header, as text or as a value, in front of `size` bytes of zeros. */
function file(header: unknown, size = 0, length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + size);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** One 16-bit element through the reader, and through the writer back. */
function throughHalf(dtype: string, bits: number): { value: number; bits: number } {
  const bytes = file({ x: { dtype, shape: [], data_offsets: [0, 2] } }, 2);
  new DataView(bytes.buffer).setUint16(bytes.length - 2, bits, true);
  const { entries } = readSafetensors(bytes);
  return { value: Number(entries.get("x")!.data[0]), bits: lastHalf(writeSafetensors(entries)) };
}

const lastHalf = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint16(bytes.length - 2, true);
const writeHalf = (dtype: string, value: number): number =>
  lastHalf(writeSafetensors(new Map([["x", { dtype, shape: [], data: Float32Array.of(value) }]])));

describe("round trip", () => {
  test("entries and metadata come back as they were, bit for bit", () => {
    fc.assert(
      fc.property(files, fc.dictionary(fc.string(), fc.string()), fc.integer({ min: 0, max: 7 }), (entries, metadata, offset) => {
        const bytes = writeSafetensors(entries, metadata);
        const moved = new Uint8Array(offset + bytes.length); // the reader must not depend on alignment
        moved.set(bytes, offset);
        const read = readSafetensors(moved.subarray(offset));
        expect(new Map(Object.entries(read.metadata))).toEqual(new Map(Object.entries(metadata)));
        expect(read.entries).toEqual(entries);
      }),
    );
  });

  test("names that objects would lose or reorder", () => {
    const entries = new Map(
      ["10", "9", "__proto__", "a.b", '"\\\n'].map((key, i) => [key, { dtype: "U8", shape: [1], data: Uint8Array.of(i) }]),
    );
    expect(readSafetensors(writeSafetensors(entries)).entries).toEqual(entries);
  });

  test("data start at a multiple of eight, widest dtype first, so that every tensor is aligned", () => {
    const bytes = writeSafetensors(
      new Map<string, Entry>([
        ["byte", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) }],
        ["double", { dtype: "F64", shape: [1], data: Float64Array.of(1) }],
        ["half", { dtype: "F16", shape: [1], data: Float32Array.of(1) }],
      ]),
    );
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header.double.data_offsets).toEqual([0, 8]);
    expect(header.half.data_offsets).toEqual([8, 10]);
    expect(header.byte.data_offsets).toEqual([10, 13]);
    expect(readSafetensors(writeSafetensors(new Map()))).toEqual({ entries: new Map(), metadata: {} });
  });

  test("a typed array that is a view writes its own elements only", () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const { entries } = readSafetensors(writeSafetensors(new Map([["x", { dtype: "F32", shape: [2], data }]])));
    expect([...entries.get("x")!.data]).toEqual([2, 3]);
  });
});

describe("16-bit floats", () => {
  test.each(["F16", "BF16"])("%s: all 65,536 patterns survive", (dtype) => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const bytes = file({ x: { dtype, shape: [65536], data_offsets: [0, 131072] } }, 131072);
    bytes.set(new Uint8Array(bits.buffer), bytes.length - 131072);
    const { entries } = readSafetensors(bytes);
    expect(entries.get("x")!.dtype).toBe(dtype);
    const written = writeSafetensors(entries);
    const back = new Uint16Array(written.slice(-131072).buffer);
    const isNaNBits = (b: number) => (dtype === "F16" ? (b & 0x7fff) > 0x7c00 : (b & 0x7fff) > 0x7f80);
    const quiet = dtype === "F16" ? 0x200 : 0x40; // a signalling NaN may come back quiet
    const changed = [...bits].filter((b) => back[b] !== b && !(isNaNBits(b) && back[b] === (b | quiet)));
    expect(changed).toEqual([]);
  });

  test.each([
    ["F16", 0x3c00, 1],
    ["F16", 0xc000, -2],
    ["F16", 0x7bff, 65504],
    ["F16", 0x0001, 2 ** -24],
    ["F16", 0x03ff, 1023 * 2 ** -24],
    ["F16", 0x0400, 2 ** -14],
    ["F16", 0x7c00, Number.POSITIVE_INFINITY],
    ["F16", 0x8000, -0],
    ["F16", 0x7e00, Number.NaN],
    ["BF16", 0x3f80, 1],
    ["BF16", 0xff80, Number.NEGATIVE_INFINITY],
    ["BF16", 0x0001, 2 ** -133],
    ["BF16", 0x7fc0, Number.NaN],
  ])("%s %i is %d", (dtype, bits, value) => {
    expect(throughHalf(dtype, bits)).toEqual({ value, bits });
  });

  test.each([
    ["F16", 1 + 2 ** -11, 0x3c00], // a tie goes to the even neighbour, below ...
    ["F16", 1 + 3 * 2 ** -11, 0x3c02], // ... or above
    ["F16", 1 + 2 ** -11 + 2 ** -20, 0x3c01],
    ["F16", 65519, 0x7bff],
    ["F16", 65520, 0x7c00], // overflow starts half a step above the largest
    ["F16", -1e9, 0xfc00],
    ["F16", 2 ** -25, 0x0000], // half of the smallest: a tie, to even zero
    ["F16", 1.5 * 2 ** -25, 0x0001],
    ["F16", 2 ** -26, 0x0000],
    ["F16", 2 ** -14 - 2 ** -26, 0x0400], // rounds up out of the subnormals
    ["F16", -1e-40, 0x8000],
    ["BF16", 1 + 2 ** -8, 0x3f80],
    ["BF16", 1 + 3 * 2 ** -8, 0x3f82],
    ["BF16", 3.4e38, 0x7f80],
  ])("%s: %d is rounded to nearest, ties to even", (dtype, value, bits) => {
    expect(writeHalf(dtype, value).toString(16)).toBe(bits.toString(16));
  });

  test("F16 rounds as the nearest of all its values", () => {
    const values = Array.from({ length: 0x7c00 }, (_, bits) => throughHalf("F16", bits).value);
    fc.assert(
      fc.property(fc.float({ min: 0, max: 65500, noNaN: true }), (value) => {
        const got = values[writeHalf("F16", value)];
        const error = Math.abs(got - value);
        const next = values.findIndex((v) => v >= value);
        expect(error).toBe(
          Math.min(Math.abs(values[next] - value), next > 0 ? Math.abs(values[next - 1] - value) : Number.POSITIVE_INFINITY),
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe("files of other writers", () => {
  const golden = new URL("../golden/data/", import.meta.url);
  test("the golden files", () => {
    const names = readdirSync(golden).filter((file) => file.endsWith(".safetensors") && file !== "large.safetensors");
    expect(names.length).toBeGreaterThan(0);
    for (const file of names) {
      const { entries } = readSafetensors(readFileSync(new URL(file, golden)), file);
      expect(entries.size, file).toBeGreaterThan(0);
      const again = readSafetensors(writeSafetensors(entries)).entries;
      const bytes = ({ data }: Entry) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const changed = [...entries].filter(([key, before]) => {
        const after = bytes(again.get(key)!);
        return before.data.byteLength !== after.length || bytes(before).some((byte, i) => byte !== after[i]);
      });
      expect(changed.map(([key]) => key)).toEqual([]);
    }
  });

  test("a file of the reference implementation", () => {
    const { entries, metadata } = readSafetensors(readFileSync(new URL("../fixtures/numpy.safetensors", import.meta.url)));
    expect(metadata).toEqual({ by: "safetensors 0.8" });
    expect(entries.get("a")).toEqual({ dtype: "F32", shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    expect(entries.get("b")).toEqual({ dtype: "BOOL", shape: [2], data: Uint8Array.of(1, 0) });
  });

  test("a header padded with spaces, tensors in any order, an unaligned tensor", () => {
    const header = '{"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}    ';
    const { entries } = readSafetensors(file(header, 5));
    expect(entries).toEqual(
      new Map<string, Entry>([
        ["a", { dtype: "U8", shape: [1], data: Uint8Array.of(0) }],
        ["b", { dtype: "F32", shape: [1], data: Float32Array.of(0) }],
      ]),
    );
  });
});

describe("faults in a file", () => {
  const tensor = (start: number, end: number, more: object = {}) => ({
    dtype: "U8",
    shape: [end - start],
    data_offsets: [start, end],
    ...more,
  });

  test.each<[string, Uint8Array, string | RegExp]>([
    ["empty", new Uint8Array(), "f: truncated file: 0 bytes, the length of the header alone takes 8"],
    [
      "header too long",
      file("{}", 0, 2n ** 60n),
      "f: header too long: 1152921504606846976 bytes (at most 100000000); is this a safetensors file?",
    ],
    ["header cut off", file("{}", 0, 100n), "f: truncated file: the header should have 100 bytes, 2 are there"],
    ["header not UTF-8", Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff), "f: the header is not UTF-8 text; is this a safetensors file?"],
    ["header not JSON", file("{x"), /^f: the header is not valid JSON: /],
    ["header not an object", file([]), "f: the header is not a JSON object"],
    ["entry not an object", file({ x: 1 }), 'f: "x": its header entry is not an object'],
    ["no dtype", file({ x: {} }), 'f: "x": has no dtype'],
    ["a dtype that is no text", file({ x: tensor(0, 1, { dtype: 8 }) }, 1), 'f: "x": has no dtype'],
    [
      "a name twice",
      file('{"x":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', 1),
      /^f: the header is not valid JSON: the name "x" comes twice/,
    ],
    ["a field twice", file('{"x":{"dtype":"U8","dtype":"I8"}}', 1), /the name "dtype" comes twice/],
    ["an escaped name twice", file('{"x":1,"\\u0078":2}', 1), /the name "x" comes twice/],
    [
      "unknown dtype, end before start",
      file({ x: tensor(4, 0, { dtype: "F4", shape: [4] }) }, 4),
      'f: "x": data_offsets [4, 0] end before they begin',
    ],
    ["a negative size", file({ x: tensor(0, 1, { shape: [-1] }) }, 1), 'f: "x": shape [-1] is not a list of sizes'],
    ["no shape", file({ x: tensor(0, 1, { shape: undefined }) }, 1), 'f: "x": shape undefined is not a list of sizes'],
    ["one offset", file({ x: tensor(0, 1, { data_offsets: [0] }) }, 1), 'f: "x": data_offsets [0] is not a pair of positions'],
    ["wrong size", file({ x: tensor(0, 4, { shape: [5] }) }, 4), 'f: "x": wrong size: U8 [5] needs 5 bytes, data_offsets give 4'],
    ["end before start", file({ x: tensor(4, 0, { shape: [4] }) }, 4), 'f: "x": wrong size: U8 [4] needs 4 bytes, data_offsets give -4'],
    ["sizes beyond numbers", file({ x: tensor(0, 4, { shape: [2 ** 40, 2 ** 40] }) }, 4), /^f: "x": wrong size: /],
    ["overlap", file({ x: tensor(0, 4), y: tensor(2, 6) }, 6), 'f: "y" and "x" overlap: bytes 2 to 4 belong to both'],
    ["a hole", file({ x: tensor(0, 2), y: tensor(4, 6) }, 6), 'f: bytes 2 to 4, before "y", belong to no tensor'],
    ["data cut off", file({ x: tensor(0, 4) }, 3), 'f: truncated file: "x" ends at byte 4 of the data, there are 3'],
    ["trailing bytes", file({ x: tensor(0, 4) }, 7), "f: 3 bytes after the last tensor belong to no tensor"],
    ["metadata not strings", file({ __metadata__: { a: 1 } }), "f: __metadata__ must map names to strings"],
  ])("%s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes, "f")).toThrow(typeof message === "string" ? new Error(message) : message);
  });

  test("a BOOL that is neither 0 nor 1", () => {
    const bytes = file({ x: tensor(0, 1, { dtype: "BOOL" }) }, 1);
    bytes[bytes.length - 1] = 2;
    expect(() => readSafetensors(bytes, "f")).toThrow('f: "x": a BOOL that is neither 0 nor 1');
  });

  test("any damage is an error with the file's name or a readable file, never something else", () => {
    const bytes = writeSafetensors(new Map([["x", { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) }]]), { a: "b" });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(bytes.length), (at, value, length) => {
        const damaged = bytes.slice(0, length);
        if (at < length) damaged[at] = value;
        try {
          readSafetensors(damaged, "some file");
        } catch (error) {
          expect((error as Error).message).toMatch(/^some file: /);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("faults in what is written", () => {
  test.each<[string, Entry, string]>([
    ["x", { dtype: "F32", shape: [3], data: new Float32Array(2) }, 'safetensors: "x": shape [3] has 3 elements, the data 2'],
    [
      "x",
      { dtype: "F32", shape: [2], data: new Float64Array(2) },
      'safetensors: "x": F32 is written from a Float32Array, got a Float64Array',
    ],
    ["x", { dtype: "F12", shape: [], data: new Float32Array(1) }, 'safetensors: "x": unsupported dtype F12'],
    ["__metadata__", { dtype: "F32", shape: [], data: new Float32Array(1) }, 'safetensors: "__metadata__" is no name for a tensor'],
  ])("%s %o", (key, bad, message) => {
    expect(() => writeSafetensors(new Map([[key, bad]]))).toThrow(message);
  });

  test("metadata that are not strings", () => {
    expect(() => writeSafetensors(new Map(), { a: 1 } as unknown as Record<string, string>)).toThrow(
      "__metadata__ must map names to strings",
    );
  });
});
