/**
 * @file The Mersenne Twister MT19937 (Matsumoto & Nishimura 1998), seeded and read as NumPy's RandomState does it: ONNX's reference implementation draws so where a node
 * names a seed. The standard itself leaves the generator open.
 */
const SIZE = 624;
const SHIFT = 397;

/** Whole numbers of 32 bits without end. */
function* words(seed: number): Generator<number, never> {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  for (;;) {
    for (let i = 0; i < SIZE; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + SHIFT) % SIZE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    for (let y of state) {
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      yield (y ^ (y >>> 18)) >>> 0;
    }
  }
}

/** Numbers from 0 up to 1, of 53 bits. */
function* shares(seed: number): Generator<number, never> {
  const next = words(Math.trunc(seed) >>> 0);
  for (;;) {
    const high = next.next().value >>> 5;
    yield (high * 2 ** 26 + (next.next().value >>> 6)) / 2 ** 53;
  }
}

/** `count` numbers even in [0, 1) by a seed: RandomState(seed).rand(count). */
export function evenBySeed(seed: number, count: number): Float64Array {
  const draws = shares(seed);
  return Float64Array.from({ length: count }, () => draws.next().value);
}

/** `count` numbers of the standard normal distribution by a seed, by Marsaglia's polar method (1964): RandomState(seed).randn(count). */
export function normalBySeed(seed: number, count: number): Float64Array {
  const draws = shares(seed);
  const result = new Float64Array(count);
  for (let i = 0; i < count; i += 2) {
    let [a, b, square] = [0, 0, 0];
    do {
      a = 2 * draws.next().value - 1;
      b = 2 * draws.next().value - 1;
      square = a * a + b * b;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    result[i] = factor * b;
    if (i + 1 < count) result[i + 1] = factor * a;
  }
  return result;
}
