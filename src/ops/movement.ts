/**
 * @file Movement: ops that rearrange elements and compute nothing. Each is a map from result index to operand index, so that fusion folds it into its readers. Each is
 * linear, and its transpose is again movement or a sum.
 */
import { formatShape, type Shape, sameShape, sizeOf, stridesOf } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { both, Index } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";
import type { Traits } from "../tape/node.ts";
import { defineOp, expandAll, type Lowering, type Maybe, type Op, type Operand, type Sample } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** The index in the operand of an element of the result; where the optional mask is false the element is 0. */
type IndexMap<P> = (at: readonly Index[], x: Shape, params: P) => { from: Index[]; mask?: Expr | null };

/** The definition of a movement op. */
interface Movement<P> {
  readonly doc: string;
  shape(x: Shape, params: P): number[];
  readonly map: IndexMap<P>;
  transpose(ct: Tensor, x: Shape, params: P): Tensor;
  /** The op on a value with a batch on axis 0. */
  batch(x: Tensor, params: P, n: number): Tensor;
  readonly traits: Traits;
  readonly samples: readonly (readonly [shape: Shape, params: P])[];
}

/* @__NO_SIDE_EFFECTS__ */
function movement<P>(name: string, def: Movement<P>): Op<1, P> {
  return defineOp<1, P>(name, {
    doc: def.doc,
    arity: 1,
    derivative: "jointly",
    type: ([x], params) => ({ shape: def.shape(x.shape, params), dtype: x.dtype }),
    transpose: (ct, [x], params) => [def.transpose(ct, x.shape, params)],
    batch: ([x], _, params, n) => def.batch(x, params, n),
    lower: mapped(def.map),
    traits: { monotone: "rising", ...def.traits },
    samples: def.samples.map(([shape, params]): Sample<P> => ({ operands: [{ shape, dtype: "f64" }], params })),
  });
}

/** The lowering of an index map. */
function mapped<P>(map: IndexMap<P>): Lowering<P> {
  return {
    kind: "pointwise",
    element(at, [x], params) {
      const { from, mask } = map(at, x!.shape, params);
      return [x!.at(from, mask)];
    },
  };
}

/** Row-major position of an index. */
export function flatten(at: readonly Index[], shape: Shape): Index {
  const strides = stridesOf(shape);
  return at.reduce((sum, i, axis) => sum.plus(i.times(strides[axis]!)), Index.constant(0));
}

/** The index at a row-major position. */
export function unflatten(position: Index, shape: Shape): Index[] {
  const strides = stridesOf(shape);
  return shape.map((size, axis) => {
    const quotient = position.div(strides[axis]!);
    return axis === 0 ? quotient : quotient.mod(size);
  });
}

/**
 * The index in shape `to` of the element with index `at` in shape `from`, in row-major order. Axes that both shapes share keep their index, so that an index beyond its
 * axis (under a mask) does not carry into the next.
 */
export function reindex(at: readonly Index[], from: Shape, to: Shape): Index[] {
  const result: Index[] = [];
  let i = 0;
  for (let j = 0; j < to.length; ) {
    const [i0, j0] = [i, j];
    let [a, b] = [from[i++] ?? 1, to[j++]!];
    while (a !== b || (a === 0 && (i < from.length || j < to.length))) {
      if (i < from.length && (a <= b || j === to.length)) a *= from[i++]!;
      else b *= to[j++]!;
    }
    const [own, other] = [from.slice(i0, i), to.slice(j0, j)];
    result.push(...(own.length === 1 && other.length === 1 ? [at[i0]!] : unflatten(flatten(at.slice(i0, i), own), other)));
  }
  return result;
}

export const reshape: Op<1, { shape: Shape }> = movement<{ shape: Shape }>("reshape", {
  doc: "the same elements in row-major order under another shape",
  traits: { alias: true, moves: "all", varies: true },
  shape(x, { shape }) {
    if (sizeOf(x) !== sizeOf(shape)) {
      throw new RangeError(`reshape: ${formatShape(x)} has ${sizeOf(x)} elements, ${formatShape(shape)} has ${sizeOf(shape)}`);
    }
    return [...shape];
  },
  map: (at, x, { shape }) => ({ from: reindex(at, shape, x) }),
  transpose: (ct, x) => ct.reshape(x),
  batch: (x, { shape }, n) => x.reshape([n, ...shape]),
  samples: [
    [[3, 4], { shape: [2, 6] }],
    [[6], { shape: [1, 3, 2] }],
  ],
});

