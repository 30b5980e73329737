/** @file What can be chosen of the room Maps, as plain data, and what its worker answers. */

export const MAP_NETS = ["conv, pool, conv, pool", "three 3 × 3", "one 7 × 7", "LeNet-5"] as const;
export const MAP_DATA = ["shapes", "digits", "own images"] as const;

export interface MapsChoice {
  readonly net: (typeof MAP_NETS)[number];
  readonly data: (typeof MAP_DATA)[number];
  /** Channels of the convolutions; LeNet-5 has its own. */
  readonly channels: number;
  readonly seed: number;
  /** Steps of training. */
  readonly steps: number;
  /** Which of the examples it was not trained on goes through. */
  readonly example: number;
  /** A drawn image instead: a hexadecimal digit for each pixel, row by row. Empty: the example. */
  readonly drawn: string;
  /** The unit that is looked at. */
  readonly layer: number;
  readonly channel: number;
  readonly row: number;
  readonly column: number;
}

export const MAP_EXAMPLES = 64;

export const MAP_LIMITS = {
  channels: [2, 16],
  seed: [0, 9999],
  steps: [0, 400],
  example: [0, MAP_EXAMPLES - 1],
  layer: [0, 20],
  channel: [0, 127],
  row: [0, 27],
  column: [0, 27],
} as const;

export const FIRST_MAPS: MapsChoice = {
  net: MAP_NETS[0],
  data: "shapes",
  channels: 8,
  seed: 1,
  steps: 100,
  example: 0,
  drawn: "",
  layer: 4,
  channel: 2,
  row: 3,
  column: 4,
};

/** Pixels on a side: LeNet-5 takes 28, and the others 16. */
export const imageSide = ({ net }: Pick<MapsChoice, "net">): number => (net === "LeNet-5" ? 28 : 16);

/** A choice from what a link says: fields that cannot be are those of the first one. */
export function readMaps(given: unknown): MapsChoice {
  const fields = typeof given === "object" && given !== null ? Object.entries(given) : [];
  const isGood = ([name, value]: [string, unknown]): boolean => {
    if (name === "net") return (MAP_NETS as readonly unknown[]).includes(value);
    if (name === "data") return (MAP_DATA as readonly unknown[]).includes(value);
    if (name === "drawn") return typeof value === "string" && /^[0-9a-f]*$/.test(value);
    const range = (MAP_LIMITS as Readonly<Record<string, readonly [number, number]>>)[name];
    return range !== undefined && Number.isInteger(value) && (value as number) >= range[0] && (value as number) <= range[1];
  };
  const choice: MapsChoice = { ...FIRST_MAPS, ...Object.fromEntries(fields.filter(isGood)) };
  return choice.drawn.length === 0 || choice.drawn.length === imageSide(choice) ** 2 ? choice : { ...choice, drawn: "" };
}

/** Pixels 0 to 1 of a drawn image. */
export const pixelsOf = (drawn: string): Float32Array => Float32Array.from(drawn, (digit) => Number.parseInt(digit, 16) / 15);

/** Pixels as text; what is above 1 or below 0 is cut. */
export const drawnOf = (pixels: ArrayLike<number>): string =>
  Array.from(pixels, (x) => Math.round(15 * Math.min(1, Math.max(0, x))).toString(16)).join("");

/** What one layer gives for the image: [channels, side, side], or [units, 1, 1]. */
export interface MapLayer {
  readonly name: string;
  readonly channels: number;
  readonly side: number;
  readonly values: Float32Array;
}

/** The sum that a unit of a convolution is, channel by channel of the layer before. */
export interface UnitSum {
  /** Side of the kernel, pixels of padding, and the bias. */
  readonly kernel: number;
  readonly padding: number;
  readonly bias: number;
  /** Of each channel: the numbers under the kernel, 0 in the padding, and the kernel. */
  readonly windows: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
}

/** An example that excites a channel: where most, and how much. */
export interface Exciting {
  readonly pixels: Float32Array;
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

export interface MapsAnswer {
  /** The answer is for this choice, with the unit's place moved into its layer. */
  readonly choice: MapsChoice;
  readonly classes: readonly string[];
  readonly image: Float32Array;
  /** The image's class; -1 for one that was drawn. */
  readonly label: number;
  readonly layers: readonly MapLayer[];
  readonly probabilities: readonly number[];
  readonly parameters: number;
  /** Of the examples that it was not trained on. */
  readonly accuracy: number;
  readonly value: number;
  /** Pixels that the unit sees: first row and column, below 0 in the padding, and how many on a side, one next to the other after so many. */
  readonly field: { readonly row: number; readonly column: number; readonly size: number; readonly stride: number };
  /** Mean over the examples of |∂ unit / ∂ pixel|. */
  readonly effective: Float32Array;
  /** |∂ likeliest class / ∂ pixel| of this image, before softmax. */
  readonly saliency: Float32Array;
  /** Grad-CAM of the likeliest class at the unit's layer, in units of that layer. */
  readonly cam: Float32Array;
  readonly sum: UnitSum | undefined;
  readonly exciting: readonly Exciting[];
}
