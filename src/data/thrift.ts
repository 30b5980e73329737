/**
 * @file Thrift's compact protocol, walked without being read: where a structure ends, and that its lists are no longer than the bytes that are
 * there. The package hyparquet makes lists of the length that a file claims.
 */

const DEEPEST = 32;
const LONGEST_VARINT = 10;

/** Where the structure that begins at `start` ends. @throws {Error} if it is none. */
export function structEnd(bytes: Uint8Array, start: number): number {
  return new Walker(bytes, start).struct(0);
}

class Walker {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    [this.#bytes, this.#at] = [bytes, start];
  }

  struct(depth: number): number {
    if (depth > DEEPEST) throw new Error(`structures in structures, ${DEEPEST} deep`);
    for (;;) {
      const head = this.#byte();
      const type = head & 15;
      if (type === 0) return this.#at;
      if (head >> 4 === 0) this.#varint();
      this.#value(type, depth);
    }
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw new Error("a structure has no end");
    return this.#bytes[this.#at++];
  }

  #varint(): number {
    let value = 0;
    for (let i = 0; i < LONGEST_VARINT; i++) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw new Error("a number of more than 64 bits");
  }

  #skip(length: number): void {
    this.#at += length;
    if (!(this.#at <= this.#bytes.length)) throw new Error("a structure reaches beyond the end");
  }

  /** Types: 1 and 2 booleans in their heads, 3 byte, 4 to 6 integers, 7 double, 8 bytes, 9 list, 12 structure. */
  #value(type: number, depth: number): void {
    if (type <= 2) return;
    if (type === 3) this.#skip(1);
    else if (type <= 6) this.#varint();
    else if (type === 7) this.#skip(8);
    else if (type === 8) this.#skip(this.#varint());
    else if (type === 9) this.#list(depth);
    else if (type === 12) this.struct(depth + 1);
    else throw new Error(`a field of type ${type}`);
  }

  #list(depth: number): void {
    if (depth > DEEPEST) throw new Error(`lists in lists, ${DEEPEST} deep`);
    const head = this.#byte();
    const count = head >> 4 === 15 ? this.#varint() : head >> 4;
    const type = head & 15;
    if (count > this.#bytes.length - this.#at) throw new Error(`a list of ${count} elements in ${this.#bytes.length - this.#at} bytes`);
    for (let i = 0; i < count; i++) {
      if (type <= 2) this.#skip(1);
      else this.#value(type, depth + 1);
    }
  }
}
