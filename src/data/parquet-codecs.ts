/** @file How pages of Parquet files are unpacked: each to exactly the size that its header states, never to more. */

import type { CompressionCodec } from "hyparquet";
import { nodeModule } from "../base/host.ts";

type Unpack = (input: Uint8Array, size: number) => Uint8Array;

/** The memory of zstddec ends at 2 GiB. It is the C library, which stops at the stated size; fzstd goes on copying behind it. */
const MOST_OF_ZSTD = 2 ** 30;

/** By a codec's name. Node unpacks gzip and Brotli, the packages zstddec, hyparquet and hyparquet-compressors the rest. */
export async function decompressors(): Promise<(codec: CompressionCodec) => Unpack> {
  const [{ snappyUncompress }, zlib, others, { ZSTDDecoder }] = await Promise.all([
    import("hyparquet"),
    nodeModule<typeof import("node:zlib")>("node:zlib"),
    import("hyparquet-compressors"),
    import("zstddec"),
  ]);
  const zstd = new ZSTDDecoder();
  await zstd.init();
  const codecs: ReadonlyMap<string, Unpack> = new Map<string, Unpack>([
    ["UNCOMPRESSED", (input) => input],
    [
      "SNAPPY",
      (input, size) => {
        const page = new Uint8Array(size);
        snappyUncompress(input, page);
        return page;
      },
    ],
    ["GZIP", (input, size) => zlib.gunzipSync(input, { maxOutputLength: Math.max(1, size) })],
    ["BROTLI", (input, size) => zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(1, size) })],
    [
      "ZSTD",
      (input, size) => {
        if (size > MOST_OF_ZSTD) throw new Error(`a page of ${size} bytes, compressed by ZSTD; at most ${MOST_OF_ZSTD} are read`);
        return size === 0 ? new Uint8Array(0) : zstd.decode(input, size);
      },
    ],
    ["LZ4", (input, size) => (leadsBack(input) ? others.decompressLz4Raw : others.decompressLz4)(input, size)],
    ["LZ4_RAW", (input, size) => others.decompressLz4Raw(input, size)],
  ]);
  return (codec) => {
    const unpack = codecs.get(codec);
    if (!unpack) throw new Error(`the compression ${codec} is not read; write the file with one of ${[...codecs.keys()].join(", ")}`);
    return (input, size) => {
      const page = unpack(input, size);
      if (page.length !== size) throw new Error(`a page of ${size} bytes unpacks to ${page.length}`);
      return page;
    };
  };
}

/** Whether one of Hadoop's frames has a length below 0, which the package would follow for ever. Then there are none: it is plain LZ4, or damaged. */
function leadsBack(input: Uint8Array): boolean {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  for (let at = 0; at < input.length - 8; ) {
    const length = view.getInt32(at + 4);
    if (length < 0) return true;
    at += 8 + length;
  }
  return false;
}
