/**
 * @file Convolutions and pools. ONNX asks for "same" sizes, and lets a last window hang over the end; one helper knows where windows lie, the rest is Nabla's own
 * convolutions and windows. (Its pools take no dilation of means, no padding of more than half a window, and at most three axes; ONNX has all of these.)
 */
import { type Shape, sizeOf, stridesOf } from "../../base/shape.ts";
import { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d } from "../../math/conv.ts";
import { scatterReduce } from "../../math/indexing.ts";
import { pad } from "../../math/rearrange.ts";
import { full, tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { type Given, Live, range } from "../value.ts";
import { rangeOf, wide } from "./types.ts";

/** Where windows lie along the axes behind the channels. */
export interface Geometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Padding behind the end that the last window needs; more than `high` if it hangs over, less if it ends before. */
  readonly tail: readonly number[];
  readonly size: Shape;
  readonly out: Shape;
}

/** Padding of each side by `auto_pad` or `pads`. */
function sides(c: Call, size: Shape, reach: readonly number[], stride: readonly number[]): [low: number[], high: number[]] {
  const auto = c.text("auto_pad", "NOTSET");
  if (auto === "SAME_UPPER" || auto === "SAME_LOWER") {
    const total = size.map((d, i) => Math.max(0, (Math.ceil(d / stride[i]) - 1) * stride[i] + reach[i] - d));
    const low = total.map((t) => (auto === "SAME_UPPER" ? Math.floor(t / 2) : Math.ceil(t / 2)));
    return [low, total.map((t, i) => t - low[i])];
  }
  const pads = auto === "VALID" ? undefined : c.ints("pads");
  const n = size.length;
  return [range(n).map((i) => pads?.[i] ?? 0), range(n).map((i) => pads?.[n + i] ?? 0)];
}

export function geometry(c: Call, size: Shape, kernel: readonly number[]): Geometry {
  const stride = c.ints("strides") ?? kernel.map(() => 1);
  const dilation = c.ints("dilations") ?? kernel.map(() => 1);
  const reach = kernel.map((k, i) => dilation[i] * (k - 1) + 1);
  const [low, high] = sides(c, size, reach, stride);
  const out = size.map((d, i) => {
    const room = d + low[i] + high[i] - reach[i];
    if (!c.flag("ceil_mode")) return Math.floor(room / stride[i]) + 1;
    const most = Math.ceil(room / stride[i]) + 1;
    // A last window that would start in the padding behind the end does not count.
    return (most - 1) * stride[i] >= d + low[i] ? most - 1 : most;
  });
  if (out.some((n) => n < 1)) throw new RangeError(`a window of [${kernel}] does not fit into [${size}]`);
  const tail = out.map((n, i) => Math.max(0, (n - 1) * stride[i] + reach[i] - size[i] - low[i]));
  return { kernel, stride, dilation, low, high, tail, size, out };
}

const perChannel = (bias: Tensor, rank: number): Tensor => bias.reshape([-1, ...range(rank - 2).map(() => 1)]);

function conv(c: Call): Given {
  const [x, w] = [c.tensor(0), c.tensor(1)];
  const { low, high, stride, dilation } = geometry(c, x.shape.slice(2), w.shape.slice(2));
  const run = [conv1d, conv2d, conv3d][low.length - 1];
  if (!run) throw unsupported(`a convolution over ${low.length} axes`);
  const padding = low.map((n, i) => [n, high[i]] as const);
  return run(x, w, { padding, stride, dilation, groups: c.int("group", 1), bias: c.maybe(2) });
}

function convTranspose(c: Call): Given {
  const [x, w] = [c.tensor(0), c.tensor(1)];
  const n = x.rank - 2;
  const kernel = w.shape.slice(2);
  const stride = c.ints("strides") ?? kernel.map(() => 1);
  const dilation = c.ints("dilations") ?? kernel.map(() => 1);
  const extra = c.ints("output_padding") ?? kernel.map(() => 0);
  const whole = x.shape.slice(2).map((d, i) => stride[i] * (d - 1) + dilation[i] * (kernel[i] - 1) + 1 + extra[i]);
  const [low, size] = cutOf(c, x.shape.slice(2), whole, stride);
  const run = [convTranspose1d, convTranspose2d, convTranspose3d][n - 1];
  if (!run) throw unsupported(`a transposed convolution over ${n} axes`);
  const y = run(x, w, { stride, dilation, groups: c.int("group", 1) });
  const tail = size.map((d, i) => Math.max(0, low[i] + d - y.shape[2 + i]));
  const cut = y
    .pad([0, 0, ...low.map((l) => Math.max(0, -l))], [0, 0, ...tail])
    .slice([0, 0, ...low.map((l) => Math.max(0, l))], [...y.shape.slice(0, 2), ...size.map((d, i) => Math.max(0, low[i]) + d)]);
  return c.has(2) ? cut.add(perChannel(c.tensor(2), x.rank)) : cut;
}

