/** @file A convolution, its derivatives and its matrix, and pooling: what the room Convolve shows, computed by the library. */
import { sizeOf } from "../../base/shape.ts";
import { vjp } from "../../function/derivative.ts";
import { jacrev } from "../../function/jacobian.ts";
import { conv2d } from "../../math/conv.ts";
import { avgPool2d, maxPoolWithIndices } from "../../math/pool.ts";
import { Conv2d } from "../../nn/conv.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type ConvolveChoice, movedImage, readConvolution, sideOf, upstreamOf } from "./convolve-choice.ts";

export interface ConvolveAnswer {
  /** The answer is for this choice. */
  readonly choice: ConvolveChoice;
  /** The image as it was moved. */
  readonly image: readonly number[];
  /** Outputs, row by row, and how many there are on a side. */
  readonly outputs: readonly number[];
  readonly side: number;
  /** ∂L/∂K and ∂L/∂X for the upstream gradient of the room. */
  readonly kernelGradient: readonly number[];
  readonly inputGradient: readonly number[];
  /** ∂Y/∂X, a row for each output. */
  readonly matrix: readonly number[];
  /** Largest |M x + b - y|, and largest |Mᵀ g - ∂L/∂X|. */
  readonly differences: readonly [forward: number, back: number];
  readonly pooled: readonly number[];
  readonly pooledSide: number;
  /** Of each window of max pooling the place of its largest number. */
  readonly winners: readonly number[];
  /** Parameters of a layer of so many filters on so many channels. */
  readonly parameters: number;
  /** Share of the outputs of pooling that are what they were before the image was moved. */
  readonly kept: number;
  /** Largest difference between the map of the moved image and the moved map, over what lies inside; undefined where the map has no such shift. */
  readonly moved: number | undefined;
}

const numbers = (x: Tensor): number[] => Array.from(x.dataSync() as Float64Array);

/** A square as an image of one channel, or as a kernel. */
const square = (values: readonly number[]): Tensor => tensor([...values], { dtype: "f64" }).reshape([1, 1, sideOf(values), sideOf(values)]);

const largest = (x: Tensor): number => x.abs().max().itemSync();

export function convolve(given: unknown): ConvolveAnswer {
  const choice = readConvolution(given);
  const { stride, padding, dilation, bias, window, poolStride, pool } = choice;
  const image = movedImage(choice);
  const [x, k] = [square(image), square(choice.kernel)];
  const linear = (input: Tensor, kernel: Tensor): Tensor => conv2d(input, kernel, { stride, padding, dilation });
  const y = linear(x, k).add(bias);
  const side = y.shape[2]!;
  const upstream = square(upstreamOf(side * side));
  const [inputGradient, kernelGradient] = vjp(linear)(x, k).pullback(upstream);
  const matrix = jacrev((input: Tensor) => linear(input, k))(x).reshape([side * side, image.length]);
  const forward = matrix
    .matmul(x.reshape([image.length, 1]))
    .add(bias)
    .reshape(y.shape);
  const back = matrix
    .transpose()
    .matmul(upstream.reshape([side * side, 1]))
    .reshape(x.shape);
  const pooledOf = (input: Tensor): { values: Tensor; indices?: Tensor } =>
    pool === "max"
      ? maxPoolWithIndices(input, [window, window], { stride: poolStride })
      : { values: avgPool2d(input, window, { stride: poolStride }) };
  const { values, indices } = pooledOf(x);
  const still = square(choice.image);
  return {
    choice,
    image,
    outputs: numbers(y),
    side,
    kernelGradient: numbers(kernelGradient),
    inputGradient: numbers(inputGradient),
    matrix: numbers(matrix),
    differences: [largest(forward.sub(y)), largest(back.sub(inputGradient))],
    pooled: numbers(values),
    pooledSide: values.shape[2]!,
    winners: indices ? Array.from(indices.dataSync() as Int32Array) : [],
    parameters: new Conv2d(choice.channels, choice.filters, sideOf(choice.kernel))
      .parameters()
      .reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    kept: values.eq(pooledOf(still).values).cast("f64").mean().itemSync(),
    moved: movedDifference(choice, numbers(y.sub(bias)), numbers(linear(still, k)), side),
  };
}

/** Outputs near the border see what was moved out of the image, or what was moved in: they are left out. */
function movedDifference(
  { right, down, stride, padding, dilation, kernel, image }: ConvolveChoice,
  y: number[],
  still: number[],
  side: number,
): number | undefined {
  if (right % stride !== 0 || down % stride !== 0) return undefined;
  const n = sideOf(image);
  const reach = dilation * (sideOf(kernel) - 1);
  const isInside = (at: number, by: number): boolean => {
    const from = at * stride - padding;
    return from >= Math.max(0, by) && from + reach < n + Math.min(0, by);
  };
  let most: number | undefined;
  for (let i = 0; i < y.length; i++) {
    const [r, c] = [Math.floor(i / side), i % side];
    const [from, column] = [r - down / stride, c - right / stride];
    if (from < 0 || from >= side || column < 0 || column >= side || !isInside(r, down) || !isInside(c, right)) continue;
    most = Math.max(most ?? 0, Math.abs(y[i]! - still[from * side + column]!));
  }
  return most;
}
