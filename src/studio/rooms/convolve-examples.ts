/** @file Convolutions with something to see. */
import { type ConvolveChoice, drawn, FIRST_CONVOLUTION } from "../worker/convolve-choice.ts";

export const CONVOLVE_LOOKS = ["forward", "kernel", "input", "matrix", "pool"] as const;
export type ConvolveLook = (typeof CONVOLVE_LOOKS)[number];

interface Example {
  readonly name: string;
  readonly hint: string;
  readonly look: ConvolveLook;
  readonly choice: ConvolveChoice;
}

/** The window of the lecture. */
const WINDOW = [200, 150, 150, 100, 50, 100, 25, 25, 10];
const BOX = drawn("000000", "099990", "090090", "090090", "099990", "000000");
const SPOT = drawn("00000000", "00000000", "00000000", "00090000", "00000000", "00000000", "00000000", "00000000");

const of = (name: string, hint: string, look: ConvolveLook, patch: Partial<ConvolveChoice>): Example => ({
  name,
  hint,
  look,
  choice: { ...FIRST_CONVOLUTION, ...patch },
});

export const CONVOLUTIONS: readonly Example[] = [
  of("Edges of a seven", "The kernel is 0 in sum: it answers where left and right differ.", "forward", {}),
  of("The lecture’s window", "One window, one sum: X·K′ = 65, and the bias.", "forward", { image: WINDOW }),
  of("Padding keeps the size", "A border of zeros as wide as half the kernel.", "forward", {
    image: BOX,
    kernel: [0, -1, 0, -1, 4, -1, 0, -1, 0],
    padding: 1,
  }),
  of("A stride of 2", "Every other window: a quarter of the outputs.", "forward", { padding: 1, stride: 2 }),
  of("A dilation of 2", "Nine numbers that reach over 5 × 5.", "forward", { padding: 2, dilation: 2 }),
  of("1 × 1", "A dense layer at each pixel: of one channel, it only multiplies. With C channels it has N (C + 1) parameters.", "forward", {
    image: BOX,
    kernel: [2],
    filters: 64,
    channels: 64,
  }),
  of("Where a pixel counts", "Turn the kernel by half a turn and slide it over the gradient: that is how a pixel is told.", "input", {
    image: BOX,
  }),
  of("As a matrix", "The same nine numbers in every row, moved on by one: a layer with ties.", "matrix", { image: BOX }),
  of("Max pooling", "The largest of each window; nothing is learnt. Move the image by one: much stays.", "pool", {}),
  of("A window of 3 × 3", "The largest number of the lecture’s window: 200.", "pool", { image: WINDOW, window: 3, poolStride: 3 }),
  of("A moved spot", "The map moves along: outputs where nothing was cut off are the same.", "forward", { image: SPOT, right: 2, down: 1 }),
];
