/**
 * @file Gzip (RFC 1952) through the platform's own `DecompressionStream`, which Node and browsers share: no package, no `node:zlib`.
 */

/** Whether the bytes open with the magic of a gzip member, 1f 8b. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The decompressed bytes; damage and truncation are errors that name the file (`what`). */
export async function gunzip(bytes: Uint8Array, what: string): Promise<Uint8Array> {
  // The cast: a Blob copies its parts, so a view of shared memory is refused by the types alone.
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  try {
    return new Uint8Array(await new Response(source.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  } catch (error) {
    throw new Error(`${what}: damaged or incomplete gzip data (${reason(error)})`);
  }
}

/** Streams report "fetch failed" or "terminated" and keep the decoder's own words in `cause`. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
