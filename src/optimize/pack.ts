/**
 * @file Packing: in a large product of matrices, the panel of columns that the innermost loops read again and again is first copied to contiguous memory.
 * Otherwise its rows are often a power of two apart, each on its own page, and map to the same few sets of the cache (Goto & van de Geijn 2008, §5).
 *
 *     x[i,j] · y[j,k]     =     x[i,j] · p[a,j,c]     where p[a,j,c] = y[j, 8a + c], panels of 8 columns
 */
import { divisor, sizeOf } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { type Dot, dot, words } from "../ops/contract.ts";
import { copy } from "../ops/elementwise.ts";
import { isOf, type Known } from "../ops/made-by.ts";
import type { Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { rewriteRegion } from "./rewrite.ts";

const hasBatch = (x: string, y: string, out: string): boolean => [...x].some((c) => y.includes(c) && out.includes(c));

/** Returns true if rows of this many terms are whole cache lines, map to one set of the cache, and are read often enough for a copy to pay. */
const rowsMeet = (terms: number, columns: number, { packing: { meetingPitch, leastReads }, caches }: Target): boolean =>
  meetingPitch !== undefined && (4 * terms) % meetingPitch === 0 && terms % caches.line === 0 && columns >= leastReads;

/**
 * Returns true if a sum is long enough for packing; a shorter one if vectors of the operand would go along it, and copying costs less than adding up the lanes of each result, since the
 * operand is read at least as often as there are terms.
 */
function paysFor(terms: number, rows: number, transposed: boolean, { packing }: Target): boolean {
  const { leastTerms, leastTransposed = Number.POSITIVE_INFINITY, leastReads } = packing;
  return terms >= leastTerms || (transposed && terms >= leastTransposed && rows >= Math.max(leastReads, terms));
}

/**
 * Rows that are packed together: as many as stay in the second cache with the terms of one part of the sum. The lines of all rows at one term would be a power of two apart, and with
 * more terms than a set of that cache has lines, each part would evict its own rows.
 */
function rowsOfBlock(rows: number, terms: number, { caches, tiling, packing }: Target): number {
  const length = terms <= tiling.longSum ? terms : divisor(terms, (n) => n <= tiling.blockProducts);
  const size = divisor(rows, (n) => n * length <= caches.panel);
  return size >= packing.leastReads ? size : rows;
}

/** The letters that are summed, in the order of the larger operand, which is then copied in its own order. */
function summedLetters([x, y]: readonly [Tensor, Tensor], [xWord, yWord]: readonly [string, string], out: string): string[] {
  const larger = sizeOf(x.shape) < sizeOf(y.shape) ? yWord : xWord;
  return [...larger].filter((c) => !out.includes(c));
}

/** The product on packed operands; undefined if packing does not pay. */
function packOne(instruction: Known<2, Dot>, operands: readonly Tensor[], packed: Copier, target: Target): Tensor[] | undefined {
  const { packing, caches } = target;
  const { spec } = instruction.params;
  const [xWord, yWord, out] = words(spec);
  const k = out.at(-1);
  if (k === undefined || hasBatch(xWord, yWord, out)) return undefined;
  // Operand v is loaded in vectors; elements of the other are repeated to vectors.
  const v = xWord.includes(k) ? 0 : 1;
  const inOrder = <T>(first: T, second: T): [T, T] => (v === 0 ? [first, second] : [second, first]);
  const [mine, other] = inOrder(xWord, yWord);
  const sum = summedLetters(inOrder(operands[0]!, operands[1]!), [mine, other], out);
  const sizes = new Map([...xWord, ...yWord].map((c, i) => [c, [...operands[0]!.shape, ...operands[1]!.shape][i]!]));
  const size = (c: string): number => sizes.get(c)!;
  const terms = sizeOf(sum.map(size));
  const columns = sizeOf([...out].filter((c) => mine.includes(c)).map(size));
  const rows = sizeOf([...out].filter((c) => other.includes(c)).map(size));
  if (!paysFor(terms, rows, mine.at(-1) !== k, target)) return undefined;
  let vectors = operands[v]!;
  let [vectorWord, result] = [mine, out];
  const inColumns = mine.length === sum.length + 1 && size(k) % packing.columns === 0 && rows >= packing.leastReads;
  const fresh = [..."ABCDEFGHI"].filter((letter) => !spec.includes(letter));
  const [a, b, c, d] = tuple(fresh.slice(0, 4), 4);
  if (inColumns) {
    const order = [...sum, k].map((letter) => mine.indexOf(letter));
    vectors = packed(vectors, order, packing.columns);
    [vectorWord, result] = [a + sum.join("") + c, out.slice(0, -1) + a + c];
  }
  let repeated: Packed = { x: operands[1 - v]!, word: other };
  const last = other.at(-1)!;
  if (!sum.includes(last) && columns >= packing.leastReads) {
    repeated = packRepeated(repeated, sum, [b, d], packed, packing.rows);
    // Packed in panels, its last axis has become two.
    if (repeated.word.endsWith(d)) result = result.replace(last, b + d);
  }
  const isMatrix = sum.join() === last && other.length === 2;
  if (isMatrix && rowsMeet(terms, columns, target)) {
    const [e, block] = tuple(fresh.slice(4, 6), 2);
    const lines = packLines(repeated, [e, block], packed, target);
    [repeated, result] = [lines, result.replace(other[0]!, lines.rows)];
    // The terms of the other operand are split in the same way, which moves nothing.
    const at = vectorWord.indexOf(last);
    vectors = vectors.reshape([...vectors.shape.slice(0, at), terms / caches.line, caches.line, ...vectors.shape.slice(at + 1)]);
    vectorWord = vectorWord.replace(last, e + last);
  }
  const [x, y] = inOrder(vectors, repeated.x);
  const [xs, ys] = inOrder(vectorWord, repeated.word);
  if (spec === `${xs},${ys}->${out}`) return undefined;
  return [x.bind(dot, [x, y], { spec: `${xs},${ys}->${result}` }).reshape(instruction.results[0]!.shape)];
}

/** An operand of a product, with the letters of its axes. */
interface Packed {
  readonly x: Tensor;
  readonly word: string;
}

/** Packs the operand whose elements are repeated: in panels of `width` rows if it has one axis besides those of the sum, otherwise with the sum's axes last. */
function packRepeated(
  { x, word }: Packed,
  sum: readonly string[],
  [b, d]: readonly [string, string],
  packed: Copier,
  width: number,
): Packed {
  const kept = [...word].filter((letter) => !sum.includes(letter));
  const axesOf = (letters: readonly string[]): number[] => letters.map((letter) => word.indexOf(letter));
  if (x.shape.at(-1)! % width === 0 && kept.length === 1)
    return { x: packed(x, axesOf([...sum, ...kept]), width), word: b + sum.join("") + d };
  const order = [...kept, ...sum];
  return { x: x.bind(copy, [x.transpose(axesOf(order))]), word: order.join("") };
}

/** Packs a matrix whose elements are repeated: in each block of rows, one cache line of terms of each row after another. `rows` are the letters of its rows. */
function packLines({ x, word }: Packed, [e, block]: readonly [string, string], packed: Copier, target: Target): Packed & { rows: string } {
  const [rows, terms] = tuple(x.shape, 2);
  const [row, last] = tuple([...word], 2);
  const size = rowsOfBlock(rows, terms, target);
  const outer = size < rows ? block : "";
  return { x: packed(x, [0, 1], target.caches.line, size), word: outer + e + row + last, rows: outer + row };
}

/**
 * Returns a copy of a value with its axes in an order and the last in panels of some width, for each block of so many points of the first axis if there are several; the same copy for
 * all products that want it.
 */
type Copier = (x: Tensor, order: readonly number[], width: number, block?: number) => Tensor;

function copier(): Copier {
  const copies = new Map<Tensor, Map<string, Tensor>>();
  return (x, order, width, block) => {
    const own = copies.get(x) ?? new Map<string, Tensor>();
    const key = `${order} in ${width} by ${block}`;
    const made = own.get(key) ?? x.bind(copy, [inBlocks(panels(x, order, width), block)]);
    copies.set(x, own.set(key, made));
    return made;
  };
}

/** [.., k] with its axes in the given order, as [k / width, .., width]. */
function panels(x: Tensor, order: readonly number[], width: number): Tensor {
  const rows = x.transpose(order);
  const n = rows.rank - 1;
  const split = rows.reshape([...rows.shape.slice(0, -1), rows.shape[n]! / width, width]);
  return split.transpose([n, ...rows.shape.slice(0, -1).map((_, i) => i), n + 1]);
}

/** Panels [k, rows, width] as [rows / block, k, block, width]. */
function inBlocks(x: Tensor, block: number | undefined): Tensor {
  const rows = x.shape[1]!;
  if (block === undefined || block === rows) return x;
  return x.reshape([x.shape[0]!, rows / block, block, x.shape[2]!]).transpose([1, 0, 2, 3]);
}

export function pack(region: Region, target: Target = WASM): Region {
  return rewriteRegion(region, () => {
    const packed = copier();
    return (instruction, operands) =>
      isOf(instruction, dot) && instruction.results[0]!.dtype === "f32" ? packOne(instruction, operands, packed, target) : undefined;
  });
}
