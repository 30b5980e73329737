/** @file Arrays of NumPy: files that NumPy wrote, and what is written is read back. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type NpyData, readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readNpz, writeNpz } from "../../src/formats/npz.ts";

const fixture = (name: string): Uint8Array => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const numbers = (data: NpyData) => [...data].map(Number);

describe("files of NumPy", () => {
  test.each([
    ["bool", "b1", Uint8Array],
    ["i1", "i1", Int8Array],
    ["u1", "u1", Uint8Array],
    ["little-i2", "i2", Int16Array],
    ["little-u2", "u2", Uint16Array],
    ["little-i4", "i4", Int32Array],
    ["little-u4", "u4", Uint32Array],
    ["little-i8", "i8", BigInt64Array],
    ["little-u8", "u8", BigUint64Array],
    ["little-f2", "f2", Float32Array],
    ["little-f4", "f4", Float32Array],
    ["little-f8", "f8", Float64Array],
    ["big-i4", "i4", Int32Array],
    ["big-f4", "f4", Float32Array],
    ["big-f8", "f8", Float64Array],
    ["big-i8", "i8", BigInt64Array],
  ])("%s", (name, dtype, array) => {
    const read = readNpy(fixture(`${name}.npy`));
    expect([read.dtype, read.shape]).toEqual([dtype, [2, 3]]);
    expect(read.data).toBeInstanceOf(array);
    expect(numbers(read.data)).toEqual(name === "bool" ? [0, 1, 0, 1, 0, 1] : [0, 1, 2, 3, 4, 5]);
  });

  test("Fortran order, no dimension, a dimension of 0, version 2", () => {
    const { shape, data } = readNpy(fixture("fortran.npy"));
    expect([shape, numbers(data)]).toEqual([[2, 3, 4], Array.from({ length: 24 }, (_, i) => i)]);
    expect(readNpy(fixture("scalar.npy"))).toEqual({ dtype: "f8", shape: [], data: Float64Array.of(2.5) });
    expect(readNpy(fixture("empty.npy"))).toEqual({ dtype: "f4", shape: [0, 3], data: new Float32Array() });
    expect(numbers(readNpy(fixture("version2.npy")).data)).toEqual([0, 1, 2]);
  });

  test.each(["stored", "deflated"])("%s.npz", async (name) => {
    const arrays = await readNpz(fixture(`${name}.npz`));
    expect([...arrays.keys()].slice(0, 2)).toEqual(["first_array", "second_array"]);
    expect(arrays.get("first_array")).toEqual({ dtype: "f4", shape: [3, 2], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    expect(numbers(arrays.get("second_array")!.data)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  });

  test("written as NumPy writes", () => {
    for (const name of ["i1", "little-i4", "little-f8", "scalar", "empty", "bool"]) {
      const { shape, data, dtype } = readNpy(fixture(`${name}.npy`));
      expect(Buffer.compare(writeNpy({ shape, data, ...(dtype === "b1" && { dtype }) }), fixture(`${name}.npy`)), name).toBe(0);
    }
  });
});

test("what is written is read back", async () => {
  const array = fc.constantFrom(Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array);
  const sizes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(array, sizes, fc.integer({ min: 0, max: 9 }), async (type, shape, offset) => {
      const data = new type(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i * 3)) as NpyData;
      const file = writeNpy({ shape, data });
      const moved = new Uint8Array(offset + file.length);
      moved.set(file, offset);
      expect(readNpy(moved.subarray(offset))).toMatchObject({ shape, data });
      const arrays = await readNpz(
        writeNpz(
          new Map([
            ["x", { shape, data }],
            ["é/y", { shape: [1], data: Int32Array.of(7) }],
          ]),
        ),
      );
      expect(arrays.get("x")).toMatchObject({ shape, data });
      expect(arrays.get("é/y")?.data).toEqual(Int32Array.of(7));
    }),
  );
});

describe("faults in a file", () => {
  const good = writeNpy({ shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
  const edited = (from: string, to: string) =>
    Uint8Array.from(Buffer.from(Buffer.from(good).toString("latin1").replace(from, to), "latin1"));
  test.each<[string, Uint8Array, string]>([
    ["empty", new Uint8Array(), 'f: not an npy file: it does not begin with 93 "NUMPY"'],
    ["another format", Uint8Array.from({ length: 20 }), 'f: not an npy file: it does not begin with 93 "NUMPY"'],
    ["cut in the header", good.slice(0, 50), "f: truncated file: 50 bytes, the header alone has 128"],
    ["cut in the data", good.slice(0, -1), "f: truncated file: <f4 [2, 2] takes 16 bytes, 15 follow the header"],
    ["too long", Uint8Array.of(...good, 0), "f: damaged file: <f4 [2, 2] takes 16 bytes, 17 follow the header"],
    ["a version of the future", Uint8Array.from(good).fill(9, 6, 7), "f: npy version 9.0 is not known (1 to 3 are)"],
    [
      "complex numbers",
      edited("<f4", "<c8"),
      'f: unsupported dtype "<c8" (supported: b1, i1, u1, i2, u2, i4, u4, i8, u8, f2, f4, f8); in NumPy, convert with astype',
    ],
    [
      "objects",
      edited("<f4", "|O8"),
      'f: unsupported dtype "|O8" (supported: b1, i1, u1, i2, u2, i4, u4, i8, u8, f2, f4, f8); in NumPy, convert with astype',
    ],
    ["records", edited("'<f4'", "[('x'"), "f: an array of records; save each field as an array of its own"],
    ["no order", edited("fortran", "fortrax"), `f: damaged header: "{'descr': '<f4', 'fortrax_order': False, 'shape': (2, 2), }"`],
    [
      "sizes beyond memory",
      edited("(2, 2), }       ", "(2, 2000000000)}"),
      "f: truncated file: <f4 [2, 2000000000] takes 16000000000 bytes, 16 follow the header",
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => readNpy(bytes, "f")).toThrow(new Error(message));
  });

  const npz = writeNpz(new Map([["x", { shape: [2], data: Int32Array.of(1, 2) }]]));
  const changed = (at: number, value: number) => Uint8Array.from(npz).fill(value, at, at + 1);
  const central = Buffer.from(npz).lastIndexOf("PK\u0001\u0002");
  test.each<[string, Uint8Array, string]>([
    ["not a zip", good, "f: not a zip archive, or truncated: no end record"],
    ["cut off", npz.slice(0, -1), "f: not a zip archive, or truncated: no end record"],
    ["a byte of data", changed(160, 77), 'f: "x.npy": damaged: wrong checksum'],
    ["an unknown method", changed(central + 10, 12), 'f: "x.npy": compression method 12 is not known (0 stored and 8 deflated are)'],
    ["a lost header", changed(0, 0), 'f: "x.npy": damaged zip archive: no header at byte 0'],
    ["a lost directory", changed(central, 0), `f: damaged zip archive: no entry 0 of 1 at byte ${central}`],
    ["encryption", changed(central + 8, 1), 'f: "x.npy" is encrypted'],
    ["a claim of more than there is", changed(central + 22, 9), "f: damaged zip archive: its entries claim 589960 bytes, the file has"],
  ])("npz: %s", async (_, bytes, message) => {
    await expect(readNpz(bytes, "f")).rejects.toThrow(message);
  });

  test("npz: deflated data that unpack to another size than they say", async () => {
    const file = Uint8Array.from(fixture("deflated.npz"));
    const at = Buffer.from(file).lastIndexOf("PK\u0001\u0002");
    new DataView(file.buffer).setUint32(at + 24, 7, true);
    await expect(readNpz(file, "f")).rejects.toThrow(
      /^f: ".+\.npy": (expected 7 bytes when unpacked, but more follow|damaged or incomplete gzip data)/,
    );
  });
});