/** What of the whole transposed convolution stays: where it starts, and how large it is. */
function cutOf(c: Call, input: Shape, whole: Shape, stride: readonly number[]): [low: number[], size: number[]] {
  const auto = c.text("auto_pad", "NOTSET");
  const n = input.length;
  const asked = c.ints("output_shape")?.slice(-n) ?? (auto.startsWith("SAME") ? input.map((d, i) => d * stride[i]) : undefined);
  if (asked) {
    const total = whole.map((d, i) => Math.max(0, d - asked[i]));
    return [
      total
        .map((t) => (auto === "SAME_UPPER" ? Math.floor(t / 2) : Math.ceil(t / 2)))
        .map((t, i) => (auto === "NOTSET" ? Math.floor(total[i] / 2) : t)),
      asked,
    ];
  }
  const pads = c.ints("pads") ?? range(2 * n).map(() => 0);
  return [pads.slice(0, n), whole.map((d, i) => d - pads[i] - pads[n + i])];
}

/** [N, C, ...out, ...kernel]. */
function windows(x: Tensor, g: Geometry, value: number): Tensor {
  const widths = [[0, 0] as const, [0, 0] as const, ...g.low.map((low, i) => [low, g.tail[i]] as const)];
  const padded =
    value === 0
      ? x.pad(
          widths.map(([l]) => l),
          widths.map(([, h]) => h),
        )
      : pad(x, widths, "constant", value);
  return padded.windows(g.kernel, g.stride, g.dilation);
}

/** The sum of each window. */
const sumsOf = (taps: Tensor, { kernel }: Geometry): Tensor => taps.sum(kernel.map((_, i) => i - kernel.length));

function maxPool(c: Call): Given[] {
  const x = wide(c.tensor(0));
  const g = geometry(c, x.shape.slice(2), c.ints("kernel_shape") ?? []);
  const isFloat = x.dtype === "f32" || x.dtype === "f64";
  const taps = windows(x, g, isFloat ? Number.NEGATIVE_INFINITY : rangeOf(c.dtype(0))[0]);
  const { values, indices } = taps.flatten(2 + g.kernel.length).maxWithIndex(-1);
  return [new Live(values, c.dtype(0)), c.wants(1) ? new Live(placesOf(c, x, g, indices), "int64") : undefined];
}

/** Positions in the flat input of elements that are given by their taps. */
function placesOf(c: Call, x: Tensor, g: Geometry, taps: Tensor): Tensor {
  const inWindow = stridesOf(g.kernel);
  const order = c.int("storage_order", 0) ? g.size.map((_, i) => sizeOf(g.size.slice(0, i))) : stridesOf(g.size);
  const inPlane = g.kernel
    .map((k, i) => {
      const tap = taps.div(inWindow[i]).rem(k).mul(g.dilation[i]);
      return tap
        .add(
          taps
            .iotaLike(2 + i)
            .mul(g.stride[i])
            .sub(g.low[i]),
        )
        .mul(order[i]);
    })
    .reduce((a, b) => a.add(b));
  const planes = tensor(Int32Array.from(range(x.shape[0] * x.shape[1])), { shape: [x.shape[0], x.shape[1], ...g.kernel.map(() => 1)] });
  return inPlane.add(planes.mul(sizeOf(g.size)));
}

/** How many elements each window covers: of the input, and with `count_include_pad` of the padding that was asked for. */
function coverage(c: Call, g: Geometry): number[] {
  const counts = g.out.map((n, axis) =>
    range(n).map((w) => {
      const start = w * g.stride[axis] - g.low[axis];
      const [first, end] = c.flag("count_include_pad") ? [-g.low[axis], g.size[axis] + g.high[axis]] : [0, g.size[axis]];
      return range(g.kernel[axis]).filter((k) => start + k * g.dilation[axis] >= first && start + k * g.dilation[axis] < end).length;
    }),
  );
  return counts.reduce<number[]>((all, list) => all.flatMap((a) => list.map((b) => a * b)), [1]);
}

function averagePool(c: Call): Given {
  const x = c.tensor(0);
  const g = geometry(c, x.shape.slice(2), c.ints("kernel_shape") ?? []);
  const counts = coverage(c, g);
  const sums = sumsOf(windows(x, g, 0), g);
  if (counts.every((n) => n === counts[0])) return sums.div(counts[0]);
  return sums.div(tensor(Float32Array.from(counts), { shape: g.out, dtype: sums.dtype === "f64" ? "f64" : "f32" }));
}

function lpPool(c: Call): Given {
  const x = c.tensor(0);
  const p = c.float("p", 2);
  const g = geometry(c, x.shape.slice(2), c.ints("kernel_shape") ?? []);
  return root(sumsOf(windows(x, g, 0).abs().pow(p), g), p);
}

/** x^(1/p), with derivative 0 at 0. */
function root(x: Tensor, p: number): Tensor {
  const none = x.eq(0);
  const safe = none.where(1, x);
  return none.where(0, p === 2 ? safe.sqrt() : safe.pow(1 / p));
}

