/** @file Adapters of PyTorch's reductions, statistics, cumulative operators, sorting and searching; also those with masks. */
import * as nabla from "nabla";
import { functional as F, type Tensor } from "nabla";
import { type Adapter, axes, type Call, Other, type TorchDtype, Uncovered } from "./call.ts";

type Axes = number | readonly number[] | undefined;
const dim = (c: Call, i = 1): Axes => axes(c.at<Axes>(i, "dim", undefined));
const oneDim = (c: Call, i: number, usual: number): number => c.at(i, "dim", usual);
const keep = (c: Call, i = 2): { keepDims: boolean } => ({ keepDims: c.at(i, "keepdim", false) });
const pair = ({ values, indices }: { values: Tensor; indices: Tensor }): Tensor[] => [values, indices];
const cast = (c: Call, x: Tensor): Tensor => {
  const dtype = c.named<TorchDtype | undefined>("dtype", undefined);
  return dtype ? x.cast(dtype.own) : x;
};

const reduce =
  (f: (x: Tensor, axes: Axes, o: { keepDims: boolean }) => Tensor): Adapter =>
  (c) =>
    f(cast(c, c.t(0)), dim(c), keep(c));

/** Divisor n - correction; PyTorch has it as a flag or a number. */
function correction(c: Call): number {
  const flag = c.at<unknown>(1, "unbiased", undefined);
  const named = c.named("unbiased", typeof flag === "boolean" ? flag : true);
  return c.named("correction", named ? 1 : 0);
}
function spread(kind: "var" | "std", withMean: boolean): Adapter {
  return (c) => {
    const [x, n] = [c.t(0), correction(c)];
    const first = c.at<unknown>(1, "dim", undefined);
    const over = axes(typeof first === "boolean" ? undefined : (first as Axes));
    const options = keep(c, -1);
    const y = x[kind](over, { correction: n, ...options });
    return withMean ? [y, x.mean(over, options)] : y;
  };
}
/** max and min: of all elements, along an axis with positions. */
const extremeOf =
  (kind: "max" | "min"): Adapter =>
  (c) => {
    const axis = c.at<number | undefined>(1, "dim", undefined);
    if (axis === undefined) return c.t(0)[kind]();
    const { keepDims } = keep(c);
    const found = pair(kind === "max" ? c.t(0).maxWithIndex(axis) : c.t(0).minWithIndex(axis));
    return keepDims && c.t(0).rank > 0 ? found.map((y) => y.unsqueeze(axis < 0 ? axis + c.t(0).rank : axis)) : found;
  };
const position =
  (kind: "argmax" | "argmin"): Adapter =>
  (c) =>
    c.t(0)[kind](c.at<number | undefined>(1, "dim", undefined), keep(c));
const middle =
  (all: (x: Tensor) => Tensor, one: (x: Tensor, axis: number, o: { keepDims: boolean }) => nabla.Chosen): Adapter =>
  (c) => {
    const axis = c.at<number | undefined>(1, "dim", undefined);
    return axis === undefined ? all(c.t(0)) : pair(one(c.t(0), axis, keep(c)));
  };
const quantile =
  (f: typeof nabla.quantile): Adapter =>
  (c) => {
    const q = c.at<number | Tensor>(1, "q", 0);
    return f(
      c.t(0),
      typeof q === "number" ? q : q.rank === 0 ? c.numbers(q)[0]! : c.numbers(q),
      c.at<number | undefined>(2, "dim", undefined),
      {
        keepDims: c.at(3, "keepdim", false),
        interpolation: c.named("interpolation", "linear"),
      },
    );
  };
const diff: Adapter = (c) => {
  const [n, axis] = [c.at(1, "n", 1), c.at(2, "dim", -1)];
  const parts = [c.maybe(3, "prepend"), c.t(0), c.maybe(4, "append")].filter((x): x is Tensor => x !== undefined);
  if (n === 0) return c.t(0); // whatever is put before and behind
  let x = parts[0]!.concat(parts.slice(1), axis);
  for (let i = 0; i < n; i++) x = nabla.diff(x, axis);
  return x;
};
const trapezoid =
  (f: typeof nabla.trapezoid): Adapter =>
  (c) => {
    const x = c.maybe(1, "x");
    return f(c.t(0), { axis: c.named("dim", -1), ...(x ? { x } : { dx: c.named("dx", 1) }) });
  };
const gradient: Adapter = (c) => {
  const [spacing, over] = [
    c.named<number | (number | Tensor)[] | undefined>("spacing", undefined),
    c.named<number[] | undefined>("dim", undefined),
  ];
  return nabla.gradient(c.t(0), {
    ...(spacing === undefined ? {} : { spacing }),
    ...(over === undefined ? {} : { axes: over }),
    edgeOrder: c.named<1 | 2>("edge_order", 1),
  });
};
const scatterKinds = { sum: "sum", prod: "prod", mean: "mean", amax: "amax", amin: "amin" } as const;

