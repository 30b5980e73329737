/**
 * @file Reductions over axes. The reduced axes are removed from the shape.
 */
import { isFloat } from "../base/dtype.ts";
import { dropAxes, formatShape, type Shape } from "../base/shape.ts";
import type { Index } from "../kernel/index-algebra.ts";
import { defineOp, type Lowering, type Op } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** The reduced axes. */
interface Axes {
  readonly axes: readonly number[];
}

/** The index in the operand, from the index in the result and the indices along the reduced axes. */
function interleave(at: readonly Index[], r: readonly Index[], axes: readonly number[]): Index[] {
  let kept = 0;
  let reduced = 0;
  return Array.from({ length: at.length + r.length }, (_, axis) => (axes.includes(axis) ? r[reduced++]! : at[kept++]!));
}

/** The lowering of a reduction over axes. */
function reduction(combine: "add" | "max" | "min" | "mul"): Lowering<Axes> {
  return {
    kind: "reduce",
    combine,
    extents: ([x], { axes }) => axes.map((a) => x![a]!),
    element: (at, r, [x], { axes }) => x!.at(interleave(at, r, axes)),
  };
}

export const sum: Op<1, Axes> = defineOp<1, Axes>("sum", {
  doc: "sum over axes; 0 for none",
  arity: 1,
  traits: { monotone: "rising" },
  derivative: "jointly",
  type: ([x], { axes }) => ({ shape: dropAxes(x.shape, axes), dtype: x.dtype }),
  transpose: (ct, [x], { axes }) => [ct.expandAlong(axes, x.shape)],
  batch: ([x], _, { axes }) => x.sum(axes.map((a) => a + 1)),
  lower: reduction("add"),
  samples: [
    { operands: [{ shape: [3, 4, 2], dtype: "f64" }], params: { axes: [1] } },
    { operands: [{ shape: [3, 4], dtype: "f64" }], params: { axes: [0, 1] } },
  ],
});

/* @__NO_SIDE_EFFECTS__ */
function extremum(name: "max" | "min", doc: string): Op<1, Axes> {
  const op: Op<1, Axes> = {
    name,
    doc,
    arity: 1,
    mergeable: true,
    traits: { monotone: "rising" },
    type([x], { axes }) {
      if (axes.some((a) => x!.shape[a] === 0))
        throw new RangeError(`${name}: nothing to choose from along axes ${formatShape(axes)} of ${formatShape(x!.shape)}`);
      return [{ shape: dropAxes(x!.shape, axes), dtype: x!.dtype }];
    },
    derivative: {
      kind: "jvp",
      // Elements that tie for the extremum share its derivative evenly (PyTorch's amax and amin).
      jvp([dx], [x], [y], { params: { axes } }) {
        const hit = x!.eq(y!.expandAlong(axes, x!.shape)).cast(y!.dtype);
        const share = hit.mul(hit.sum(axes).recip().expandAlong(axes, x!.shape));
        return { y: [y!], dy: [dx?.mul(share).sum(axes)] };
      },
    },
    batch: ([x], _, { params: { axes } }) => x!.bindAll(op, [x!], { axes: axes.map((a) => a + 1) }),
    lower: reduction(name),
    cost: "memory",
    samples: [
      { operands: [{ shape: [3, 4, 2], dtype: "f64" }], params: { axes: [1] } },
      { operands: [{ shape: [3, 4], dtype: "f64" }], params: { axes: [0, 1] } },
    ],
  };
  return op;
}

export const max: Op<1, Axes> = extremum("max", "largest element over axes; NaN if any is NaN; ties share the derivative evenly");
export const min: Op<1, Axes> = extremum("min", "smallest element over axes; NaN if any is NaN; ties share the derivative evenly");

/** Up to this many elements, extremum and index are found in one pass of comparisons. */
const UNROLLED = 16;

/** Finds extremum and index by comparing elements one after another. An element replaces the best one if it is better or the first NaN. */
function inOnePass(x: Tensor, which: "max" | "min", axis: number): [Tensor, Tensor] {
  const element = (i: number): Tensor => x.narrow(axis, i, 1).squeeze(axis);
  let best = element(0);
  let index = best.like(0).cast("i32");
  for (let i = 1; i < x.shape[axis]!; i++) {
    const next = element(i);
    const isNoBetter = which === "max" ? next.le(best) : next.ge(best);
    const replaced = isFloat(x.dtype) ? isNoBetter.not().and(best.eq(best)) : isNoBetter.not();
    index = replaced.where(index.like(i), index);
    best = replaced.where(next, best);
  }
  return [best, index];
}

/** Defines an op with two results: the extreme element along an axis, and its first position. That position gets the whole derivative (as PyTorch's max with a dimension). */
/* @__NO_SIDE_EFFECTS__ */
function extremumWithIndex(name: string, which: "max" | "min", doc: string): Op<1, { axis: number }> {
  const op: Op<1, { axis: number }> = {
    name,
    doc,
    arity: 1,
    mergeable: true,
    type([x], { axis }) {
      if (x!.shape[axis] === 0) throw new RangeError(`${name}: axis ${axis} of ${formatShape(x!.shape)} is empty`);
      const shape = dropAxes(x!.shape, [axis]);
      return [
        { shape, dtype: x!.dtype },
        { shape, dtype: "i32" },
      ];
    },
    derivative: {
      kind: "jvp",
      jvp: ([dx], _, [y, index], { params: { axis } }) => ({ y: [y!, index!], dy: [dx && takeOne(dx, index!, axis), undefined] }),
    },
    batch: ([x], _, { params: { axis } }) => x!.bindAll(op, [x!], { axis: axis + 1 }),
    lower: {
      kind: "expand",
      expand([x], { params: { axis } }) {
        if (x!.shape[axis]! <= UNROLLED) return inOnePass(x!, which, axis);
        const y = x![which](axis);
        const top = y.expandAlong([axis], x!.shape);
        const positions = x!.iotaLike(axis);
        // In a row with a NaN the extremum is NaN, which equals nothing; the position is then that of the first NaN.
        const hit = x!.eq(top).or(x!.ne(x!));
        return [y, hit.where(positions, positions.like(x!.shape[axis]! - 1)).min(axis)];
      },
    },
    cost: "memory",
    samples: [{ operands: [{ shape: [3, 4, 2], dtype: "f64" }], params: { axis: 1 } }],
  };
  return op;
}