const globalPool = (f: (x: Tensor, axes: number[], c: Call) => Tensor): Op => ({
  since: 1,
  run: (c) =>
    f(
      c.tensor(0),
      range(c.rank(0) - 2).map((i) => i + 2),
      c,
    ),
});

function maxUnpool(c: Call): Given {
  const [x, places] = [c.tensor(0), c.tensor(1)];
  const kernel = c.ints("kernel_shape") ?? [];
  const stride = c.ints("strides") ?? kernel.map(() => 1);
  const pads = c.ints("pads") ?? range(2 * kernel.length).map(() => 0);
  const own = x.shape.slice(2).map((d, i) => (d - 1) * stride[i] - pads[i] - pads[kernel.length + i] + kernel[i]);
  // Indices count in the tensor that was pooled, which need not have the size of the result.
  const from = [...x.shape.slice(0, 2), ...own];
  const flat = scatterReduce(full([sizeOf(from)], 0, x.dtype as "f32"), 0, places.flatten().cast("i32"), x.flatten(), "sum");
  const y = flat.reshape(from);
  if (!c.has(2)) return y;
  const want = c.numbers(2);
  return y.pad(
    from.map(() => 0),
    want.map((d, i) => d - from[i]),
  );
}

/** Columns of windows added up into images: the transpose of taking windows. */
function col2im(c: Call): Given {
  const x = c.tensor(0);
  const [image, block] = [c.numbers(1), c.numbers(2)];
  const g = geometry(c, image, block);
  const [n, rows] = x.shape;
  const channels = rows / sizeOf(block);
  // [N, C, ...block, ...out] to [N, C, ...out, ...block], the order of windows.
  const axes = [0, 1, ...range(block.length).map((i) => 2 + block.length + i), ...range(block.length).map((i) => 2 + i)];
  const columns = x.reshape([n, channels, ...block, ...g.out]).transpose(axes);
  const padded = image.map((d, i) => g.low[i] + d + g.high[i]);
  const y = foldedWindows(columns, padded, g);
  return y.slice([0, 0, ...g.low], [n, channels, ...image.map((d, i) => g.low[i] + d)]);
}

/** [N, C, ...out, ...block] added up into [N, C, ...size]. */
function foldedWindows(columns: Tensor, size: Shape, g: Geometry): Tensor {
  const [n, channels] = columns.shape;
  const strides = stridesOf(size);
  let places = [0];
  g.out.forEach((count, axis) => {
    places = places.flatMap((at) => range(count).map((w) => at + w * g.stride[axis] * strides[axis]));
  });
  g.kernel.forEach((k, axis) => {
    places = places.flatMap((at) => range(k).map((tap) => at + tap * g.dilation[axis] * strides[axis]));
  });
  const index = tensor(Int32Array.from(places), { shape: [1, 1, places.length] }).broadcastTo([n, channels, places.length]);
  const zeros = full([n, channels, sizeOf(size)], 0, columns.dtype as "f32");
  return scatterReduce(zeros, 2, index, columns.reshape([n, channels, places.length]), "sum").reshape([n, channels, ...size]);
}

/** A depthwise convolution of the past and the present, and what the next call needs of it. */
function causalConv(c: Call): Given[] {
  const [x, w] = [c.tensor(0), c.tensor(1)];
  const [n, channels] = x.shape;
  const k = w.shape[2];
  const past = c.maybe(3) ?? x.constantOf({ shape: [n, channels, k - 1], dtype: x.dtype }, 0);
  const all = past.concat([x], 2);
  const product = all.conv(w, { groups: channels });
  const sum = c.has(2) ? product.add(perChannel(c.tensor(2), 3)) : product;
  const activation = c.text("activation", "none");
  if (!["silu", "swish", "none"].includes(activation)) throw unsupported(`the activation "${activation}"`);
  return [activation === "none" ? sum : sum.mul(sum.sigmoid()), all.narrow(2, all.shape[2] - (k - 1), k - 1)];
}

export const windowed: Readonly<Record<string, Op>> = {
  Conv: { since: 1, weights: [1, 2], run: conv },
  ConvTranspose: { since: 1, weights: [1, 2], run: convTranspose },
  CausalConvWithState: { since: 27, weights: [1, 2], run: causalConv },
  MaxPool: { since: 1, run: maxPool },
  AveragePool: { since: 1, run: averagePool },
  LpPool: { since: 1, run: lpPool },
  GlobalAveragePool: globalPool((x, axes) => x.mean(axes, { keepDims: true })),
  GlobalMaxPool: globalPool((x, axes) => x.max(axes, { keepDims: true })),
  GlobalLpPool: globalPool((x, axes, c) => root(x.abs().pow(c.float("p", 2)).sum(axes, { keepDims: true }), c.float("p", 2))),
  MaxUnpool: { since: 9, host: [2], run: maxUnpool },
  Col2Im: { since: 18, host: [1, 2], run: col2im },
};
