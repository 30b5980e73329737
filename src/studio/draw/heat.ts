/** @file A map of bytes as pixels, and the line where it crosses a level. */

/** One byte a cell, coloured by a table of 256 pixels. */
export function heat(pixels: Uint32Array, bytes: Uint8Array, shades: Uint32Array): void {
  for (let i = 0; i < bytes.length; i++) pixels[i] = shades[bytes[i]!]!;
}

let small: HTMLCanvasElement | undefined;

/** A map of n × n bytes, stretched over a square of `side` pixels. */
export function stretchedHeat(ctx: CanvasRenderingContext2D, side: number, n: number, bytes: Uint8Array, shades: Uint32Array): void {
  small ??= document.createElement("canvas");
  if (small.width !== n) small.width = small.height = n;
  const pixels = small.getContext("2d")!;
  const image = pixels.createImageData(n, n);
  heat(new Uint32Array(image.data.buffer), bytes, shades);
  pixels.putImageData(image, 0, 0);
  ctx.imageSmoothingEnabled = true;
  ctx.drawImage(small, 0, 0, side, side);
}

/** Adds the {@link contour} of values over a square of `side` pixels to the path. */
export function traceContour(ctx: CanvasRenderingContext2D, side: number, n: number, values: ArrayLike<number>, level: number): void {
  const segments = contour(values, n, level);
  for (let i = 0; i < segments.length; i += 4) {
    ctx.moveTo((segments[i]! / n) * side, (segments[i + 1]! / n) * side);
    ctx.lineTo((segments[i + 2]! / n) * side, (segments[i + 3]! / n) * side);
  }
}

/** Of the 16 cases of marching squares: pairs of sides (0 top, 1 right, 2 bottom, 3 left) that the line joins. */
const CASES: readonly (readonly number[])[] = [
  [],
  [3, 2],
  [2, 1],
  [3, 1],
  [1, 0],
  [3, 0, 2, 1],
  [2, 0],
  [3, 0],
  [0, 3],
  [0, 2],
  [0, 1, 2, 3],
  [0, 1],
  [1, 3],
  [1, 2],
  [2, 3],
  [],
];

/**
 * The line where n × n values at the middles of cells cross a level (Lorensen & Cline 1987, in the plane): segments x0, y0, x1, y1 in cells from the top left.
 */
export function contour(values: ArrayLike<number>, n: number, level: number): number[] {
  const segments: number[] = [];
  for (let r = 0; r + 1 < n; r++) {
    for (let c = 0; c + 1 < n; c++) {
      const [a, b, d, e] = [values[r * n + c]!, values[r * n + c + 1]!, values[(r + 1) * n + c + 1]!, values[(r + 1) * n + c]!];
      const sides = CASES[(a > level ? 8 : 0) | (b > level ? 4 : 0) | (d > level ? 2 : 0) | (e > level ? 1 : 0)]!;
      for (const side of sides) {
        const between = (p: number, q: number): number => (p === q ? 0.5 : (level - p) / (q - p));
        if (side === 0) segments.push(c + 0.5 + between(a, b), r + 0.5);
        else if (side === 1) segments.push(c + 1.5, r + 0.5 + between(b, d));
        else if (side === 2) segments.push(c + 0.5 + between(e, d), r + 1.5);
        else segments.push(c + 0.5, r + 0.5 + between(a, e));
      }
    }
  }
  return segments;
}
