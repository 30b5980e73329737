/**
 * @file Equivariance and invariance (CNN-7), measured: images are shifted, rotated and scaled, and what a network makes of them is compared. A map of
 * features is equivariant if it moves along with the image, f(Tx) = T f(x), and invariant if it stays as it is, f(Tx) = f(x).
 */

import { type Checks, check, checkFields, checkOptions, list, listOf, numbers, object, positiveInteger, text } from "../base/check.ts";
import type { Shape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import type { Layer } from "../nn/module.ts";
import { checkModule } from "../nn/module.ts";
import { fromArray } from "../ops/create.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { recordOn } from "./cost.ts";
import { type ReceptiveField, receptiveFieldOf } from "./receptive-field.ts";

/** Where a pixel of the moved image comes from: a shift, after a rotation and a scaling about the middle. */
export interface Motion {
  readonly name: string;
  /** To the right and as far down, along the diagonal, in pixels. */
  readonly shift?: number;
  /** Counter-clockwise, in degrees. */
  readonly angle?: number;
  /** Above 1 things get larger. */
  readonly scale?: number;
}

/** What a motion of the images changes; 0 is nothing at all. */
export interface ProbeRow {
  readonly motion: Motion;
  /** ‖f(Tx) - T f(x)‖ / ‖T f(x)‖ of the features; none if there are none, or no unit stays in the picture. */
  readonly equivariance?: number;
  /** Whether that is of units alone that see nothing beyond the border. */
  readonly inside?: boolean;
  /** ‖f(Tx) - f(x)‖ / ‖f(x)‖ of the features. */
  readonly invariance?: number;
  /** The same of what the model gives. */
  readonly outputs: number;
  /** Share of images whose largest output is the same. */
  readonly unchanged: number;
}

/** What was found, motion by motion. */
export interface Probe {
  /** Whose features were looked at. */
  readonly layer?: { readonly name: string; readonly shape: Shape; readonly field: ReceptiveField };
  readonly rows: readonly ProbeRow[];
}

export interface ProbeOptions {
  /** Default: shifts along the diagonal, of 1 to 8 pixels to the right and down (no more than a quarter of the image), rotations of 5° to 90°, scales of 0.8 to 1.25. */
  readonly motions?: readonly Motion[];
  /** Name of a layer that gives maps [N, C, H, W]. Default: the last one of more than one unit. */
  readonly layer?: string;
}

const PROBE_OPTIONS: Checks<ProbeOptions> = { motions: list, layer: text };

/** The usual motions for images of a width. */
export function usualMotions(width: number): Motion[] {
  check("usualMotions: width", width, positiveInteger);
  const shifts = [1, 2, 4, 8].filter((shift) => shift === 1 || shift <= width / 4);
  return [
    ...shifts.map((shift) => ({ name: `shift ${shift} px right and down`, shift })),
    ...[5, 15, 45, 90].map((angle) => ({ name: `rotate ${angle}°`, angle })),
    ...[0.8, 0.9, 1.1, 1.25].map((scale) => ({ name: `scale ${scale}`, scale })),
  ];
}

/** Images, or maps of features, as elements in order [N, C, H, W]. */
export interface Maps {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

type Point = readonly [y: number, x: number];

/** Where a point of the moved image comes from; `middle` is that of the image. */
function origin({ shift = 0, angle = 0, scale = 1 }: Motion, [my, mx]: Point): (at: Point) => Point {
  const [sin, cos] = [Math.sin((angle * Math.PI) / 180) / scale, Math.cos((angle * Math.PI) / 180) / scale];
  return ([y, x]) => {
    const [dy, dx] = [y - shift - my, x - shift - mx];
    return [my + cos * dy + sin * dx, mx - sin * dy + cos * dx];
  };
}

/** Every map with the element at each place taken from another place, between elements by bilinear interpolation; beyond the border it goes on as at the border. */
function moved({ shape, data }: Maps, from: (at: Point) => Point): Float32Array {
  const [n, c, height, width] = shape;
  const result = new Float32Array(n * c * height * width);
  const plane = height * width;
  const within = (v: number, size: number): number => Math.min(size - 1, Math.max(0, v));
  for (let at = 0; at < plane; at++) {
    const [sy, sx] = from([Math.floor(at / width), at % width]).map((v, i) => within(rounded(v), i === 0 ? height : width));
    const [y0, x0] = [Math.floor(sy), Math.floor(sx)];
    const [y1, x1] = [within(y0 + 1, height), within(x0 + 1, width)];
    const [fy, fx] = [sy - y0, sx - x0];
    const corners = [y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1];
    const weights = [(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx];
    for (let base = 0; base < n * c * plane; base += plane)
      result[base + at] = corners.reduce((sum, corner, i) => sum + (weights[i] === 0 ? 0 : weights[i] * data[base + corner]), 0);
  }
  return result;
}

/** Sines of right angles are not exact: places that are meant to be elements are. */
const rounded = (v: number): number => (Math.abs(v - Math.round(v)) < 1e-9 ? Math.round(v) : v);

/** @throws {TypeError | RangeError} unless it is { data, shape: [N, C, H, W] }. */
function checkMaps(what: string, maps: unknown): void {
  checkFields(what, maps, { data: numbers, shape: listOf(positiveInteger) });
}

/** The images, moved about their middle. */
export function moveImages(images: Maps, motion: Motion): Float32Array {
  checkMaps("moveImages: images", images);
  check("moveImages: motion", motion, object);
  const [, , height, width] = images.shape;
  return moved(images, origin(motion, [(height - 1) / 2, (width - 1) / 2]));
}

/** Units of a map [.., H, W], each with where it comes from and whether both see the picture alone. */
function followed(
  motion: Motion,
  shape: Shape,
  [height, width]: Shape,
  { size, stride, offset }: ReceptiveField,
): { from: Point; inside: boolean }[] {
  const [rows, columns] = shape.slice(2);
  const source = origin(motion, [(height - 1) / 2, (width - 1) / 2]);
  const pixel = (unit: Point): Point => unit.map((u, i) => offset[i] + stride[i] * u + (size[i] - 1) / 2) as unknown as Point;
  const unitAt = (at: Point): Point => at.map((p, i) => rounded((p - offset[i] - (size[i] - 1) / 2) / stride[i])) as unknown as Point;
  // A rotated square reaches further.
  const reach = motion.angle ? Math.SQRT2 : 1;
  const sees = (at: Point): boolean =>
    at.every((p, i) => p - (reach * (size[i] - 1)) / 2 >= -1e-9 && p + (reach * (size[i] - 1)) / 2 <= [height, width][i] - 1 + 1e-9);
  return Array.from({ length: rows * columns }, (_, at) => {
    const here = pixel([Math.floor(at / columns), at % columns]);
    return { from: unitAt(source(here)), inside: sees(here) && sees(source(here)) };
  });
}

/** ‖f(Tx) - T f(x)‖ / ‖T f(x)‖ over the units that come from a unit; over those away from the border, if there are any. */
function equivarianceError(
  motion: Motion,
  still: Maps,
  after: ArrayLike<number>,
  image: Shape,
  field: ReceptiveField,
): Pick<ProbeRow, "equivariance" | "inside"> {
  const [, , rows, columns] = still.shape;
  const units = followed(motion, still.shape, image, field);
  const expected = moved(still, ([y, x]) => units[y * columns + x].from);
  const inside = units.some((unit) => unit.inside);
  const counts = units.map(({ from: [y, x], inside: sees }) => (inside ? sees : y >= 0 && x >= 0 && y <= rows - 1 && x <= columns - 1));
  if (!counts.includes(true)) return {};
  return { equivariance: relative(after, expected, (i) => counts[i % counts.length]), inside };
}

/** ‖a - b‖ / ‖b‖ of the elements that count. */
function relative(a: ArrayLike<number>, b: ArrayLike<number>, counts: (i: number) => boolean = () => true): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    if (!counts(i)) continue;
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** The layer to look at, by name or the last that gives maps of more than one unit. @throws {Error} if there is no layer of that name with maps. */
function layerOf(model: Layer, shape: Shape, wanted: string | undefined): Probe["layer"] {
  const found: { name: string; y: Tensor }[] = [];
  const off = model.namedModules().map(([name, module]) =>
    module.onForward((_, y) => {
      if (y instanceof Tensor && y.rank === 4 && (name === wanted || (wanted === undefined && name !== "" && y.shape[2] * y.shape[3] > 1)))
        found.push({ name, y });
    }),
  );
  try {
    const recorded = recordOn((x) => model.forward(x), [[1, ...shape]]);
    const chosen = found.at(-1);
    const field = chosen && receptiveFieldOf(recorded, chosen.y);
    if (wanted !== undefined && !field)
      throw new Error(`probe: no layer "${wanted}" gives maps [N, C, H, W]; nabla summary lists the layers`);
    return chosen && field && { name: chosen.name, shape: chosen.y.shape, field };
  } finally {
    for (const remove of off) remove();
  }
}

/** What a model, in its mode, makes of images [N, C, H, W] when they move. @throws {RangeError} unless they are images. */
export async function probe(model: Layer, images: Maps, options: ProbeOptions = {}): Promise<Probe> {
  checkModule("probe: model", model);
  checkMaps("probe: images", images);
  checkOptions("probe", options, PROBE_OPTIONS);
  const { motions, layer: wanted } = options;
  const [n, c, height, width] = images.shape;
  if (images.shape.length !== 4) throw new RangeError(`probe: want images [N, C, H, W], got ${images.shape.length} axes`);
  const layer = layerOf(model, [c, height, width], wanted);
  const look = observer(model, images.shape, layer?.name);
  try {
    const before = await look(Float32Array.from(images.data));
    const rows: ProbeRow[] = [];
    for (const motion of motions ?? usualMotions(width)) {
      const after = await look(moveImages(images, motion));
      const features = layer && {
        ...equivarianceError(
          motion,
          { shape: [n, ...layer.shape.slice(1)], data: before.features },
          after.features,
          [height, width],
          layer.field,
        ),
        invariance: relative(after.features, before.features),
      };
      const same = largest(before.outputs, n).filter((best, i) => best === largest(after.outputs, n)[i]).length;
      rows.push({ motion, ...features, outputs: relative(after.outputs, before.outputs), unchanged: same / n });
    }
    return { ...(layer && { layer }), rows };
  } finally {
    look.dispose();
  }
}

interface Seen {
  readonly features: Float32Array;
  readonly outputs: Float32Array;
}

/** Runs the model on images and gives the values of a layer too. */
function observer(model: Layer, shape: Shape, layer: string | undefined): ((images: Float32Array) => Promise<Seen>) & { dispose(): void } {
  const module = model.namedModules().find(([name]) => name === layer)?.[1];
  const run = compile((x: Tensor): { outputs: Tensor; features: Tensor } => {
    let features: unknown;
    const off = module?.onForward((_, y) => {
      features = y;
    });
    try {
      const outputs = model.forward(x);
      return { outputs, features: features instanceof Tensor ? features : outputs };
    } finally {
      off?.();
    }
  });
  const look = async (images: Float32Array): Promise<Seen> => {
    const { outputs, features } = run(fromArray(images, { shape, dtype: "f32" }));
    return { outputs: Float32Array.from(elementsOf(outputs)), features: Float32Array.from(elementsOf(features)) };
  };
  return Object.assign(look, { dispose: () => run.dispose() });
}

/** The position of the largest output of each image; one of its own for each image with NaN among them, so that it equals none. */
function largest(outputs: Float32Array, n: number): number[] {
  const width = outputs.length / n;
  return Array.from({ length: n }, (_, i) => {
    const row = outputs.subarray(i * width, (i + 1) * width);
    return row.some(Number.isNaN) ? Number.NaN : row.reduce((best, v, at) => (v > row[best] ? at : best), 0);
  });
}
