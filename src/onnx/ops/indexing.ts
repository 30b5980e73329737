/** @file Elements by their positions: gathering, scattering, one-hot, and what depends on values: positions of non-zeros, unique elements. */
import { sizeOf, stridesOf } from "../../base/shape.ts";
import { nonMaxSuppression } from "../../math/detection.ts";
import { gather, type ScatterReduction, scatter, scatterReduce } from "../../math/indexing.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { axisOf, type Given, Live, range, whole } from "../value.ts";
import { wide, wrapped } from "./types.ts";

const positions = (list: readonly number[]): Tensor => tensor(Int32Array.from(list), { shape: [list.length] });

/** Indices from the end counted from the start. */
const counted = (index: Tensor, size: number): Tensor => {
  const i = wide(index).cast("i32");
  return i.lt(0).where(i.add(size), i);
};

/** Rows of bools and bytes move as i32. */
const moved = (c: Call, f: (x: Tensor) => Tensor): Given => wrapped(f(wide(c.tensor(0))), c.dtype(0));

function gathered(c: Call): Given {
  const axis = c.axis(0);
  const index = counted(c.tensor(1), c.shape(0)[axis]);
  return new Live(c.tensor(0).take(index, axis), c.dtype(0));
}

function gatheredElements(c: Call): Given {
  const axis = c.axis(0);
  return moved(c, (x) => gather(x, axis, counted(c.tensor(1), x.shape[axis])));
}

/** Positions in the flat rows that the last axis of `index` names. */
function flatRows(index: Tensor, sizes: readonly number[]): Tensor {
  const strides = stridesOf(sizes);
  const zero = index.narrow(-1, 0, 0).sum([-1]).cast("i32");
  return sizes.map((size, i) => counted(index.narrow(-1, i, 1).squeeze(-1), size).mul(strides[i])).reduce((a, b) => a.add(b), zero);
}

function gatherND(c: Call): Given {
  const index = c.tensor(1);
  const batch = c.int("batch_dims", 0);
  const k = index.shape[index.rank - 1];
  return moved(c, (x) => {
    const lead = x.shape.slice(0, batch);
    const sizes = x.shape.slice(batch, batch + k);
    const tail = x.shape.slice(batch + k);
    const flat = flatRows(index, sizes);
    const rows = sizeOf(sizes);
    const count = sizeOf(lead);
    const starts = tensor(Int32Array.from(range(count).map((i) => i * rows)), {
      shape: [...lead, ...range(flat.rank - batch).map(() => 1)],
    });
    const at = batch > 0 ? flat.add(starts) : flat;
    return x
      .reshape([count * rows, sizeOf(tail)])
      .take(at.flatten(), 0)
      .reshape([...index.shape.slice(0, -1), ...tail]);
  });
}

const REDUCTIONS: Readonly<Record<string, ScatterReduction>> = { add: "sum", mul: "prod", max: "amax", min: "amin" };

function put(c: Call, x: Tensor, axis: number, index: Tensor, values: Tensor): Tensor {
  const reduction = c.text("reduction", "none");
  if (reduction === "none") return scatter(x, axis, index, values);
  const how = REDUCTIONS[reduction];
  if (!how) throw unsupported(`the reduction "${reduction}"`);
  return scatterReduce(x, axis, index, values, how);
}

function scatterElements(c: Call): Given {
  const axis = c.axis(0);
  return moved(c, (x) => put(c, x, axis, counted(c.tensor(1), x.shape[axis]), wide(c.tensor(2))));
}

function scatterND(c: Call): Given {
  const index = c.tensor(1);
  const k = index.shape[index.rank - 1];
  return moved(c, (x) => {
    const sizes = x.shape.slice(0, k);
    const width = sizeOf(x.shape.slice(k));
    const at = flatRows(index, sizes).reshape([-1, 1]);
    const values = wide(c.tensor(2)).reshape([at.shape[0], width]);
    return put(c, x.reshape([sizeOf(sizes), width]), 0, at.broadcastTo([at.shape[0], width]), values).reshape(x.shape);
  });
}

function oneHot(c: Call): Given {
  const count = c.number(1);
  const index = wide(c.tensor(0)).cast("i32");
  const at = index.lt(0).where(index.add(count), index);
  const values = c.tensor(2);
  const axis = axisOf(c.int("axis", -1), index.rank + 1);
  const on = at.oneHot(count, "f32").gt(0).moveAxis(-1, axis);
  return new Live(on.where(values.select(0, 1), values.select(0, 0)), c.dtype(2));
}

/** The first elements of each example in reverse, as many as it is long. */
function reverseSequence(c: Call): Given {
  const [batch, time] = [c.int("batch_axis", 1), c.int("time_axis", 0)];
  const lengths = c.tensor(1).cast("i32").reshape([-1, 1]);
  return moved(c, (x) => {
    const y = x.transpose([batch, time, ...range(x.rank).filter((axis) => axis !== batch && axis !== time)]);
    const steps = tensor(Int32Array.from(range(y.shape[1])), { shape: [1, y.shape[1]] });
    const at = steps.lt(lengths).where(lengths.sub(steps).sub(1), steps.broadcastTo([y.shape[0], y.shape[1]]));
    const index = at.reshape([...at.shape, ...y.shape.slice(2).map(() => 1)]).broadcastTo(y.shape);
    const turned = gather(y, 1, index);
    const back = range(x.rank).map((axis) => [batch, time, ...range(x.rank).filter((a) => a !== batch && a !== time)].indexOf(axis));
    return turned.transpose(back);
  });
}

