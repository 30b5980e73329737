/** @file Reductions over axes, positions of extremes, the largest k, and running sums and products. */
import { cumprod } from "../../math/cumulative.ts";
import { logSumExp } from "../../math/statistics.ts";
import type { Tensor } from "../../ops/tensor.ts";
import type { Call, Op } from "../call.ts";
import { type Given, Live, range } from "../value.ts";
import { rangeOf, wide, wrapped } from "./types.ts";

interface Over {
  readonly axes: number[];
  readonly keepDims: boolean;
}

/** A reduction over axes that are an attribute in older versions and an input in newer ones; of no axes it is over all, or the function of each element alone. */
const reduction = (since: number, f: (x: Tensor, over: Over, c: Call) => Tensor): Op => ({
  since,
  host: [1],
  run: (c) => {
    const x = wide(c.tensor(0));
    const axes = c.axes(1);
    const keepDims = c.flag("keepdims", true);
    if (!axes?.length && c.flag("noop_with_empty_axes")) return wrapped(f(x, { axes: [], keepDims: true }, c), c.dtype(0));
    return wrapped(f(x, { axes: axes?.length ? axes : range(x.rank), keepDims }, c), c.dtype(0));
  },
});

/** The sum of squares of nothing but the element itself is its square; `sum` of no axes does just that. */
const sumOf = (x: Tensor, { axes, keepDims }: Over): Tensor => (axes.length === 0 ? x : x.sum(axes, { keepDims }));

/** Means of whole numbers are made in f32 and cut. */
const meanOf = (x: Tensor, { axes, keepDims }: Over): Tensor => {
  if (axes.length === 0) return x;
  if (x.dtype === "f32" || x.dtype === "f64") return x.mean(axes, { keepDims });
  const count = axes.reduce((n, axis) => n * x.shape[axis], 1);
  return x.sum(axes, { keepDims }).div(count);
};

const inFloat = (x: Tensor, f: (y: Tensor) => Tensor): Tensor =>
  x.dtype === "f32" || x.dtype === "f64" ? f(x) : f(x.cast("f64")).cast(x.dtype);

/** The largest or smallest; of nothing, the end of the range of the type. */
const extreme = (since: number, side: "max" | "min"): Op =>
  reduction(since, (x, { axes, keepDims }, c) => {
    if (axes.length === 0) return x;
    if (c.dtype(0) === "bool") {
      const some = c.tensor(0);
      return side === "max" ? some.any(axes, { keepDims }) : some.all(axes, { keepDims });
    }
    if (axes.some((axis) => x.shape[axis] === 0)) {
      const isFloat = x.dtype === "f32" || x.dtype === "f64";
      const [low, high] = isFloat ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : rangeOf(c.dtype(0));
      const shape = x.sum(axes, { keepDims }).shape;
      return x.constantOf({ shape, dtype: x.dtype }, side === "max" ? low : high);
    }
    return side === "max" ? x.max(axes, { keepDims }) : x.min(axes, { keepDims });
  });

const position = (since: number, side: "argmax" | "argmin"): Op => ({
  since,
  run: (c) => {
    const x = wide(c.tensor(0));
    const axis = c.axis(0);
    const keepDims = c.flag("keepdims", true);
    if (!c.flag("select_last_index")) return new Live(x[side](axis, { keepDims }), "int64");
    const fromEnd = x.flip([axis])[side](axis, { keepDims });
    return new Live(fromEnd.neg().add(x.shape[axis] - 1), "int64");
  },
});

function topK(c: Call): Given[] {
  const x = wide(c.tensor(0));
  const axis = c.axis(-1);
  const k = c.has(1) ? c.number(1) : c.int("k", 1);
  const { values, indices } = x.sort(axis, { descending: c.flag("largest", true) });
  return [wrapped(values.narrow(axis, 0, k), c.dtype(0)), new Live(indices.narrow(axis, 0, k), "int64")];
}

/** Running results; `exclusive` ones leave the element itself out. */
const running = (since: number, f: (x: Tensor, axis: number) => Tensor, neutral: number): Op => ({
  since,
  host: [1],
  run: (c) => {
    const x = wide(c.tensor(0));
    const at = c.number(1);
    const axis = at < 0 ? at + x.rank : at;
    const turned = c.flag("reverse") ? x.flip([axis]) : x;
    const all = f(turned, axis);
    const y = c.flag("exclusive") ? shifted(all, axis, neutral) : all;
    return wrapped(c.flag("reverse") ? y.flip([axis]) : y, c.dtype(0));
  },
});

function shifted(x: Tensor, axis: number, first: number): Tensor {
  const start = x.constantOf({ shape: x.shape.with(axis, 1), dtype: x.dtype }, first);
  return start.concat([x.narrow(axis, 0, x.shape[axis] - 1)], axis);
}

export const reductions: Readonly<Record<string, Op>> = {
  ReduceSum: reduction(1, sumOf),
  ReduceMean: reduction(1, meanOf),
  ReduceProd: reduction(1, (x, { axes, keepDims }) => (axes.length === 0 ? x : x.prod(axes, { keepDims }))),
  ReduceL1: reduction(1, (x, over) => sumOf(x.abs(), over)),
  ReduceL2: reduction(1, (x, over) => inFloat(x, (y) => sumOf(y.square(), over).sqrt())),
  ReduceSumSquare: reduction(1, (x, over) => sumOf(x.square(), over)),
  ReduceLogSum: reduction(1, (x, over) => inFloat(x, (y) => sumOf(y, over).log())),
  ReduceLogSumExp: reduction(1, (x, { axes, keepDims }) => inFloat(x, (y) => (axes.length === 0 ? y : logSumExpOf(y, axes, keepDims)))),
  ReduceMax: extreme(1, "max"),
  ReduceMin: extreme(1, "min"),
  ArgMax: position(1, "argmax"),
  ArgMin: position(1, "argmin"),
  TopK: { since: 1, host: [1], run: topK },
  CumSum: running(11, (x, axis) => x.cumsum(axis), 0),
  CumProd: running(26, (x, axis) => cumprod(x, axis), 1),
};

function logSumExpOf(x: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
  if (axes.some((axis) => x.shape[axis] === 0)) return x.exp().sum(axes, { keepDims }).log();
  return logSumExp(x, axes, { keepDims });
}
