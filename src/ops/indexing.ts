/**
 * @file Values made of indices alone (iota, full), and access by computed index: a linear gather whose indices carry no derivative, and the
 * scatter-add that is its transpose.
 */

import { computeDtype, type Dtype, isFloat } from "../base/dtype.ts";
import { formatType, type Shape, sizeOf, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import * as k from "../kernel/build.ts";
import { Index } from "../kernel/index-algebra.ts";
import { defineOp, expandAll, type HostArray, type Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

export const full: Op<0, { shape: Shape; dtype: Dtype; value: number }> = defineOp<0, { shape: Shape; dtype: Dtype; value: number }>(
  "full",
  {
    doc: "one number everywhere",
    arity: 0,
    derivative: "none",
    type: (_, { shape, dtype }) => ({ shape, dtype }),
    batch: () => {
      throw new Error("internal: a constant has no operand to map");
    },
    lower: { kind: "pointwise", inPlace: true, element: (_, _x, { value, dtype }) => [k.constant(value, computeDtype(dtype))] },
    samples: [{ operands: [], params: { shape: [2, 3], dtype: "f64", value: 1.5 } }],
  },
);

export const iota: Op<0, { shape: Shape; dtype: Dtype; axis: number }> = defineOp<0, { shape: Shape; dtype: Dtype; axis: number }>("iota", {
  doc: "0, 1, 2, ... along an axis",
  arity: 0,
  derivative: "none",
  type: (_, { shape, dtype }) => ({ shape, dtype }),
  batch: () => {
    throw new Error("internal: a constant has no operand to map");
  },
  lower: { kind: "pointwise", inPlace: true, element: (at, _x, { axis, dtype }) => [k.cast(at[axis]!.toExpr(), computeDtype(dtype))] },
  samples: [{ operands: [], params: { shape: [2, 3], dtype: "i32", axis: 1 } }],
});

/** The number of leading axes that the operands share. */
interface Batched {
  readonly batch: number;
}

/** `size` is the number of rows of the result. */
export interface Places extends Batched {
  readonly size: number;
}

/** Calls `visit` for each index that is in range, with its batch, its position in the batch, and its value. */
export function eachPlace(index: HostArray, { batch, size }: Places, visit: (lead: number, i: number, place: number) => void): void {
  const count = sizeOf(index.shape.slice(batch));
  for (let at = 0; at < index.data.length; at++) {
    const place = index.data[at]!;
    if (place >= 0 && place < size) visit(Math.floor(at / count), at % count, place);
  }
}

/** @throws {TypeError} unless the dtype is an integer type. */
export function checkIndices(name: string, indices: Type): void {
  if (isFloat(indices.dtype) || indices.dtype === "bool") {
    throw new TypeError(`${name}: indices must be integers, got ${formatType(indices)}; convert with .cast("i32")`);
  }
}

/**
 * y[b..., i..., t...] = x[b..., index[b..., i...], t...]. An index outside 0..R-1 gives NaN (0 for integers), so that the mistake is visible and no address outside
 * x is read.
 */
export const gather: Op<2, Batched> = defineOp<2, Batched>("gather", {
  doc: "rows of x chosen by integer indices: x [b..., R, t...], indices [b..., i...] to [b..., i..., t...]; out of range gives NaN",
  arity: 2,
  derivative: "jointly",
  linearIn: [0],
  type([x, index], { batch }) {
    checkIndices("gather", index);
    return { shape: [...index.shape, ...x.shape.slice(batch + 1)], dtype: x.dtype };
  },
  transpose: (ct, [x, index], { batch }) => [addRows(ct, index, { batch, size: x.shape[batch]! }), undefined],
  batch([x, index], [xMapped, indexMapped], { batch }, n) {
    if (xMapped && indexMapped) return x.bind(gather, [x, index], { batch: batch + 1 });
    if (xMapped) {
      // If x alone is mapped, its batch axis moves behind the rows.
      const y = x.bind(gather, [x.moveAxis(0, batch + 1), index], { batch });
      return y.moveAxis(index.shape.length, 0);
    }
    if (batch === 0) return x.bind(gather, [x, index], { batch });
    return x.bind(gather, [x.expandFront(n), index], { batch: batch + 1 });
  },
  lower: {
    kind: "pointwise",
    element(at, [x, index], { batch }, { dtype }) {
      const rank = index!.shape.length;
      const size = x!.shape[batch]!;
      const row = k.cast(index!.at(at.slice(0, rank)), "i32");
      const inside = k.and(k.le(k.int(0), row), k.lt(row, k.int(size)));
      const element = x!.at([...at.slice(0, batch), Index.of(row, 0, Math.max(1, size - 1)), ...at.slice(rank)], inside);
      return [isFloat(dtype) ? k.select(inside, element, k.constant(Number.NaN, dtype)) : element];
    },
  },
  samples: [
    {
      operands: [
        { shape: [4, 2], dtype: "f64" },
        { shape: [3], dtype: "i32", domain: [0, 4] },
      ],
      params: { batch: 0 },
    },
    {
      operands: [
        { shape: [2, 4], dtype: "f64" },
        { shape: [2, 3], dtype: "i32", domain: [0, 4] },
      ],
      params: { batch: 1 },
    },
  ],
});

/** y[b..., r, t...] = Σ over i with index[b..., i...] = r of ct[b..., i..., t...]: the transpose of gather. */
export const scatterAdd: Op<2, Places> = defineOp<2, Places>("scatterAdd", {
  doc: "rows added up at integer indices: the transpose of gather",
  arity: 2,
  derivative: "jointly",
  linearIn: [0],
  type([ct, index], { batch, size }) {
    checkIndices("scatterAdd", index);
    return { shape: [...index.shape.slice(0, batch), size, ...ct.shape.slice(index.shape.length)], dtype: ct.dtype };
  },
  transpose(dx, [_, index], { batch, size }) {
    const rows = dx.bind(gather, [dx, index], { batch });
    // An index out of range added nothing, so its cotangent is 0.
    const inside = index.ge(0).and(index.lt(size));
    const own = inside.broadcastInDim(
      rows.shape,
      inside.shape.map((_, i) => i),
    );
    return [own.where(rows, 0), undefined];
  },
  batch([ct, index], [ctMapped, indexMapped], { batch, size }, n) {
    if (ctMapped && !indexMapped) {
      const y = ct.bind(scatterAdd, [ct.moveAxis(0, index.shape.length), index], { batch, size });
      return y.moveAxis(batch + 1, 0);
    }
    return ct.bind(scatterAdd, [ctMapped ? ct : ct.expandFront(n), index], { batch: batch + 1, size });
  },
  lower: {
    kind: "reduce",
    combine: "add",
    extents: ([, index], { batch }) => index!.slice(batch),
    element(at, r, [ct, index], { batch }) {
      const lead = at.slice(0, batch);
      const hit = k.eq(k.cast(index!.at([...lead, ...r]), "i32"), at[batch]!.toExpr());
      const element = ct!.at([...lead, ...r, ...at.slice(batch + 1)]);
      return k.select(hit, element, k.constant(0, ct!.dtype));
    },
  },
  samples: [
    {
      operands: [
        { shape: [3, 2], dtype: "f64" },
        { shape: [3], dtype: "i32", domain: [0, 4] },
      ],
      params: { batch: 0, size: 4 },
    },
    {
      operands: [
        { shape: [2, 3], dtype: "f64" },
        { shape: [2, 3], dtype: "i32", domain: [-1, 6] },
      ],
      params: { batch: 1, size: 4 },
    },
  ],
});

/** {@link scatterAdd} in one pass on the host, which is less work for many rows and many indices. */
export const scatterAddRows: Op<2, Places> = {
  ...scatterAdd,
  name: "scatterAddRows",
  doc: "scatterAdd in one pass over the indices, on the host: for many places and many indices",
  batch(operands, mapped, { params: { batch, size } }, n) {
    const [ct, index] = tuple(expandAll(operands, mapped, n), 2);
    return [ct.bind(scatterAddRows, [ct, index], { batch: batch + 1, size })];
  },
  lower: {
    kind: "host",
    run([ct, index], [y], params) {
      const inner = sizeOf(ct!.shape.slice(index!.shape.length));
      const count = sizeOf(index!.shape.slice(params.batch));
      y!.data.fill(0);
      const [from, to] = [ct!.data, y!.data];
      eachPlace(index!, params, (lead, i, place) => {
        const [source, target] = [(lead * count + i) * inner, (lead * params.size + place) * inner];
        for (let t = 0; t < inner; t++) to[target + t]! += from[source + t]!;
      });
    },
  },
};

// From this many pairs of a row and an index on, one pass on the host is less work than a kernel's loop over all pairs.
const MANY_PAIRS = 2 ** 18;

/** Adds rows at integer indices, in a kernel or on the host, whichever is less work. */
export function addRows(ct: Tensor, index: Tensor, params: Places): Tensor {
  const pairs = params.size * sizeOf(index.shape.slice(params.batch));
  return ct.bind(pairs < MANY_PAIRS ? scatterAdd : scatterAddRows, [ct, index], params);
}

/** Returns true for values without operands whose elements follow from their parameters. */
export function isConstant(x: Tensor): boolean {
  return x.source.op === full;
}