export const transpose: Op<1, { axes: readonly number[] }> = movement<{ axes: readonly number[] }>("transpose", {
  doc: "axes in another order: axis i of the result is axis axes[i] of the operand",
  traits: { moves: "all" },
  shape(x, { axes }) {
    if (axes.length !== x.length || new Set(axes).size !== x.length) {
      throw new RangeError(`transpose: axes ${formatShape(axes)} are not an order of the ${x.length} axes of ${formatShape(x)}`);
    }
    return axes.map((a) => x[a]!);
  },
  map: (at, _, { axes }) => ({ from: axes.map((_, i) => at[axes.indexOf(i)]!) }),
  transpose: (ct, _, { axes }) => ct.transpose(axes.map((_, i) => axes.indexOf(i))),
  batch: (x, { axes }) => x.transpose([0, ...axes.map((a) => a + 1)]),
  samples: [
    [[2, 3, 4], { axes: [2, 0, 1] }],
    [[3, 5], { axes: [1, 0] }],
  ],
});

/** Axis `axes[i]` of the result is axis i of the operand; the others repeat it. */
export const broadcast: Op<1, { shape: Shape; axes: readonly number[] }> = movement<{ shape: Shape; axes: readonly number[] }>(
  "broadcast",
  {
    doc: "new axes along which the operand repeats",
    traits: { moves: "all" },
    shape(x, { shape, axes }) {
      if (axes.length !== x.length || axes.some((a, i) => shape[a] !== x[i] || (i > 0 && a <= axes[i - 1]!))) {
        throw new RangeError(`broadcast: ${formatShape(x)} does not lie at axes ${formatShape(axes)} of ${formatShape(shape)}`);
      }
      return [...shape];
    },
    map: (at, _, { axes }) => ({ from: axes.map((a) => at[a]!) }),
    transpose: (ct, _, { shape, axes }) => ct.sum(shape.map((_, i) => i).filter((i) => !axes.includes(i))),
    batch: (x, { shape, axes }, n) => x.broadcastInDim([n, ...shape], [0, ...axes.map((a) => a + 1)]),
    samples: [
      [[3], { shape: [2, 3, 4], axes: [1] }],
      [[], { shape: [2, 2], axes: [] }],
    ],
  },
);

/** Numbers of zeros, per axis. */
export interface Padding {
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Number of zeros between neighbouring elements, per axis. */
  readonly interior: readonly number[];
}

export const pad: Op<1, Padding> = movement<Padding>("pad", {
  doc: "zeros around and between the elements",
  traits: { moves: "some", varies: true },
  shape: (x, { low, high, interior }) => x.map((d, i) => low[i]! + high[i]! + d + Math.max(0, d - 1) * interior[i]!),
  map(at, x, { low, interior }) {
    let mask: Expr | null = null;
    const from = at.map((index, i) => {
      const step = interior[i]! + 1;
      const shifted = index.minus(low[i]!);
      if (step === 1) {
        mask = both(mask, shifted.inside(x[i]!));
        return shifted;
      }
      const hit = k.eq(shifted.mod(step).toExpr(), k.int(0));
      mask = both(mask, both(shifted.inside((x[i]! - 1) * step + 1), hit));
      return shifted.div(step);
    });
    return { from, mask };
  },
  transpose(ct, x, { low, interior }) {
    const start = low;
    const step = interior.map((n) => n + 1);
    return ct.slice(
      start,
      x.map((d, i) => (d === 0 ? start[i]! : start[i]! + (d - 1) * step[i]! + 1)),
      step,
    );
  },
  batch: (x, { low, high, interior }) => x.pad([0, ...low], [0, ...high], [0, ...interior]),
  samples: [
    [[3, 2], { low: [1, 0], high: [2, 1], interior: [0, 0] }],
    [[3], { low: [1], high: [0], interior: [2] }],
  ],
});

/** The elements start, start + step, ... below stop, per axis. */
export interface Slicing {
  readonly start: readonly number[];
  readonly stop: readonly number[];
  readonly step: readonly number[];
}

