/**
 * @file Gzip (RFC 1952) through the platform's own `DecompressionStream`, which Node and browsers share: no package, no `node:zlib`.
 */

/** Whether the bytes open with the magic of a gzip member, 1f 8b. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** How many bytes there can be at most, from the first ones; `undefined` if these do not say it. */
export type Limit = (start: Uint8Array) => number | undefined;

/**
 * The decompressed bytes; damage and truncation are errors that name the file (`what`). A kilobyte can hold a megabyte, so a reader that learns
 * the size from the content's first bytes gives a `limit`, beyond which nothing is unpacked.
 */
export async function gunzip(bytes: Uint8Array, what: string, limit?: Limit): Promise<Uint8Array> {
  // The cast: a Blob copies its parts, so a view of shared memory is refused by the types alone.
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let most: number | undefined;
  try {
    const reader = source.pipeThrough(new DecompressionStream("gzip")).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (chunks.length === 0) most = limit?.(next.value);
      chunks.push(next.value);
      length += next.value.length;
      if (length <= (most ?? length)) continue;
      void reader.cancel().catch(() => {});
      break;
    }
  } catch (error) {
    throw new Error(`${what}: damaged or incomplete gzip data (${reason(error)})`);
  }
  if (length > (most ?? length)) throw new Error(`${what}: expected ${most} bytes when unpacked, but more follow`);
  return concatenated(chunks, length);
}

function concatenated(chunks: readonly Uint8Array[], length: number): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const result = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    result.set(chunk, at);
    at += chunk.length;
  }
  return result;
}

/** Streams report "fetch failed" or "terminated" and keep the decoder's own words in `cause`. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