// ---- masked: the neutral element where the mask does not hold -------------------------------------------------------------------------

const INF = Number.POSITIVE_INFINITY;
const masked = (c: Call, value: number, i = 0): Tensor => {
  const mask = c.maybe(-1, i === 0 ? "mask" : "other_mask");
  return mask ? mask.broadcastTo(c.t(i).shape).where(c.t(i), value) : c.t(i);
};
const counted = (c: Call): Tensor => {
  const mask = c.maybe(-1, "mask");
  const ones = c.t(0).like(1);
  return (mask ? mask.broadcastTo(c.t(0).shape).where(ones, 0) : ones).sum(dim(c), keep(c));
};
const along =
  (f: (x: Tensor, axis: number) => Tensor, neutral: number): Adapter =>
  (c) =>
    f(masked(c, neutral), oneDim(c, 1, -1));
const maskedNorm: Adapter = (c) => {
  const p = c.at<number>(1, "ord", 2);
  return nabla.norm(masked(c, p === -INF ? INF : 0), { p, axes: dim(c, 2), ...keep(c, -1) });
};
const maskedSpread =
  (root: boolean): Adapter =>
  (c) => {
    const x = masked(c, 0);
    const n = counted(c);
    const shape = x.sum(dim(c), { keepDims: true }).shape;
    const mean = x.sum(dim(c), { keepDims: true }).div(n.reshape(shape));
    const mask = c.maybe(-1, "mask");
    const square = x.sub(mean).square();
    const kept = mask ? mask.broadcastTo(x.shape).where(square, 0) : square;
    const y = kept.sum(dim(c), keep(c)).div(n.sub(c.named("unbiased", true) ? 1 : 0).maximum(0));
    return root ? y.sqrt() : y;
  };

const maskedAdapters: Readonly<Record<string, Adapter>> = {
  "masked.sum": (c) => masked(c, 0).sum(dim(c), keep(c)),
  "masked.prod": (c) => masked(c, 1).prod(dim(c), keep(c)),
  "masked.amax": (c) => masked(c, -INF).max(dim(c), keep(c)),
  "masked.amin": (c) => masked(c, INF).min(dim(c), keep(c)),
  "masked.argmax": (c) => masked(c, -INF).argmax(dim(c) as number | undefined, keep(c)),
  "masked.argmin": (c) => masked(c, INF).argmin(dim(c) as number | undefined, keep(c)),
  "masked.cumsum": along((x, axis) => x.cumsum(axis), 0),
  "masked.cumprod": along((x, axis) => nabla.cumprod(x, axis), 1),
  "masked.mean": (c) => masked(c, 0).sum(dim(c), keep(c)).div(counted(c)),
  "masked.median": (c) => nabla.nanMedian(masked(c, Number.NaN), dim(c) as number | undefined, keep(c)),
  "masked.norm": maskedNorm,
  "masked.var": maskedSpread(false),
  "masked.std": maskedSpread(true),
  "masked.softmax": along((x, axis) => F.softmax(x, axis), -INF),
  "masked.log_softmax": along((x, axis) => F.logSoftmax(x, axis), -INF),
  "masked.softmin": along((x, axis) => F.softmin(x, axis), INF),
  "masked.normalize": (c) => F.normalize(masked(c, 0), { p: c.at(1, "ord", 2), axis: oneDim(c, 2, 1) }),
  "masked.logaddexp": (c) => {
    const mask = c.maybe(-1, "input_mask");
    return nabla.logAddExp(mask ? mask.where(c.t(0), -INF) : c.t(0), masked(c, -INF, 1));
  },
  "masked.logsumexp": (c) => nabla.logSumExp(masked(c, -INF), dim(c), keep(c)),
};

