/**
 * @file Adapters of the golden group `reductions`.
 */
import { cummax, cummin, cumprod, linalg, logCumSumExp, logSumExp, median, norm, quantile, type Tensor, topk } from "nabla";
import type { Adapter, Attributes, Group } from "./adapter.ts";

interface Reduced {
  readonly keepDims: boolean;
}

/** A reduction over `axes`, or over `axis`; null means all. */
const reduction =
  (f: (x: Tensor, axes: number[] | undefined, options: Reduced, attrs: Attributes) => Tensor): Adapter =>
  ({ x }, attrs) => {
    const { axes = attrs.axis ?? null, keepdims } = attrs;
    return f(x!, axes === null ? undefined : [axes].flat(), { keepDims: keepdims ?? false }, attrs);
  };

const position =
  (f: (x: Tensor, axis: number | undefined, options: Reduced) => Tensor): Adapter =>
  ({ x }, { axis, keepdims }) =>
    f(x!, axis ?? undefined, { keepDims: keepdims ?? false });

export const reductions: Group = {
  // Sorting is stable, and what topk gives is in order, whatever is asked.
  remarks: ["stable", "sorted"],
  adapters: {
    sum: reduction((x, axes, options) => x.sum(axes, options)),
    mean: reduction((x, axes, options) => x.mean(axes, options)),
    amax: reduction((x, axes, options) => x.max(axes, options)),
    amin: reduction((x, axes, options) => x.min(axes, options)),
    prod: reduction((x, axes, options) => x.prod(axes, options)),
    any: reduction((x, axes, options) => x.any(axes, options)),
    all: reduction((x, axes, options) => x.all(axes, options)),
    logsumexp: reduction((x, axes, options) => logSumExp(x, axes, options)),
    var: reduction((x, axes, options, { correction }) => x.var(axes, { ...options, correction })),
    std: reduction((x, axes, options, { correction }) => x.std(axes, { ...options, correction })),
    vector_norm: reduction((x, axes, options, { p }) => norm(x, { p, ...(axes ? { axes } : {}), ...options })),
    matrix_norm: ({ x }, { ord }) => linalg.matrixNorm(x!, ord),
    max_with_indices: ({ x }, { axis }) => ({ ...x!.maxWithIndex(axis) }),
    min_with_indices: ({ x }, { axis }) => ({ ...x!.minWithIndex(axis) }),
    argmax: position((x, axis, options) => x.argmax(axis, options)),
    argmin: position((x, axis, options) => x.argmin(axis, options)),
    cumsum: ({ x }, { axis }) => x!.cumsum(axis),
    cumprod: ({ x }, { axis }) => cumprod(x!, axis),
    logcumsumexp: ({ x }, { axis }) => logCumSumExp(x!, axis),
    cummax: ({ x }, { axis }) => ({ ...cummax(x!, axis) }),
    cummin: ({ x }, { axis }) => ({ ...cummin(x!, axis) }),
    sort: ({ x }, { axis, descending }) => ({ ...x!.sort(axis, { descending }) }),
    topk: ({ x }, { k, axis, largest }) => ({ ...topk(x!, k, { axis, largest }) }),
    median: ({ x }, { axis }) => median(x!, axis ?? undefined),
    quantile: ({ x }, { q, axis, interpolation }) => quantile(x!, q, axis ?? undefined, { interpolation }),
  },
};
