/** @file Ops that move, copy and make elements: shapes, slices, padding, constants. */
import { sizeOf } from "../../base/shape.ts";
import { pad as padConstant, tile } from "../../math/rearrange.ts";
import { concatenate, full, tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { cutsOf, rangeCount, reshapeTo, splitSizes, squeezed, unsqueezed } from "../known.ts";
import { axisOf, type Given, heldAs, Known, Live, range, whole } from "../value.ts";

const positions = (list: readonly number[]): Tensor => tensor(Int32Array.from(list), { shape: [list.length] });

/** The op on the first input, under the first input's type. */
const moved = (since: number, f: (x: Tensor, c: Call) => Tensor, host?: readonly number[]): Op => ({
  since,
  host,
  run: (c) => new Live(f(c.tensor(0), c), c.dtype(0)),
});

function reshape(x: Tensor, c: Call): Tensor {
  return x.reshape(reshapeTo(x.shape, c.listOf(1, "shape") ?? [], c.flag("allowzero")));
}

function flatten(x: Tensor, c: Call): Tensor {
  const at = c.int("axis", 1);
  const axis = at < 0 ? at + x.rank : at;
  return x.reshape([sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

function slice(x: Tensor, c: Call): Tensor {
  let y = x;
  for (const { axis, start, count, step } of cutsOf(c)) {
    const size = y.shape[axis];
    if (start === 0 && count === size && step === 1) continue;
    if (step < 0 || count === 0)
      y = count === 0 ? y.narrow(axis, 0, 0) : y.take(positions(range(count).map((i) => start + i * step)), axis);
    else {
      const at = (value: number, rest: readonly number[]): number[] => rest.with(axis, value);
      const [zeros, ones] = [y.shape.map(() => 0), y.shape.map(() => 1)];
      y = y.slice(at(start, zeros), at(Math.min(size, start + (count - 1) * step + 1), y.shape), at(step, ones));
    }
  }
  return y;
}

/** Where element `i` of a padded axis of `size` comes from. */
const SOURCES: Readonly<Record<string, (i: number, size: number) => number>> = {
  edge: (i, size) => Math.min(Math.max(i, 0), size - 1),
  wrap: (i, size) => ((i % size) + size) % size,
  reflect: (i, size) => {
    const period = Math.max(1, 2 * (size - 1));
    const at = ((i % period) + period) % period;
    return at < size ? at : period - at;
  },
};

function pad(c: Call): Given {
  const whole_ = c.tensor(0);
  const x = whole_.dtype === "bool" ? whole_.cast("u8") : whole_;
  const widths = c.listOf(1, "pads") ?? c.ints("paddings") ?? [];
  const axes = c.has(3) ? c.numbers(3).map((axis) => axisOf(axis, x.rank)) : range(x.rank);
  if (widths.length !== 2 * axes.length) throw new Error(`${axes.length} axes want ${2 * axes.length} pads, got ${widths.length}`);
  const [low, high] = [x.shape.map(() => 0), x.shape.map(() => 0)];
  axes.forEach((axis, i) => {
    low[axis] = widths[i];
    high[axis] = widths[axes.length + i];
  });
  const cut = x.slice(
    low.map((n) => Math.max(0, -n)),
    x.shape.map((d, i) => d - Math.max(0, -high[i])),
  );
  const [before, after] = [low, high].map((list) => list.map((n) => Math.max(0, n)));
  return new Live(padded(cut, before, after, c).cast(whole_.dtype), c.dtype(0));
}

function padded(x: Tensor, before: readonly number[], after: readonly number[], c: Call): Tensor {
  const mode = c.text("mode", "constant");
  if (mode === "constant") {
    const value = c.has(2) ? c.tensor(2).reshape([]) : c.scalar("value");
    const zeros = x.pad(before, after);
    if (value === undefined || value === 0) return zeros;
    if (typeof value === "number")
      return padConstant(
        x,
        before.map((n, i) => [n, after[i]] as const),
        "constant",
        value,
      );
    const inside = full(x.shape, true).cast("u8").pad(before, after).cast("bool");
    return inside.where(zeros, value.cast(x.dtype));
  }
  const source = SOURCES[mode];
  if (!source) throw unsupported(`the mode "${mode}"`);
  return x.shape.reduce<Tensor>((y, size, axis) => {
    if (before[axis] === 0 && after[axis] === 0) return y;
    return y.take(positions(range(before[axis] + size + after[axis]).map((i) => source(i - before[axis], size))), axis);
  }, x);
}

function expand(x: Tensor, c: Call): Tensor {
  const wanted = c.numbers(1);
  const rank = Math.max(wanted.length, x.rank);
  const [own, want] = [x.shape, wanted].map((shape) => [...range(rank - shape.length).map(() => 1), ...shape]);
  return x.reshape(own).broadcastTo(own.map((d, i) => (d === 1 ? want[i] : d)));
}

function tiled(x: Tensor, c: Call): Tensor {
  if (c.opset >= 6) return tile(x, c.numbers(1));
  return tile(
    x,
    x.shape.map((_, i) => (i === c.number(2) ? c.number(1) : 1)),
  );
}

function split(c: Call): Given[] {
  const x = c.tensor(0);
  const axis = c.axis(0);
  let start = 0;
  return splitSizes(c, x.shape[axis]).map((size) => {
    start += size;
    return new Live(x.narrow(axis, start - size, size), c.dtype(0));
  });
}

/** The forms in which `Constant` gives its value. */
function constant(c: Call): Given {
  const value = c.constant("value") ?? c.constant("sparse_value");
  if (value) return value;
  const { attributes } = c.step;
  const number = c.scalar("value_float") ?? c.scalar("value_int");
  const dtype = attributes.has("value_float") || attributes.has("value_floats") ? "float" : "int64";
  if (number !== undefined) return new Known(dtype, [], [number]);
  const list = c.ints("value_ints") ?? c.ints("value_floats");
  if (list) return new Known(dtype, [list.length], list);
  throw unsupported("a constant that is no tensor of numbers");
}

function constantOfShape(c: Call): Given {
  const value = c.constant("value");
  const dtype = value?.dtype ?? "float";
  const held = heldAs(dtype);
  return new Live(full(c.numbers(0), value?.data[0] ?? 0, held === "bool" ? "u8" : held), dtype);
}

function sequenceOfNumbers(c: Call): Given {
  const [start, limit, delta] = [c.number(0), c.number(1), c.number(2)];
  const dtype = c.dtype(0);
  return new Known(
    dtype,
    [rangeCount(start, limit, delta)],
    range(rangeCount(start, limit, delta)).map((i) => start + i * delta),
  );
}

function eyeLike(c: Call): Given {
  const [rows, columns] = c.shape(0);
  const k = c.int("k", 0);
  const dtype = c.type("dtype") ?? c.dtype(0);
  return new Known(
    dtype,
    [rows, columns],
    Uint8Array.from({ length: rows * columns }, (_, i) => Number((i % columns) - Math.floor(i / columns) === k)),
  );
}

function trilu(x: Tensor, c: Call): Tensor {
  if (x.size === 0) return x;
  const [rows, columns] = x.shape.slice(-2);
  const k = c.has(1) ? c.number(1) : 0;
  const upper = c.flag("upper", true);
  const on = (row: number, column: number): boolean => (upper ? column - row >= k : column - row <= k);
  const mask = Uint8Array.from({ length: rows * columns }, (_, i) => Number(on(Math.floor(i / columns), i % columns)));
  return tensor(mask, { shape: [rows, columns], dtype: "bool" }).where(x, x.like(0));
}

function depthToSpace(x: Tensor, c: Call): Tensor {
  const [n, channels, h, w] = x.shape;
  const b = c.int("blocksize", 1);
  const own = channels / (b * b);
  const apart =
    c.text("mode", "DCR") === "CRD"
      ? x.reshape([n, own, b, b, h, w]).transpose([0, 1, 4, 2, 5, 3])
      : x.reshape([n, b, b, own, h, w]).transpose([0, 3, 4, 1, 5, 2]);
  return apart.reshape([n, own, h * b, w * b]);
}

function spaceToDepth(x: Tensor, c: Call): Tensor {
  const [n, channels, h, w] = x.shape;
  const b = c.int("blocksize", 1);
  const apart = x.reshape([n, channels, h / b, b, w / b, b]);
  const order = c.text("mode", "DCR") === "CRD" ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  return apart.transpose(order).reshape([n, channels * b * b, h / b, w / b]);
}

function centerCropPad(x: Tensor, c: Call): Tensor {
  const wanted = c.numbers(1);
  const axes = c.ints("axes")?.map((axis) => axisOf(axis, x.rank)) ?? range(x.rank);
  return axes.reduce((y, axis, i) => {
    const [size, want] = [x.shape[axis], wanted[i]];
    if (want <= size) return y.narrow(axis, Math.floor((size - want) / 2), want);
    const low = Math.floor((want - size) / 2);
    const at = (n: number): number[] => y.shape.map((_, j) => (j === axis ? n : 0));
    return y.pad(at(low), at(want - size - low));
  }, x);
}

export const shapes: Readonly<Record<string, Op>> = {
  Shape: { since: 1, run: (c) => whole([...c.shape(0)]) },
  Size: { since: 1, run: (c) => whole([sizeOf(c.shape(0))], []) },
  Reshape: moved(1, reshape, [1]),
  Flatten: moved(1, flatten),
  Transpose: moved(1, (x, c) => x.transpose(c.ints("perm"))),
  Squeeze: moved(1, (x, c) => x.reshape(squeezed(x.shape, c.axes(1))), [1]),
  Unsqueeze: moved(1, (x, c) => x.reshape(unsqueezed(x.shape, c.listOf(1, "axes") ?? [])), [1]),
  Concat: { since: 1, run: (c) => new Live(concatenate(c.tensors, c.axis(1)), c.dtype(0)) },
  Split: { since: 1, host: [1], run: split },
  Slice: moved(1, slice, [1, 2, 3, 4]),
  Pad: { since: 1, host: [1, 3], fixed: [2], run: pad },
  Expand: moved(8, expand, [1]),
  Tile: moved(1, tiled, [1, 2]),
  Constant: { since: 1, run: constant },
  ConstantOfShape: { since: 9, host: [0], run: constantOfShape },
  Range: { since: 11, host: [0, 1, 2], run: sequenceOfNumbers },
  EyeLike: { since: 9, run: eyeLike },
  Trilu: moved(14, trilu, [1]),
  DepthToSpace: moved(1, depthToSpace),
  SpaceToDepth: moved(1, spaceToDepth),
  CenterCropPad: moved(18, centerCropPad, [1]),
};
