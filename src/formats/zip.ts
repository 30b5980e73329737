/**
 * @file Zip archives (PKWARE APPNOTE 6.3, with ZIP64): entries stored or deflated, found through the central directory. Inflating is the
 * platform's own `DecompressionStream`. Sizes are checked before they are believed.
 */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
/** Stands in 32-bit fields for "see ZIP64". */
const BEYOND = 0xffffffff;

interface Place {
  readonly method: number;
  /** Bytes in the file. */
  readonly packed: number;
  /** Bytes when unpacked. */
  readonly size: number;
  readonly offset: number;
  readonly encrypted: boolean;
}

/** Whether the bytes open like a zip archive. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === LOCAL;
}

/** An archive in memory; `what` names it in errors. */
export class Zip {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  readonly #places: Map<string, Place>;

  /** @throws {Error} if the directory is damaged or missing. */
  constructor(bytes: Uint8Array, what = "zip") {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    try {
      this.#places = this.#directory();
    } catch (error) {
      if (error instanceof RangeError) throw new Error(`${what}: damaged or incomplete zip archive: its directory points outside the file`);
      throw error;
    }
  }

  get names(): string[] {
    return [...this.#places.keys()];
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  /** The unpacked bytes of an entry, as a copy. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const place = this.#places.get(name);
    if (!place) throw this.#fault(`has no entry ${name}`);
    const { method, packed, size, offset, encrypted } = place;
    if (encrypted) throw this.#fault(`"${name}" is encrypted`);
    if (offset + 30 > this.#bytes.length || this.#view.getUint32(offset, true) !== LOCAL)
      throw this.#fault(`"${name}" is not where the directory says`);
    const start = offset + 30 + this.#view.getUint16(offset + 26, true) + this.#view.getUint16(offset + 28, true);
    if (start + packed > this.#bytes.length)
      throw this.#fault(`truncated file: "${name}" ends at byte ${start + packed} of ${this.#bytes.length}`);
    const data = new Uint8Array(this.#bytes.subarray(start, start + packed));
    if (method !== 0 && method !== 8)
      throw this.#fault(`"${name}" is packed by method ${method}; only stored (0) and deflated (8) entries can be read`);
    const unpacked = method === 0 ? data : await this.#inflate(data, size, name);
    if (unpacked.length !== size) throw this.#fault(`"${name}" has ${unpacked.length} bytes, its header says ${size}`);
    return unpacked;
  }

  /** Never holds more than the size in the header, so a small file cannot fill the memory. */
  async #inflate(data: Uint8Array<ArrayBuffer>, size: number, name: string): Promise<Uint8Array<ArrayBuffer>> {
    const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        chunks.push(next.value as Uint8Array<ArrayBuffer>);
        length += next.value.length;
        if (length > size) break;
      }
    } catch {
      throw this.#fault(`"${name}" is damaged: it cannot be inflated`);
    }
    if (length > size) {
      await reader.cancel().catch(() => {});
      throw this.#fault(`"${name}" unpacks to more than the ${size} bytes of its header`);
    }
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  }

  #fault(text: string): Error {
    return new Error(`${this.#what}: ${text}`);
  }

  /** The directory's entries by name, without folders. */
  #directory(): Map<string, Place> {
    const end = this.#findEnd();
    let [count, at] = [this.#view.getUint16(end + 10, true), this.#view.getUint32(end + 16, true)];
    const locator = end - 20;
    if (locator >= 0 && this.#view.getUint32(locator, true) === LOCATOR64) {
      const end64 = this.#big(locator + 8);
      if (this.#view.getUint32(end64, true) !== END64)
        throw this.#fault("damaged zip archive: the ZIP64 directory is not where it should be");
      [count, at] = [this.#big(end64 + 32), this.#big(end64 + 48)];
    }
    const places = new Map<string, Place>();
    for (let i = 0; i < count; i++) {
      if (this.#view.getUint32(at, true) !== CENTRAL) throw this.#fault("damaged zip archive: its directory is shorter than it says");
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => this.#view.getUint16(at + field, true));
      const name = new TextDecoder().decode(new Uint8Array(this.#bytes.subarray(at + 46, at + 46 + nameLength)));
      if (!name.endsWith("/")) places.set(name, this.#place(at, at + 46 + nameLength, extraLength));
      at += 46 + nameLength + extraLength + commentLength;
    }
    return places;
  }

  #place(at: number, extra: number, extraLength: number): Place {
    const fields = {
      size: this.#view.getUint32(at + 24, true),
      packed: this.#view.getUint32(at + 20, true),
      offset: this.#view.getUint32(at + 42, true),
    };
    // ZIP64 (extra field 1) holds, in this order, those fields that do not fit into 32 bits.
    let wide = this.#extraField(extra, extra + extraLength);
    for (const key of ["size", "packed", "offset"] as const)
      if (fields[key] === BEYOND && wide !== undefined) {
        fields[key] = this.#big(wide);
        wide += 8;
      }
    return { ...fields, method: this.#view.getUint16(at + 10, true), encrypted: (this.#view.getUint16(at + 8, true) & 1) === 1 };
  }

  /** Where the contents of extra field 1 begin. */
  #extraField(from: number, to: number): number | undefined {
    for (let at = from; at + 4 <= to; at += 4 + this.#view.getUint16(at + 2, true)) if (this.#view.getUint16(at, true) === 1) return at + 4;
    return undefined;
  }

  /** The end record is the last thing in the file but for a comment of at most 65535 bytes. */
  #findEnd(): number {
    const last = this.#bytes.length - 22;
    for (let at = last; at >= 0 && at >= last - 0xffff; at--) if (this.#view.getUint32(at, true) === END) return at;
    throw this.#fault("damaged or incomplete zip archive: it has no directory at its end");
  }

  #big(at: number): number {
    const value = this.#view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#fault("damaged zip archive: a size beyond all files");
    return Number(value);
  }
}
