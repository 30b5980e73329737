/**
 * @file PNG (W3C, third edition) through the package pngjs. Before it decodes anything, the chunks are walked here: sizes are checked against the
 * budget, and everything but the picture itself is left out, so that a text or a colour profile that is damaged does not cost the picture.
 */
import { nodeModule } from "../base/host.ts";
import type { Budget } from "./budget.ts";
import { brief } from "./clean.ts";
import { exifOrientation } from "./exif.ts";
import type { Image } from "./pixels.ts";
import { unsupported } from "./unsupported.ts";
import { crc32 } from "./zip.ts";

export const PNG_SIGNATURE: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** Samples of a pixel by colour type: grey, -, colour, palette, grey and alpha, -, colour and alpha. */
  readonly channels: number;
  readonly colour: number;
  readonly interlaced: boolean;
}

const CHANNELS = [1, 0, 3, 1, 2, 0, 4];
const DEPTHS: readonly (readonly number[])[] = [[1, 2, 4, 8, 16], [], [8, 16], [1, 2, 4, 8], [8, 16], [], [8, 16]];

/** A picture with its EXIF orientation, 1 if it has none. */
interface Png {
  readonly image: Image;
  readonly orientation: number;
}

export const readPng = async (bytes: Uint8Array, budget: Budget): Promise<Png> => (await pngReader())(bytes, budget);

/** {@link readPng} for those that cannot wait: what it needs is loaded. */
export async function pngReader(): Promise<(bytes: Uint8Array, budget: Budget) => Png> {
  const { PNG } = (await import("#pngjs")) as Partial<typeof import("pngjs")>;
  if (!PNG) throw new Error("PNG files are decoded in Node alone; in a page, createImageBitmap and a canvas give the pixels");
  const { Buffer } = await nodeModule<typeof import("node:buffer")>("node:buffer"); // some bundlers take the global for a package to install
  const { inflateSync, deflateSync } = await nodeModule<typeof import("node:zlib")>("node:zlib");
  return (bytes, budget) => {
    const chunks = walk(bytes);
    const header = headerOf(chunks[0]);
    const { width, height, depth, colour, interlaced } = header;
    const kept = colour === 0 || colour === 4 ? 1 : 3;
    const raw = rawSize(header);
    const data = chunks.filter(({ type }) => type === "IDAT").map((chunk) => chunk.data);
    const packed = data.reduce((sum, part) => sum + part.length, 0);
    // Deflate makes at most 1032 bytes of one.
    if (raw > 1032 * packed + 1032)
      throw new Error(`${width}x${height} pixels take ${raw} bytes, its ${packed} compressed ones cannot hold them`);
    budget.claim(2 * raw + width * height * (4 + kept + (depth === 16 ? 8 : 4)) + packed, `${width}x${height} pixels`);
    const file = interlaced
      ? // The package bounds what it unpacks only where rows are in order.
        assemble(chunks, [deflateSync(inflateSync(Buffer.concat(data), { maxOutputLength: raw }), { level: 0 })])
      : assemble(chunks, data);
    const decoded = PNG.sync.read(Buffer.from(file.buffer));
    const pixels = new Uint8Array(width * height * kept);
    for (let i = 0, to = 0; i < 4 * width * height; i += 4) for (let c = 0; c < kept; c++) pixels[to++] = decoded.data[i + c];
    const exif = chunks.find(({ type }) => type === "eXIf");
    return { image: { width, height, channels: kept, data: pixels }, orientation: exif ? exifOrientation(exif.data) : 1 };
  };
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** With its length, type and checksum. */
  readonly whole: Uint8Array;
}

const CRITICAL = ["IHDR", "PLTE", "IDAT", "IEND"];

/** The chunks up to the last one. */
function walk(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = PNG_SIGNATURE.length; ; ) {
    if (at + 12 > bytes.length) throw new Error(`the file ends at byte ${bytes.length}, before its last chunk`);
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at + 12 + length > bytes.length) throw new Error(`chunk ${brief(type)} ends at byte ${at + 12 + length} of ${bytes.length}`);
    // An upper-case first letter marks a chunk without which the picture is not understood.
    if (/^[A-Z]/.test(type) && !CRITICAL.includes(type)) throw unsupported(`chunk ${brief(type)} of this PNG is not known`);
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length), whole: bytes.subarray(at, at + 12 + length) });
    if (type === "IEND") return chunks;
    at += 12 + length;
  }
}

function headerOf({ type, data }: Chunk): Header {
  if (type !== "IHDR" || data.length !== 13) throw new Error("it does not begin with a header");
  const view = new DataView(data.buffer, data.byteOffset, 13);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, compression, filter, interlace] = data.subarray(8);
  if (width === 0 || height === 0) throw new Error(`its header announces ${width}x${height} pixels`);
  if (!DEPTHS[colour]?.includes(depth)) throw new Error(`colour type ${colour} of ${depth} bits is not known`);
  if (compression || filter || interlace > 1)
    throw new Error(`compression ${compression}, filter ${filter} or interlacing ${interlace} is not known`);
  return { width, height, depth, colour, channels: CHANNELS[colour], interlaced: interlace === 1 };
}

/** First column and row, steps between columns and rows, of Adam7's seven passes. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes before compression: rows of whole bytes, each behind the number of its filter. */
function rawSize({ width, height, depth, channels, interlaced }: Header): number {
  const rows = (columns: number, count: number): number =>
    columns > 0 && count > 0 ? count * (1 + Math.ceil((columns * channels * depth) / 8)) : 0;
  if (!interlaced) return rows(width, height);
  return PASSES.reduce((sum, [x, y, dx, dy]) => sum + rows(Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)), 0);
}

/** A file of the critical chunks alone, with this compressed data in the place of its own. */
function assemble(chunks: readonly Chunk[], data: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const first = chunks.findIndex(({ type }) => type === "IDAT");
  const own = chunks.filter(({ type }) => type === "IDAT").map(({ data: part }) => part);
  const parts = chunks.flatMap(({ type, whole }, i): Uint8Array[] => {
    if (type === "IDAT" && data[0] !== own[0]) return i === first ? data.map((part) => chunkOf("IDAT", part)) : [];
    return CRITICAL.includes(type) ? [whole] : [];
  });
  const file = new Uint8Array(PNG_SIGNATURE.length + parts.reduce((sum, part) => sum + part.length, 0));
  file.set(PNG_SIGNATURE);
  let at = PNG_SIGNATURE.length;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function chunkOf(type: string, data: Uint8Array): Uint8Array {
  const whole = new Uint8Array(12 + data.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, data.length);
  whole.set(new TextEncoder().encode(type), 4);
  whole.set(data, 8);
  view.setUint32(8 + data.length, crc32(whole.subarray(4, 8 + data.length)));
  return whole;
}
