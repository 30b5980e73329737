/**
 * @file Sorting, as an order of positions: it carries no derivative, and a linear gather by it sorts.
 */
import { formatShape } from "../base/shape.ts";
import { scatterAdd } from "./indexing.ts";
import { defineOp, type Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

interface Order {
  readonly axis: number;
  readonly descending: boolean;
}

/** a < b, with NaN above everything. */
function below(a: Tensor, b: Tensor): Tensor {
  return a.lt(b).or(b.ne(b).and(a.eq(a)));
}

/**
 * Positions in sorted order. An element's place is the number of elements that come before it, which costs n² comparisons in vectors but no
 * communication; then every position is put in its place.
 */
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
    kind: "expand",
    expand([x], { params: { axis, descending } }) {
      const rows = x!.moveAxis(axis, x!.rank - 1);
      const last = rows.rank - 1;
      const n = rows.shape[last]!;
      const pairs = [...rows.shape, n]; // [..., i, j]
      const own = rows.expandAlong([last + 1], pairs);
      const other = rows.expandAlong([last], pairs);
      const positions = rows.iotaLike(last);
      const earlier = positions.expandAlong([last], pairs).lt(positions.expandAlong([last + 1], pairs));
      const [first, second] = descending ? [own, other] : [other, own];
      const before = below(first, second).or(below(second, first).not().and(earlier));
      const place = before.cast("i32").sum(last + 1);
      const sorted = positions.bind(scatterAdd, [positions, place], { batch: last, size: n });
      return [sorted.moveAxis(last, axis)];
    },
  },
  samples: [
    { operands: [{ shape: [3, 5], dtype: "f64" }], params: { axis: 1, descending: false } },
    { operands: [{ shape: [6, 2], dtype: "i32", domain: [0, 4] }], params: { axis: 0, descending: true } },
  ],
});