function compress(c: Call): Given {
  const kept = positions(c.numbers(1).flatMap((on, i) => (on ? [i] : [])));
  if (c.scalar("axis") === undefined) return new Live(c.tensor(0).flatten().take(kept, 0), c.dtype(0));
  return new Live(c.tensor(0).take(kept, c.axis(0)), c.dtype(0));
}

function nonZero(c: Call): Given {
  const { data, shape } = c.known(0);
  const found = range(data.length).filter((i) => data[i] !== 0);
  const strides = stridesOf(shape);
  return whole(
    shape.flatMap((size, axis) => found.map((i) => Math.floor(i / strides[axis]) % size)),
    [shape.length, found.length],
  );
}

/** Rows in the order of their elements. */
const compareRows = (a: readonly number[], b: readonly number[]): number => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return 0;
};

function unique(c: Call): Given[] {
  const x = c.known(0).tensor;
  const axis = c.scalar("axis") === undefined ? undefined : c.axis(0);
  const flat = axis === undefined ? x.flatten().unsqueeze(1) : x.moveAxis(axis, 0).flatten(1);
  const values = Array.from(flat.dataSync());
  const [n, width] = flat.shape;
  const rows = range(n).map((i) => values.slice(i * width, (i + 1) * width));
  const found = new Map<string, { row: number[]; first: number; count: number }>();
  rows.forEach((row, i) => {
    const entry = found.get(row.join()) ?? { row, first: i, count: 0 };
    found.set(row.join(), entry);
    entry.count++;
  });
  const list = [...found.values()];
  if (c.flag("sorted", true)) list.sort((a, b) => compareRows(a.row, b.row));
  const place = new Map(list.map(({ row }, i) => [row.join(), i]));
  const firsts = list.map(({ first }) => first);
  const y = axis === undefined ? x.flatten().take(positions(firsts), 0) : x.take(positions(firsts), axis);
  return [
    new Live(y, c.dtype(0)),
    whole(firsts),
    whole(rows.map((row) => place.get(row.join()) ?? 0)),
    whole(list.map(({ count }) => count)),
  ];
}

function suppression(c: Call): Given {
  const optional = (i: number): number | undefined => (c.has(i) && c.known(i).data.length > 0 ? c.number(i) : undefined);
  const chosen = nonMaxSuppression(c.known(0).tensor, c.known(1).tensor, {
    maxPerClass: Math.min(optional(2) ?? 0, c.shape(0)[1]),
    iouThreshold: optional(3) ?? 0,
    scoreThreshold: optional(4) ?? Number.NEGATIVE_INFINITY,
    centred: c.flag("center_point_box"),
  });
  return new Live(chosen, "int64");
}

/** Rows of a cache overwritten from a position of each example's own. */
function tensorScatter(c: Call): Given {
  const update = wide(c.tensor(1));
  return moved(c, (x) => {
    const axis = c.axis(-2);
    const [size, steps] = [x.shape[axis], update.shape[axis]];
    const starts = c.has(2) ? c.tensor(2).cast("i32").reshape([-1, 1]) : x.constantOf({ shape: [x.shape[0], 1], dtype: "i32" }, 0);
    const at = starts.add(tensor(Int32Array.from(range(steps)), { shape: [1, steps] }));
    const wrappedAt = c.text("mode", "linear") === "circular" ? at.rem(size) : at;
    const shape = update.shape.map((_, i) => (i === 0 ? update.shape[0] : i === axis ? steps : 1));
    return scatter(x, axis, wrappedAt.reshape(shape).broadcastTo(update.shape), update);
  });
}

function featureExtractor(c: Call): Given {
  const x = c.tensor(0);
  return new Live(x.take(c.tensor(1).flatten(), x.rank - 1), c.dtype(0));
}

export const indexed: Readonly<Record<string, Op>> = {
  Gather: { since: 1, weights: [0], run: gathered },
  GatherElements: { since: 11, run: gatheredElements },
  GatherND: { since: 11, run: gatherND },
  Scatter: { since: 9, run: scatterElements },
  ScatterElements: { since: 11, run: scatterElements },
  ScatterND: { since: 11, run: scatterND },
  TensorScatter: { since: 24, run: tensorScatter },
  OneHot: { since: 9, host: [1], fixed: [2], run: oneHot },
  ReverseSequence: { since: 10, run: reverseSequence },
  Compress: { since: 9, host: [1], run: compress, limits: "inside compile the condition must be known" },
  NonZero: { since: 9, host: [0], run: nonZero, limits: "inside compile the input must be known" },
  Unique: { since: 11, host: [0], run: unique, limits: "inside compile the input must be known" },
  NonMaxSuppression: { since: 10, host: "all", run: suppression, limits: "inside compile boxes and scores must be known" },
  "ai.onnx.ml.ArrayFeatureExtractor": { since: 1, domain: "ai.onnx.ml", run: featureExtractor },
  "ai.onnx.ml.Binarizer": {
    since: 1,
    domain: "ai.onnx.ml",
    run: (c) => new Live(c.tensor(0).gt(c.float("threshold", 0)).cast(c.tensor(0).dtype), c.dtype(0)),
  },
};