export const slice: Op<1, Slicing> = movement<Slicing>("slice", {
  doc: "elements start, start + step, ... below stop, along each axis",
  traits: { moves: "some", varies: true },
  shape(x, { start, stop, step }) {
    return x.map((d, i) => {
      if (!(start[i]! >= 0 && stop[i]! >= start[i]! && stop[i]! <= d && step[i]! >= 1)) {
        throw new RangeError(
          `slice: ${start[i]}:${stop[i]}:${step[i]} does not fit axis ${i} of ${formatShape(x)}; want 0 <= start <= stop <= ${d}, step >= 1`,
        );
      }
      return Math.ceil((stop[i]! - start[i]!) / step[i]!);
    });
  },
  map: (at, _, { start, step }) => ({ from: at.map((index, i) => index.times(step[i]!).plus(start[i]!)) }),
  transpose(ct, x, { start, step }) {
    const covered = ct.shape.map((d, i) => (d === 0 ? 0 : (d - 1) * step[i]! + 1));
    return ct.pad(
      start,
      x.map((d, i) => d - start[i]! - covered[i]!),
      step.map((n) => n - 1),
    );
  },
  batch: (x, { start, stop, step }, n) => x.slice([0, ...start], [n, ...stop], [1, ...step]),
  samples: [
    [[5, 4], { start: [1, 0], stop: [4, 4], step: [2, 3] }],
    [[6], { start: [2], stop: [5], step: [1] }],
  ],
});

export const flip: Op<1, { axes: readonly number[] }> = movement<{ axes: readonly number[] }>("flip", {
  doc: "the order of elements reversed along some axes",
  traits: { moves: "all" },
  shape: (x) => [...x],
  map: (at, x, { axes }) => ({ from: at.map((index, i) => (axes.includes(i) ? index.times(-1).plus(x[i]! - 1) : index)) }),
  transpose: (ct, _, { axes }) => ct.flip(axes),
  batch: (x, { axes }) => x.flip(axes.map((a) => a + 1)),
  samples: [[[3, 4], { axes: [1] }]],
});

/** Sliding windows over the last axes, per axis. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Number of windows along an axis: W′ = (W - F) / S + 1, rounded down, with F the window's extent (CNN-2). */
export function windowCount(size: number, kernel: number, stride: number, dilation: number): number {
  return Math.floor((size - (kernel - 1) * dilation - 1) / stride) + 1;
}

/** [..., H, W] to [..., OH, OW, KH, KW]: the windows of the last kernel.length axes. */
export const windows: Op<1, Windows> = movement<Windows>("windows", {
  doc: "sliding windows over the last axes, one new axis each: [..., H, W] to [..., OH, OW, KH, KW]",
  traits: { moves: "some" },
  shape(x, { kernel, stride, dilation }) {
    const lead = x.length - kernel.length;
    const counts = kernel.map((f, i) => windowCount(x[lead + i]!, f, stride[i]!, dilation[i]!));
    if (lead < 0 || counts.some((n) => n < 1)) {
      throw new RangeError(
        `windows: a window of ${formatShape(kernel)} (dilation ${formatShape(dilation)}) does not fit in ${formatShape(x)}`,
      );
    }
    return [...x.slice(0, lead), ...counts, ...kernel];
  },
  map(at, x, { kernel, stride, dilation }) {
    const lead = x.length - kernel.length;
    const place = (i: number): Index => at[lead + i]!.times(stride[i]!).plus(at[x.length + i]!.times(dilation[i]!));
    return { from: [...at.slice(0, lead), ...kernel.map((_, i) => place(i))] };
  },
  transpose: (ct, x, params) => ct.bind(foldWindows, [ct], { ...params, size: x.slice(x.length - params.kernel.length) }),
  batch: (x, { kernel, stride, dilation }) => x.windows(kernel, stride, dilation),
  samples: [
    [[2, 6, 5], { kernel: [2, 2], stride: [2, 2], dilation: [1, 1] }],
    [[7], { kernel: [3], stride: [2], dilation: [2] }],
  ],
});

