/**
 * @file Augmentation on the compiled path: batches of images [N, C, H, W] changed at random, each example by numbers of its own key. The bits are a
 * function of (key, example), the same on every backend and any number of threads.
 *
 * What moves pixels is an affine map of places. Neighbouring ones in a list fold into one map, so that an image is resampled once, whatever the
 * number of steps: result(p) = image(A₁(A₂(… p))), each Aᵢ leading from the places of step i's result to those of its input.
 */
import {
  aNumber,
  type Checks,
  checkFields,
  checkOptions,
  eachAxis,
  expectation,
  list,
  listOf,
  numbers,
  oneOf,
  shown,
} from "../base/check.ts";
import { formatShape } from "../base/shape.ts";
import { foldIn, randomKey } from "../math/random.ts";
import { arange, full, tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type AffineMap, aboutCentre, compose, IDENTITY, type ImageSize, plus, resample, type Scalar, times } from "./affine-map.ts";
import { Module } from "./module.ts";

export type { AffineMap, ImageSize, Scalar };

/** Changes places. */
export interface AffineStep {
  readonly kind: "affine";
  /** Whether whole pixels go to whole pixels, so that nothing needs to be interpolated. */
  readonly exact: boolean;
  /** Size of the result; default: of the input. */
  size?(size: ImageSize): ImageSize;
  /** From places of the result to places of the input, which has `size`. */
  map(draws: Draws, size: ImageSize): AffineMap;
}

/** Changes values. */
export interface ValueStep {
  readonly kind: "values";
  apply(x: Tensor, draws: Draws): Tensor;
}

/** A step of {@link augment}. */
export type Augmentation = AffineStep | ValueStep;

/** Random numbers of one step: one for each example, from its own key. */
export class Draws {
  readonly #keys: Tensor;
  readonly #count: number;
  #next = 0;

  constructor(keys: Tensor) {
    this.#keys = keys;
    this.#count = keys.shape[1];
  }

