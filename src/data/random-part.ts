/** @file Random parts of images, for training. */
import { type Key, threefry2x32 } from "../base/random.ts";
import { coverCrop, cropImage, type Image, resizeImage } from "./image.ts";

const TRIES = 10;

/** A random part of an image, as torchvision's RandomResizedCrop draws it, in the proportions of `width` and `height`. */
export function randomPart(image: Image, { least, width, height }: { least: number; width: number; height: number }, key: Key): Image {
  const draw = (i: number): number => threefry2x32(key, [i, 0])[0] / 2 ** 32;
  const proportion = width / height;
  for (let i = 0; i < 4 * TRIES; i += 4) {
    const area = image.width * image.height * (least + (1 - least) * draw(i));
    const sides = proportion * Math.exp((2 * draw(i + 1) - 1) * Math.log(4 / 3));
    const [w, h] = [Math.round(Math.sqrt(area * sides)), Math.round(Math.sqrt(area / sides))];
    if (w < 1 || h < 1 || w > image.width || h > image.height) continue;
    const left = Math.floor(draw(i + 2) * (image.width - w + 1));
    const top = Math.floor(draw(i + 3) * (image.height - h + 1));
    return resizeImage(cropImage(image, left, top, w, h), width, height);
  }
  return coverCrop(image, width, height);
}
