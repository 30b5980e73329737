/** @file Augmentation by name, as flags and configuration files give it: `translate=0.1`, `rotate=15`, `flip`. */

import { randomKey } from "../math/random.ts";
import {
  type Augmentation,
  augment,
  colourJitter,
  crop,
  erase,
  flipHorizontal,
  flipVertical,
  rotate,
  scale,
  shear,
  translate,
} from "../nn/augment.ts";
import type { Tensor } from "../ops/tensor.ts";
import { unknownName } from "./unknown-name.ts";

/** Each from its number and the side of the images; a translation is a share of it. */
const steps: Readonly<Record<string, { readonly usual: number; make(x: number, size: readonly [number, number]): Augmentation }>> = {
  translate: { usual: 0.1, make: (share) => translate(share) },
  rotate: { usual: 10, make: (degrees) => rotate(degrees) },
  scale: { usual: 0.1, make: (by) => scale(1 - by, 1 + by) },
  shear: { usual: 10, make: (degrees) => shear(degrees) },
  flip: { usual: 0.5, make: (p) => flipHorizontal(p) },
  "flip-vertical": { usual: 0.5, make: (p) => flipVertical(p) },
  crop: { usual: 4, make: (padding, size) => crop({ size, padding }) },
  erase: { usual: 0.5, make: (p) => erase({ p }) },
  colour: { usual: 0.4, make: (by) => colourJitter({ brightness: by, contrast: by, saturation: by }) },
};

/** Leaves images as they are, where a recipe would change them. */
const NONE = "none";

/** A random part of each image as it is read, which wants the images as they are on disk. */
const RANDOM_CROP = "random-resized-crop";
const LEAST_AREA = 0.08; // of torchvision's RandomResizedCrop

/** What help says. */
export const AUGMENTATIONS: string = [
  ...Object.entries(steps).map(([name, { usual }]) => `${name}=${usual}`),
  `${RANDOM_CROP}=${LEAST_AREA} (image folders read from disk)`,
  NONE,
].join(", ");

/** The least share of an image that a random part of it has, if the steps ask for such parts. */
export function randomCropOf(list: readonly string[] = []): number | undefined {
  const [name, value = String(LEAST_AREA)] = list.find((text) => text.split("=")[0] === RANDOM_CROP)?.split("=") ?? [];
  if (name === undefined) return undefined;
  const least = Number(value);
  if (!(least > 0 && least <= 1)) throw new Error(`augment: want a share of the area above 0, up to 1, for ${RANDOM_CROP}, got ${value}`);
  return least;
}

/** The steps of a list as what `fit` takes. @throws {Error} for an unknown one, a number that is none, or data that are no images. */
export function augmentation(list: readonly string[], inputShape: readonly number[]): (x: Tensor) => Tensor {
  const [, height, width] = inputShape;
  if (inputShape.length !== 3) throw new Error(`augment: is for images, the data have inputs [${inputShape.join(", ")}]`);
  const all = augment(
    list.filter((text) => text !== NONE && text.split("=")[0] !== RANDOM_CROP).map((text) => step(text, [height, width])),
  );
  return (x) => all(randomKey(), x);
}

function step(text: string, size: readonly [number, number]): Augmentation {
  const [name, value] = text.split("=");
  if (!Object.hasOwn(steps, name)) throw unknownName("augmentation", name, [...Object.keys(steps), RANDOM_CROP]);
  const { usual, make } = steps[name];
  const x = value === undefined ? usual : Number(value);
  if (value === "" || !(x >= 0 && Number.isFinite(x)))
    throw new Error(`augment: want a number >= 0 for ${name}, as in ${name}=${usual}, got ${value}`);
  try {
    return make(x, size);
  } catch (error) {
    throw new Error(`augment: ${text}: ${(error as Error).message}`);
  }
}
