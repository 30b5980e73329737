/**
 * @file XXH32, a checksum that runs at memory speed: Yann Collet, "xxHash fast digest algorithm", specification 0.1.1. It is no protection against
 * forgery. Any change within one 32-bit word changes the sum; other damage goes unseen in one of 2^32 cases.
 */
const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
const round = (lane: number, word: number): number => Math.imul(rotate((lane + Math.imul(word, P2)) | 0, 13), P1);

/** The checksum of some bytes, as an integer from 0 to 2^32 - 1. */
export function xxh32(bytes: Uint8Array, seed = 0): number {
  const words = wordsOf(bytes);
  const whole = words.length & ~3;
  let sum = (whole > 0 ? stripes(words, whole, seed) : seed + P5) | 0;
  sum = (sum + bytes.length) | 0;
  for (let i = whole; i < words.length; i++) sum = Math.imul(rotate((sum + Math.imul(words[i], P3)) | 0, 17), P4);
  for (let i = 4 * words.length; i < bytes.length; i++) sum = Math.imul(rotate((sum + Math.imul(bytes[i], P5)) | 0, 11), P1);
  sum = Math.imul(sum ^ (sum >>> 15), P2);
  sum = Math.imul(sum ^ (sum >>> 13), P3);
  return (sum ^ (sum >>> 16)) >>> 0;
}

/** Four lanes, of which each takes every fourth word. */
function stripes(words: Uint32Array, count: number, seed: number): number {
  let [a, b, c, d] = [(seed + P1 + P2) | 0, (seed + P2) | 0, seed | 0, (seed - P1) | 0];
  for (let i = 0; i < count; i += 4) {
    a = round(a, words[i]);
    b = round(b, words[i + 1]);
    c = round(c, words[i + 2]);
    d = round(d, words[i + 3]);
  }
  return rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
}

/** The whole words of some bytes, little-endian as every machine that runs JavaScript engines today; a copy if they are not aligned. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const own = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(own.buffer, own.byteOffset, own.length >>> 2);
}
