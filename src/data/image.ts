/**
 * @file Images as bytes of colour: PNG and JPEG (png.ts, jpeg.ts), resized, cropped, and turned into what a network reads: [channels, height, width]
 * from 0 to 1.
 */
import { bytes as aFile, check, type Expectation, expectation, integer, oneOf, positiveInteger } from "../base/check.ts";
import { budgetFor, type ReadLimits } from "../formats/budget.ts";
import { brief } from "../formats/clean.ts";
import { upright } from "../formats/exif.ts";
import type { Image } from "../formats/pixels.ts";
import { PNG_SIGNATURE, readPng } from "../formats/png.ts";
import { isUnsupported } from "../formats/unsupported.ts";
import { readJpeg } from "./jpeg.ts";

export type { Image } from "../formats/pixels.ts";

const SIZE = "an image: { width, height, channels: 1 or 3, data: a Uint8Array of width · height · channels bytes }";

/** What a function of an image is called with. */
export const anImage: Expectation = expectation(SIZE, (value) => {
  const { width, height, channels, data } = (value ?? {}) as Image;
  return (
    [width, height].every(positiveInteger.holds) &&
    (channels === 1 || channels === 3) &&
    aFile.holds(data) &&
    data.length === width * height * channels
  );
});

const FILTER: Expectation = oneOf("bilinear", "bicubic");

function checkSized(what: string, image: Image, width: number, height: number): void {
  check(`${what}: the image`, image, anImage);
  check(`${what}: width`, width, positiveInteger);
  check(`${what}: height`, height, positiveInteger);
}

/** Larger than any photograph. */
const MAX_PIXELS = 100_000_000;

/**
 * A PNG or JPEG image, turned upright if its EXIF data say how the camera was held. Transparency is dropped, 16 bits become 8, palettes colours;
 * CMYK becomes RGB.
 * @param what Names the file in errors. @throws {Error} for other formats, for damaged or truncated files, and beyond `limits`.
 */
export async function readImage(bytes: Uint8Array, what = "image", limits: ReadLimits = {}): Promise<Image> {
  const budget = budgetFor("readImage", bytes, what, limits);
  const format = formatOf(bytes);
  if (!format) {
    const begins = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const other = otherFormat(bytes);
    const got = bytes.length === 0 ? "an empty file" : other ? `${other}; convert it to one of them` : `a file that begins with ${begins}`;
    throw new Error(`${what}: want a PNG or JPEG image, got ${got}`);
  }
  try {
    const { image, orientation } = await (format === "PNG" ? readPng(bytes, budget) : readJpeg(bytes, budget));
    if (orientation !== 1) budget.claim(image.data.length, "turning it upright");
    return upright(image, orientation);
  } catch (error) {
    if (budget.left < 0) throw error;
    if (isUnsupported(error)) throw new Error(`${what}: ${(error as Error).message}`);
    throw new Error(`${what}: damaged or truncated ${format} (${brief((error as Error).message.split("\n", 1)[0])})`);
  }
}

function formatOf(bytes: Uint8Array): "PNG" | "JPEG" | undefined {
  if (PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) return "PNG";
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? "JPEG" : undefined;
}

/** Formats that are not read, by how their files begin: an offset, then Latin-1. */
const OTHERS: readonly (readonly [name: string, at: number, begins: string])[] = [
  ["a WebP image", 8, "WEBP"],
  ["a GIF image", 0, "GIF8"],
  ["a BMP image", 0, "BM"],
  ["a TIFF image", 0, "II*\0"],
  ["a TIFF image", 0, "MM\0*"],
  ["an AVIF image", 4, "ftypavi"],
  ["a HEIC image", 4, "ftyphei"],
  ["a HEIC image", 4, "ftypmif1"],
  ["a JPEG 2000 image", 4, "jP  "],
  ["a JPEG XL image", 0, "\u00ff\n"],
  ["a JPEG XL image", 4, "JXL "],
  ["an SVG drawing", 0, "<svg"],
  ["an SVG drawing or a page", 0, "<"],
  ["a PDF document", 0, "%PDF"],
];

function otherFormat(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 32));
  return OTHERS.find(([, at, begins]) => start.startsWith(begins, at))?.[0];
}

/** Whether an image has colours: of a PNG its header says so. */
export async function hasColours(bytes: Uint8Array, what = "image", limits: ReadLimits = {}): Promise<boolean> {
  if (formatOf(bytes) === "PNG" && bytes.length > 25) return bytes[25] % 4 !== 0; // colour types 0 and 4 are grey
  return (await readImage(bytes, what, limits)).channels === 3;
}

// ---- for a network ------------------------------------------------------------------------------------------------------------------

/** Grey to colour, or colour to grey by the weights of ITU-R BT.601; the image itself if it has these channels. */
export function withChannels(image: Image, channels: 1 | 3): Image {
  check("withChannels: the image", image, anImage);
  check(
    "withChannels: channels",
    channels,
    expectation("1 or 3", (value) => value === 1 || value === 3),
  );
  if (image.channels === channels) return image;
  const { width, height, data } = image;
  const n = width * height;
  const result =
    channels === 3
      ? Uint8Array.from({ length: 3 * n }, (_, i) => data[Math.floor(i / 3)])
      : Uint8Array.from({ length: n }, (_, i) => Math.round(0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2]));
  return { width, height, channels, data: result };
}

/** How a new pixel is mixed from old ones: weights by distance, up to `reach` pixels away. */
interface Filter {
  readonly reach: number;
  readonly weight: (distance: number) => number;
}

