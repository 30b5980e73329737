/** @file Elements as sets and as counts: distinct ones, how often, in which bin, and where they stand in a sorted list. */
import { check, checkOptions, list, positiveInteger, shown } from "../base/check.ts";
import { type Dtype, isFloat } from "../base/dtype.ts";
import { formatShape, normalizeAxis, sizeOf } from "../base/shape.ts";
import { floating, tensor } from "../ops/create.ts";
import { addRows } from "../ops/indexing.ts";
import { below, searchSorted } from "../ops/search.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { BINCOUNT_OPTIONS, HISTOGRAM_OPTIONS, HISTOGRAMDD_OPTIONS, ISIN, SEARCH_OPTIONS, UNIQUE_OPTIONS } from "./options.ts";
import { linspace } from "./rearrange.ts";

// ---- distinct elements --------------------------------------------------------------------------------------------------------------

export interface UniqueOptions {
  /** Compare whole slices along this axis instead of elements. Default: elements, in one list. */
  readonly axis?: number;
}

/** What {@link unique} and {@link uniqueConsecutive} give. */
export interface Unique {
  /** The distinct elements (a list), or slices. */
  readonly values: Tensor;
  /** Where each first stands (i32): in the flat tensor, or along the axis. */
  readonly indices: Tensor;
  /** For each element of x (in its shape), or each slice, which of `values` it is (i32). */
  readonly inverse: Tensor;
  /** How often each occurs (i32). */
  readonly counts: Tensor;
}

interface Slices {
  /** The slices in front. */
  readonly rows: Tensor;
  readonly compare: (i: number, j: number) => number;
  readonly same: (i: number, j: number) => boolean;
  readonly at: number;
}

/** Elements, or slices along an axis, and their order: element by element, NaN above everything and unlike itself. */
function slicesOf(what: string, x: Tensor, options: UniqueOptions): Slices {
  if (!(x instanceof Tensor)) throw new TypeError(`${what}: want a tensor, got ${shown(x)}`);
  checkOptions(what, options, UNIQUE_OPTIONS);
  const at = options.axis === undefined ? 0 : normalizeAxis(options.axis, x.rank, what);
  const rows = options.axis === undefined ? x.flatten() : x.moveAxis(at, 0);
  const inner = sizeOf(rows.shape.slice(1));
  const elements = elementsOf(rows);
  const compare = (i: number, j: number): number => {
    for (let k = 0; k < inner; k++) {
      const [a, b] = [elements[i * inner + k]!, elements[j * inner + k]!];
      if (below(a, b)) return -1;
      if (below(b, a)) return 1;
    }
    return 0;
  };
  const same = (i: number, j: number): boolean => {
    for (let k = 0; k < inner; k++) if (elements[i * inner + k] !== elements[j * inner + k]) return false;
    return true;
  };
  return { rows, compare, same, at };
}

/** Groups of neighbours in `order` that are equal. */
function grouped(x: Tensor, { rows, same, at }: Slices, order: readonly number[], options: UniqueOptions): Unique {
  const [first, counts]: [number[], number[]] = [[], []];
  const inverse = new Int32Array(order.length);
  let before = -1;
  for (const i of order) {
    if (before < 0 || !same(before, i)) {
      first.push(i);
      counts.push(0);
    }
    counts[counts.length - 1]!++;
    inverse[i] = counts.length - 1;
    before = i;
  }
  const indices = tensor(Int32Array.from(first));
  const chosen = rows.takeInside(indices, 0);
  return {
    values: options.axis === undefined ? chosen : chosen.moveAxis(0, at),
    indices,
    inverse: tensor(inverse, options.axis === undefined ? { shape: x.shape } : {}),
    counts: tensor(Int32Array.from(counts)),
  };
}

/**
 * The distinct elements in ascending order, or the distinct slices along an axis in the order of their elements. Every NaN is distinct, as in PyTorch. x
 * must have a value already: its content decides the result's shape.
 */
