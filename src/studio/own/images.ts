/** @file Images of one's own: decoded by the browser, made grey and small, and given the class that their folder or their name says. */
import type { OwnImages } from "./arrays.ts";

const SIDE = 16;

/** More images are not decoded. */
const MOST_IMAGES = 2000;

export const isImage = (file: File): boolean => file.type.startsWith("image/") || /\.(png|jpe?g|gif|webp|bmp|avif)$/i.test(file.name);

/** The folder of an image, else the letters that its name begins with. */
export function labelOfImage(name: string, path = ""): string {
  const folder = path.split("/").at(-2);
  // A folder with all images in it says nothing; one below the chosen folder does.
  if (folder && path.split("/").length > 2) return folder;
  return /^[\p{L}]+|^\d+(?=[-_ .])/u.exec(name)?.[0] ?? name;
}

/** @throws {Error} that names the image which cannot be decoded. */
export async function readImages(files: readonly File[]): Promise<OwnImages> {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const ctx = canvas.getContext("2d", { willReadFrequently: true })!;
  const each = Math.ceil(files.length / MOST_IMAGES);
  const taken = files.filter((_, i) => i % each === 0);
  const pixels = new Uint8Array(taken.length * SIDE * SIDE);
  for (const [i, file] of taken.entries()) {
    const image = await createImageBitmap(file).catch(() => {
      throw new Error(`${file.name} is no image that this browser can decode`);
    });
    // What is transparent is white.
    ctx.fillStyle = "white";
    ctx.fillRect(0, 0, SIDE, SIDE);
    ctx.drawImage(image, 0, 0, SIDE, SIDE);
    image.close();
    const { data } = ctx.getImageData(0, 0, SIDE, SIDE);
    for (let k = 0; k < SIDE * SIDE; k++)
      pixels[i * SIDE * SIDE + k] = 0.299 * data[4 * k]! + 0.587 * data[4 * k + 1]! + 0.114 * data[4 * k + 2]!;
  }
  const labels = taken.map(({ name, webkitRelativePath }) => labelOfImage(name, webkitRelativePath));
  return {
    name: `${taken.length} images`,
    side: SIDE,
    pixels,
    labels,
    note: each > 1 ? `one image in ${each} of ${files.length} is read` : "",
  };
}