export const reductions: Readonly<Record<string, Adapter>> = {
  ...maskedAdapters,
  all: reduce((x, over, o) => x.all(over, o)),
  any: reduce((x, over, o) => x.any(over, o)),
  amax: reduce((x, over, o) => x.max(over, o)),
  amin: reduce((x, over, o) => x.min(over, o)),
  sum: reduce((x, over, o) => x.sum(over, o)),
  mean: reduce((x, over, o) => x.mean(over, o)),
  nansum: reduce((x, over, o) => nabla.nanSum(x, over, o)),
  nanmean: reduce((x, over, o) => nabla.nanMean(x, over, o)),
  prod: reduce((x, over, o) => x.prod(over, o)),
  logsumexp: reduce((x, over, o) => nabla.logSumExp(x, over, o)),
  count_nonzero: (c) => nabla.countNonzero(c.t(0), dim(c)),
  aminmax: (c) => {
    const { min, max } = nabla.aminmax(c.t(0), c.named<number | undefined>("dim", undefined), keep(c, -1));
    return [min, max];
  },
  argmax: position("argmax"),
  argmin: position("argmin"),
  max: extremeOf("max"),
  min: extremeOf("min"),
  var: spread("var", false),
  std: spread("std", false),
  var_mean: spread("var", true),
  std_mean: spread("std", true),
  median: middle((x) => nabla.medianWithIndex(x.flatten(), 0).values, nabla.medianWithIndex),
  nanmedian: middle((x) => nabla.nanMedian(x), nabla.nanMedianWithIndex),
  mode: (c) => pair(nabla.mode(c.t(0), oneDim(c, 1, -1), keep(c))),
  kthvalue: (c) => pair(nabla.kthValue(c.t(0), c.at(1, "k", 1), oneDim(c, 2, -1), keep(c, 3))),
  quantile: quantile(nabla.quantile),
  nanquantile: quantile(nabla.nanQuantile),
  topk: (c) => {
    c.at(4, "sorted", true);
    return pair(nabla.topk(c.t(0), c.at(1, "k", 1), { axis: oneDim(c, 2, -1), largest: c.at(3, "largest", true) }));
  },
  sort: (c) => {
    c.ignore("stable");
    return pair(c.t(0).sort(oneDim(c, 1, -1), { descending: c.at(2, "descending", false) }));
  },
  msort: (c) => c.t(0).sort(0).values,
  argsort: (c) => c.t(0).argsort(oneDim(c, 1, -1), { descending: c.at(2, "descending", false) }),
  cumsum: (c) => cast(c, c.t(0)).cumsum(oneDim(c, 1, 0)),
  cumprod: (c) => nabla.cumprod(cast(c, c.t(0)), oneDim(c, 1, 0)),
  cummax: (c) => pair(nabla.cummax(c.t(0), oneDim(c, 1, 0))),
  cummin: (c) => pair(nabla.cummin(c.t(0), oneDim(c, 1, 0))),
  logcumsumexp: (c) => nabla.logCumSumExp(c.t(0), oneDim(c, 1, 0)),
  diff,
  gradient,
  trapezoid: trapezoid(nabla.trapezoid),
  trapz: trapezoid(nabla.trapezoid),
  cumulative_trapezoid: trapezoid(nabla.cumulativeTrapezoid),
  cov: (c) => {
    const [fweights, aweights] = [c.maybe(-1, "fweights"), c.maybe(-1, "aweights")];
    return nabla.cov(c.t(0), {
      correction: c.named("correction", 1),
      ...(fweights ? { fweights } : {}),
      ...(aweights ? { aweights } : {}),
    });
  },
  corrcoef: (c) => nabla.corrcoef(c.t(0)),
  dist: (c) => nabla.dist(c.t(0), c.t(1), c.at(2, "p", 2)),
  renorm: (c) => nabla.renorm(c.t(0), c.at(1, "p", 2), oneDim(c, 2, 0), c.at(3, "maxnorm", 1)),
  sum_to_size: (c) => {
    const to = c.rest<number>(1);
    const x = c.t(0);
    const lead = x.rank - to.length;
    const over = x.shape.map((d, i) => (i < lead || (to[i - lead] === 1 && d !== 1) ? i : -1)).filter((i) => i >= 0);
    return x.sum(over).reshape(to);
  },
  bincount: (c) => {
    const weights = c.maybe(1, "weights");
    return nabla.bincount(c.t(0), { ...(weights ? { weights } : {}), minLength: c.at(2, "minlength", 0) });
  },
  histc: (c) => {
    const [low, high, bins] = [c.at(2, "min", 0), c.at(3, "max", 0), c.at(1, "bins", 100)];
    return nabla.histogram(c.t(0), bins, low === 0 && high === 0 ? {} : { range: [low, high] }).counts;
  },
  histogram: (c) => {
    const weights = c.maybe(-1, "weight");
    const { counts, edges } = nabla.histogram(c.t(0), c.at<number | Tensor>(1, "bins", 10), {
      ...(weights ? { weights } : {}),
      density: c.named("density", false),
    });
    return [counts, edges];
  },
  histogramdd: (c) => {
    const weights = c.maybe(-1, "weight");
    const { counts, edges } = nabla.histogramdd(c.t(0).reshape([-1, c.t(0).shape.at(-1)!]), c.at<number[]>(1, "bins", []), {
      ...(weights ? { weights: weights.flatten() } : {}),
      density: c.named("density", false),
    });
    return [counts, ...edges];
  },
  bucketize: (c) => nabla.bucketize(c.t(0), c.t(1), { right: c.named("right", false) }),
  searchsorted: (c) => {
    const sorter = c.maybe(-1, "sorter");
    const sorted = sorter ? c.t(0).takeAlong(sorter, -1) : c.t(0);
    return nabla.searchsorted(sorted, c.t(1), { right: c.named("right", false) || c.named<string>("side", "left") === "right" });
  },
  isin: (c) => nabla.isin(c.t(0), c.t(1)),
  unique: (c) => distinct(c.ignore("sorted"), nabla.unique),
  unique_consecutive: (c) => distinct(c, nabla.uniqueConsecutive),
  segment_reduce: segments,
  scatter_reduce: (c) => scattered(c, (x, axis, index, src) => [x, axis, index, src]),
  index_reduce: (c) =>
    scattered(c, (x, axis, index, src) => {
      const at = axis < 0 ? axis + x.rank : axis;
      return x.rank === 0
        ? [x.reshape([1]), 0, index.reshape([-1]), src.reshape([-1])]
        : [
            x,
            at,
            index.expandAlong(
              src.shape.map((_, i) => i).filter((i) => i !== at),
              src.shape,
            ),
            src,
          ];
    }),
};

