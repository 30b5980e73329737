/**
 * @file What detectors are made of: regions cut out of feature maps (RoIAlign, He et al. 2017), boxes of which the best stay (non-maximum suppression), and convolutions
 * that look at places of their own (Dai et al. 2017; with masks, Zhu et al. 2019).
 */
import { check, checkOptions, positiveInteger } from "../base/check.ts";
import { formatShape, sizeOf } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { tensor } from "../ops/create.ts";
import { elementsOf, perAxis, type Tensor, type TensorLike } from "../ops/tensor.ts";
import type { PerAxis } from "./conv.ts";
import { DEFORM_CONV_OPTIONS, NMS_OPTIONS, ROI_ALIGN_OPTIONS } from "./options.ts";
import { type Padding, sidesOf } from "./window.ts";

// ---- sampling -------------------------------------------------------------------------------------------------------------------------

/** Elements of planes [P, C, H·W] at whole places [P, S], 0 where `on` does not hold: [P, C, S]. */
function pick(planes: Tensor, at: Tensor, on: Tensor): Tensor {
  const [p, c] = planes.shape;
  const count = at.shape[1];
  const index = on.where(at, 0).reshape([p, 1, count]).broadcastTo([p, c, count]);
  return on.unsqueeze(1).where(planes.takeAlongInside(index, 2), 0);
}

/** A corner of a cell: its place [P, S], whether it counts, and its weight. */
interface Corner {
  readonly at: Tensor;
  readonly on: Tensor;
  readonly weight: Tensor;
}

/** The four neighbours of places (y, x), each [P, S]. `on` says which of them count. */
function corners(y: Tensor, x: Tensor, width: number, inside: (row: Tensor, column: Tensor) => Tensor): Corner[] {
  const [top, left] = [y.floor().stopGradient(), x.floor().stopGradient()];
  const [dy, dx] = [y.sub(top), x.sub(left)];
  return [0, 1].flatMap((i) =>
    [0, 1].map((j) => {
      const [row, column] = [top.add(i), left.add(j)];
      const [wy, wx] = [i ? dy : dy.neg().add(1), j ? dx : dx.neg().add(1)];
      return { at: row.mul(width).add(column).cast("i32"), on: inside(row, column), weight: wy.mul(wx) };
    }),
  );
}

// ---- regions --------------------------------------------------------------------------------------------------------------------------

export interface RoiAlignOptions {
  /** Rows and columns of each result. Default [1, 1]. */
  readonly size?: readonly [height: number, width: number];
  /** Size of an element of the map in units of the boxes. Default 1. */
  readonly spatialScale?: number;
  /** Samples along each side of a cell; 0 takes as many as the cell is long, for which the boxes must have values. Default 0. */
  readonly samplingRatio?: number;
  /** What becomes of a cell's samples: their mean, or the largest of their neighbours' weighted values, as ONNX has it. Default "avg". */
  readonly mode?: "avg" | "max";
  /** Whether elements have their centre at ½; false is the first published form, where boxes are at least one element large. Default true. */
  readonly aligned?: boolean;
}

/**
 * Regions of x [N, C, H, W] as tensors of one size: boxes [R, 4] (x1, y1, x2, y2) of the images `batch` [R] to [R, C, h, w]. Differentiable by x and the boxes.
 * @throws {RangeError} for other shapes.
 */
