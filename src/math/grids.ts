/** @file Tensors of positions, of combinations and of powers, and tensors put side by side. */

import { anyNumber, check, checkFields, checkOptions, eachAxis, listOf, naturalNumber, shown } from "../base/check.ts";
import { checkShape, formatShape, normalizeAxis } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { concatenate, tensor } from "../ops/create.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { aTensor, COMBINATIONS, LOGSPACE_OPTIONS, VANDER } from "./options.ts";
import { linspace, meshgrid } from "./rearrange.ts";

export interface LogspaceOptions {
  /** Default 10. */
  readonly base?: number;
  /** Default f32. */
  readonly dtype?: "f32" | "f64";
}

/** n numbers from base^start to base^end, with equal quotients. */
export function logspace(start: number, end: number, n: number, options: LogspaceOptions = {}): Tensor {
  checkOptions("logspace", options, LOGSPACE_OPTIONS);
  checkFields("logspace", { start, end }, { start: anyNumber, end: anyNumber });
  checkShape([n], "logspace");
  const { base = 10, dtype = "f32" } = options;
  const powers = Float64Array.from(elementsOf(linspace(start, end, n, { dtype: "f64" })), (x) => base ** x);
  return tensor(dtype === "f64" ? powers : Float32Array.from(powers));
}

/** Row and column numbers (i32) [2, count] of a rows×columns matrix where `keep` holds, row by row. */
function triangleIndices(what: string, rows: number, columns: number, keep: (offset: number) => boolean): Tensor {
  check(`${what}: rows`, rows, naturalNumber);
  check(`${what}: columns`, columns, naturalNumber);
  const [i, j]: [number[], number[]] = [[], []];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      if (!keep(c - r)) continue;
      i.push(r);
      j.push(c);
    }
  return tensor(Int32Array.from([...i, ...j]), { shape: [2, i.length] });
}

/** Row and column numbers (i32) [2, count] of the lower triangle of a rows×columns matrix, up to diagonal k. */
export function trilIndices(rows: number, columns: number, k = 0): Tensor {
  return triangleIndices("trilIndices", rows, columns, (offset) => offset <= k);
}

/** Row and column numbers (i32) [2, count] of the upper triangle of a rows×columns matrix, from diagonal k on. */
export function triuIndices(rows: number, columns: number, k = 0): Tensor {
  return triangleIndices("triuIndices", rows, columns, (offset) => offset >= k);
}

const tensors = listOf(aTensor, 1);

/** All choices of one element from each vector, [count, vectors]; the last varies fastest. One vector gives itself. */
export function cartesianProd(vectors: readonly Tensor[]): Tensor {
  check("cartesianProd: vectors", vectors, tensors);
  if (vectors.length === 1) return vectors[0]!.flatten();
  return concatenate(
    meshgrid(vectors).map((t) => t.flatten().unsqueeze(1)),
    1,
  );
}

/** All choices of r elements of a vector in order, [count, r]; with `withReplacement` an element may come again. */
export function combinations(x: Tensor, r = 2, options: { readonly withReplacement?: boolean } = {}): Tensor {
  checkOptions("combinations", options, COMBINATIONS);
  check("combinations: r", r, naturalNumber);
  if (!(x instanceof Tensor) || x.rank !== 1) throw new RangeError(`combinations: want a vector, got ${shown(x)}`);
  const again = options.withReplacement ? 0 : 1;
  let rows: number[][] = [[]];
  for (let k = 0; k < r; k++)
    rows = rows.flatMap((row) => {
      const from = row.length === 0 ? 0 : row.at(-1)! + again;
      return Array.from({ length: Math.max(0, x.size - from) }, (_, i) => [...row, from + i]);
    });
  return x.takeInside(tensor(Int32Array.from(rows.flat()), { shape: [rows.length, r] }), 0);
}

export interface VanderOptions {
  /** Number of columns. Default as many as x has elements. */
  readonly columns?: number;
  /** Powers ascend from column to column. Default false, as in NumPy and PyTorch. */
  readonly increasing?: boolean;
}

