/** @file Small grey images in rows, as SVG and as text. */
import { escaped, figure } from "./svg.ts";

/** Images of one size, side by side, with a name in front. */
export interface ImageRow {
  readonly name: string;
  /** Pixels from 0 to 1, row by row. */
  readonly images: readonly ArrayLike<number>[];
}

const SIDE = 24;
const TOP = 48;

const level = (pixel: number): number => Math.max(0, Math.min(1, pixel));

/** As SVG: dark is 1. @throws {RangeError} without an image. */
export function imageRows(title: string, rows: readonly ImageRow[], size: number, pixel = 5): string {
  const most = Math.max(0, ...rows.map(({ images }) => images.length));
  if (most === 0) throw new RangeError("imageRows: there is no image to draw");
  const left = SIDE + 12 + 7 * Math.max(...rows.map(({ name }) => name.length));
  const each = size * pixel + 8;
  const body = rows.map(({ name, images }, r) => {
    const y = TOP + r * each;
    const cells = images.map((image, k) =>
      Array.from({ length: size * size }, (_, i) => {
        const shade = level(image[i]!);
        if (shade < 0.02) return "";
        return `<rect x="${left + k * each + (i % size) * pixel}" y="${y + Math.floor(i / size) * pixel}" width="${pixel}" height="${pixel}" fill-opacity="${shade.toFixed(2)}"/>`;
      }).join(""),
    );
    return `<text x="${left - 12}" y="${y + (size * pixel) / 2}" dy="0.35em" text-anchor="end">${escaped(name)}</text><g class="c6">${cells.join("")}</g>`;
  });
  const head = `<text class="title" x="${SIDE}" y="28">${escaped(title)}</text>`;
  return figure(
    title,
    Math.max(left + most * each + SIDE, 2 * SIDE + 9 * title.length),
    TOP + rows.length * each + 8,
    `${head}${body.join("")}`,
  );
}

/** As text: a row of images as lines, light to dark. */
export function imageText(rows: readonly ImageRow[], size: number): string {
  const shades = " .:-=+*#@";
  return rows
    .map(({ name, images }) => {
      const lines = Array.from({ length: size }, (_, i) =>
        images
          .map((image) => Array.from({ length: size }, (__, j) => shades[Math.floor(8.99 * level(image[i * size + j]!))]).join(""))
          .join("  "),
      );
      return [name, ...lines.map((line) => `  ${line}`.trimEnd())].join("\n");
    })
    .join("\n");
}
