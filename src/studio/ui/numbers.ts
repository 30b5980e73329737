/** @file Numbers as the page writes them. */

/** For boxes that are typed into: as short as it can be, at most five digits. */
export function shownNumber(x: number): string {
  if (Number.isInteger(x) && Math.abs(x) < 1e9) return String(x);
  return String(Number(x.toPrecision(5)));
}

/** For results: always four digits, so that nothing jumps while they change. */
export function fixed(x: number, digits = 4): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "–" : x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e5)
      ? x.toExponential(Math.max(1, digits - 2))
      : x.toFixed(Math.max(0, digits - Math.max(1, Math.floor(Math.log10(size || 1)) + 1)));
  return text.replace("-", "−").replace("e−", "e−").replace("e+", "e");
}

/** A share as percent. */
export const percent = (x: number): string => (Number.isFinite(x) ? `${(100 * x).toFixed(1)} %` : "–");

/** A count, with spaces between thousands. */
export const counted = (n: number): string => Math.round(n).toLocaleString("en-US").replaceAll(",", "\u202f");
