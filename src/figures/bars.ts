/** @file Bars on a logarithmic axis with whiskers, and small histograms, as SVG. */
import { tickText } from "./axis.ts";
import { escaped, figure } from "./svg.ts";

/** A bar from 1 to its value. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Where the value must lie. */
  readonly whiskers?: { readonly low: number; readonly high: number } | undefined;
  /** Which colour of the set. Default 0. */
  readonly colour?: number;
}

const ROW = 22;
const CHARACTER = 7;

/** Powers of ten that hold all values; at least one on each side of 1. */
function decades(values: readonly number[]): [low: number, high: number] {
  const logs = values.filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
  return [Math.max(-12, Math.min(-1, Math.floor(Math.min(...logs, 0)))), Math.min(12, Math.max(1, Math.ceil(Math.max(...logs, 0))))];
}

const px = (value: number): string => String(Number(value.toFixed(1)));

/** Factors as bars to the left (they shrink) or to the right of 1, each with whiskers. @throws {RangeError} without a bar. */
export function factorBars(title: string, bars: readonly Bar[], width = 720): string {
  if (bars.length === 0) throw new RangeError("factorBars: there is no bar to draw");
  const left = Math.min(260, 24 + CHARACTER * Math.max(...bars.map(({ name }) => name.length)));
  const right = width - 84;
  const [low, high] = decades(bars.flatMap(({ value, whiskers }) => [value, ...(whiskers ? [whiskers.low, whiskers.high] : [])]));
  const at = (value: number): number =>
    left + ((Math.max(low, Math.min(high, value > 0 ? Math.log10(value) : low)) - low) / (high - low)) * (right - left);
  const height = 76 + bars.length * ROW;
  const step = Math.max(1, Math.ceil((high - low) / 8));
  const ticks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => low + i * step);
  const rules = ticks.map(
    (power) =>
      `<line class="rule" x1="${px(at(10 ** power))}" x2="${px(at(10 ** power))}" y1="44" y2="${height - 28}"/><text x="${px(at(10 ** power))}" y="${height - 10}" text-anchor="middle">${tickText(10 ** power)}</text>`,
  );
  const rows = bars.map(({ name, value, whiskers, colour = 0 }, i) => {
    const y = 48 + i * ROW;
    const [from, to] = [at(1), at(value)].sort((a, b) => a - b) as [number, number];
    const whisker = whiskers
      ? `<path d="M${px(at(whiskers.low))} ${y + 8}H${px(at(whiskers.high))}M${px(at(whiskers.low))} ${y + 4}v8M${px(at(whiskers.high))} ${y + 4}v8" style="stroke-width:1"/>`
      : "";
    return `<text x="${left - 10}" y="${y + 8}" dy="0.35em" text-anchor="end">${escaped(shortened(name))}</text><g class="bar c${colour}"><rect x="${px(from)}" y="${y + 2}" width="${px(Math.max(1.5, to - from))}" height="12" rx="2"/><g class="whisker">${whisker}</g></g><text x="${right + 10}" y="${y + 8}" dy="0.35em">${value === 0 ? "0" : value.toPrecision(2)}</text>`;
  });
  return figure(title, width, height, `<text class="title" x="24" y="26">${escaped(title)}</text>${rules.join("")}${rows.join("")}`);
}

const shortened = (name: string): string => (name.length > 34 ? `${name.slice(0, 33)}…` : name);

/** Counts of equal parts of a range. */
export interface HistogramRow {
  readonly name: string;
  readonly note: string;
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
}

/** Histograms below each other, each with its range and a note. @throws {RangeError} without one. */
export function histogramRows(title: string, rows: readonly HistogramRow[], width = 720): string {
  if (rows.length === 0) throw new RangeError("histogramRows: there is no histogram to draw");
  const each = 74;
  const [left, right] = [24, width - 24];
  const body = rows.map(({ name, note, low, high, counts }, i) => {
    const floor = 44 + i * each + 48;
    const most = Math.max(1, ...counts.map((n) => Math.sqrt(n)));
    const wide = (right - left) / Math.max(1, counts.length);
    const bars = counts.map((n, k) =>
      n === 0
        ? ""
        : `<rect x="${px(left + k * wide)}" y="${px(floor - (30 * Math.sqrt(n)) / most)}" width="${px(Math.max(1, wide - 1))}" height="${px((30 * Math.sqrt(n)) / most)}"/>`,
    );
    return `<text class="label" x="${left}" y="${floor - 36}">${escaped(name)}</text><text x="${right}" y="${floor - 36}" text-anchor="end">${escaped(note)}</text><g class="bar c0">${bars.join("")}</g><line class="rule" x1="${left}" x2="${right}" y1="${floor}" y2="${floor}"/><text x="${left}" y="${floor + 14}">${tickText(low)}</text><text x="${right}" y="${floor + 14}" text-anchor="end">${tickText(high)}</text>`;
  });
  return figure(title, width, 52 + rows.length * each, `<text class="title" x="${left}" y="26">${escaped(title)}</text>${body.join("")}`);
}
