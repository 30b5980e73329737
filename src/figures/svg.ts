/**
 * @file Curves as SVG, light or dark as the reader's system is. The one place that writes SVG: what an instrument draws is built of these functions. Colours are
 * the categorical set of Okabe & Ito (2008), which people with any colour vision can tell apart; a curve also has its name at its end.
 */
import { logTicksIn, type Range, rangeOf, ticksIn, tickText } from "./axis.ts";
import { type Curve, thinned } from "./curves.ts";

export interface ChartOptions {
  readonly title?: string;
  /** Names of the axes. */
  readonly x?: string;
  readonly y?: string;
  /** Whether the y axis is logarithmic. Default: where the values are above 0 and the largest is over 50 times the least. */
  readonly log?: boolean;
  /** Pixels. Default 720 and 400. */
  readonly width?: number;
  readonly height?: number;
}

const LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#555555"];
const DARK = ["#56b4e9", "#ff9a4d", "#2fd0a4", "#e6a3c8", "#f0e442", "#a0d8ff", "#bbbbbb"];
const MARGIN = { left: 64, top: 44, bottom: 48 } as const;
/** Pixels of a character of a label, about. */
const CHARACTER = 7;
const LINE = 15;

/** Text that stands for itself in SVG and HTML. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Ink of titles, of other text, of rules, and paper; each colour stands for itself, since not every program knows CSS variables. */
const INKS = { light: ["#1a1a1a", "#6b6b6b", "#e2e2e2", "#ffffff"], dark: ["#ececec", "#a0a0a0", "#3a3a3a", "#161616"] } as const;

function colours([ink, soft, rule, paper]: readonly string[], set: readonly string[]): string {
  const curves = set
    .map((c, i) => `.nabla path.c${i},.nabla .c${i} path{stroke:${c}}.nabla .c${i} text,.nabla .c${i} circle,.nabla .c${i} rect{fill:${c}}`)
    .join("");
  return `.nabla text{fill:${soft}}.nabla .title,.nabla .label{fill:${ink}}.nabla .whisker path{stroke:${ink}}.nabla .rule{stroke:${rule}}.nabla .paper{fill:${paper}}${curves}`;
}

const style = (): string =>
  `<style>.nabla{font:12px system-ui,sans-serif}.nabla .title{font-size:15px;font-weight:600}.nabla .end{font-weight:600}.nabla path{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}${colours(INKS.light, LIGHT)}@media (prefers-color-scheme:dark){${colours(INKS.dark, DARK)}}</style>`;

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** From values to pixels. */
function scaleOf(range: Range, from: number, to: number, ticks: readonly number[], log = false): Scale {
  const place = log ? Math.log10 : (x: number): number => x;
  return { at: (value) => from + ((place(value) - range.low) / (range.high - range.low)) * (to - from), ticks };
}

/** The frame of every figure: paper, colours of both themes, and a label for screen readers. `content` is SVG. */
export function figure(label: string, width: number, height: number, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" class="nabla" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(label)}">${style()}<rect class="paper" width="${width}" height="${height}"/>${content}</svg>`;
}

/** A chart of curves, each with its name at its last point. @throws {RangeError} without a point to draw. */
export function lineChart(given: readonly Curve[], options: ChartOptions = {}): string {
  const curves = given.map((curve) => thinned(curve));
  const points = curves.flatMap(({ points: all }) => all.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
  if (points.length === 0) throw new RangeError("lineChart: there is no point to draw; want curves with finite numbers");
  const { title = "", x = "", y = "", width = 720, height = 400 } = options;
  const ys = points.map(([, value]) => value);
  const spread = Math.min(...ys) > 0 && Math.max(...ys) > 50 * Math.min(...ys);
  const log = (options.log ?? spread) && Math.min(...ys) > 0;
  const right = width - 24 - CHARACTER * Math.max(...curves.map(({ name }) => name.length));
  const xs = rangeOf(points.map(([value]) => value));
  const vertical = rangeOf(log ? ys.map(Math.log10) : ys);
  const down = scaleOf(vertical, height - MARGIN.bottom, MARGIN.top, log ? logTicksIn(vertical) : ticksIn(vertical, 5), log);
  const across = scaleOf(xs, MARGIN.left, right, ticksIn(xs, 8, areWhole(points) ? 1 : 0));
  const body = [...grid(across, down, right, height), ...lines(curves, across, down), ...ends(curves, across, down, height)];
  const names = [
    `<text class="title" x="${MARGIN.left}" y="24">${escaped(title)}</text>`,
    `<text x="${(MARGIN.left + right) / 2}" y="${height - 10}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(16 ${(MARGIN.top + height - MARGIN.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
  ];
  return figure(title || "curves", width, height, `${names.join("")}${body.join("")}`);
}

