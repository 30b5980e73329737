/** @file A map of places, joined by ways, as SVG. */
import { escaped, figure } from "./svg.ts";

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly name: string;
  /** Which colour of the set. Default 6, grey. */
  readonly colour?: number;
  /** Pixels. Default 6. */
  readonly radius?: number;
}

/** From one place to another, by their numbers. Without a colour it is a thin rule. */
export interface Way {
  readonly from: number;
  readonly to: number;
  readonly colour?: number;
}

/** What a colour stands for. */
export interface Key {
  readonly name: string;
  readonly colour: number;
}

const SIDE = 40;
const TOP = 56;
const px = (value: number): string => String(Number(value.toFixed(1)));

/** Places at the same scale along both axes, y upwards. @throws {RangeError} without a place. */
export function placeMap(
  title: string,
  places: readonly Place[],
  ways: readonly Way[] = [],
  { keys = [], width = 720 }: { readonly keys?: readonly Key[]; readonly width?: number } = {},
): string {
  if (places.length === 0) throw new RangeError("placeMap: there is no place to draw");
  const [xs, ys] = [places.map(({ x }) => x), places.map(({ y }) => y)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = (width - 2 * SIDE) / Math.max(right - left, 2 * (high - low), 1e-9);
  const at = ({ x, y }: Place): [number, number] => [width / 2 + (x - (left + right) / 2) * scale, TOP + 16 + (high - y) * scale];
  const height = TOP + 40 + (high - low) * scale + (keys.length > 0 ? 28 : 0);
  const lines = ways.map(({ from, to, colour }) => {
    const [[x1, y1], [x2, y2]] = [at(places[from]!), at(places[to]!)];
    return colour === undefined
      ? `<line class="rule" x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke-width="3"/>`
      : `<g class="c${colour % 7}"><path d="M${px(x1)} ${px(y1)}L${px(x2)} ${px(y2)}" stroke-opacity="0.6"/></g>`;
  });
  const marks = places.map((place) => {
    const [x, y] = at(place);
    const { name, colour = 6, radius = 6 } = place;
    return `<g class="c${colour % 7}"><circle cx="${px(x)}" cy="${px(y)}" r="${px(radius)}"/></g><text x="${px(x)}" y="${px(y - radius - 5)}" text-anchor="middle">${escaped(name)}</text>`;
  });
  let along = SIDE;
  const legend = keys.map(({ name, colour }) => {
    const text = `<g class="c${colour}"><circle cx="${px(along)}" cy="${px(height - 18)}" r="5"/></g><text x="${px(along + 12)}" y="${px(height - 18)}" dy="0.35em">${escaped(name)}</text>`;
    along += 40 + 7 * name.length;
    return text;
  });
  const head = `<text class="title" x="24" y="28">${escaped(title)}</text>`;
  return figure(title, width, Math.ceil(height), `${head}${lines.join("")}${marks.join("")}${legend.join("")}`);
}