export function unique(x: Tensor, options: UniqueOptions = {}): Unique {
  const slices = slicesOf("unique", x, options);
  const order = Array.from({ length: slices.rows.shape[0]! }, (_, i) => i);
  return grouped(
    x,
    slices,
    order.sort((i, j) => slices.compare(i, j) || i - j),
    options,
  );
}

/** x without elements (or slices) equal to the one before. x must have a value already. */
export function uniqueConsecutive(x: Tensor, options: UniqueOptions = {}): Unique {
  const slices = slicesOf("uniqueConsecutive", x, options);
  return grouped(
    x,
    slices,
    Array.from({ length: slices.rows.shape[0]! }, (_, i) => i),
    options,
  );
}

// ---- sorted lists -------------------------------------------------------------------------------------------------------------------

export interface SearchOptions {
  /** Behind equal elements instead of before them. Default false. */
  readonly right?: boolean;
}

/**
 * Where values would stand in a sorted last axis (i32, from 0 to its length), before equal elements or behind them. `sorted` is one list for all values, or
 * has their leading axes.
 */
export function searchsorted(sorted: Tensor, values: Tensor | number, options: SearchOptions = {}): Tensor {
  if (!(sorted instanceof Tensor)) throw new TypeError(`searchsorted: want a sorted tensor, got ${shown(sorted)}`);
  checkOptions("searchsorted", options, SEARCH_OPTIONS);
  const { right = false } = options;
  if (sorted.rank === 0) throw new RangeError("searchsorted: want a sorted list, got a scalar");
  const v = sorted.operand(values);
  if (sorted.rank === 1) return sorted.bind(searchSorted, [sorted, v.flatten()], { right }).reshape(v.shape);
  return sorted.bind(searchSorted, [sorted, v], { right });
}

/** The bin of each element among sorted boundaries: i with boundaries[i - 1] < x <= boundaries[i], or with `right` boundaries[i - 1] <= x < boundaries[i]. */
export function bucketize(x: Tensor | number, boundaries: Tensor, options: SearchOptions = {}): Tensor {
  checkOptions("bucketize", options, SEARCH_OPTIONS);
  if (!(boundaries instanceof Tensor) || boundaries.rank !== 1)
    throw new RangeError(`bucketize: want a list of boundaries, got ${shown(boundaries)}`);
  return searchsorted(boundaries, x, options);
}

/** Whether each element is among those of `test`, or with `invert` is not. NaN is in no set. */
export function isin(x: Tensor, test: Tensor, options: { readonly invert?: boolean } = {}): Tensor {
  if (!(x instanceof Tensor && test instanceof Tensor)) throw new TypeError(`isin: want two tensors, got ${shown(x)} and ${shown(test)}`);
  checkOptions("isin", options, ISIN);
  const { invert = false } = options;
  const n = test.size;
  if (n === 0) return x.constantOf({ shape: x.shape, dtype: "bool" }, Number(invert));
  const sorted = test.flatten().sort(0).values;
  const place = searchsorted(sorted, x).minimum(n - 1);
  const found = sorted.takeInside(place, 0).eq(x);
  return invert ? found.not() : found;
}

// ---- counts -------------------------------------------------------------------------------------------------------------------------

export interface BincountOptions {
  /** What each element counts, in the shape of x. Default 1. */
  readonly weights?: Tensor;
  /** The result has at least so many bins. Default 0. */
  readonly minLength?: number;
  /** The result has exactly so many bins, and larger elements do not count: for elements that have no value yet, as within a program. */
  readonly length?: number;
}

