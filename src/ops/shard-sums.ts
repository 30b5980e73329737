/** @file Sums over the shards of one rank, on the host: as a binary tree over their order, since the sum over the ranks goes on in the same tree. */
import { allocate, type TypedArray } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import type { HostArray } from "./op.ts";

/** Writes the sum of arrays to `out`, as a binary tree over their order: the left part has the largest power of two of them that is less than all. */
export function treeSum(x: readonly TypedArray[], out: TypedArray): void {
  if (x.length === 1) {
    out.set(x[0]!);
    return;
  }
  // A loop over arrays of one class is several times as fast as one over any.
  if (out instanceof Float32Array && areFloats(x)) {
    const inOnePass = ONE_PASS[x.length];
    if (inOnePass) {
      inOnePass(x, out);
      return;
    }
  }
  let left = 1;
  while (2 * left < x.length) left *= 2;
  treeSum(x.slice(0, left), out);
  if (x.length - left === 1) {
    addTo(out, x[left]!);
    return;
  }
  const right = out.slice();
  treeSum(x.slice(left), right);
  addTo(out, right);
}

/** out += x. For f32 the sum in double precision, rounded once, equals the f32 sum. */
export function addTo(out: TypedArray, x: TypedArray): void {
  if (out instanceof Float32Array && x instanceof Float32Array) sumOfTwo([out, x], out);
  else for (let i = 0; i < out.length; i++) out[i] = out[i]! + x[i]!;
}

const areFloats = (x: readonly TypedArray[]): x is readonly Float32Array[] => x.every((each) => each instanceof Float32Array);

const { fround } = Math;

function sumOfTwo([a, b]: readonly Float32Array[], out: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = a![i]! + b![i]!;
}

/** The sums that {@link treeSum} gives of four arrays, in one pass. */
function sumOfFour([a, b, c, d]: readonly Float32Array[], out: Float32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = fround(a![i]! + b![i]!) + fround(c![i]! + d![i]!);
}

function sumOfEight([a, b, c, d, e, f, g, h]: readonly Float32Array[], out: Float32Array): void {
  for (let i = 0; i < out.length; i++) {
    const left = fround(fround(a![i]! + b![i]!) + fround(c![i]! + d![i]!));
    out[i] = left + fround(fround(e![i]! + f![i]!) + fround(g![i]! + h![i]!));
  }
}

/** By the number of arrays. */
const ONE_PASS: Readonly<Record<number, (x: readonly Float32Array[], out: Float32Array) => void>> = { 2: sumOfTwo, 4: sumOfFour, 8: sumOfEight }; // biome-ignore format: one thought

/** The operands of result `j` among those of all. */
export const shardsOf = (x: readonly HostArray[], j: number, shards: number): TypedArray[] =>
  x.slice(j * shards, (j + 1) * shards).map(({ data }) => data);

/** Several values of one dtype as one message, whose memory is used again in every step. */
export class Packed {
  readonly message: TypedArray;
  readonly #places: readonly TypedArray[];

  constructor(types: readonly Type[]) {
    const sizes = types.map(({ shape }) => sizeOf(shape));
    this.message = allocate(types[0]!.dtype, sizes.reduce((n, size) => n + size, 0)); // biome-ignore format: one thought
    let at = 0;
    this.#places = sizes.map((size) => {
      const place = this.message.subarray(at, at + size);
      at += size;
      return place;
    });
  }

  /** Writes the sums over the shards of each value. */
  fill(x: readonly HostArray[], shards: number): void {
    for (const [j, place] of this.#places.entries()) treeSum(shardsOf(x, j, shards), place);
  }

  unpack(y: readonly HostArray[]): void {
    for (const [j, place] of this.#places.entries()) y[j]!.data.set(place);
  }
}
