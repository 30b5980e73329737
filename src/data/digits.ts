/**
 * @file The handwritten digits that come with the package: 1797 images of 8×8, values 0 to 16.
 *
 * Source: Optical Recognition of Handwritten Digits, E. Alpaydin & C. Kaynak (1998), UCI Machine Learning Repository,
 * doi:10.24432/C50P49; its test part, in the original order, as scikit-learn's `load_digits` distributes it. Licence: Creative
 * Commons Attribution 4.0 International (see LICENSE-digits). Changes: repacked, nothing else.
 *
 * The split is the one of scikit-learn's own example: the first half trains, the second half tests. The writers of the two halves
 * differ, so the test is harder than a random split would be.
 */
import type { Dataset, Split } from "./dataset.ts";

const COUNT = 1797;
const TRAIN = 898;
const PIXELS = 64;

/** Pixels 0 … 16, image after image, and the digit that each image shows. */
export async function digitImages(): Promise<{ pixels: Uint8Array; labels: Uint8Array }> {
  // A page that never asks for the digits must not load them.
  const { packedDigits } = await import("./digits-packed.ts");
  const bytes = Uint8Array.from(atob(packedDigits), (character) => character.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(unpacked).arrayBuffer());

  // Stored plane by plane (pixel 0 of all images, pixel 1, …, then the labels), which packs a tenth smaller.
  const pixels = new Uint8Array(COUNT * PIXELS);
  for (let p = 0; p < PIXELS; p++) {
    for (let i = 0; i < COUNT; i++) pixels[i * PIXELS + p] = planes[p * COUNT + i];
  }
  return { pixels, labels: planes.slice(PIXELS * COUNT) };
}

/** First 898 images for training, last 899 for testing, pixels divided by 16. */
export async function digits(): Promise<Dataset> {
  const { pixels, labels } = await digitImages();
  const split = (from: number, to: number): Split => ({
    inputs: Float32Array.from(pixels.subarray(from * PIXELS, to * PIXELS), (value) => value / 16),
    targets: Int32Array.from(labels.subarray(from, to)),
    count: to - from,
  });
  return {
    name: "digits",
    train: split(0, TRAIN),
    test: split(TRAIN, COUNT),
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    inputShape: [1, 8, 8],
    task: "classification",
  };
}