/** How often each of 0, 1, 2, ... occurs among integers (i32), or the sums of their weights. Up to the largest element, unless `length` is given. */
export function bincount(x: Tensor, options: BincountOptions = {}): Tensor {
  if (!(x instanceof Tensor)) throw new TypeError(`bincount: want a tensor, got ${shown(x)}`);
  checkOptions("bincount", options, BINCOUNT_OPTIONS);
  const { weights, minLength = 0, length } = options;
  if (isFloat(x.dtype)) throw new TypeError(`bincount: want integers, got ${x.dtype}; convert with .cast("i32")`);
  let most = length;
  if (most === undefined || x.isComputed) {
    const elements = elementsOf(x);
    const at = elements.findIndex((n) => n < 0);
    if (at >= 0) throw new RangeError(`bincount: element ${at} is ${elements[at]}, want numbers of at least 0`);
    let largest = -1;
    for (const n of elements) largest = Math.max(largest, n);
    most ??= largest + 1;
  }
  return tally(x.flatten(), weights, "bincount", Math.max(most, minLength), "i32");
}

/** Sums of weights (default: counts, in `dtype`) at places from 0 to size - 1. */
function tally(places: Tensor, weights: Tensor | undefined, what: string, size: number, dtype: Dtype): Tensor {
  if (weights && weights.size !== places.size)
    throw new RangeError(`${what}: want ${places.size} weights, one for each element, got ${formatShape(weights.shape)}`);
  const terms = weights ? floating(weights).flatten() : places.constantOf({ shape: places.shape, dtype }, 1);
  return addRows(terms, places.dtype === "bool" ? places.cast("i32") : places, { batch: 0, size });
}

export interface HistogramOptions {
  /** The first and the last edge. Default the smallest and the largest element; half a unit to both sides where they are equal. */
  readonly range?: readonly [low: number, high: number];
  /** What each element counts, in the shape of x. Default 1. */
  readonly weights?: Tensor;
  /** Divide by the sum and by the width (area, volume) of each bin, so that the integral is 1. Default false. */
  readonly density?: boolean;
}

const ascends = (edges: ArrayLike<number>): boolean => Array.from(edges).every((e, i) => i === 0 || e >= edges[i - 1]!);

/** Edges of bins: those given, or `bins` of one width over the range. */
function edgesOf(what: string, x: Tensor, bins: number | Tensor, range: HistogramOptions["range"]): Tensor {
  if (bins instanceof Tensor) {
    if (bins.rank !== 1 || bins.size < 2)
      throw new RangeError(`${what}: want a list of at least two edges, got ${formatShape(bins.shape)}`);
    if (bins.isComputed && !ascends(elementsOf(bins))) throw new RangeError(`${what}: want ascending edges, got ${bins}; sort them`);
    return bins.cast(x.dtype);
  }
  check(`${what}: bins`, bins, positiveInteger);
  const unit = linspace(0, 1, bins + 1, { dtype: x.dtype === "f64" ? "f64" : "f32" });
  const [low, high] = range
    ? range.map((n) => x.constantOf({ shape: [], dtype: x.dtype }, n))
    : x.size > 0
      ? [x.min(), x.max()]
      : [0, 1].map((n) => x.constantOf({ shape: [], dtype: x.dtype }, n));
  if (range && !(range.length === 2 && range[0] <= range[1]))
    throw new RangeError(`${what}: want a range [low, high], got ${shown(range)}`);
  const half = low!.eq(high!).where(0.5, low!.like(0));
  const [start, stop] = [low!.sub(half), high!.add(half)];
  // From whichever end is nearer, so that both are exact.
  return unit.lt(0.5).where(start.add(stop.sub(start).mul(unit)), stop.sub(stop.sub(start).mul(unit.neg().add(1))));
}

/** The bin of each element, -1 outside; the last bin has its upper edge, too. */
function binsOf(x: Tensor, edges: Tensor): Tensor {
  const last = edges.size - 1;
  const place = searchsorted(edges, x, { right: true }).sub(1);
  const top = x.eq(edges.select(0, last));
  return top.where(last - 1, place.ge(last).where(-1, place));
}

/**
 * How many elements lie in each of several bins: `bins` of one width, or those between the given edges (ascending). Bins have their lower edge; the last one
 * has both. What lies outside and NaN do not count. Counts have the dtype of x (of integers f32).
 */
