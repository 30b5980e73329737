/** @file Axes: the range that some numbers span, and round numbers in it to write beside it. */

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** From the least to the largest finite number; a little around it, if they are one. 0 to 1 for none. */
export function rangeOf(values: Iterable<number>): Range {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const x of values) {
    if (!Number.isFinite(x)) continue;
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  if (low > high) return { low: 0, high: 1 };
  const pad = low === high ? Math.abs(low) / 10 || 1 : 0;
  return { low: low - pad, high: high + pad };
}

/** About `count` round numbers in a range: multiples of 1, 2 or 5 times a power of ten, of at least `least`. */
export function ticksIn({ low, high }: Range, count: number, least = 0): number[] {
  const rough = Math.max(least, (high - low) / Math.max(1, count));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Powers of ten in a range of logarithms; with 2 and 5 of each where there are few. */
export function logTicksIn({ low, high }: Range): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++)
    for (const factor of high - low > 2 ? [1] : [1, 2, 5]) {
      const tick = Number((factor * 10 ** power).toPrecision(3));
      if (Math.log10(tick) >= low - 1e-9 && Math.log10(tick) <= high + 1e-9) ticks.push(tick);
    }
  return ticks;
}

/** A number as an axis shows it. */
export function tickText(x: number): string {
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return x.toExponential(0).replace("e+", "e");
  return String(Number(x.toPrecision(4)));
}
