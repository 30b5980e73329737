/** @file What can be chosen of the room Convolve, as plain data, and which places belong together: all that the page must know of a convolution. */

export interface ConvolveChoice {
  /** A square image, row by row. */
  readonly image: readonly number[];
  /** A square kernel, row by row. */
  readonly kernel: readonly number[];
  readonly bias: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  /** Side of the windows of pooling. */
  readonly window: number;
  readonly poolStride: number;
  readonly pool: "max" | "mean";
  /** Filters and channels of the layer whose parameters are counted. */
  readonly filters: number;
  readonly channels: number;
  /** By how much the image is moved to the right and down. */
  readonly right: number;
  readonly down: number;
}

export const CONVOLVE_LIMITS = {
  bias: [-50, 50],
  stride: [1, 3],
  padding: [0, 2],
  dilation: [1, 2],
  window: [2, 4],
  poolStride: [1, 4],
  filters: [1, 64],
  channels: [1, 64],
  right: [-2, 2],
  down: [-2, 2],
} as const;

export const MOST_SIDE = 8;
export const MOST_KERNEL = 5;
/** Largest size of a number of the image or the kernel. */
export const MOST_VALUE = 999;

/** A picture of digits 0 to 9 as numbers. */
export const drawn = (...rows: readonly string[]): number[] => rows.flatMap((row) => Array.from(row, Number));

/** A seven, and the kernel of the lecture. */
export const FIRST_CONVOLUTION: ConvolveChoice = {
  image: drawn("00000000", "08999980", "00000890", "00005900", "00098000", "00590000", "00980000", "00000000"),
  kernel: [1, 0, -1, 2, 0, -2, 1, 0, -1],
  bias: 0,
  stride: 1,
  padding: 0,
  dilation: 1,
  window: 2,
  poolStride: 2,
  pool: "max",
  filters: 4,
  channels: 3,
  right: 0,
  down: 0,
};

export const sideOf = (square: readonly number[]): number => Math.round(Math.sqrt(square.length));

const isSquare =
  (most: number) =>
  (value: unknown): boolean =>
    Array.isArray(value) &&
    value.length > 0 &&
    sideOf(value) ** 2 === value.length &&
    sideOf(value) <= most &&
    value.every((x) => typeof x === "number" && Math.abs(x) <= MOST_VALUE);

function isGood(name: string, value: unknown): boolean {
  if (name === "image") return isSquare(MOST_SIDE)(value);
  if (name === "kernel") return isSquare(MOST_KERNEL)(value);
  if (name === "pool") return value === "max" || value === "mean";
  const range = CONVOLVE_LIMITS[name as keyof typeof CONVOLVE_LIMITS] as readonly [number, number] | undefined;
  return (
    range !== undefined &&
    typeof value === "number" &&
    value >= range[0] &&
    value <= range[1] &&
    (name === "bias" || Number.isInteger(value))
  );
}

/** Numbers along a side where windows are laid: floor((W + 2P - D (K - 1) - 1) / S) + 1, or fewer than 1 where none fits. */
export const outputSide = ({ image, kernel, stride, padding, dilation }: ConvolveChoice): number =>
  Math.floor((sideOf(image) + 2 * padding - dilation * (sideOf(kernel) - 1) - 1) / stride) + 1;

export const pooledSide = ({ image, window, poolStride }: ConvolveChoice): number => Math.floor((sideOf(image) - window) / poolStride) + 1;

/** A choice from what a link says: fields that cannot be are those of the first one, and where no window fits, all of them. */
export function readConvolution(given: unknown): ConvolveChoice {
  const fields = typeof given === "object" && given !== null ? Object.entries(given) : [];
  const choice: ConvolveChoice = { ...FIRST_CONVOLUTION, ...Object.fromEntries(fields.filter(([name, value]) => isGood(name, value))) };
  return outputSide(choice) >= 1 && pooledSide(choice) >= 1 ? choice : FIRST_CONVOLUTION;
}

/** The image as it was moved, with 0 where it came from. */
export function movedImage({ image, right, down }: Pick<ConvolveChoice, "image" | "right" | "down">): number[] {
  const side = sideOf(image);
  return image.map((_, i) => {
    const [r, c] = [Math.floor(i / side) - down, (i % side) - right];
    return r >= 0 && r < side && c >= 0 && c < side ? image[r * side + c]! : 0;
  });
}

/** A product of a sum: places in image, kernel and output, row by row. In the padding the image's is -1. */
export interface Product {
  readonly x: number;
  readonly k: number;
  readonly y: number;
}

/** Every product of the convolution. */
export function productsOf(choice: ConvolveChoice): Product[] {
  const { stride, padding, dilation } = choice;
  const [n, k, m] = [sideOf(choice.image), sideOf(choice.kernel), outputSide(choice)];
  const place = (out: number, tap: number): number => out * stride + tap * dilation - padding;
  const all: Product[] = [];
  for (let y = 0; y < m * m; y++) {
    for (let t = 0; t < k * k; t++) {
      const [r, c] = [place(Math.floor(y / m), Math.floor(t / k)), place(y % m, t % k)];
      all.push({ x: r >= 0 && r < n && c >= 0 && c < n ? r * n + c : -1, k: t, y });
    }
  }
  return all;
}

/** Places of the image in a window of pooling. */
export function pooledPlaces({ image, window, poolStride }: ConvolveChoice, y: number): number[] {
  const [n, m] = [sideOf(image), Math.floor((sideOf(image) - window) / poolStride) + 1];
  const [top, left] = [Math.floor(y / m) * poolStride, (y % m) * poolStride];
  return Array.from({ length: window ** 2 }, (_, i) => (top + Math.floor(i / window)) * n + left + (i % window));
}

/** What the loss says of each output: a pattern of small whole numbers, so that sums can be followed. */
export const upstreamOf = (length: number): number[] => Array.from({ length }, (_, i) => ((i * 5) % 7) - 3);
