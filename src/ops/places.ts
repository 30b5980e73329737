/**
 * @file Writes rows at computed indices. A loop nest would go over every pair of a row and an index; the host needs one pass over the indices. Indices outside
 * 0..size-1 write nothing.
 */

import type { Shape } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { checkIndices, eachPlace, gather, type Places } from "./indexing.ts";
import { defineOp, expandAll, type Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** For each row the position of the last index that equals it, or -1: from index [b..., i...] to [b..., size]. */
export const lastWriter: Op<1, Places> = defineOp<1, Places>("lastWriter", {
  doc: "for each place the position (i32) of the last index that names it, or -1",
  arity: 1,
  derivative: "none",
  type([index], { batch, size }) {
    checkIndices("lastWriter", index);
    return { shape: [...index.shape.slice(0, batch), size], dtype: "i32" };
  },
  batch: ([index], _, { batch, size }) => index.bind(lastWriter, [index], { batch: batch + 1, size }),
  lower: {
    kind: "host",
    run([index], [y], params) {
      y!.data.fill(-1);
      eachPlace(index!, params, (lead, i, place) => {
        y!.data[lead * params.size + place] = i;
      });
    },
  },
  samples: [
    { operands: [{ shape: [5], dtype: "i32", domain: [0, 4] }], params: { batch: 0, size: 4 } },
    { operands: [{ shape: [2, 3], dtype: "i32", domain: [-1, 4] }], params: { batch: 1, size: 3 } },
  ],
});

const inside = (index: Tensor, size: number): Tensor => index.ge(0).and(index.lt(size));

/** Repeats values of the leading axes along the others. */
const along = (x: Tensor, shape: Shape): Tensor =>
  x.broadcastInDim(
    shape,
    x.shape.map((_, i) => i),
  );

/** x [b..., R, t...] with its rows at index [b..., n] replaced by v [b..., n, t...]. If an index repeats, its last row counts. */
export const put: Op<3, { batch: number }> = defineOp<3, { batch: number }>("put", {
  doc: "x with rows put at integer indices; of several at one place the last stays, and what is out of range is left out",
  arity: 3,
  derivative: "jointly",
  linearIn: [0, 2],
  type([x, index]) {
    checkIndices("put", index);
    return { shape: [...x.shape], dtype: x.dtype };
  },
  transpose(ct, [x, index, v], { batch }, linear) {
    const size = x.shape[batch]!;
    if (!linear[2]) return [ct.bind(put, [ct, index, v.like(0)], { batch }), undefined, undefined];
    const last = index.bind(lastWriter, [index], { batch, size });
    const stays = last.bind(gather, [last, index], { batch }).eq(index.cast("i32").iotaLike(batch));
    const rows = ct.bind(gather, [ct, index], { batch });
    const own = along(stays.and(inside(index, size)), rows.shape).where(rows, 0);
    return [linear[0] ? ct.bind(put, [ct, index, v.like(0)], { batch }) : undefined, undefined, own];
  },
  batch(operands, mapped, { batch }, n) {
    const [x, index, v] = tuple(expandAll(operands, mapped, n), 3);
    return x.bind(put, [x, index, v], { batch: batch + 1 });
  },
  lower: {
    kind: "expand",
    expand([x, index, v], { params: { batch } }) {
      const last = index!.bind(lastWriter, [index!], { batch, size: x!.shape[batch]! });
      const rows = v!.bind(gather, [v!, last], { batch });
      return [along(last.ge(0), x!.shape).where(rows, x!)];
    },
  },
  samples: [
    {
      operands: [
        { shape: [4, 2], dtype: "f64" },
        { shape: [5], dtype: "i32", domain: [0, 4] },
        { shape: [5, 2], dtype: "f64" },
      ],
      params: { batch: 0 },
    },
    {
      operands: [
        { shape: [2, 4], dtype: "f64" },
        { shape: [2, 3], dtype: "i32", domain: [-1, 5] },
        { shape: [2, 3], dtype: "f64" },
      ],
      params: { batch: 1 },
    },
  ],
});
