/** @file Images for the room Maps: shapes that are drawn here, and images of one's own or digits brought to the size that the net takes. */
import { keyOf, uniform } from "../../math/random.ts";
import type { OwnTable } from "../own/table.ts";

/** Square images, pixels 0 to 1, one after another, and the class of each. */
export interface Images {
  readonly pixels: Float32Array;
  readonly labels: Int32Array;
  readonly classes: readonly string[];
}

const SHAPES: readonly (readonly [name: string, distance: (x: number, y: number) => number])[] = [
  ["circle", (x, y) => Math.abs(Math.hypot(x, y) - 1)],
  ["square", (x, y) => Math.abs(Math.max(Math.abs(x), Math.abs(y)) - 0.85)],
  ["triangle", (x, y) => Math.abs(Math.max(-y, 0.866 * x + 0.5 * y, -0.866 * x + 0.5 * y) - 0.6)],
  ["cross", (x, y) => Math.max(Math.min(Math.abs(x), Math.abs(y)), Math.max(Math.abs(x), Math.abs(y)) - 1)],
];

/** Random numbers of an image: place, size, angle. */
const DRAWS = 4;

/** Lines of shapes of all sizes, turned and moved, class after class. */
export function shapes(count: number, side: number, seed: number): Images {
  const draws = uniform(keyOf(seed), [count, DRAWS]).dataSync() as Float32Array;
  const pixels = new Float32Array(count * side * side);
  for (let i = 0; i < count; i++) {
    const [a, b, c, d] = draws.subarray(i * DRAWS, i * DRAWS + DRAWS) as unknown as [number, number, number, number];
    const radius = side * (0.22 + 0.14 * c);
    const [cx, cy] = [a, b].map((u) => side / 2 + (u - 0.5) * (side - 2 * radius - 2)) as [number, number];
    const [sin, cos] = [Math.sin((d - 0.5) * 0.7), Math.cos((d - 0.5) * 0.7)];
    const distance = SHAPES[i % SHAPES.length]![1];
    for (let at = 0; at < side * side; at++) {
      const [x, y] = [((at % side) + 0.5 - cx) / radius, (Math.floor(at / side) + 0.5 - cy) / radius];
      pixels[i * side * side + at] = Math.min(1, Math.max(0, 1.3 - distance(cos * x + sin * y, cos * y - sin * x) * radius));
    }
  }
  return {
    pixels,
    labels: Int32Array.from({ length: count }, (_, i) => i % SHAPES.length),
    classes: SHAPES.map(([name]) => name),
  };
}

/** Images brought to another side, inside of a border: each pixel is the one under its middle. */
function resized(pixels: ArrayLike<number>, [height, width]: readonly [number, number], side: number, border: number): Float32Array {
  const inner = side - 2 * border;
  const count = pixels.length / (height * width);
  const out = new Float32Array(count * side * side);
  const from = (at: number, size: number): number => Math.floor(((at + 0.5) * size) / inner);
  for (let i = 0; i < count; i++)
    for (let r = 0; r < inner; r++)
      for (let c = 0; c < inner; c++)
        out[(i * side + r + border) * side + c + border] = pixels[(i * height + from(r, height)) * width + from(c, width)]!;
  return out;
}

/** Digits of 8 × 8. On 28 × 28 they have a border of 2. */
export function digitsOf({ pixels, labels }: { readonly pixels: Uint8Array; readonly labels: Uint8Array }, side: number): Images {
  const shown = Float32Array.from(pixels, (x) => x / 16);
  return {
    pixels: resized(shown, [8, 8], side, side === 28 ? 2 : 0),
    labels: Int32Array.from(labels),
    classes: Array.from({ length: 10 }, (_, i) => String(i)),
  };
}

/** The images of a table of one's own. @throws {Error} where there are none. */
export function imagesOf(table: OwnTable | undefined, side: number): Images {
  const kinds = table?.classes[0];
  const from = Math.round(Math.sqrt(table?.columns.length ?? 0));
  if (!table?.pixels || !kinds || from ** 2 !== table.columns.length)
    throw new Error("there are no images of your own: drop square images here, in a folder for each class, and choose them again");
  const rows = Array.from(kinds.of.keys()).filter((i) => kinds.of[i]! >= 0);
  const raw = Float32Array.from(rows.flatMap((i) => table.columns.map(({ values }) => values[i]!)));
  const most = Math.max(...table.columns.map(({ values }) => values.reduce((a, b) => Math.max(a, b), 0)));
  return {
    pixels: resized(
      raw.map((x) => x / (most || 1)),
      [from, from],
      side,
      0,
    ),
    labels: Int32Array.from(rows, (i) => kinds.of[i]!),
    classes: kinds.kinds,
  };
}
