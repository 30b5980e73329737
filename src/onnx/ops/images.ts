/** @file Resizing in all of ONNX's ways, sampling at places, and decoding. */
import { decodeImage, loadImageCodecs } from "../../formats/image-codecs.ts";
import { deformConv2d, roiAlign } from "../../math/detection.ts";
import { affineGrid, gridSample } from "../../math/resize.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { axisOf, type Given, isFloatType, range } from "../value.ts";
import { wide, wrapped } from "./types.ts";

/** One axis of a resize. */
interface Line {
  readonly size: number;
  readonly out: number;
  readonly scale: number;
  /** Start and end of the part that is resized, as shares of the size. */
  readonly roi: readonly [number, number];
}

/** Where result `o` lies among the elements of the input, by the name of the transformation. */
const PLACES: Readonly<Record<string, (o: number, line: Line) => number>> = {
  asymmetric: (o, { scale }) => o / scale,
  align_corners: (o, { size, scale }) => (size * scale === 1 ? 0 : (o * (size - 1)) / (size * scale - 1)),
  half_pixel: (o, { scale }) => (o + 0.5) / scale - 0.5,
  pytorch_half_pixel: (o, { out, scale }) => (out === 1 ? -0.5 : (o + 0.5) / scale - 0.5),
  half_pixel_symmetric: (o, { size, out, scale }) => (size / 2) * (1 - out / (size * scale)) + (o + 0.5) / scale - 0.5,
  tf_half_pixel_for_nn: (o, { scale }) => (o + 0.5) / scale,
  tf_crop_and_resize: (o, { size, out, roi: [from, to] }) =>
    out > 1 ? from * (size - 1) + (o * (to - from) * (size - 1)) / (out - 1) : ((from + to) / 2) * (size - 1),
};

const ROUNDINGS: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** The weight of an element at distance `t`; Keys' (1981) cubic with a choice of `a`. */
function kernelOf(mode: string, a: number): { readonly reach: number; at(t: number): number } {
  if (mode === "linear") return { reach: 1, at: (t) => Math.max(0, 1 - Math.abs(t)) };
  return {
    reach: 2,
    at: (signed) => {
      const t = Math.abs(signed);
      if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
      return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
    },
  };
}

/** Neighbours of each result and their weights; those outside stand for the nearest inside. */
function neighbours(c: Call, places: readonly number[], { size, scale }: Line, mode: string): { taps: number[][]; weights: number[][] } {
  const inside = (j: number): number => Math.min(Math.max(j, 0), size - 1);
  const { reach, at } = kernelOf(mode, c.float("cubic_coeff_a", -0.75));
  const [antialias, exclude] = [c.flag("antialias"), c.flag("exclude_outside")];
  const shrink = antialias ? Math.min(scale, 1) : 1;
  const width = Math.ceil(reach / shrink);
  const rows = places.map((place) => range(2 * width).map((k) => Math.floor(place) - width + 1 + k));
  const weights = rows.map((row, o) => {
    const own = row.map((j) => (exclude && (j < 0 || j >= size) ? 0 : at((j - places[o]) * shrink)));
    const total = antialias || exclude ? own.reduce((a, b) => a + b, 0) : 1;
    return own.map((w) => w / total);
  });
  return { taps: rows.map((row) => row.map(inside)), weights };
}

/** One axis of x in its new size. */
function resized(c: Call, x: Tensor, axis: number, line: Line): Tensor {
  const name = c.text("coordinate_transformation_mode", c.opset < 11 ? "asymmetric" : "half_pixel");
  const place = PLACES[name];
  if (!place) throw unsupported(`the transformation "${name}"`);
  const places = range(line.out).map((o) => place(o, line));
  const y = sampled(c, x, axis, places, line);
  if (name !== "tf_crop_and_resize") return y;
  const shape = x.shape.map((_, i) => (i === axis ? line.out : 1));
  const isIn = tensor(
    Uint8Array.from(places, (at) => Number(at >= 0 && at <= line.size - 1)),
    { shape, dtype: "bool" },
  );
  return isIn.where(y, c.float("extrapolation_value", 0));
}

