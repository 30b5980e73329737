/** @file Small files that claim much memory, by name: each once took gigabytes, or ended the process. */
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import { writeZip } from "../../src/formats/zip.ts";
import { png } from "../data/make-images.ts";

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

// ---- pickles --------------------------------------------------------------------------------------------------------------------------

const int = (n: number): string => `J${String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255)}`;
const text = (s: string): string => `X${String.fromCharCode(s.length, 0, 0, 0)}${s}`;
const tuple = (...items: string[]): string => `(${items.join("")}t`;

/** A state dict of views of one storage of `elements`, with `sizes` and `strides` each. */
function views(count: number, elements: number, shape: readonly number[], strides: readonly number[]): Uint8Array {
  const storage = `${tuple(text("storage"), "ctorch\nFloatStorage\n", text("0"), text("cpu"), int(elements))}Q`;
  const view = `ctorch._utils\n_rebuild_tensor_v2\n${tuple(storage, int(0), tuple(...shape.map(int)), tuple(...strides.map(int)), "\x89", "}")}R`;
  const entries = Array.from({ length: count }, (_, i) => text(`w${i}`) + view).join("");
  return ascii(`\x80\x02}(${entries}u.`);
}

const pth = (pickle: Uint8Array, storage: Uint8Array): Uint8Array =>
  writeZip(
    new Map([
      ["m/data.pkl", pickle],
      ["m/data/0", storage],
    ]),
  );

// ---- Parquet --------------------------------------------------------------------------------------------------------------------------

/** Thrift's compact protocol, as far as a footer needs it. */
const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
type Field = readonly [id: number, type: number, bytes: readonly number[]];
const number = (id: number, n: number): Field => [id, 5, varint(2 * n)];
const long = (id: number, n: number): Field => [id, 6, varint(2 * n)];
const string = (s: string): number[] => [...varint(s.length), ...ascii(s)];
const list = (id: number, type: number, items: readonly (readonly number[])[]): Field => [
  id,
  9,
  [(items.length << 4) | type, ...items.flat()],
];
const struct = (...fields: readonly Field[]): number[] => [
  ...fields.flatMap(([id, type, bytes], i) => [((id - (i === 0 ? 0 : fields[i - 1][0])) << 4) | type, ...bytes]),
  0,
];

/** One column of bytes in one Brotli page that says it unpacks to `says` bytes. */
function parquet(page: Uint8Array, says: number, rows: number): Uint8Array {
  const header = struct(number(1, 0), number(2, says), number(3, page.length), [
    5,
    12,
    struct(number(1, rows), number(2, 0), number(3, 3), number(4, 3)),
  ]);
  const size = header.length + page.length;
  const column = struct(
    number(1, 1),
    list(2, 5, [[0]]),
    list(3, 8, [string("a")]),
    number(4, 4),
    long(5, rows),
    long(6, header.length + says),
    long(7, size),
    long(9, 4),
  );
  const footer = struct(
    number(1, 1),
    list(2, 12, [struct([4, 8, string("r")], number(5, 1)), struct(number(1, 1), number(3, 0), [4, 8, string("a")])]),
    long(3, rows),
    list(4, 12, [struct(list(1, 12, [struct(long(2, 4), [3, 12, column])]), long(2, size), long(3, rows))]),
  );
  const end = [footer.length & 255, footer.length >> 8, 0, 0];
  return Uint8Array.from([...ascii("PAR1"), ...header, ...page, ...footer, ...end, ...ascii("PAR1")]);
}

/** So many bytes of zeros as Brotli: of a gigabyte some hundreds of bytes. */
const brotli = (bytes: number): Uint8Array =>
  brotliCompressSync(new Uint8Array(bytes), { params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 24 } });

// ---- all of them ----------------------------------------------------------------------------------------------------------------------

export interface Bomb {
  /** What reads it, of the package: its entry, and the name there. */
  readonly reader: readonly [entry: "data" | "formats", name: string];
  make(): Uint8Array;
}

const MB = 2 ** 20;
const startOfFrame = Uint8Array.from([0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);

export const bombs: Readonly<Record<string, Bomb>> = {
  "PNG, 16 bits, 6800x6800, valid": {
    reader: ["data", "readImage"],
    make: () => png({ width: 6800, height: 6800, depth: 16, colour: 2, data: deflateSync(new Uint8Array(6800 * (1 + 6 * 6800))) }),
  },
  "PNG, 1x1 with 512 MiB of data": {
    reader: ["data", "readImage"],
    make: () => png({ width: 1, height: 1, data: deflateSync(new Uint8Array(512 * MB)) }),
  },
  "PNG, 1x1 with 512 MiB of data, interlaced": {
    reader: ["data", "readImage"],
    make: () => png({ width: 1, height: 1, interlaced: true, data: deflateSync(new Uint8Array(512 * MB)) }),
  },
  "JPEG, 65535x65535, no scan": {
    reader: ["data", "readImage"],
    make: () => Uint8Array.from([0xff, 0xd8, ...startOfFrame, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0, 0xff, 0xd9]),
  },
  "pth, 2000 views of 8 MB": {
    reader: ["formats", "readPth"],
    make: () => pth(views(2000, 2 * MB, [2 * MB], [1]), new Uint8Array(8 * MB)),
  },
  "pth, a view that repeats one element 400 million times": {
    reader: ["formats", "readPth"],
    make: () => pth(views(1, 1, [400_000_000], [0]), new Uint8Array(4)),
  },
  "Parquet, a page that says it is 2 GB": {
    reader: ["data", "readParquet"],
    make: () => parquet(brotli(16 * MB), 2 ** 31 - 1, 500_000_000),
  },
  "Parquet, a page of 1.2 GiB that says it is 4 kB": {
    reader: ["data", "readParquet"],
    make: () => parquet(brotli(1228 * MB), 4000, 1000),
  },
  "gz, 64 members of 64 MiB each": {
    reader: ["formats", "gunzip"],
    make: () => Buffer.concat(new Array(64).fill(gzipSync(new Uint8Array(64 * MB)))),
  },
  "gz, one member of 1 GiB and 64 MiB": {
    reader: ["formats", "gunzip"],
    make: () => gzipSync(new Uint8Array(1088 * MB), { level: 1 }),
  },
};