export function roiAlign(x: Tensor, boxes: Tensor, batch: Tensor, options: RoiAlignOptions = {}): Tensor {
  checkTensors("roiAlign", { x, boxes, batch });
  checkOptions("roiAlign", options, ROI_ALIGN_OPTIONS);
  if (x.rank !== 4 || boxes.rank !== 2 || boxes.shape[1] !== 4 || batch.rank !== 1 || batch.shape[0] !== boxes.shape[0])
    throw new RangeError(
      `roiAlign: want x [N, C, H, W], boxes [R, 4] and batch [R], got ${formatShape(x.shape)}, ${formatShape(boxes.shape)} and ${formatShape(batch.shape)}`,
    );
  const { size = [1, 1], spatialScale = 1, samplingRatio = 0, mode = "avg", aligned = true } = options;
  perAxis(size, 2, "roiAlign: size", 1);
  const edges = boxes
    .cast(x.dtype)
    .mul(spatialScale)
    .sub(aligned ? 0.5 : 0);
  const side = (axis: 0 | 1): { start: Tensor; length: Tensor } => {
    const start = edges.narrow(1, axis, 1);
    const length = edges.narrow(1, axis + 2, 1).sub(start);
    return { start, length: aligned ? length : length.maximum(1) };
  };
  const [across, down] = [side(0), side(1)];
  const counts = [down, across].map(({ length }, i) => samplesOf(length, size[i], samplingRatio));
  const planes = x.take(batch, 0).reshape([boxes.shape[0], x.shape[1], x.shape[2] * x.shape[3]]);
  // Boxes of one number of samples are done together.
  const groups = groupsOf(counts);
  const results = groups.map(({ rows, count }) => {
    const own = (t: Tensor): Tensor => (groups.length === 1 ? t : t.take(tensor(Int32Array.from(rows)), 0));
    const places = (line: { start: Tensor; length: Tensor }, i: 0 | 1): Tensor =>
      placesAlong(own(line.start), own(line.length), size[i], count[i]);
    return region(own(planes), [places(down, 0), places(across, 1)], x.shape.slice(2), size, count, mode);
  });
  if (results.length === 1) return results[0];
  const order = groups.flatMap(({ rows }) => rows);
  const back = order.map((_, i) => order.indexOf(i));
  return results[0].concat(results.slice(1), 0).take(tensor(Int32Array.from(back)), 0);
}

/** How many samples a cell of each box has along one side. */
function samplesOf(length: Tensor, cells: number, ratio: number): number[] {
  if (ratio > 0) return new Array<number>(length.shape[0]).fill(ratio);
  return Array.from(elementsOf(length), (d) => Math.max(0, Math.ceil(d / cells)));
}

interface Group {
  readonly rows: number[];
  readonly count: readonly [number, number];
}

function groupsOf([down, across]: number[][]): Group[] {
  const groups = new Map<string, Group>();
  down.forEach((n, i) => {
    const key = `${n} ${across[i]}`;
    const group = groups.get(key) ?? { rows: [], count: [n, across[i]] };
    group.rows.push(i);
    groups.set(key, group);
  });
  return [...groups.values()];
}

/** Places along one side of each box, [R, cells·samples]. */
function placesAlong(start: Tensor, length: Tensor, cells: number, samples: number): Tensor {
  const shares = Array.from({ length: cells * samples }, (_, i) => (i + 0.5) / (cells * samples));
  return start.add(length.mul(tensor(shares, { shape: [1, shares.length], dtype: start.dtype })));
}

/** The samples of boxes at rows y [R, h·m] and columns x [R, w·n], put together in cells: [R, C, h, w]. */
function region(
  planes: Tensor,
  [rows, columns]: readonly Tensor[],
  [height, width]: readonly number[],
  [h, w]: readonly [number, number],
  [m, n]: readonly [number, number],
  mode: "avg" | "max",
): Tensor {
  const [r, channels] = planes.shape;
  if (m * n === 0) return planes.constantOf({ shape: [r, channels, h, w], dtype: planes.dtype }, 0);
  const shape = [r, h * m, w * n];
  const flat = (t: Tensor): Tensor => t.broadcastTo(shape).reshape([r, h * m * w * n]);
  const [y, x] = [flat(rows.unsqueeze(2)), flat(columns.unsqueeze(1))];
  // Up to one element outside the map counts as its edge; what lies beyond is 0.
  const on = y.ge(-1).and(y.le(height)).and(x.ge(-1)).and(x.le(width));
  const four = corners(y.clamp(0, height - 1), x.clamp(0, width - 1), width, (row, column) =>
    on.and(row.le(height - 1)).and(column.le(width - 1)),
  );
  const terms = four.map((corner) => pick(planes, corner.at, corner.on).mul(corner.weight.unsqueeze(1)));
  const value = mode === "avg" ? terms.reduce((a, b) => a.add(b)) : terms.reduce((a, b) => a.maximum(b));
  const cells = value.reshape([r, channels, h, m, w, n]);
  return mode === "avg" ? cells.mean([3, 5]) : cells.max([3, 5]);
}

// ---- boxes ----------------------------------------------------------------------------------------------------------------------------

export interface NonMaxSuppressionOptions {
  /** Boxes that are kept of each class of each image. Default: all that pass. */
  readonly maxPerClass?: number;
  /** A box that shares more than this with a better one (their intersection over their union) goes. Default 0.5. */
  readonly iouThreshold?: number;
  /** Boxes with scores that are not above this do not count. Default: all count. */
  readonly scoreThreshold?: number;
  /** Whether boxes are (x centre, y centre, width, height) and not two corners. Default false. */
  readonly centred?: boolean;
}

