/**
 * @file Gzip (RFC 1952), unpacked by the platform: `node:zlib` in Node, `DecompressionStream` in a page. Output is counted as it comes, so that a
 * file that unpacks to more than the budget is stopped there.
 */
import { bytes as aFile, check } from "../base/check.ts";
import { builtinModule } from "../base/host.ts";
import { type Budget, budgetFor, type ReadLimits } from "./budget.ts";

/** Whether the bytes open with the magic of a gzip member, 1f 8b. */
export function isGzip(bytes: Uint8Array): boolean {
  check("isGzip: bytes", bytes, aFile);
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** How many bytes there can be at most, from the first ones; `undefined` if these do not say it. */
export type Limit = (start: Uint8Array) => number | undefined;

/**
 * The decompressed bytes. In Node a file may have several members one after another, and anything but a member behind the last one (zeros of a
 * tape, padding) is left out, as gzip does; a page reads one member.
 * @param what Names the file in errors. @param limit Learns the size from the content's first bytes; beyond it nothing is unpacked.
 * @throws {Error} for damage and truncation, and beyond `limits`.
 */
export async function gunzip(bytes: Uint8Array, what: string, limit?: Limit, limits: ReadLimits = {}): Promise<Uint8Array> {
  const sink = new Sink(budgetFor("gunzip", bytes, what, limits));
  let most: number | undefined;
  try {
    for await (const chunk of unpacked(bytes)) {
      if (sink.length === 0) {
        most = limit?.(chunk);
        sink.expect(Math.min(announced(bytes), most ?? Number.POSITIVE_INFINITY));
      }
      sink.push(chunk);
      if (sink.length > (most ?? sink.length)) break;
    }
  } catch (error) {
    if (sink.refusal === error) throw error;
    throw new Error(`${what}: damaged or incomplete gzip data (${reason(error)})`);
  }
  if (sink.length > (most ?? sink.length)) throw new Error(`${what}: expected ${most} bytes when unpacked, but more follow`);
  return sink.bytes();
}

/** The chunks that the platform's decoder gives. Leaving the loop ends the decoder. */
async function* unpacked(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const zlib = builtinModule<typeof import("node:zlib")>("node:zlib");
  if (zlib?.createGunzip) {
    const stream = zlib.createGunzip({ chunkSize: 65_536 });
    stream.end(bytes);
    yield* stream as AsyncIterable<Uint8Array>;
    return;
  }
  // The cast: a Blob copies its parts, so a view of shared memory is refused by the types alone.
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    void reader.cancel().catch(() => {});
  }
}

/** Deflate makes at most 1032 bytes of one. */
const MOST_PER_BYTE = 1032;

/** The size that the last member's trailer states, if it can be the whole file's; it is a hint alone. */
function announced(bytes: Uint8Array): number {
  if (bytes.length < 18) return 0;
  const size = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
  return size <= MOST_PER_BYTE * bytes.length ? size : 0;
}

/** Collects chunks: in one array where the size was announced, else as a list that is joined at the end. */
class Sink {
  length = 0;
  /** What the budget said, if it refused. */
  refusal: unknown;
  readonly #budget: Budget;
  #whole: Uint8Array | undefined;
  readonly #rest: Uint8Array[] = [];

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Makes room for an announced size. */
  expect(size: number): void {
    if (size > 0 && size <= this.#budget.left) this.#whole = new Uint8Array(size);
  }

  push(chunk: Uint8Array): void {
    const fits = this.#whole !== undefined && this.#rest.length === 0 && this.length + chunk.length <= this.#whole.length;
    try {
      this.#budget.claim(fits ? chunk.length : 2 * chunk.length, "its unpacked content");
    } catch (error) {
      this.refusal = error;
      throw error;
    }
    if (fits) this.#whole!.set(chunk, this.length);
    else this.#rest.push(chunk);
    this.length += chunk.length;
  }

  bytes(): Uint8Array {
    const inWhole = this.length - this.#rest.reduce((sum, chunk) => sum + chunk.length, 0);
    const first = this.#whole?.subarray(0, inWhole) ?? new Uint8Array();
    if (this.#rest.length === 0) return first;
    const result = new Uint8Array(this.length);
    result.set(first);
    let at = inWhole;
    for (const chunk of this.#rest) {
      result.set(chunk, at);
      at += chunk.length;
    }
    return result;
  }
}

/** Streams report "fetch failed" or "terminated" and keep the decoder's own words in `cause`. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
