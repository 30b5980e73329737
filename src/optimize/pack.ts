/**
 * @file Packing: in a large product of matrices the panel of columns that the innermost loops read again and again is first copied together.
 * Without that its rows lie a power of two apart, on a page each, and fall into the same few sets of the cache (Goto & van de Geijn 2008, §5).
 *
 *     x[i,j] · y[j,k]     =     x[i,j] · p[a,j,c]     where p[a,j,c] = y[j, 8a + c]
 */
import { sizeOf } from "../base/shape.ts";
import { type Dot, dot } from "../ops/contract.ts";
import { barrier } from "../ops/control.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Region } from "../tape/node.ts";
import { type Rule, rewriteRegion } from "./rewrite.ts";

/** Columns of a panel: two vectors, as the register tile of a product has. */
const PANEL = 8;
/** Rows from which a panel no longer stays in the cache by itself (measured: 256 rows do). */
const LEAST_ROWS = 512;
/** How often a panel must be read to be worth a copy. */
const LEAST_READS = 64;

const packOne: Rule = (instruction, operands) => {
  if (instruction.op !== dot || instruction.results[0]!.dtype !== "f32") return undefined;
  const [x, y] = operands as [Tensor, Tensor];
  const match = /^([a-z]*),([a-z])([a-z])->([a-z]*)\3$/i.exec((instruction.params as Dot).spec);
  if (!match || y.source.op === barrier) return undefined;
  const [, xs, j, k, rest] = match as unknown as [string, string, string, string, string];
  const [rows, columns] = y.shape as [number, number];
  const reads = sizeOf(instruction.results[0]!.shape) / columns;
  if (xs.includes(k) || rest.includes(j) || rows < LEAST_ROWS || columns % PANEL !== 0 || reads < LEAST_READS) return undefined;
  const panels = y.reshape([rows, columns / PANEL, PANEL]).transpose([1, 0, 2]);
  // Mere movement would be folded into the product; behind a barrier it is a buffer.
  const packed = panels.bindAll(barrier, [panels], { pass: 1 })[0]!;
  const [a, c] = [..."ABCDEFGH"].filter((letter) => !xs.includes(letter) && letter !== j) as [string, string];
  const product = x.bind(dot, [x, packed], { spec: `${xs},${a}${j}${c}->${rest}${a}${c}` });
  return [product.reshape(instruction.results[0]!.shape)];
};

export function packPanels(region: Region): Region {
  return rewriteRegion(region, () => packOne);
}
