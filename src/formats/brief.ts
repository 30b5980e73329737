/** @file Text out of a file, fit for the one line of an error: a damaged file may call its entries anything. */

const LONGEST = 100;

/** On one line, and cut after a hundred characters. */
export function brief(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line;
}
