/**
 * @file The decoder of LZMA, for the page's own program in the one file: an eighth smaller than deflate makes it. Browsers have none. Written after the specification in
 * the LZMA SDK of Igor Pavlov, which is in the public domain.
 */

/** Where each kind of probability begins in the one array of them. */
const IS_MATCH = 0;
const IS_REP = 192;
const IS_REP_0 = 204;
const IS_REP_1 = 216;
const IS_REP_2 = 228;
const IS_REP_0_LONG = 240;
const SLOT = 432;
const SPECIAL = 688;
const ALIGN = 803;
const LENGTH = 819;
const REP_LENGTH = 1333;
const LITERAL = 1847;

/** Bytes of the header: properties, size of the dictionary, size of the data. */
const HEAD = 13;

/** Shortest match. */
const LEAST = 2;

class Bits {
  readonly #bytes: Uint8Array;
  readonly #probabilities: Uint16Array;
  #at = HEAD + 1;
  #range = 0xffffffff;
  #code = 0;

  constructor(bytes: Uint8Array, probabilities: number) {
    this.#bytes = bytes;
    this.#probabilities = new Uint16Array(probabilities).fill(1024);
    for (let i = 0; i < 4; i++) this.#code = (this.#code << 8) | this.#next();
    this.#code >>>= 0;
  }

  #next(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError("unpack: the data end too early; want the whole file");
    return byte;
  }

  #renew(): void {
    if (this.#range >= 1 << 24) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  /** One bit, by the probability at `i`, which learns. */
  bit(i: number): number {
    const p = this.#probabilities[i]!;
    const bound = (this.#range >>> 11) * p;
    const isOne = this.#code >= bound;
    this.#probabilities[i] = isOne ? p - (p >> 5) : p + ((2048 - p) >> 5);
    this.#range = isOne ? this.#range - bound : bound;
    if (isOne) this.#code -= bound;
    this.#renew();
    return isOne ? 1 : 0;
  }

  /** A number of `count` bits that are equally likely. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1;
      const isOne = this.#code >= this.#range;
      if (isOne) this.#code -= this.#range;
      value = value * 2 + (isOne ? 1 : 0);
      this.#renew();
    }
    return value;
  }

  /** A number of `count` bits, the highest first; each is guessed from those before it. */
  tree(from: number, count: number): number {
    let m = 1;
    for (let i = 0; i < count; i++) m = 2 * m + this.bit(from + m);
    return m - (1 << count);
  }

  /** The same, the lowest bit first. */
  reversed(from: number, count: number): number {
    let [m, value] = [1, 0];
    for (let i = 0; i < count; i++) {
      const bit = this.bit(from + m);
      m = 2 * m + bit;
      value |= bit << i;
    }
    return value;
  }

  length(from: number, posState: number): number {
    if (this.bit(from) === 0) return LEAST + this.tree(from + 2 + 8 * posState, 3);
    if (this.bit(from + 1) === 0) return LEAST + 8 + this.tree(from + 130 + 8 * posState, 3);
    return LEAST + 16 + this.tree(from + 258, 8);
  }

  /** How far back a match of that length lies, less 1. */
  distance(length: number): number {
    const slot = this.tree(SLOT + 64 * Math.min(length - LEAST, 3), 6);
    if (slot < 4) return slot;
    const count = (slot >> 1) - 1;
    const high = (2 | (slot & 1)) * 2 ** count;
    if (slot < 14) return high + this.reversed(SPECIAL + high - slot, count);
    return high + this.direct(count - 4) * 16 + this.reversed(ALIGN, 4);
  }
}

/** The data so far, and what is remembered of how they came. */
class Unpacker {
  readonly out: Uint8Array<ArrayBuffer>;
  readonly #bits: Bits;
  readonly #lc: number;
  readonly #lp: number;
  readonly #pb: number;
  /** The last four distances, less 1. */
  readonly #last = [0, 0, 0, 0];
  /** What the last instructions were: below 7 a literal came last. */
  #state = 0;
  #at = 0;

  constructor(packed: Uint8Array, properties: number, size: number) {
    this.#lc = properties % 9;
    this.#lp = Math.floor(properties / 9) % 5;
    this.#pb = Math.floor(properties / 45);
    this.out = new Uint8Array(size);
    this.#bits = new Bits(packed, LITERAL + (768 << (this.#lc + this.#lp)));
  }

  /** Takes the next instruction; false when all data are there. */
  next(): boolean {
    if (this.#at === this.out.length) return false;
    const posState = this.#at & ((1 << this.#pb) - 1);
    if (this.#bits.bit(IS_MATCH + 16 * this.#state + posState) === 0) this.#literal();
    else this.#copy(this.#bits.bit(IS_REP + this.#state) === 1 ? this.#repeated(posState) : this.#fresh(posState));
    return true;
  }

  #literal(): void {
    const { out } = this;
    const before = (out[this.#at - 1] ?? 0) >> (8 - this.#lc);
    const from = LITERAL + 768 * (((this.#at & ((1 << this.#lp) - 1)) << this.#lc) + before);
    let symbol = 1;
    if (this.#state >= 7) {
      // After a match, what it would have gone on with is a hint.
      let match = out[this.#at - this.#last[0]! - 1]!;
      while (symbol < 256) {
        const hint = (match >> 7) & 1;
        match <<= 1;
        const bit = this.#bits.bit(from + ((1 + hint) << 8) + symbol);
        symbol = 2 * symbol + bit;
        if (hint !== bit) break;
      }
    }
    while (symbol < 256) symbol = 2 * symbol + this.#bits.bit(from + symbol);
    out[this.#at++] = symbol & 255;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** The length of a match at one of the last distances, which becomes the first of them. */
  #repeated(posState: number): number {
    const bits = this.#bits;
    const state = this.#state;
    const isAfterLiteral = state < 7;
    if (bits.bit(IS_REP_0 + state) === 0) {
      if (bits.bit(IS_REP_0_LONG + 16 * state + posState) === 0) {
        this.#state = isAfterLiteral ? 9 : 11;
        return 1;
      }
    } else {
      const k = bits.bit(IS_REP_1 + state) === 0 ? 1 : bits.bit(IS_REP_2 + state) === 0 ? 2 : 3;
      this.#last.unshift(...this.#last.splice(k, 1));
    }
    this.#state = isAfterLiteral ? 8 : 11;
    return bits.length(REP_LENGTH, posState);
  }

  /** The length of a match at another distance. */
  #fresh(posState: number): number {
    const length = this.#bits.length(LENGTH, posState);
    this.#state = this.#state < 7 ? 7 : 10;
    this.#last.unshift(this.#bits.distance(length));
    this.#last.pop();
    return length;
  }

  #copy(length: number): void {
    const { out } = this;
    const back = this.#last[0]! + 1;
    const end = this.#at + length;
    if (back > this.#at || end > out.length) throw new RangeError("unpack: a match lies outside of the data; the file is damaged");
    for (; this.#at < end; this.#at++) out[this.#at] = out[this.#at - back]!;
  }
}

/** The data of a file in the format `.lzma` whose header tells their size. @throws {RangeError} for anything else. */
export function unpack(packed: Uint8Array): Uint8Array<ArrayBuffer> {
  const [properties = 255] = packed;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (packed.length < HEAD + 5 || properties >= 225 || view.getUint32(9, true) !== 0)
    throw new RangeError(`unpack: want a .lzma file that tells the size of its data, got ${packed.length} bytes of something else`);
  const unpacker = new Unpacker(packed, properties, view.getUint32(5, true));
  while (unpacker.next());
  return unpacker.out;
}