function scattered(c: Call, prepare: (x: Tensor, axis: number, index: Tensor, src: Tensor) => [Tensor, number, Tensor, Tensor]): Tensor {
  const kind = c.at<unknown>(4, "reduce", "sum");
  if (kind instanceof Other || !Object.hasOwn(scatterKinds, String(kind))) throw new Uncovered(`reduction ${kind}`);
  const [x, axis, index, src] = prepare(c.t(0), c.at(1, "dim", 0), c.t(2), c.t(3));
  const y = nabla.scatterReduce(x, axis, index, src, scatterKinds[kind as keyof typeof scatterKinds], {
    includeSelf: c.named("include_self", true),
  });
  return y.reshape(c.t(0).shape);
}

function distinct(c: Call, f: typeof nabla.unique): Tensor[] {
  const axis = c.named<number | undefined>("dim", undefined);
  const { values, inverse, counts } = f(c.t(0), axis === undefined ? {} : { axis });
  return [values, ...(c.named("return_inverse", false) ? [inverse] : []), ...(c.named("return_counts", false) ? [counts] : [])];
}

/** Segments of an axis by their lengths or bounds, which may differ from row to row: {@link nabla.scatterReduce} by the number of the segment. */
function segments(c: Call): Tensor {
  const [x, kind, axis] = [c.t(0), c.at<string>(1, "reduce", "sum"), c.named("axis", 0)];
  c.ignore("unsafe");
  const [lengths, offsets] = [c.maybe(-1, "lengths"), c.maybe(-1, "offsets")];
  const [given, width] = [c.numbers((lengths ?? offsets)!), (lengths ?? offsets)!.shape.at(-1)!];
  const count = offsets ? width - 1 : width;
  const bounds = Array.from({ length: given.length / width }, (_, row) => {
    const own = given.slice(row * width, (row + 1) * width);
    if (offsets) return own;
    let end = 0;
    return [0, ...own.map((n) => (end += n))];
  });
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const n = x.shape[axis]!;
  const rowOf = (i: number): number[] => bounds[bounds.length === 1 ? 0 : i]!;
  const ids = Int32Array.from({ length: x.size }, (_, i) =>
    rowOf(Math.floor(i / (n * inner))).findLastIndex((b) => b <= Math.floor(i / inner) % n),
  );
  const sizes = Float64Array.from({ length: bounds.length * count }, (_, i) => {
    const own = rowOf(Math.floor(i / count));
    return own[(i % count) + 1]! - own[i % count]!;
  });
  const name =
    ({ max: "amax", min: "amin", mean: "sum" } as Record<string, nabla.ScatterReduction>)[kind] ?? (kind as nabla.ScatterReduction);
  // One more place takes what lies behind the last segment.
  const start = nabla.full(x.shape.with(axis, count + 1), c.named("initial", 0), x.dtype);
  const y = nabla.scatterReduce(start, axis, nabla.tensor(ids, { shape: x.shape }), x, name).narrow(axis, 0, count);
  if (kind !== "mean") return y;
  const lead = (lengths ?? offsets)!.shape.slice(0, -1);
  return y.div(nabla.tensor(sizes, { shape: [...lead, count, ...new Array<number>(x.rank - lead.length - 1).fill(1)] }).maximum(1));
}