  /** Uniform in [low, high): [N]. */
  uniform(low = 0, high = 1): Tensor {
    const word = foldIn(this.#keys, full([this.#count], this.#next++, "u32")).select(0, 0);
    const unit = word
      .shr(8)
      .cast("f32")
      .mul(2 ** -24); // the 24 upper bits, so that 1 is never reached
    return unit.mul(high - low).add(low);
  }

  /** Standard normal (Box & Muller 1958): [N]. */
  normal(): Tensor {
    const radius = this.uniform().neg().add(1).log().mul(-2).sqrt();
    return radius.mul(
      this.uniform()
        .mul(2 * Math.PI)
        .cos(),
    );
  }

  /** Whole numbers from 0 to n - 1: [N]. */
  integer(n: number): Tensor {
    return this.uniform(0, n)
      .floor()
      .minimum(n - 1);
  }

  /** True with probability p: [N]. */
  chance(p: number): Tensor {
    return this.uniform().lt(p);
  }
}

// ---- steps that change places -------------------------------------------------------------------------------------------------------

/** `got` is a value, or a text that describes several. */
function check(what: string, holds: boolean, want: string, got: unknown): void {
  if (!holds) throw new RangeError(`${what}: want ${want}, got ${typeof got === "string" ? got : shown(got)}`);
}

/** Shifts by up to `amount` (0 to 1) of width and height, each way; two numbers for the two axes, x first. */
export function translate(amount: number | readonly [x: number, y: number]): Augmentation {
  checkFields("translate", { amount }, { amount: eachAxis });
  const [x, y] = typeof amount === "number" ? [amount, amount] : amount;
  for (const share of [x, y]) check("translate", share >= 0 && share <= 1, "a share of the image from 0 to 1", share);
  const map = (draws: Draws, [h, w]: ImageSize): AffineMap => [1, 0, draws.uniform(-x * w, x * w), 0, 1, draws.uniform(-y * h, y * h)];
  return { kind: "affine", exact: false, map };
}

/** Turns about the centre by up to `degrees`, each way. */
export function rotate(degrees: number): Augmentation {
  checkFields("rotate", { degrees }, { degrees: aNumber });
  check("rotate", degrees >= 0 && degrees <= 180, "degrees from 0 to 180", degrees);
  const limit = (degrees * Math.PI) / 180;
  const map = (draws: Draws, size: ImageSize): AffineMap => {
    const angle = draws.uniform(-limit, limit);
    const [cos, sin] = [angle.cos(), angle.sin()];
    return aboutCentre(cos, sin, sin.neg(), cos, size);
  };
  return { kind: "affine", exact: false, map };
}

/** Enlarges about the centre by a factor between `low` and `high`; below 1 it shrinks. */
export function scale(low: number, high: number): Augmentation {
  checkFields("scale", { low, high }, { low: aNumber, high: aNumber });
  check("scale", low > 0 && low <= high, "0 < low <= high", `${low}, ${high}`);
  const map = (draws: Draws, size: ImageSize): AffineMap => {
    const inverse = draws.uniform(low, high).recip();
    return aboutCentre(inverse, 0, 0, inverse, size);
  };
  return { kind: "affine", exact: false, map };
}

/** Slants rows by up to `x` degrees and columns by up to `y` (default 0), each way. */
export function shear(x: number, y = 0): Augmentation {
  checkFields("shear", { x, y }, { x: aNumber, y: aNumber });
  for (const degrees of [x, y]) check("shear", degrees >= 0 && degrees < 45, "degrees from 0 to below 45", degrees);
  const slope = (draws: Draws, degrees: number): Scalar => {
    const limit = (degrees * Math.PI) / 180;
    if (limit === 0) return 0;
    const angle = draws.uniform(-limit, limit);
    return angle.sin().div(angle.cos());
  };
  return { kind: "affine", exact: false, map: (draws, size) => aboutCentre(1, slope(draws, x), slope(draws, y), 1, size) };
}

/** Mirrors left and right with probability p (default 0.5). */
export function flipHorizontal(p = 0.5): Augmentation {
  checkFields("flipHorizontal", { p }, { p: aNumber });
  check("flipHorizontal", p >= 0 && p <= 1, "a probability from 0 to 1", p);
  const map = (draws: Draws, [, w]: ImageSize): AffineMap => {
    const flipped = draws.chance(p).cast("f32");
    return [flipped.mul(-2).add(1), 0, flipped.mul(w - 1), 0, 1, 0];
  };
  return { kind: "affine", exact: true, map };
}

/** Mirrors top and bottom with probability p (default 0.5). */
export function flipVertical(p = 0.5): Augmentation {
  checkFields("flipVertical", { p }, { p: aNumber });
  check("flipVertical", p >= 0 && p <= 1, "a probability from 0 to 1", p);
  const map = (draws: Draws, [h]: ImageSize): AffineMap => {
    const flipped = draws.chance(p).cast("f32");
    return [1, 0, 0, 0, flipped.mul(-2).add(1), flipped.mul(h - 1)];
  };
  return { kind: "affine", exact: true, map };
}

export interface CropOptions {
  /** Side, or [height, width], of the result. Default: the image's own. */
  readonly size?: number | ImageSize;
  /** Pixels added on each side beforehand. Default 0. */
  readonly padding?: number;
}

const CROP_OPTIONS: Checks<CropOptions> = { size: eachAxis, padding: aNumber };

/** A window at a random place of the padded image, as in He et al. (2016), §4.2, with `padding: 4`. */
export function crop(options: CropOptions): Augmentation {
  checkOptions("crop", options, CROP_OPTIONS);
  const { size, padding = 0 } = options;
  check("crop", Number.isInteger(padding) && padding >= 0, "an integer padding of at least 0", padding);
  const sizeOf = ([h, w]: ImageSize): ImageSize => (size === undefined ? [h, w] : typeof size === "number" ? [size, size] : size);
  const map = (draws: Draws, from: ImageSize): AffineMap => {
    const to = sizeOf(from);
    const room = from.map((d, axis) => d + 2 * padding - to[axis]);
    check(
      "crop",
      room.every((n) => Number.isInteger(n) && n >= 0),
      `at most ${from.map((d) => d + 2 * padding).join("x")} pixels of the padded image`,
      to.join("x"),
    );
    const start = (n: number): Scalar => (n === 0 ? -padding : draws.integer(n + 1).sub(padding));
    return [1, 0, start(room[1]), 0, 1, start(room[0])];
  };
  return { kind: "affine", exact: true, size: sizeOf, map };
}

// ---- steps that change values -------------------------------------------------------------------------------------------------------

/** [N] beside the channels, rows and columns of an image. */
const perImage = (x: Tensor): Tensor => x.reshape([x.shape[0], 1, 1, 1]);

export interface EraseOptions {
  /** Default 0.5. */
  readonly p?: number;
  /** Share of the image's area. Default 0.02 to 0.33. */
  readonly area?: readonly [low: number, high: number];
  /** Height divided by width. Default 0.3 to 3.3. */
  readonly ratio?: readonly [low: number, high: number];
  /** What takes the place. Default 0. */
  readonly value?: number;
}

const ERASE_OPTIONS: Checks<EraseOptions> = { p: aNumber, area: numbers, ratio: numbers, value: aNumber };

/**
 * Random erasing (Zhong et al. 2020, Alg. 1) of a rectangle with probability p. Where the paper draws anew until the rectangle fits, it is cut to
 * the image's sides here, and the ratio is drawn on a logarithmic scale, so that high and wide are equally frequent.
 */
export function erase(options: EraseOptions = {}): Augmentation {
  checkOptions("erase", options, ERASE_OPTIONS);
  const { p = 0.5, area = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  check("erase", p >= 0 && p <= 1, "a probability from 0 to 1", p);
  check("erase", area[0] > 0 && area[0] <= area[1] && area[1] <= 1, "an area 0 < low <= high <= 1", area);
  check("erase", ratio[0] > 0 && ratio[0] <= ratio[1], "a ratio 0 < low <= high", ratio);
  const apply = (x: Tensor, draws: Draws): Tensor => {
    const [, , h, w] = x.shape;
    const size = draws.uniform(area[0] * h * w, area[1] * h * w);
    const shape = draws.uniform(Math.log(ratio[0]), Math.log(ratio[1])).exp();
    const within = (along: number, length: Tensor): Tensor => {
      const whole = length.sqrt().round().maximum(1).minimum(along);
      const start = draws
        .uniform()
        .mul(whole.neg().add(along + 1))
        .floor();
      const place = arange(along, "f32").unsqueeze(0);
      return place.ge(start.unsqueeze(1)).and(place.lt(start.add(whole).unsqueeze(1))); // [N, along]
    };
    const rows = within(h, size.mul(shape)).and(draws.chance(p).unsqueeze(1));
    const columns = within(w, size.div(shape));
    return rows.unsqueeze(1).unsqueeze(3).and(columns.unsqueeze(1).unsqueeze(2)).where(value, x);
  };
  return { kind: "values", apply };
}

export interface ColourJitterOptions {
  /** Factor from 1 - b to 1 + b. Default 0, as of the others: no change. */
  readonly brightness?: number;
  /** Factor of the distance from the image's mean grey. */
  readonly contrast?: number;
  /** Factor of the distance from each pixel's grey. */
  readonly saturation?: number;
  /** Turn of the colour circle, as a share of it: 0 to 0.5, each way. */
  readonly hue?: number;
}

const COLOUR_JITTER_OPTIONS: Checks<ColourJitterOptions> = { brightness: aNumber, contrast: aNumber, saturation: aNumber, hue: aNumber };

/** Weights of red, green and blue in grey (ITU-R BT.601). */
const GREY = [0.299, 0.587, 0.114];

/** One matrix for the three channels of each pixel: y_c = Σ m_ck x_k. */
type Mix = readonly (readonly Scalar[])[];

/**
 * Brightness, contrast, saturation and hue, in this order, changed at random; colours are cut to [0, 1], where they must have been. Images of one
 * channel take brightness and contrast. The hue turns about the grey axis of the YIQ space, which is linear and keeps greys grey, so that all but
 * the contrast is one 3x3 matrix.
 */
export function colourJitter(options: ColourJitterOptions): Augmentation {
  checkOptions("colourJitter", options, COLOUR_JITTER_OPTIONS);
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options;
  for (const [name, value] of Object.entries({ brightness, contrast, saturation }))
    check("colourJitter", value >= 0 && value <= 1, `a ${name} from 0 to 1`, value);
  check("colourJitter", hue >= 0 && hue <= 0.5, "a hue from 0 to 0.5", hue);
  const factor = (draws: Draws, range: number): Scalar => (range === 0 ? 1 : draws.uniform(1 - range, 1 + range));
  const apply = (x: Tensor, draws: Draws): Tensor => {
    const channels = x.shape[1];
    if (channels !== 3 && (channels !== 1 || saturation > 0 || hue > 0))
      throw new RangeError(`colourJitter: want images of 3 channels (of 1: without saturation and hue), got ${formatShape(x.shape)}`);
    const bright = factor(draws, brightness);
    let y = bright === 1 ? x : x.mul(perImage(bright as Tensor)).clamp(0, 1);
    if (contrast > 0) {
      const mean = greyOf(y).mean([1, 2, 3], { keepDims: true });
      y = y
        .sub(mean)
        .mul(perImage(factor(draws, contrast) as Tensor))
        .add(mean)
        .clamp(0, 1);
    }
    if (saturation === 0 && hue === 0) return y;
    return mixChannels(
      y,
      colourMatrix(factor(draws, saturation), hue === 0 ? 0 : draws.uniform(-2 * Math.PI * hue, 2 * Math.PI * hue)),
    ).clamp(0, 1);
  };
  return { kind: "values", apply };
}

const greyOf = (x: Tensor): Tensor => (x.shape[1] === 1 ? x : x.mul(tensor(GREY, { shape: [1, 3, 1, 1] })).sum([1], { keepDims: true }));

/** s·R(angle) on what a colour has beside its grey: from RGB to YIQ, chroma turned and scaled, and back. */
function colourMatrix(s: Scalar, angle: Scalar): Mix {
  const [cos, sin] = typeof angle === "number" ? [1, 0] : [angle.cos(), angle.sin()];
  const [u, v] = [times(s, cos), times(s, sin)];
  // T⁻¹ diag(1, [[u, -v], [v, u]]) T for the YIQ matrix T, by parts: T⁻¹ E T for each of the three unit blocks E.
  return [0, 1, 2].map((row) => [0, 1, 2].map((k) => plus(GREY[k], plus(times(u, (row === k ? 1 : 0) - GREY[k]), times(v, TURN[row][k])))));
}

/** The chroma part of a quarter turn in YIQ, in RGB (NTSC 1953 primaries). */
const TURN: readonly (readonly number[])[] = quarterTurn();

function quarterTurn(): number[][] {
  const i = [0.596, -0.274, -0.322];
  const q = [0.211, -0.523, 0.312];
  const back = [
    [0.956, 0.621],
    [-0.272, -0.647],
    [-1.106, 1.703],
  ];
  return back.map(([fromI, fromQ]) => [0, 1, 2].map((k) => fromQ * i[k] - fromI * q[k]));
}

function mixChannels(x: Tensor, mix: Mix): Tensor {
  const channels = [0, 1, 2].map((k) => x.narrow(1, k, 1));
  const rows = mix.map((row) => row.map((m, k) => channels[k].mul(typeof m === "number" ? m : perImage(m))).reduce((a, b) => a.add(b)));
  return rows[0].concat(rows.slice(1), 1);
}

/** The directions in which the colours of a training set vary, and how much: `data.principalColours` finds them. */
export interface PrincipalColours {
  /** Variances, one for each direction. */
  readonly values: readonly number[];
  /** Directions of length 1, [red, green, blue] each. */
  readonly vectors: readonly (readonly number[])[];
}

const PRINCIPAL_COLOURS = { values: list, vectors: list };

/**
 * The colour augmentation of AlexNet (Krizhevsky, Sutskever & Hinton 2012, §4.1): to every pixel of an image it adds Σ αᵢλᵢpᵢ, with one normal αᵢ of
 * deviation `std` (default 0.1) for each principal component of the training set's colours, drawn once for each image.
 */
export function pcaColour(options: PrincipalColours, std = 0.1): Augmentation {
  checkFields("pcaColour", options, PRINCIPAL_COLOURS);
  const { values, vectors } = options;
  check(
    "pcaColour",
    values.length === 3 && vectors.length === 3 && vectors.every((v) => v.length === 3),
    "3 values and 3 vectors of 3",
    `${values.length} and ${vectors.length}`,
  );
  check("pcaColour", std >= 0, "a deviation of at least 0", std);
  const apply = (x: Tensor, draws: Draws): Tensor => {
    if (x.shape[1] !== 3) throw new RangeError(`pcaColour: want images of 3 channels, got ${formatShape(x.shape)}`);
    const alphas = values.map((value) =>
      draws
        .normal()
        .mul(std * value)
        .unsqueeze(1),
    ); // [N, 1] each
    const shift = vectors.map((vector, i) => alphas[i].mul(tensor([...vector], { shape: [1, 3] }))).reduce((a, b) => a.add(b));
    return x.add(shift.reshape([x.shape[0], 3, 1, 1]));
  };
  return { kind: "values", apply };
}

// ---- all together -------------------------------------------------------------------------------------------------------------------

export interface AugmentOptions {
  /** What comes in from outside an image: "zeros" (default) or the nearest pixel of the "border". */
  readonly fill?: "zeros" | "border";
}

const AUGMENT_OPTIONS: Checks<AugmentOptions> = { fill: oneOf("zeros", "border") };

/**
 * @param key u32[2]. @param x [N, C, H, W]. @param ids What tells the examples apart, integers [N]: an example's numbers are a function of the key
 * and its id. Default: positions in the batch.
 */
export type Augment = (key: Tensor, x: Tensor, ids?: Tensor) => Tensor;

const augmentations = listOf(
  expectation("an augmentation, such as rotate(10)", (value) =>
    ["affine", "values"].includes((value as Partial<Augmentation> | null)?.kind ?? ""),
  ),
);

/**
 * The steps one after another as one function of a key and a batch. Fold the epoch into the key and give the examples' indices as ids, and an
 * example of an epoch is changed in the same way whatever batch it is in.
 */
export function augment(steps: readonly Augmentation[], options: AugmentOptions = {}): Augment {
  checkFields("augment", { steps }, { steps: augmentations });
  checkOptions("augment", options, AUGMENT_OPTIONS);
  const { fill = "zeros" } = options;
  if (fill !== "zeros" && fill !== "border") throw new RangeError(`augment: want fill "zeros" or "border", got ${shown(fill)}`);
  return (key, x, ids = arange(x.shape[0], "u32")) => {
    if (x.rank !== 4) throw new RangeError(`augment: want images [N, C, H, W], got ${formatShape(x.shape)}`);
    if (ids.rank !== 1 || ids.shape[0] !== x.shape[0])
      throw new RangeError(`augment: want ids [${x.shape[0]}], one for each image, got ${formatShape(ids.shape)}`);
    const keys = foldIn(key, ids); // [2, N]
    const drawsOf = (i: number): Draws => new Draws(foldIn(keys, full([x.shape[0]], i, "u32")));
    let y = x;
    for (let i = 0; i < steps.length; ) {
      const step = steps[i];
      if (step.kind === "values") {
        y = step.apply(y, drawsOf(i++));
        continue;
      }
      let [map, exact, size]: [AffineMap, boolean, ImageSize] = [IDENTITY, true, [y.shape[2], y.shape[3]]];
      for (let next = step as Augmentation | undefined; next?.kind === "affine"; next = steps[++i]) {
        map = compose(map, next.map(drawsOf(i), size));
        exact &&= next.exact;
        size = next.size?.(size) ?? size;
      }
      y = resample(y, map, size, exact, fill);
    }
    return y;
  };
}

/**
 * {@link augment} as a layer in front of a network: it changes its input while training, with keys of the implicit stream (`manualSeed`), and is the
 * identity in evaluation mode.
 */
export class Augmenter extends Module {
  readonly #augment: Augment;
  readonly #steps: number;

  constructor(steps: readonly Augmentation[], options: AugmentOptions = {}) {
    checkOptions(new.target.name, options, AUGMENT_OPTIONS);
    super();
    this.#augment = augment(steps, options);
    this.#steps = steps.length;
  }

  forward(x: Tensor): Tensor {
    return this.training ? this.#augment(randomKey(), x) : x;
  }

  protected override details(): string {
    return `${this.#steps} steps`;
  }
}
