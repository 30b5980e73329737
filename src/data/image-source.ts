/** @file Images as examples, wherever their files are: decoded when they are wanted, and brought to one size and number of channels. */
import { checkFields, type Expectation, oneOf, optional, positiveInteger } from "../base/check.ts";
import { fold, keyFromSeed } from "../base/random.ts";
import type { ReadLimits } from "../formats/budget.ts";
import type { Examples } from "./dataset.ts";
import {
  centreCrop,
  coverCrop,
  hasColours,
  type Image,
  type ImageFilter,
  imageInput,
  readImage,
  resizeImage,
  resizeShorterSide,
  withChannels,
} from "./image.ts";
import { type Standardization, standardizeValues } from "./preprocessing.ts";
import { randomPart } from "./random-part.ts";

/** How images are brought to one shape, and to numbers. */
export interface ImageOptions extends ReadLimits {
  /** Side, or [height, width], to which images are brought. Default: their own size, which must be one for all. */
  readonly size?: number | readonly [height: number, width: number];
  /** "crop" (default) keeps proportions and loses edges; "stretch" keeps all. */
  readonly fit?: "crop" | "stretch";
  /** Of the shorter side before the middle is cut out. Default: it just covers `size`. ImageNet is tested with 256 and a size of 224. */
  readonly shorterSide?: number;
  /** How the shorter side is reached. Default "bilinear". */
  readonly filter?: ImageFilter;
  /** Default: 3 if any image has colours, else 1. Others are converted. */
  readonly channels?: 1 | 3;
  /** Of inputs from 0 to 1, by channel: for networks whose published weights want it. Default: none. */
  readonly inputs?: Standardization;
  /**
   * In training a random part of each image, of at least this share of its area and with sides from 3:4 to 4:3, is what is brought to `size`
   * (Szegedy et al. 2015, §6): another one in each epoch. Only where images stay on disk. Default: none.
   */
  readonly randomResizedCrop?: number;
  /** Of the random parts. Default 0. */
  readonly cropSeed?: number;
}

/** Files of images. */
export interface ImageSource {
  /** The class of each image. */
  readonly labels: Int32Array;
  /** What errors call image `index`. */
  name(index: number): string;
  bytes(index: number): Promise<Uint8Array>;
}

/** The images of a source as examples of one shape. @param kind Begins errors. */
export async function imageExamples(
  kind: string,
  { labels, name, bytes }: ImageSource,
  options: ImageOptions,
): Promise<Examples & { readonly inputShape: readonly [channels: number, height: number, width: number] }> {
  const { maxBytes, size, inputs, randomResizedCrop: least, cropSeed = 0 } = options;
  const decoded = async (index: number): Promise<Image> => readImage(await bytes(index), name(index), { maxBytes });
  const first = await decoded(0);
  const [height, width] = typeof size === "number" ? [size, size] : (size ?? [first.height, first.width]);
  const anyColours = async (): Promise<boolean> => {
    // One grey photograph among them does not make the others grey. Reads headers up to the first that has colours.
    for (let i = 0; i < labels.length; i++) if (await hasColours(await bytes(i), name(i), { maxBytes })) return true;
    return false;
  };
  const channels = options.channels ?? ((await anyColours()) ? 3 : 1);
  return {
    count: labels.length,
    inputShape: [channels, height, width],
    async example(index, epoch) {
      const whole = await decoded(index);
      const image =
        least === undefined || epoch === undefined
          ? whole
          : randomPart(whole, { least, width, height }, fold(fold(keyFromSeed(cropSeed), epoch), index));
      if (!size && least === undefined && (image.width !== width || image.height !== height))
        throw new Error(
          `${kind}: ${name(index)} is ${image.width}x${image.height}, ${name(0)} is ${width}x${height}; give a size for all (size: 32, --image-size 32)`,
        );
      const values = imageInput(prepareImage(image, { width, height, channels }, options));
      return { input: inputs ? standardizeValues(values, inputs, 1) : values, target: labels[index] };
    },
  };
}

export const FIT: Expectation = oneOf("crop", "stretch");
export const FILTER: Expectation = oneOf("bilinear", "bicubic");

/** Of an object that may have other fields: what a run keeps has the size too. */
const PREPARATION = { fit: optional(FIT), shorterSide: optional(positiveInteger), filter: optional(FILTER) };

/** An image with this many channels and of this size. */
export function prepareImage(
  image: Image,
  size: { readonly width: number; readonly height: number; readonly channels: number },
  options: Pick<ImageOptions, "fit" | "shorterSide" | "filter"> = {},
): Image {
  checkFields("prepareImage", size, { width: positiveInteger, height: positiveInteger, channels: positiveInteger });
  checkFields("prepareImage", options, PREPARATION);
  const { width, height, channels } = size;
  const { fit = "crop", shorterSide, filter } = options;
  const coloured = withChannels(image, channels === 1 ? 1 : 3);
  if (fit === "stretch") return resizeImage(coloured, width, height);
  if (shorterSide === undefined) return coverCrop(coloured, width, height);
  return centreCrop(resizeShorterSide(coloured, shorterSide, filter), width, height);
}