function sampled(c: Call, x: Tensor, axis: number, places: readonly number[], line: Line): Tensor {
  const mode = c.text("mode", "nearest");
  const take = (at: readonly number[]): Tensor => x.take(tensor(Int32Array.from(at), { shape: [at.length] }), axis);
  if (mode === "nearest") {
    const name = c.text("nearest_mode", c.opset < 11 ? "floor" : "round_prefer_floor");
    const round = ROUNDINGS[name];
    if (!round) throw unsupported(`the rounding "${name}"`);
    return take(places.map((at) => Math.min(Math.max(round(at), 0), line.size - 1)));
  }
  if (mode !== "linear" && mode !== "cubic") throw unsupported(`the mode "${mode}"`);
  const { taps, weights } = neighbours(c, places, line, mode);
  const shape = x.shape.map((_, i) => (i === axis ? line.out : 1));
  const terms = range(taps[0]?.length ?? 0).map((k) => {
    const own = tensor(
      Float64Array.from(weights, (row) => row[k]),
      { shape, dtype: x.dtype },
    );
    return take(taps.map((row) => row[k])).mul(own);
  });
  return terms.reduce((a, b) => a.add(b));
}

/** The wanted sizes and scales of the axes that are resized. */
function linesOf(c: Call, axes: readonly number[], scalesAt: number, sizesAt: number): Line[] {
  const shape = c.shape(0);
  const list = (i: number): number[] | undefined => (c.has(i) && c.known(i).data.length > 0 ? c.numbers(i) : undefined);
  const sizes = sizesAt < 0 ? undefined : list(sizesAt);
  const scales = list(scalesAt) ?? c.ints("scales");
  const roi = c.text("coordinate_transformation_mode", "") === "tf_crop_and_resize" && scalesAt > 1 ? list(1) : undefined;
  const part = (i: number): readonly [number, number] => (roi ? [roi[i], roi[axes.length + i]] : [0, 1]);
  const policy = c.text("keep_aspect_ratio_policy", "stretch");
  if (sizes && policy !== "stretch") {
    const ratios = sizes.map((size, i) => size / shape[axes[i]]);
    const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
    return axes.map((axis, i) => ({ size: shape[axis], out: Math.floor(scale * shape[axis] + 0.5), scale, roi: part(i) }));
  }
  if (!sizes && !scales) throw new Error("there are neither sizes nor scales");
  return axes.map((axis, i) => {
    const size = shape[axis];
    const [from, to] = part(i);
    const out = sizes ? sizes[i] : Math.floor(size * (scales?.[i] ?? 1) * (to - from));
    return { size, out, scale: sizes ? out / size : (scales?.[i] ?? 1), roi: [from, to] };
  });
}

function resize(c: Call, scalesAt: number, sizesAt: number): Given {
  const x = wide(c.tensor(0));
  const axes = c.ints("axes")?.map((axis) => axisOf(axis, x.rank)) ?? range(x.rank);
  const lines = linesOf(c, axes, scalesAt, sizesAt);
  const crops = c.text("coordinate_transformation_mode", "") === "tf_crop_and_resize";
  const exact = isFloatType(c.dtype(0)) || c.text("mode", "nearest") === "nearest";
  const start = exact ? x : x.cast("f32");
  const y = axes.reduce((now, axis, i) => {
    const line = lines[i];
    return line.out === line.size && line.scale === 1 && !crops ? now : resized(c, now, axis, line);
  }, start);
  return wrapped(exact ? y : y.cast(x.dtype), c.dtype(0));
}

const GRID_MODES: Readonly<Record<string, "bilinear" | "nearest" | "bicubic">> = {
  linear: "bilinear",
  bilinear: "bilinear",
  nearest: "nearest",
  cubic: "bicubic",
  bicubic: "bicubic",
};

function sampledAt(c: Call): Given {
  const mode = c.text("mode", "linear");
  if (!GRID_MODES[mode] || (GRID_MODES[mode] === "bicubic" && c.rank(0) !== 4))
    throw unsupported(`the mode "${mode}" of ${c.rank(0)} axes`);
  const padding = c.text("padding_mode", "zeros");
  if (padding !== "zeros" && padding !== "border" && padding !== "reflection") throw unsupported(`the padding "${padding}"`);
  return gridSample(c.tensor(0), c.tensor(1).cast(c.tensor(0).dtype), {
    mode: GRID_MODES[mode],
    paddingMode: padding,
    alignCorners: c.flag("align_corners"),
  });
}