/** How a resized image is mixed from the old one: a triangle, or a cubic that keeps edges sharper. */
export type ImageFilter = "bilinear" | "bicubic";

const FILTERS: Readonly<Record<ImageFilter, Filter>> = {
  bilinear: { reach: 1, weight: (t) => Math.max(0, 1 - t) },
  // Keys (1981), eq. 4, with a = -1/2.
  bicubic: { reach: 2, weight: (t) => (t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0) },
};

/** Which elements of a line of `size` make element i of one of `out`, with weights that add up to 1. */
function taps(size: number, out: number, filter: Filter): { first: number; weights: number[] }[] {
  const scale = size / out;
  const stretch = Math.max(1, scale); // shrinking averages over all that a pixel covers
  const reach = filter.reach * stretch;
  return Array.from({ length: out }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(size, Math.floor(centre + reach + 0.5));
    const raw = Array.from({ length: last - first }, (__, j) => filter.weight(Math.abs(first + j + 0.5 - centre) / stretch));
    const sum = raw.reduce((a, b) => a + b, 0);
    return { first, weights: raw.map((w) => w / sum) };
  });
}

/**
 * Bilinear (default) or bicubic interpolation with antialiasing, as Pillow resizes: a filter that is as wide as a result's pixel where the image
 * shrinks. The image itself if it has this size.
 */
export function resizeImage(image: Image, width: number, height: number, filter: ImageFilter = "bilinear"): Image {
  checkSized("resizeImage", image, width, height);
  check("resizeImage: filter", filter, FILTER);
  if (image.width === width && image.height === height) return image;
  const { channels, data } = image;
  const rows = new Float32Array(image.height * width * channels);
  taps(image.width, width, FILTERS[filter]).forEach(({ first, weights }, x) => {
    for (let y = 0; y < image.height; y++)
      for (let c = 0; c < channels; c++)
        rows[(y * width + x) * channels + c] = weights.reduce(
          (sum, w, j) => sum + w * data[(y * image.width + first + j) * channels + c],
          0,
        );
  });
  // Weights below 0 overshoot.
  const result = new Uint8ClampedArray(height * width * channels);
  const stride = width * channels;
  taps(image.height, height, FILTERS[filter]).forEach(({ first, weights }, y) => {
    for (let i = 0; i < stride; i++)
      result[y * stride + i] = Math.round(weights.reduce((sum, w, j) => sum + w * rows[(first + j) * stride + i], 0));
  });
  return { width, height, channels, data: new Uint8Array(result.buffer) };
}

/** Resized to a shorter side, proportions kept; the longer one is rounded down, as torchvision does. */
export function resizeShorterSide(image: Image, side: number, filter?: ImageFilter): Image {
  checkSized("resizeShorterSide", image, side, side);
  const { width, height } = image;
  const long = Math.floor((side * Math.max(width, height)) / Math.min(width, height));
  if (side * long > MAX_PIXELS)
    throw new RangeError(`resizeShorterSide: an image of ${width}x${height} is too long and thin for a side of ${side}`);
  return width < height ? resizeImage(image, side, long, filter) : resizeImage(image, long, side, filter);
}

/** A part of an image. @throws {RangeError} if it is not within the image. */
export function cropImage(image: Image, left: number, top: number, width: number, height: number): Image {
  checkSized("cropImage", image, width, height);
  check("cropImage: left", left, integer);
  check("cropImage: top", top, integer);
  if (left < 0 || top < 0 || left + width > image.width || top + height > image.height)
    throw new RangeError(
      `cropImage: ${width}x${height} pixels from (${left}, ${top}) are not within an image of ${image.width}x${image.height}`,
    );
  const { channels } = image;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * channels;
    data.set(image.data.subarray(from, from + width * channels), y * width * channels);
  }
  return { width, height, channels, data };
}

/** Left and right exchanged. */
export function mirrorImage(image: Image): Image {
  check("mirrorImage: the image", image, anImage);
  const { width, height, channels, data } = image;
  const result = new Uint8Array(data.length);
  for (let at = 0; at < width * height; at++) {
    const from = (at - (at % width) + width - 1 - (at % width)) * channels;
    for (let c = 0; c < channels; c++) result[at * channels + c] = data[from + c];
  }
  return { width, height, channels, data: result };
}

/** The middle of an image; of two middles the upper or left one. @throws {RangeError} if the image is smaller. */
export function centreCrop(image: Image, width: number, height: number): Image {
  checkSized("centreCrop", image, width, height);
  if (image.width < width || image.height < height)
    throw new RangeError(`centreCrop: want at least ${width}x${height} pixels, got ${image.width}x${image.height}; resize it first`);
  return cropImage(image, (image.width - width) >> 1, (image.height - height) >> 1, width, height);
}

/** Resized so that it just covers width x height, the middle kept: nothing is distorted, edges are lost (Krizhevsky et al. 2012, §2). */
export function coverCrop(image: Image, width: number, height: number): Image {
  checkSized("coverCrop", image, width, height);
  const scale = Math.max(width / image.width, height / image.height);
  const covering = resizeImage(image, Math.max(width, Math.round(image.width * scale)), Math.max(height, Math.round(image.height * scale)));
  return centreCrop(covering, width, height);
}

/** [channels, height, width], 0 to 1. */
export function imageInput(image: Image): Float32Array {
  check("imageInput: the image", image, anImage);
  const { width, height, channels, data } = image;
  const plane = width * height;
  const input = new Float32Array(channels * plane);
  for (let i = 0; i < plane; i++) for (let c = 0; c < channels; c++) input[c * plane + i] = data[i * channels + c] / 255;
  return input;
}
