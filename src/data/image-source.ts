/** @file Images as examples, wherever their files are: decoded when they are wanted, and brought to one size and number of channels. */
import { checkFields, type Expectation, oneOf, optional, positiveInteger } from "../base/check.ts";
import { fold, keyFromSeed } from "../base/random.ts";
import type { Examples } from "./dataset.ts";
import {
  centreCrop,
  coverCrop,
  hasColours,
  type Image,
  imageInput,
  readImage,
  resizeImage,
  resizeShorterSide,
  withChannels,
} from "./image.ts";
import type { ImageFolderOptions } from "./image-folder.ts";
import { standardizeValues } from "./preprocessing.ts";
import { randomPart } from "./random-part.ts";

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
  options: ImageFolderOptions,
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
  options: Pick<ImageFolderOptions, "fit" | "shorterSide" | "filter"> = {},
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