/** Corners (low y, low x, high y, high x) of box `i`. */
function cornersOf(boxes: ArrayLike<number>, i: number, centred: boolean): [number, number, number, number] {
  const [a, b, c, d] = [0, 1, 2, 3].map((k) => boxes[4 * i + k]);
  if (centred) return [b - d / 2, a - c / 2, b + d / 2, a + c / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

type Box = readonly [number, number, number, number];

function overlap(p: Box, q: Box): number {
  const height = Math.max(0, Math.min(p[2], q[2]) - Math.max(p[0], q[0]));
  const width = Math.max(0, Math.min(p[3], q[3]) - Math.max(p[1], q[1]));
  const both = height * width;
  const area = (b: Box): number => (b[2] - b[0]) * (b[3] - b[1]);
  const union = area(p) + area(q) - both;
  return union > 0 ? both / union : 0;
}

/**
 * The best boxes of each class, greedily: boxes [N, B, 4] as corners (y1, x1, y2, x2; either diagonal) with scores [N, classes, B] to the rows [image, class, box] (i32) that stay, by
 * image, class and falling score; of equal scores the first box comes first. How many stay depends on values, so both tensors must have theirs.
 * @throws {RangeError} for other shapes.
 */
export function nonMaxSuppression(boxes: Tensor, scores: Tensor, options: NonMaxSuppressionOptions = {}): Tensor {
  checkTensors("nonMaxSuppression", { boxes, scores });
  checkOptions("nonMaxSuppression", options, NMS_OPTIONS);
  const [images, count] = boxes.shape;
  if (boxes.rank !== 3 || boxes.shape[2] !== 4 || scores.rank !== 3 || scores.shape[0] !== images || scores.shape[2] !== count)
    throw new RangeError(
      `nonMaxSuppression: want boxes [N, B, 4] and scores [N, classes, B], got ${formatShape(boxes.shape)} and ${formatShape(scores.shape)}`,
    );
  const { maxPerClass = count, iouThreshold = 0.5, scoreThreshold = Number.NEGATIVE_INFINITY, centred = false } = options;
  const [all, points] = [elementsOf(boxes), elementsOf(scores)];
  const classes = scores.shape[1];
  const found: number[] = [];
  for (let image = 0; image < images; image++) {
    const own = Array.from({ length: count }, (_, i) => cornersOf(all, image * count + i, centred));
    for (let k = 0; k < classes; k++) {
      const score = (i: number): number => points[(image * classes + k) * count + i];
      const order = own.map((_, i) => i).filter((i) => score(i) > scoreThreshold);
      order.sort((a, b) => score(b) - score(a));
      const kept: number[] = [];
      for (const i of order) {
        if (kept.length >= maxPerClass) break;
        if (kept.every((j) => overlap(own[i], own[j]) <= iouThreshold)) kept.push(i);
      }
      for (const i of kept) found.push(image, k, i);
    }
  }
  return tensor(Int32Array.from(found), { shape: [found.length / 3, 3] });
}

// ---- deformable convolution -----------------------------------------------------------------------------------------------------------

export interface DeformConvOptions {
  /** [out]. Default none. */
  readonly bias?: TensorLike;
  /** Factors of the samples, [N, offsetGroups·kh·kw, H′, W′]. Default 1. */
  readonly mask?: Tensor;
  /** Default 1. */
  readonly stride?: PerAxis;
  /** Zeros on both sides, or [low, high] of each axis. Default 0. */
  readonly padding?: Padding;
  /** Default 1. */
  readonly dilation?: PerAxis;
  /** Independent groups of channels. Default 1. */
  readonly groups?: number;
  /** Groups of channels that share their places. Default 1. */
  readonly offsetGroups?: number;
}

/**
 * A convolution of x [N, C, H, W] with weight [O, C/groups, kh, kw] whose taps lie at places of their own: `offset` [N, 2·offsetGroups·kh·kw, H′, W′] has (y, x) of each
 * tap. Between elements values are bilinear; outside the image they are 0. Differentiable by all operands.
 * @throws {RangeError} for shapes that do not fit.
 */
export function deformConv2d(x: Tensor, weight: TensorLike, offset: Tensor, options: DeformConvOptions = {}): Tensor {
  checkTensors("deformConv2d", { x, offset });
  checkOptions("deformConv2d", options, DEFORM_CONV_OPTIONS);
  const w = x.operand(weight);
  const { bias, mask, groups = 1, offsetGroups = 1 } = options;
  check("deformConv2d: groups", groups, positiveInteger);
  check("deformConv2d: offsetGroups", offsetGroups, positiveInteger);
  const g = placesOfTaps(x, w, offset, options);
  const [n, channels, height, width] = x.shape;
  const { out, taps } = g;
  const count = taps * sizeOf(out);
  const planes = x.reshape([n * offsetGroups, channels / offsetGroups, height * width]);
  const inside = (row: Tensor, column: Tensor): Tensor =>
    row
      .ge(0)
      .and(row.le(height - 1))
      .and(column.ge(0))
      .and(column.le(width - 1));
  const sampled = corners(g.y, g.x, width, inside)
    .map(({ at, on, weight: share }) => pick(planes, at, on).mul(share.unsqueeze(1)))
    .reduce((a, b) => a.add(b));
  const factors = mask?.reshape([n * offsetGroups, 1, count]);
  const values = (factors ? sampled.mul(factors) : sampled).reshape([n, groups, (channels / groups) * taps, sizeOf(out)]);
  // A product of matrices for each group: [g, O/g, C/g·taps] with [N, g, C/g·taps, H′·W′].
  const kernel = w.reshape([groups, w.shape[0] / groups, (channels / groups) * taps]);
  const y = kernel.matmul(values).reshape([n, w.shape[0], ...out]);
  return bias === undefined ? y : y.add(y.operand(bias).reshape([-1, 1, 1]));
}

/** Rows and columns of every tap, [N·offsetGroups, taps·H′·W′]. */
interface Taps {
  readonly y: Tensor;
  readonly x: Tensor;
  readonly out: readonly number[];
  readonly taps: number;
}

function placesOfTaps(x: Tensor, w: Tensor, offset: Tensor, options: DeformConvOptions): Taps {
  const { padding = 0, groups = 1, offsetGroups = 1 } = options;
  const stride = perAxis(options.stride ?? 1, 2, "deformConv2d: stride", 1);
  const dilation = perAxis(options.dilation ?? 1, 2, "deformConv2d: dilation", 1);
  const { low, high } = sidesOf(padding, 2, "deformConv2d: padding");
  const [kh, kw] = w.shape.slice(2);
  const taps = kh * kw;
  const out = [kh, kw].map((k, i) => Math.floor((x.shape[2 + i] + low[i] + high[i] - dilation[i] * (k - 1) - 1) / stride[i]) + 1);
  const fits =
    x.rank === 4 &&
    w.rank === 4 &&
    w.shape[1] * groups === x.shape[1] &&
    w.shape[0] % groups === 0 &&
    x.shape[1] % offsetGroups === 0 &&
    String(offset.shape) === String([x.shape[0], 2 * offsetGroups * taps, ...out]);
  if (!fits)
    throw new RangeError(
      `deformConv2d: want x [N, C, H, W], weight [O, C/${groups}, kh, kw] and offset [N, 2·${offsetGroups}·kh·kw, H′, W′], here [${x.shape[0]}, ${2 * offsetGroups * taps}, ${out}], got ${formatShape(x.shape)}, ${formatShape(w.shape)} and ${formatShape(offset.shape)}`,
    );
  const own = offset.reshape([x.shape[0] * offsetGroups, taps, 2, ...out]);
  const base = (axis: 0 | 1): Tensor => {
    const list: number[] = [];
    for (let tap = 0; tap < taps; tap++)
      for (let i = 0; i < out[0]; i++)
        for (let j = 0; j < out[1]; j++) {
          const k = axis === 0 ? Math.floor(tap / kw) : tap % kw;
          list.push((axis === 0 ? i : j) * stride[axis] - low[axis] + k * dilation[axis]);
        }
    return tensor(list, { shape: [1, taps * sizeOf(out)], dtype: x.dtype });
  };
  const along = (axis: 0 | 1): Tensor =>
    own
      .select(2, axis)
      .reshape([x.shape[0] * offsetGroups, taps * sizeOf(out)])
      .add(base(axis));
  return { y: along(0), x: along(1), out, taps };
}
