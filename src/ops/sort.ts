/**
 * @file Sorting, as a permutation of positions. The permutation has no derivative; a gather with it, which is linear, sorts.
 */
import { formatShape, sizeOf } from "../base/shape.ts";
import { defineOp, type Op } from "./op.ts";

/** Parameters of {@link argsort}. */
interface Order {
  readonly axis: number;
  readonly descending: boolean;
}

/** Compares numbers for sorting: NaN is greater than everything. */
function compare(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

/** Positions in sorted order, by a comparison sort on the host in n log n. Equal elements keep their order, also if descending. */
export const argsort: Op<1, Order> = defineOp<1, Order>("argsort", {
  doc: "positions (i32) of the elements along an axis in sorted order; equal elements keep theirs; NaN counts as largest",
  arity: 1,
  derivative: "none",
  type([x], { axis }) {
    if (x.shape[axis] === undefined) throw new RangeError(`argsort: ${formatShape(x.shape)} has no axis ${axis}`);
    return { shape: [...x.shape], dtype: "i32" };
  },
  batch: ([x], _, { axis, descending }) => x.bind(argsort, [x], { axis: axis + 1, descending }),
  lower: {
    kind: "host",
    run([x], [y], { axis, descending }) {
      const n = x!.shape[axis]!;
      const inner = sizeOf(x!.shape.slice(axis + 1));
      const sign = descending ? -1 : 1;
      const order = new Int32Array(n);
      for (let start = 0; start < x!.data.length; start++) {
        // `start` runs over the first elements of all rows.
        if (Math.floor(start / inner) % n !== 0) continue;
        const at = (i: number): number => x!.data[start + i * inner]!;
        for (let i = 0; i < n; i++) order[i] = i;
        order.sort((i, j) => sign * compare(at(i), at(j)) || i - j);
        for (let i = 0; i < n; i++) y!.data[start + i * inner] = order[i]!;
      }
    },
  },
  samples: [
    { operands: [{ shape: [3, 5], dtype: "f64" }], params: { axis: 1, descending: false } },
    { operands: [{ shape: [6, 2], dtype: "i32", domain: [0, 4] }], params: { axis: 0, descending: true } },
  ],
});
