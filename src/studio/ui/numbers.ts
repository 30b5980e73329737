/** @file Numbers as the page writes them. */

/** For boxes that are typed into: as short as it can be, at most five digits. Below 1/10,000 with a power of ten: the boxes are six digits wide. */
export function shownNumber(x: number): string {
  if (Number.isInteger(x) && Math.abs(x) < 1e9) return String(x);
  const rounded = Number(x.toPrecision(5));
  return Math.abs(rounded) < 1e-4 ? rounded.toExponential() : String(rounded);
}

/** For results: as many digits at every size, so that little jumps while they change. Below 1/1000 and from 100,000 with a power of ten. */
export function fixed(x: number, digits = 4): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "–" : x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const power = size === 0 ? 0 : Math.floor(Math.log10(size));
  const text =
    size !== 0 && (power < -3 || power >= 5)
      ? x.toExponential(Math.max(1, digits - 2))
      : x.toFixed(Math.max(0, digits - 1 - (power < 0 ? power + 1 : power)));
  return text.replaceAll("-", "−").replace("e+", "e");
}

/** A whole number as it is, another one with four digits. */
export const exact = (x: number): string => (Number.isInteger(x) && Math.abs(x) < 1e9 ? counted(x).replace("-", "−") : fixed(x));

/** A share as percent. */
export const percent = (x: number): string => (Number.isFinite(x) ? `${(100 * x).toFixed(1)} %` : "–");

/** A count, with spaces between thousands. */
export const counted = (n: number): string => Math.round(n).toLocaleString("en-US").replaceAll(",", "\u202f");