/** Powers of the elements of x [..., n] as rows [..., n, columns] (Vandermonde). */
export function vander(x: Tensor, options: VanderOptions = {}): Tensor {
  checkTensors("vander", { x });
  checkOptions("vander", options, VANDER);
  const { columns = x.shape.at(-1) ?? 0, increasing = false } = options;
  if (x.rank === 0) throw new RangeError("vander: want a vector, got a scalar");
  const powers = Array.from({ length: columns }, (_, i) => i);
  let power = x.like(1);
  const list = powers.map((i) => {
    if (i > 0) power = power.mul(x);
    return power.unsqueeze(-1);
  });
  if (list.length === 0) return x.unsqueeze(-1).narrow(-1, 0, 0);
  return concatenate(increasing ? list : list.reverse(), -1);
}

/** Matrices along the diagonal of one matrix, zeros elsewhere; scalars and vectors are rows. */
export function blockDiag(matrices: readonly Tensor[]): Tensor {
  check("blockDiag: matrices", matrices, tensors);
  const blocks = matrices.map((t) => {
    if (t.rank > 2) throw new RangeError(`blockDiag: want matrices, got ${formatShape(t.shape)}`);
    return t.rank === 2 ? t : t.reshape([1, t.size]);
  });
  const width = blocks.reduce((n, t) => n + t.shape[1]!, 0);
  let left = 0;
  const rows = blocks.map((t) => {
    const columns = t.shape[1]!;
    left += columns;
    return t.pad([0, left - columns], [0, width - left]);
  });
  return concatenate(rows, 0);
}

/** The order of columns reversed: of axis 1. */
export function fliplr(x: Tensor): Tensor {
  checkTensors("fliplr", { x });
  return x.flip(normalizeAxis(1, x.rank, "fliplr"));
}

/** The order of rows reversed: of axis 0. */
export function flipud(x: Tensor): Tensor {
  checkTensors("flipud", { x });
  return x.flip(normalizeAxis(0, x.rank, "flipud"));
}

const atLeast = (x: Tensor, rank: number): Tensor =>
  x.rank < rank ? x.reshape([...new Array<number>(rank - x.rank).fill(1), ...x.shape]) : x;

/** Tensors one after another along axis 1; vectors along their only axis. */
export function hstack(list: readonly Tensor[]): Tensor {
  check("hstack: tensors", list, tensors);
  const all = list.map((t) => atLeast(t, 1));
  return concatenate(all, all[0]!.rank === 1 ? 0 : 1);
}

/** Tensors one below the other along axis 0; vectors are rows. */
export function vstack(list: readonly Tensor[]): Tensor {
  check("vstack: tensors", list, tensors);
  return concatenate(
    list.map((t) => atLeast(t, 2)),
    0,
  );
}

/** Tensors one behind the other along axis 2; matrices and vectors get axes of size 1: [n] is [1, n, 1], [m, n] is [m, n, 1]. */
export function dstack(list: readonly Tensor[]): Tensor {
  check("dstack: tensors", list, tensors);
  const deep = list.map((t) => {
    const rows = atLeast(t, 2);
    return rows.rank === 2 ? rows.unsqueeze(-1) : rows;
  });
  return concatenate(deep, 2);
}

/** Pieces along an axis: `sections` of sizes that differ by at most 1 (the longer first), or cut before each of the given positions. */
export function tensorSplit(x: Tensor, sections: number | readonly number[], axis = 0): Tensor[] {
  checkTensors("tensorSplit", { x });
  check("tensorSplit: sections", sections, eachAxis);
  const at = normalizeAxis(axis, x.rank, "tensorSplit");
  const n = x.shape[at]!;
  if (typeof sections === "number" && !(Number.isInteger(sections) && sections >= 1))
    throw new RangeError(`tensorSplit: want at least one section, got ${sections}`);
  const cuts =
    typeof sections === "number"
      ? Array.from({ length: sections - 1 }, (_, i) => (i + 1) * Math.floor(n / sections) + Math.min(i + 1, n % sections))
      : sections.map((c) => Math.min(Math.max(c < 0 ? c + n : c, 0), n));
  return [...cuts, n].map((stop, i) => {
    const start = i === 0 ? 0 : cuts[i - 1]!;
    return x.narrow(at, start, Math.max(0, stop - start));
  });
}

/** Number of elements that are not 0 over axes (default all), i32. */
export function countNonzero(x: Tensor, axes?: number | readonly number[]): Tensor {
  checkTensors("countNonzero", { x });
  return x.ne(x.like(0)).sum(axes);
}
