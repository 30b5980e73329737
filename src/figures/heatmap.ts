/** @file A grid of values as shades, as SVG. */
import { tickText } from "./axis.ts";
import { escaped, figure } from "./svg.ts";

const px = (value: number): string => String(Number(value.toFixed(1)));

/**
 * Values on a grid, rows from the top; the fuller the colour the larger, on a logarithmic scale where all are above 0 and the largest is over 50 times the least. @throws {RangeError}
 * without a finite value.
 */
export function heatmap(title: string, rows: readonly (readonly number[])[], side = 420): string {
  const all = rows.flat().filter(Number.isFinite);
  if (all.length === 0) throw new RangeError("heatmap: there is no value to draw; want rows of finite numbers");
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const log = low > 0 && high > 50 * low;
  const place = (value: number): number => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low || 1));
  const [width, height] = [side / Math.max(1, ...rows.map((row) => row.length)), side / rows.length];
  const cells = rows.flatMap((row, i) =>
    row.map((value, j) =>
      Number.isFinite(value)
        ? `<rect x="${px(24 + j * width)}" y="${px(44 + i * height)}" width="${px(width)}" height="${px(height)}" fill-opacity="${(0.04 + 0.96 * place(value)).toFixed(3)}"/>`
        : "",
    ),
  );
  const key = `${tickText(Number(low.toPrecision(3)))} (faint) to ${tickText(Number(high.toPrecision(3)))} (full)${log ? ", logarithmic" : ""}`;
  const texts = `<text class="title" x="24" y="26">${escaped(title)}</text><text x="24" y="${side + 64}">${escaped(key)}</text>`;
  return figure(title, side + 48, side + 80, `${texts}<g class="bar c0" shape-rendering="crispEdges">${cells.join("")}</g>`);
}