/** Whether points are at steps or epochs, between which there is nothing to mark. */
const areWhole = (points: readonly (readonly [number, number])[]): boolean => points.every(([x]) => Number.isInteger(x));

const px = (value: number): string => String(Number(value.toFixed(1)));

function grid(across: Scale, down: Scale, right: number, height: number): string[] {
  const floor = height - MARGIN.bottom;
  return [
    ...down.ticks.map((tick) => {
      const y = px(down.at(tick));
      return `<line class="rule" x1="${MARGIN.left}" x2="${px(right)}" y1="${y}" y2="${y}"/><text x="${MARGIN.left - 8}" y="${y}" dy="0.35em" text-anchor="end">${tickText(tick)}</text>`;
    }),
    ...across.ticks.map((tick) => `<text x="${px(across.at(tick))}" y="${floor + 18}" text-anchor="middle">${tickText(tick)}</text>`),
  ];
}

function lines(curves: readonly Curve[], across: Scale, down: Scale): string[] {
  return curves.map(({ points }, i) => {
    let drawing = false;
    const steps = points.map(([x, y]) => {
      const shown = Number.isFinite(x) && Number.isFinite(y);
      const command = shown ? `${drawing ? "L" : "M"}${px(across.at(x))} ${px(down.at(y))}` : "";
      drawing = shown;
      return command;
    });
    return `<path class="c${i % LIGHT.length}" d="${steps.filter((step) => step).join("")}"/>`;
  });
}

/** Names at the last points, moved apart where they would lie on each other. */
function ends(curves: readonly Curve[], across: Scale, down: Scale, height: number): string[] {
  const last = curves.flatMap(({ name, points }, i) => {
    const end = points.findLast(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
    return end ? [{ name, i, x: across.at(end[0]), y: down.at(end[1]), label: down.at(end[1]) }] : [];
  });
  last.sort((a, b) => a.y - b.y);
  for (let k = 1; k < last.length; k++) last[k].label = Math.max(last[k].label, last[k - 1].label + LINE);
  const over = (last.at(-1)?.label ?? 0) - (height - MARGIN.bottom);
  if (over > 0)
    for (const [k, end] of last.entries()) end.label = Math.min(end.label, height - MARGIN.bottom - LINE * (last.length - 1 - k));
  return last.map(
    ({ name, i, x, y, label }) =>
      `<g class="c${i % LIGHT.length}"><circle cx="${px(x)}" cy="${px(y)}" r="3"/><text class="end" x="${px(x + 8)}" y="${px(label)}" dy="0.35em">${escaped(name)}</text></g>`,
  );
}

/** Pictures as one page without any other file, light or dark as the reader's system is. */
export function page(title: string, svgs: readonly string[]): string {
  const look =
    "<style>:root{color-scheme:light dark}body{margin:2rem auto;max-width:760px;background:Canvas;color:CanvasText;font:16px system-ui,sans-serif}svg{max-width:100%;height:auto;margin:1rem 0}</style>";
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>${look}</head><body><h1>${escaped(title)}</h1>${svgs.join("\n")}</body></html>\n`;
}
