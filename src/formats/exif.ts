/** @file How a camera was held: the orientation in EXIF data (CIPA DC-008, §4.6.4), and images turned upright by it. */
import type { Image } from "./pixels.ts";

const ORIENTATION = 0x0112;

/** 1 to 8, from a TIFF structure; 1 (upright) if it says nothing that can be understood. */
export function exifOrientation(tiff: Uint8Array): number {
  if (tiff.length < 14) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const little = tiff[0] === 0x49;
  const start = view.getUint32(4, little);
  if (start + 2 > tiff.length) return 1;
  const count = view.getUint16(start, little);
  for (let i = 0, at = start + 2; i < count && at + 12 <= tiff.length; i++, at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Where the pixel (x, y) of the upright image lies in the stored one of w x h, for orientations 1 to 8. */
const PLACES: readonly ((x: number, y: number, w: number, h: number) => readonly [x: number, y: number])[] = [
  (x, y) => [x, y],
  (x, y, w) => [w - 1 - x, y],
  (x, y, w, h) => [w - 1 - x, h - 1 - y],
  (x, y, _, h) => [x, h - 1 - y],
  (x, y) => [y, x],
  (x, y, _, h) => [y, h - 1 - x],
  (x, y, w, h) => [w - 1 - y, h - 1 - x],
  (x, y, w) => [w - 1 - y, x],
];

/** The image turned upright. */
export function upright(image: Image, orientation: number): Image {
  if (orientation === 1) return image;
  const { width: w, height: h, channels } = image;
  const [width, height] = orientation > 4 ? [h, w] : [w, h];
  const place = PLACES[orientation - 1];
  const data = new Uint8Array(image.data.length);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [fromX, fromY] = place(x, y, w, h);
      for (let c = 0; c < channels; c++) data[to++] = image.data[(fromY * w + fromX) * channels + c];
    }
  return { width, height, channels, data };
}