export const maxWithIndex: Op<1, { axis: number }> = extremumWithIndex(
  "maxWithIndex",
  "max",
  "largest element along an axis, and the index (i32) of its first occurrence, which receives all of the derivative; NaN counts as largest",
);
export const minWithIndex: Op<1, { axis: number }> = extremumWithIndex(
  "minWithIndex",
  "min",
  "smallest element along an axis, and the index (i32) of its first occurrence, which receives all of the derivative; NaN counts as smallest",
);

/** x[..., index, ...] along an axis, one element for each position of the other axes. */
function takeOne(x: Tensor, index: Tensor, axis: number): Tensor {
  return x.takeAlongInside(index.unsqueeze(axis), axis).squeeze(axis);
}

/** Product over axes. Its derivative uses no division, so that zeros among the factors are harmless. */
export const prod: Op<1, Axes> = {
  name: "prod",
  doc: "product over axes; 1 of nothing",
  arity: 1,
  mergeable: true,
  type: ([x], { axes }) => [{ shape: dropAxes(x!.shape, axes), dtype: x!.dtype }],
  derivative: {
    kind: "jvp",
    jvp: ([dx], [x], y, { params: { axes } }) => ({ y, dy: [dx && productTangent(x!, dx, axes)] }),
  },
  batch: ([x], _, { params: { axes } }) => x!.bindAll(prod, [x!], { axes: axes.map((a) => a + 1) }),
  lower: reduction("mul"),
  cost: "memory",
  samples: [
    { operands: [{ shape: [3, 5, 2], dtype: "f64" }], params: { axes: [1] } },
    { operands: [{ shape: [3, 4], dtype: "f64" }], params: { axes: [0, 1] } },
  ],
};

/** The tangent of a product. Pairs (p, dp) and (q, dq) are combined to (p·q, p·dq + dp·q) until one is left, without division. */
function productTangent(x: Tensor, dx: Tensor, axes: readonly number[]): Tensor {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const shape = dropAxes(x.shape, axes);
  const rows = (t: Tensor): Tensor => t.transpose([...kept, ...axes]).reshape([...shape, countAlong(x.shape, axes)]);
  const last = shape.length;
  let [p, dp] = [rows(x), rows(dx)];
  for (let n = p.shape[last]!; n > 1; n = p.shape[last]!) {
    const half = n >> 1;
    const part = (t: Tensor, i: number): Tensor => t.narrow(last, i * half, half);
    const product = part(p, 0).mul(part(p, 1));
    const tangent = part(p, 0)
      .mul(part(dp, 1))
      .add(part(dp, 0).mul(part(p, 1)));
    const odd = (t: Tensor): Tensor[] => (n % 2 ? [t.narrow(last, n - 1, 1)] : []);
    [p, dp] = [product.concat(odd(p), last), tangent.concat(odd(dp), last)];
  }
  return p.shape[last] === 0 ? dp.sum(last) : dp.squeeze(last);
}

/**
 * Running sums, in ⌈log₂ n⌉ passes that add the element 1, 2, 4, ... positions before (Hillis & Steele 1986), so that the error grows with log n.
 */
export const cumsum: Op<1, { axis: number; reverse: boolean }> = defineOp<1, { axis: number; reverse: boolean }>("cumsum", {
  doc: "running sums along an axis, from the end if `reverse`",
  arity: 1,
  traits: { monotone: "rising" },
  derivative: "jointly",
  type: ([x]) => ({ shape: [...x.shape], dtype: x.dtype }),
  transpose: (ct, _, { axis, reverse }) => [ct.bind(cumsum, [ct], { axis, reverse: !reverse })],
  batch: ([x], _, { axis, reverse }) => x.bind(cumsum, [x], { axis: axis + 1, reverse }),
  lower: {
    kind: "expand",
    expand([x], { params: { axis, reverse } }) {
      const n = x!.shape[axis]!;
      let sums = x!;
      for (let step = 1; step < n; step *= 2) {
        const widths = x!.shape.map((_, i) => (i === axis ? step : 0));
        const none = x!.shape.map(() => 0);
        const kept = sums.narrow(axis, reverse ? step : 0, n - step);
        sums = sums.add(reverse ? kept.pad(none, widths) : kept.pad(widths, none));
      }
      return [sums];
    },
  },
  samples: [
    { operands: [{ shape: [3, 5], dtype: "f64" }], params: { axis: 1, reverse: false } },
    { operands: [{ shape: [4, 2], dtype: "f64" }], params: { axis: 0, reverse: true } },
  ],
});

/** The product of the sizes of `shape` along `axes`. */
export function countAlong(shape: Shape, axes: readonly number[]): number {
  return axes.reduce((n, a) => n * shape[a]!, 1);
}
