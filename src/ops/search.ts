/**
 * @file Search in a sorted list, by bisection on the host.
 */
import { formatShape, sameShape } from "../base/shape.ts";
import { defineOp, type Op } from "./op.ts";

/** Parameters of {@link searchSorted}. */
interface Search {
  /** True for the position after equal elements, false for the position before them. */
  readonly right: boolean;
}

/** The order of sorting: NaN is greater than everything. */
export const below = (a: number, b: number): boolean => a < b || (Number.isNaN(b) && !Number.isNaN(a));

/** How many of the `n` sorted elements from `start` on come before `value` (or are not after it). */
function bisect(data: ArrayLike<number>, start: number, n: number, value: number, right: boolean): number {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    const element = data[start + middle]!;
    if (right ? !below(value, element) : below(element, value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** From sorted [b..., n] and values [b..., m] to insertion positions (i32) [b..., m] between 0 and n. */
export const searchSorted: Op<2, Search> = defineOp<2, Search>("searchSorted", {
  doc: "where values would stand in a sorted last axis: positions (i32) before equal elements, or behind them if `right`",
  arity: 2,
  derivative: "none",
  type([sorted, values]) {
    if (!sameShape(sorted.shape.slice(0, -1), values.shape.slice(0, -1)))
      throw new RangeError(`searchSorted: ${formatShape(sorted.shape)} and ${formatShape(values.shape)} differ in their leading axes`);
    return { shape: [...values.shape], dtype: "i32" };
  },
  batch([sorted, values], [sortedMapped, valuesMapped], params, n) {
    const [s, v] = [sortedMapped ? sorted : sorted.expandFront(n), valuesMapped ? values : values.expandFront(n)];
    return s.bind(searchSorted, [s, v], params);
  },
  lower: {
    kind: "host",
    run([sorted, values], [y], { right }) {
      const [n, m] = [sorted!.shape.at(-1)!, values!.shape.at(-1)!];
      for (let i = 0; i < values!.data.length; i++) y!.data[i] = bisect(sorted!.data, Math.floor(i / m) * n, n, values!.data[i]!, right);
    },
  },
  samples: [
    {
      operands: [
        { shape: [3], dtype: "f64", domain: [1, 1.0000001] },
        { shape: [4], dtype: "f64" },
      ],
      params: { right: false },
    },
  ],
});
