/** @file How pages of Parquet files are unpacked: each to exactly the size that its header states, never to more. */
import type { CompressionCodec } from "hyparquet";

type Unpack = (input: Uint8Array, size: number) => Uint8Array;

/** By a codec's name. Node unpacks gzip and Brotli, the packages hyparquet and hyparquet-compressors the rest. */
export async function decompressors(): Promise<(codec: CompressionCodec) => Unpack> {
  const [{ snappyUncompress }, zlib, others] = await Promise.all([
    import("hyparquet"),
    import("node:zlib"),
    import("hyparquet-compressors"),
  ]);
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
    ["ZSTD", (input, size) => zstd(others.decompressZstd as (input: Uint8Array, output: Uint8Array) => Uint8Array, input, size)],
    ["LZ4", (input, size) => others.decompressLz4(input, size)],
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

/** Into an array of the stated size. The package does not say how much it wrote, so that the last byte is tried with two values before. */
function zstd(decompress: (input: Uint8Array, output: Uint8Array) => Uint8Array, input: Uint8Array, size: number): Uint8Array {
  for (const before of [0x55, 0xaa]) {
    const page = new Uint8Array(size);
    if (size > 0) page[size - 1] = before;
    decompress(input, page);
    if (size === 0 || page[size - 1] !== before) return page;
  }
  throw new Error(`a page of ${size} bytes unpacks to fewer`);
}