export function histogram(x: Tensor, bins: number | Tensor = 10, options: HistogramOptions = {}): { counts: Tensor; edges: Tensor } {
  if (!(x instanceof Tensor)) throw new TypeError(`histogram: want a tensor, got ${shown(x)}`);
  checkOptions("histogram", options, HISTOGRAM_OPTIONS);
  const { range, ...rest } = options;
  const { counts, edges } = binned("histogram", x.reshape([x.size, 1]), [bins], range ? { ...rest, range: [range] } : rest);
  return { counts, edges: edges[0]! };
}

/** {@link histogram} of points (x, y): counts [x bins, y bins]. */
export function histogram2d(
  x: Tensor,
  y: Tensor,
  bins: number | readonly (number | Tensor)[] = 10,
  options: HistogramddOptions = {},
): { counts: Tensor; edges: Tensor[] } {
  if (!(x instanceof Tensor && y instanceof Tensor)) throw new TypeError(`histogram2d: want two tensors, got ${shown(x)} and ${shown(y)}`);
  if (x.size !== y.size) throw new RangeError(`histogram2d: x ${formatShape(x.shape)} and y ${formatShape(y.shape)} differ in size`);
  const [a, b] = [x, y].map((t) => t.reshape([t.size, 1])) as [Tensor, Tensor];
  return binned("histogram2d", a.concat([b], 1), bins, options);
}

export interface HistogramddOptions extends Omit<HistogramOptions, "range"> {
  /** The first and the last edge along each dimension. Default the smallest and the largest coordinate. */
  readonly range?: readonly (readonly [low: number, high: number])[];
}

/** {@link histogram} of points [N, D] in D dimensions, with one number (or list of edges) for each dimension, or one number for all. */
export function histogramdd(
  points: Tensor,
  bins: number | readonly (number | Tensor)[] = 10,
  options: HistogramddOptions = {},
): { counts: Tensor; edges: Tensor[] } {
  return binned("histogramdd", points, bins, options);
}

function binned(
  what: string,
  points: Tensor,
  bins: number | readonly (number | Tensor)[],
  options: HistogramddOptions,
): { counts: Tensor; edges: Tensor[] } {
  if (!(points instanceof Tensor) || points.rank !== 2)
    throw new RangeError(
      `${what}: want points [count, dimensions], got ${points instanceof Tensor ? formatShape(points.shape) : shown(points)}`,
    );
  checkOptions(what, options, HISTOGRAMDD_OPTIONS);
  const { range, weights, density = false } = options;
  const dimensions = points.shape[1]!;
  const each = typeof bins === "number" ? new Array<number>(dimensions).fill(bins) : bins;
  check(`${what}: bins`, each, list);
  if (each.length !== dimensions || (range && range.length !== dimensions))
    throw new RangeError(
      `${what}: want bins and ranges for ${dimensions} dimensions, got ${each.length}${range ? ` and ${range.length}` : ""}`,
    );
  const x = floating(points);
  const edges = each.map((b, i) => edgesOf(what, x.select(1, i), b, range?.[i]));
  const shape = edges.map((e) => e.size - 1);
  const places = edges.map((e, i) => binsOf(x.select(1, i), e));
  const inside = places.map((p) => p.ge(0)).reduce((a, b) => a.and(b), x.constantOf({ shape: [x.shape[0]!], dtype: "bool" }, 1));
  const place = places.reduce((sum, p, i) => sum.mul(shape[i]!).add(p), x.constantOf({ shape: [x.shape[0]!], dtype: "i32" }, 0));
  const counts = tally(inside.where(place, -1), weights, what, sizeOf(shape), x.dtype).reshape(shape);
  if (!density) return { counts, edges };
  const volume = edges.reduce((v, e, i) => {
    const n = e.size - 1;
    return v.mul(
      e
        .narrow(0, 1, n)
        .sub(e.narrow(0, 0, n))
        .reshape(shape.map((_, j) => (i === j ? n : 1))),
    );
  }, counts.like(1));
  return { counts: counts.div(counts.sum()).div(volume), edges };
}
