/** @file Colours of the drawings, read from the page's style when the theme changes: orange for class 0 and below, blue for class 1 and above, grey between. */

export type RGB = readonly [number, number, number];

export interface Palette {
  readonly low: RGB;
  readonly middle: RGB;
  readonly high: RGB;
  readonly paper: string;
  readonly ink: string;
  readonly soft: string;
  readonly rule: string;
  readonly lowInk: string;
  readonly highInk: string;
  /** Of several curves, in their order. */
  readonly series: readonly string[];
  /** 256 colours from low over middle to high, as pixels of little-endian RGBA. */
  readonly shades: Uint32Array;
}

/** Of a colour as browsers compute it: `rgb(r, g, b)`. */
export function rgbOf(colour: string): RGB {
  const [r = 0, g = 0, b = 0] = colour.match(/\d+/g)?.map(Number) ?? [];
  return [r, g, b];
}

const mix = (a: RGB, b: RGB, t: number): RGB => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];

/** 256 pixels from one colour over the middle to the other. */
export function shadesOf(low: RGB, middle: RGB, high: RGB): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const t = i / 127.5 - 1;
    const [r, g, b] = t < 0 ? mix(middle, low, -t) : mix(middle, high, t);
    return ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
  });
}

/** Names of the colours of several curves. */
export const SERIES = [1, 2, 3, 4, 5, 6].map((i) => `--series-${i}`);

/** The palette of the page as it is now. */
export function readPalette(): Palette {
  // A colour that depends on the theme is known where it is used.
  const probe = document.documentElement.appendChild(document.createElement("i"));
  const of = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const [low, middle, high] = [rgbOf(of("--map-low")), rgbOf(of("--map-middle")), rgbOf(of("--map-high"))];
  const found = {
    low,
    middle,
    high,
    paper: of("--panel"),
    ink: of("--ink"),
    soft: of("--soft"),
    rule: of("--rule"),
    lowInk: of("--low"),
    highInk: of("--high"),
    series: SERIES.map(of),
    shades: shadesOf(low, middle, high),
  };
  probe.remove();
  return found;
}
