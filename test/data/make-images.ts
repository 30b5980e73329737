/** @file Pictures as bytes, legal and hostile: PNG files written out by hand, JPEG files of other tools with their segments changed. */
import { deflateSync } from "node:zlib";
import { crc32 } from "../../src/formats/zip.ts";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

/** In memory of its own, of which a slice is a copy. */
const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A chunk with its checksum, or (`bad`) with a wrong one. */
export function chunk(type: string, data: Uint8Array, bad = false): Uint8Array {
  const whole = new Uint8Array(12 + data.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, data.length);
  whole.set(text(type), 4);
  whole.set(data, 8);
  view.setUint32(8 + data.length, (crc32(whole.subarray(4, 8 + data.length)) ^ Number(bad)) >>> 0);
  return whole;
}

export interface PngOptions {
  readonly width?: number;
  readonly height?: number;
  readonly depth?: number;
  readonly colour?: number;
  readonly interlaced?: boolean;
  readonly sample?: (x: number, y: number, c: number) => number;
  /** Chunks between header and data. */
  readonly extra?: readonly Uint8Array[];
  /** The compressed data in the place of the picture's own. */
  readonly data?: Uint8Array;
}

const CHANNELS = [1, 0, 3, 1, 2, 0, 4];
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** The palette's colour i is [5i, 5i + 1, 5i + 2]. */
const palette = (depth: number): Uint8Array =>
  Uint8Array.from({ length: 3 * 2 ** depth }, (_, i) => (5 * Math.floor(i / 3) + (i % 3)) & 255);

export function png({
  width = 7,
  height = 5,
  depth = 8,
  colour = 0,
  interlaced = false,
  sample = (x, y, c) => (y * width + x) * 7 + 31 * c,
  extra = [],
  data,
}: PngOptions = {}): Uint8Array {
  const raw: number[] = [];
  const channels = CHANNELS[colour];
  for (const [x0, y0, dx, dy] of interlaced ? PASSES : [[0, 0, 1, 1]]) {
    if (x0 >= width || data) continue;
    for (let y = y0; y < height; y += dy) {
      let bits = "";
      for (let x = x0; x < width; x += dx)
        for (let c = 0; c < channels; c++) bits += (sample(x, y, c) & (2 ** depth - 1)).toString(2).padStart(depth, "0");
      raw.push(0, ...(bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2)));
    }
  }
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([depth, colour, 0, 0, Number(interlaced)], 8);
  return joined([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    ...(colour === 3 ? [chunk("PLTE", palette(depth))] : []),
    ...extra,
    chunk("IDAT", data ?? deflateSync(Uint8Array.from(raw))),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** The segments of a JPEG file behind its first marker; the last one is the scan with all that follows. */
export function segments(file: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 2; ; ) {
    const end = at + 2 + ((file[at + 2] << 8) | file[at + 3]);
    if (!(at + 4 <= file.length)) throw new Error("no scan");
    if (file[at + 1] === 0xda) return [...found, file.subarray(at)];
    found.push(file.subarray(at, end));
    at = end;
  }
}

export const jpeg = (parts: readonly Uint8Array[]): Uint8Array => joined([Uint8Array.of(0xff, 0xd8), ...parts]);