/** The transpose of `windows`: every element of the result is the sum of the window elements at its position. */
export const foldWindows: Op<1, Windows & { size: readonly number[] }> = defineOp<1, Windows & { size: readonly number[] }>("foldWindows", {
  doc: "sum of overlapping windows put back in place: the transpose of windows",
  traits: { monotone: "rising" },
  arity: 1,
  derivative: "jointly",
  type: ([x], { kernel, size }) => ({ shape: [...x.shape.slice(0, x.shape.length - 2 * kernel.length), ...size], dtype: x.dtype }),
  transpose: (ct, _, { kernel, stride, dilation }) => [ct.windows(kernel, stride, dilation)],
  batch: ([x], _, params) => x.bind(foldWindows, [x], params),
  lower: {
    kind: "reduce",
    combine: "add",
    // At most ⌈F/S⌉ windows along an axis contain an element. With dilation their taps are sparse, so all F taps are tried.
    extents: (_, { kernel, stride, dilation }) => kernel.map((f, i) => (dilation[i] === 1 ? Math.ceil(f / stride[i]!) : f)),
    element(at, r, [x], { kernel, stride, dilation }) {
      const rank = kernel.length;
      const lead = at.length - rank;
      let mask: Expr | null = null;
      const place = kernel.map((f, i) => {
        const h = at[lead + i]!;
        // Without dilation window h/S - r covers h at tap h mod S + r·S; with it, tap r at window (h - r·D) / S, if that is whole.
        const dense = dilation[i] === 1;
        const shifted = h.minus(r[i]!.times(dilation[i]!));
        const window = dense ? h.div(stride[i]!).minus(r[i]!) : shifted.div(stride[i]!);
        const tap = dense ? h.mod(stride[i]!).plus(r[i]!.times(stride[i]!)) : r[i]!;
        mask = both(mask, both(tap.inside(f), window.inside(x!.shape[lead + i]!)));
        if (!dense)
          mask = both(
            mask,
            both(
              shifted.min < 0 ? k.le(k.int(0), shifted.toExpr()) : null,
              stride[i]! > 1 ? k.eq(shifted.mod(stride[i]!).toExpr(), k.int(0)) : null,
            ),
          );
        return { window, tap };
      });
      return x!.at([...at.slice(0, lead), ...place.map((p) => p.window), ...place.map((p) => p.tap)], mask);
    },
  },
  samples: [
    { operands: [{ shape: [2, 3, 2, 2, 2], dtype: "f64" }], params: { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], size: [6, 5] } },
    { operands: [{ shape: [3, 3], dtype: "f64" }], params: { kernel: [3], stride: [2], dilation: [1], size: [7] } },
    { operands: [{ shape: [2, 3], dtype: "f64" }], params: { kernel: [3], stride: [2], dilation: [2], size: [7] } },
  ],
});

/** Concatenation along an axis. */
export const concat: Op<-1, { axis: number }> = {
  name: "concat",
  doc: "tensors one after another along an axis",
  arity: -1,
  mergeable: true,
  traits: { moves: "some", monotone: "rising", varies: true },
  type(x, { axis }) {
    const first = x[0]!;
    for (const t of x) {
      const fits = t.dtype === first.dtype && sameShape(t.shape.toSpliced(axis, 1), first.shape.toSpliced(axis, 1));
      if (!fits) {
        throw new TypeError(
          `concat: along axis ${axis} the other axes and dtypes must agree, got ${x.map((t) => `${t.dtype}${formatShape(t.shape)}`).join(", ")}`,
        );
      }
    }
    return [
      {
        shape: first.shape.with(
          axis,
          x.reduce((n, t) => n + t.shape[axis]!, 0),
        ),
        dtype: first.dtype,
      },
    ];
  },
  derivative: {
    kind: "linear",
    in: "all",
    how: "jointly",
    transpose([ct], x, { params: { axis } }, on): Maybe[] {
      let from = 0;
      return x.map((t, i) => {
        const start = from;
        from += t.shape[axis]!;
        return ct && on[i] ? ct.narrow(axis, start, t.shape[axis]!) : undefined;
      });
    },
  },
  batch: (x, mapped, { params: { axis } }, n) => {
    const all = expandAll(x, mapped, n);
    return all[0]!.bindAll(concat, all, { axis: axis + 1 });
  },
  lower: {
    kind: "pointwise",
    element(at, x, { axis }) {
      let from = 0;
      const parts = x.map((operand) => {
        const local = at[axis]!.minus(from);
        from += operand.shape[axis]!;
        return { operand, local, inside: local.inside(operand.shape[axis]!) };
      });
      return [parts.reduceRight<Expr | null>((rest, part) => pick(part, at, axis, rest), null)!];
    },
  },
  cost: "memory",
  samples: [
    {
      operands: [
        { shape: [2, 2], dtype: "f64" },
        { shape: [2, 3], dtype: "f64" },
      ],
      params: { axis: 1 },
    },
    {
      operands: [
        { shape: [1], dtype: "f64" },
        { shape: [2], dtype: "f64" },
        { shape: [3], dtype: "f64" },
      ],
      params: { axis: 0 },
    },
  ],
};

function pick(part: { operand: Operand; local: Index; inside: Expr | null }, at: readonly Index[], axis: number, rest: Expr | null): Expr {
  const own = part.operand.at(at.with(axis, part.local), part.inside);
  return rest && part.inside ? k.select(part.inside, own, rest) : own;
}