function roi(c: Call): Given {
  const mode = c.text("mode", "avg");
  if (mode !== "avg" && mode !== "max") throw unsupported(`the mode "${mode}"`);
  const transformation = c.text("coordinate_transformation_mode", c.opset < 16 ? "output_half_pixel" : "half_pixel");
  const ratio = c.int("sampling_ratio", 0);
  if (ratio === 0) c.known(1);
  return roiAlign(c.tensor(0), ratio === 0 ? c.known(1).tensor : c.tensor(1), c.tensor(2).cast("i32"), {
    size: [c.int("output_height", 1), c.int("output_width", 1)],
    spatialScale: c.float("spatial_scale", 1),
    samplingRatio: ratio,
    mode,
    aligned: transformation === "half_pixel",
  });
}

function deformed(c: Call): Given {
  if (c.rank(0) !== 4) throw unsupported("more or fewer than two axes of an image");
  const pads = c.ints("pads") ?? [0, 0, 0, 0];
  return deformConv2d(c.tensor(0), c.tensor(1), c.tensor(2), {
    bias: c.maybe(3),
    mask: c.maybe(4),
    stride: c.ints("strides") ?? 1,
    dilation: c.ints("dilations") ?? 1,
    padding: [
      [pads[0], pads[2]],
      [pads[1], pads[3]],
    ],
    groups: c.int("group", 1),
    offsetGroups: c.int("offset_group", 1),
  });
}

/** Bytes of colour [H, W, channels] by the kind of pixel; grey is the luma of ITU-R BT.601, in fixed point as Pillow computes it. */
const PIXELS: Readonly<Record<string, { readonly channels: number; at(r: number, g: number, b: number): readonly number[] }>> = {
  RGB: { channels: 3, at: (r, g, b) => [r, g, b] },
  BGR: { channels: 3, at: (r, g, b) => [b, g, r] },
  Grayscale: { channels: 1, at: (r, g, b) => [(19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16] },
};

/** A file that cannot be decoded gives no pixels, as ONNX says. */
function decoded(c: Call): Given {
  const kind = c.text("pixel_format", "RGB");
  const pixel = Object.hasOwn(PIXELS, kind) ? PIXELS[kind] : undefined;
  if (!pixel) throw unsupported(`pixels of kind "${kind}"`);
  const image = decodeImage(Uint8Array.from(c.known(0).data), "the image");
  const { width, height, channels, data } = image ?? { width: 0, height: 0, channels: 1, data: new Uint8Array() };
  const result = new Uint8Array(width * height * pixel.channels);
  for (let i = 0, to = 0; i < data.length; i += channels)
    for (const value of pixel.at(data[i], data[i + (channels > 1 ? 1 : 0)], data[i + channels - 1])) result[to++] = value;
  return tensor(result, { shape: [height, width, pixel.channels] });
}

export const images: Readonly<Record<string, Op>> = {
  Resize: { since: 10, host: [1, 2, 3], run: (c) => (c.opset < 11 ? resize(c, 1, -1) : resize(c, 2, 3)) },
  Upsample: { since: 7, host: [1], run: (c) => resize(c, 1, -1) },
  GridSample: { since: 16, run: sampledAt, limits: "cubic in two axes only" },
  AffineGrid: {
    since: 20,
    host: [1],
    run: (c) => affineGrid(c.tensor(0), c.numbers(1).slice(2), { alignCorners: c.flag("align_corners") }),
  },
  RoiAlign: { since: 10, run: roi, limits: "inside compile a sampling ratio of 0 wants boxes that are known" },
  ImageDecoder: {
    since: 20,
    host: [0],
    prepare: loadImageCodecs,
    run: decoded,
    limits: "the bytes must be known inside `compile`; but for BMP and PNM in Node, JPEG, JPEG 2000, WebP and TIFF by optional packages",
  },
  DeformConv: { since: 19, weights: [1, 3], run: deformed, limits: "images of two axes" },
};
