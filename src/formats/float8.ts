/**
 * @file Floats of 8 bits (Micikevicius et al. 2022; OCP Microscaling Formats 1.0), each pattern widened by a table of 256 values.
 *
 *     E4M3: 1 sign, 4 exponent (bias 7), 3 fraction; no infinities, S.1111.111 is NaN       E5M2: 1, 5 (bias 15), 2, as IEEE 754
 *     E8M0: 8 exponent (bias 127), a power of two; 255 is NaN
 */

export type Float8 = "E4M3" | "E5M2" | "E8M0";

function widened(format: Float8, bits: number): number {
  if (format === "E8M0") return bits === 255 ? Number.NaN : 2 ** (bits - 127);
  const [fractionBits, bias] = format === "E4M3" ? [3, 7] : [2, 15];
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits & 0x7f) >> fractionBits;
  const fraction = bits & (2 ** fractionBits - 1);
  if (format === "E4M3" && (bits & 0x7f) === 0x7f) return Number.NaN;
  if (format === "E5M2" && exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  const scaled = exponent === 0 ? fraction : 2 ** fractionBits + fraction;
  return sign * scaled * 2 ** (Math.max(1, exponent) - bias - fractionBits);
}

/**
 * The two directions of a format. Narrowing gives the nearest value, of two equally near the one with an even pattern; beyond the largest:
 * infinity, or NaN where there is none.
 */
export function float8(format: Float8): {
  decode(bytes: Uint8Array): Float32Array<ArrayBuffer>;
  encode(data: ArrayLike<number | bigint>): Uint8Array;
} {
  const values = Float32Array.from({ length: 256 }, (_, bits) => widened(format, bits));
  return {
    decode: (bytes) => Float32Array.from(bytes, (bits) => values[bits]),
    encode: (data) => Uint8Array.from(data as ArrayLike<number>, (value) => nearest(format, values, Number(value))),
  };
}

function nearest(format: Float8, values: Float32Array, value: number): number {
  const negative = format !== "E8M0" && (value < 0 || Object.is(value, -0));
  const sign = negative ? 0x80 : 0;
  const [notANumber, largest] = { E4M3: [0x7f, 0x7e], E5M2: [0x7f, 0x7b], E8M0: [0xff, 0xfe] }[format];
  if (Number.isNaN(value)) return notANumber;
  const magnitude = Math.abs(value);
  let low = 0;
  let high = largest;
  // The patterns of one sign rise with their values.
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] <= magnitude) low = middle;
    else high = middle;
  }
  if (magnitude >= values[largest]) {
    const step = values[largest] - values[largest - 1];
    if (magnitude < values[largest] + step / 2 || format === "E8M0") return sign | largest;
    return sign | (format === "E5M2" ? 0x7c : notANumber);
  }
  const [below, above] = [magnitude - values[low], values[high] - magnitude];
  return sign | (below < above || (below === above && low % 2 === 0) ? low : high);
}
