/** @file Members of the formats' families that other programs write: they are read, and one that is not readable costs no other. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readImage } from "../../src/data/image.ts";
import { gunzip } from "../../src/formats/gzip.ts";
import { readIdx } from "../../src/formats/idx.ts";
import { parseJsonMaps } from "../../src/formats/json.ts";
import { readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readNpz } from "../../src/formats/npz.ts";
import { readPth } from "../../src/formats/pth.ts";
import { type Entry, readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { writeZip } from "../../src/formats/zip.ts";

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));

describe("gzip", () => {
  const one = gzipSync(bytesOf("abc"));
  test.each<[string, Uint8Array, string]>([
    ["several members", Buffer.concat([one, gzipSync(bytesOf("def")), gzipSync(bytesOf(""))]), "abcdef"],
    ["zeros behind", Buffer.concat([one, new Uint8Array(1000)]), "abc"],
    ["members, then zeros", Buffer.concat([one, one, new Uint8Array(3)]), "abcabc"],
    ["an empty member", gzipSync(bytesOf("")), ""],
  ])("%s", async (_, bytes, content) => {
    expect(textOf(await gunzip(bytes, "f"))).toBe(content);
  });

  test("a second member that is damaged is no padding", async () => {
    const second = Uint8Array.from(one);
    second[second.length - 6] ^= 1;
    await expect(gunzip(Buffer.concat([one, second]), "f")).rejects.toThrow("f: damaged or incomplete gzip data");
  });
});

describe("npy and npz", () => {
  const good = writeNpy({ shape: [2], data: Int32Array.of(3, 4) });
  const strings = bytesOf(textOf(good).replace("<i4", "<U1"));
  const objects = bytesOf(textOf(good).replace("<i4", "|O8"));
  const records = bytesOf(textOf(good).replace("'<i4'", "[('a'"));

  test("headers in double quotes", () => {
    expect(readNpy(bytesOf(textOf(good).replaceAll("'", '"')))).toMatchObject({ shape: [2], data: Int32Array.of(3, 4) });
  });

  test("members that are no numbers are named and cost no other", async () => {
    const zip = writeZip(
      new Map([
        ["names.npy", strings],
        ["x.npy", good],
        ["__proto__.npy", good],
        ["things.npy", objects],
        ["rows.npy", records],
        ["README", bytesOf("hello")],
      ]),
    );
    const arrays = await readNpz(zip, "f");
    expect([...arrays.keys()]).toEqual(["x", "__proto__"]);
    expect([...arrays.unreadable.keys()]).toEqual(["names", "things", "rows", "README"]);
    expect(arrays.unreadable.get("names")).toMatch(/^unsupported dtype "<U1"/);
  });

  test("an archive without any array of numbers says why", async () => {
    await expect(readNpz(writeZip(new Map([["names.npy", strings]])), "f")).rejects.toThrow('f: names: unsupported dtype "<U1"');
  });
});

describe("safetensors", () => {
  const file = (header: object, data: readonly number[]): Uint8Array => {
    const json = bytesOf(JSON.stringify(header));
    const bytes = new Uint8Array(8 + json.length + data.length);
    bytes[0] = json.length & 255;
    bytes[1] = json.length >> 8;
    bytes.set(json, 8);
    bytes.set(data, 8 + json.length);
    return bytes;
  };
  test.each<[string, number[], number[], unknown]>([
    ["I8", [2], [255, 127], Int8Array.of(-1, 127)],
    ["I16", [1], [0, 128], Int16Array.of(-32768)],
    ["U16", [1], [255, 255], Uint16Array.of(65535)],
    ["U64", [1], [255, 255, 255, 255, 255, 255, 255, 255], BigUint64Array.of(2n ** 64n - 1n)],
    ["F8_E4M3", [5], [0x38, 0x7e, 0xff, 0x01, 0x88], Float32Array.of(1, 448, Number.NaN, 2 ** -9, -(2 ** -6))],
    ["F8_E5M2", [4], [0x3c, 0x7b, 0xfc, 0x01], Float32Array.of(1, 57344, Number.NEGATIVE_INFINITY, 2 ** -16)],
    ["F8_E8M0", [3], [127, 0, 255], Float32Array.of(1, 2 ** -127, Number.NaN)],
    ["F4", [2, 2], [1, 2], Uint8Array.of(1, 2)],
    ["C64", [1], [0, 0, 128, 63, 0, 0, 0, 0], Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 0)],
  ])("%s is read beside others", (dtype, shape, data, want) => {
    const bytes = file(
      { x: { dtype, shape, data_offsets: [0, data.length] }, y: { dtype: "U8", shape: [1], data_offsets: [data.length, data.length + 1] } },
      [...data, 9],
    );
    const { entries } = readSafetensors(bytes);
    expect(entries.get("x")).toEqual({ dtype, shape, data: want });
    expect(entries.get("y")!.data).toEqual(Uint8Array.of(9));
  });

  test.each(["F8_E4M3", "F8_E5M2", "F8_E8M0"])("%s: all 256 patterns survive, and values between go to the nearest", (dtype) => {
    const bits = Array.from({ length: 256 }, (_, i) => i);
    const { entries } = readSafetensors(file({ x: { dtype, shape: [256], data_offsets: [0, 256] } }, bits));
    const { data } = entries.get("x")!;
    const back = writeSafetensors(entries).slice(-256);
    expect(bits.filter((b) => back[b] !== b && !Number.isNaN(Number(data[b])))).toEqual([]);
    const sorted = [...new Set([...(data as Float32Array)].filter((x) => Number.isFinite(x)))].sort((a, b) => a - b);
    const write = (value: number) => {
      const x: Entry = { dtype, shape: [], data: Float32Array.of(value) };
      return Number(readSafetensors(writeSafetensors(new Map([["x", x]]))).entries.get("x")!.data[0]);
    };
    for (let i = 1; i < sorted.length; i++) {
      const [a, b] = [sorted[i - 1], sorted[i]];
      expect([write(a + (b - a) * 0.4) === a, write(a + (b - a) * 0.6) === b], `${a}`).toEqual([true, true]);
    }
  });

  test("names keep their order and none is lost", () => {
    const names = ["2", "1", "0", "__proto__", "constructor"];
    const entries = new Map<string, Entry>(names.map((name, i) => [name, { dtype: "U8", shape: [1], data: Uint8Array.of(i) }]));
    expect([...readSafetensors(writeSafetensors(entries)).entries]).toEqual([...entries]);
  });
});

test("JSON as maps is JSON.parse but for names", () => {
  const plain = (value: unknown): unknown =>
    value instanceof Map ? Object.fromEntries([...value].map(([k, v]) => [k, plain(v)])) : Array.isArray(value) ? value.map(plain) : value;
  for (const text of ['{"a":[1,-2.5e3,true,null,{"b":"x\\"\\\\"}],"":{}}', " [ ] ", '"\\u00e9\\n"', "0", '{"a" : 1 , "b":[[],[{}]]}'])
    expect(plain(parseJsonMaps(text))).toEqual(JSON.parse(text));
  for (const text of [
    "",
    "{",
    "[1,]",
    '{"a":1,}',
    "{'a':1}",
    "01",
    "nul",
    '"a',
    "1 2",
    '{"a":1 "b":2}',
    "[".repeat(100_000),
    '{"a":1,"a":1}',
  ])
    expect(() => parseJsonMaps(text), text.slice(0, 20)).toThrow(SyntaxError);
});

describe("PyTorch's older form", () => {
  test.each([2, 3, 4, 5])("pickle protocol %i, with integer keys", async (protocol) => {
    const entries = await readPth(fixture(`legacy-protocol${protocol}.pth`), "f");
    expect([...entries].map(([name, { shape, data }]) => [name, shape, [...data].map(Number)])).toEqual([
      ["w", [2, 3], [1, 2, 3, 4, 5, 6]],
      ["wt", [3, 2], [1, 4, 2, 5, 3, 6]],
      ["0", [2], [7, 8]],
      ["10", [2], [5, 6]],
    ]);
    expect(entries.get("w")!.data.buffer).toBe(entries.get("10")!.data.buffer);
  });
});

test.each<[string, Uint8Array, (bytes: Uint8Array) => unknown]>([
  ["idx", Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9), (bytes) => readIdx(bytes, "f")],
  ["npy", writeNpy({ shape: [3], data: Uint8Array.of(7, 8, 9) }), (bytes) => readNpy(bytes, "f")],
  ["stored npz", fixture("stored.npz"), async (bytes) => [...(await readNpz(bytes, "f"))]],
  ["pth", fixture("legacy-protocol2.pth"), async (bytes) => [...(await readPth(bytes, "f"))]],
  [
    "safetensors",
    writeSafetensors(new Map([["mask", { dtype: "U8", shape: [3], data: Uint8Array.of(7, 8, 9) }]])),
    (bytes) => [...readSafetensors(bytes, "f").entries],
  ],
  ["image", fixture("rgb.jpg"), (bytes) => readImage(bytes, "f")],
])("what is read from %s does not change with the bytes of the file", async (_, file, read) => {
  const bytes = Uint8Array.from(file);
  const found = await read(bytes);
  const before = structuredClone(found);
  bytes.fill(255);
  expect(found).toEqual(before);
});
