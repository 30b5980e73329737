/**
 * @file Packing: in a large product of matrices the panel of columns that the innermost loops read again and again is first copied together.
 * Without that its rows lie a power of two apart, on a page each, and fall into the same few sets of the cache (Goto & van de Geijn 2008, §5).
 *
 *     x[i,j] · y[j,k]     =     x[i,j] · p[a,j,c]     where p[a,j,c] = y[j, 8a + c], panels of 8 columns
 */
import { sizeOf } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { type Target, WASM } from "../kernel/target.ts";
import { dot, words } from "../ops/contract.ts";
import { inBuffer } from "../ops/elementwise.ts";
import { isOf } from "../ops/made-by.ts";
import type { Instruction, Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { rewriteRegion } from "./rewrite.ts";

function packOne(instruction: Instruction, operands: readonly Tensor[], copy: Copier, { packing }: Target): Tensor[] | undefined {
  if (!isOf(instruction, dot) || instruction.results[0]!.dtype !== "f32") return undefined;
  const { spec } = instruction.params;
  const [xWord, yWord, out] = words(spec);
  const k = out.at(-1);
  // The operand whose elements become vectors, and the one whose elements are repeated.
  const v = k !== undefined && xWord.includes(k) ? 0 : 1;
  const [mine, other] = v === 0 ? [xWord, yWord] : [yWord, xWord];
  // The larger operand is copied as it lies.
  const larger = sizeOf(operands[v]!.shape) < sizeOf(operands[1 - v]!.shape) ? other : mine;
  const sum = [...larger].filter((c) => !out.includes(c));
  const hasBatch = [...mine].some((c) => other.includes(c) && out.includes(c));
  if (k === undefined || hasBatch) return undefined;
  const size = (c: string): number => (mine.includes(c) ? operands[v]!.shape[mine.indexOf(c)]! : operands[1 - v]!.shape[other.indexOf(c)]!);
  const terms = sizeOf(sum.map(size));
  const columns = sizeOf([...out].filter((c) => mine.includes(c)).map(size));
  const rows = sizeOf([...out].filter((c) => other.includes(c)).map(size));
  if (terms < packing.leastTerms) return undefined;
  let [vectors, splats] = [operands[v]!, operands[1 - v]!];
  let [vectorWord, splatWord, result] = [mine, other, out];
  const fresh = [..."ABCDEFGH"].filter((letter) => !spec.includes(letter));
  const [a, b, c, d] = tuple(fresh.slice(0, 4), 4);
  if (mine.length === sum.length + 1 && size(k) % packing.columns === 0 && rows >= packing.leastReads) {
    const order = [...sum, k].map((letter) => mine.indexOf(letter));
    vectors = copy(vectors, order, packing.columns);
    [vectorWord, result] = [a + sum.join("") + c, out.slice(0, -1) + a + c];
  }
  const last = other.at(-1)!;
  if (!sum.includes(last) && columns >= packing.leastReads) {
    const kept = [...other].filter((letter) => !sum.includes(letter));
    if (size(last) % packing.rows === 0 && kept.length === 1) {
      const order = [...sum, last].map((letter) => other.indexOf(letter));
      splats = copy(splats, order, packing.rows);
      [splatWord, result] = [b + sum.join("") + d, result.replace(last, b + d)];
    } else {
      const order = [...kept, ...sum];
      splats = inBuffer(splats.transpose(order.map((letter) => other.indexOf(letter))));
      splatWord = order.join("");
    }
  }
  if (vectorWord === mine && splatWord === other) return undefined;
  const [x, y, xs, ys] = v === 0 ? [vectors, splats, vectorWord, splatWord] : [splats, vectors, splatWord, vectorWord];
  return [x.bind(dot, [x, y], { spec: `${xs},${ys}->${result}` }).reshape(instruction.results[0]!.shape)];
}

/** A copy of a value in panels of some width, its axes in an order: the same one for all products that want it. */
type Copier = (x: Tensor, order: readonly number[], width: number) => Tensor;

function copier(): Copier {
  const copies = new Map<Tensor, Map<string, Tensor>>();
  return (x, order, width) => {
    const own = copies.get(x) ?? new Map<string, Tensor>();
    const key = `${order} in ${width}`;
    const copy = own.get(key) ?? inBuffer(panels(x, order, width));
    copies.set(x, own.set(key, copy));
    return copy;
  };
}

/** [.., k] with its axes in the given order, as [k / width, .., width]. */
function panels(x: Tensor, order: readonly number[], width: number): Tensor {
  const rows = x.transpose(order);
  const n = rows.rank - 1;
  const split = rows.reshape([...rows.shape.slice(0, -1), rows.shape[n]! / width, width]);
  return split.transpose([n, ...rows.shape.slice(0, -1).map((_, i) => i), n + 1]);
}

export function pack(region: Region, target: Target = WASM): Region {
  return rewriteRegion(region, () => {
    const copy = copier();
    return (instruction, operands) => packOne(instruction, operands, copy, target);
  });
}
