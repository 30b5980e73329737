/** @file The error for a name that is not known. */
import { didYouMean } from "../base/check.ts";

// A longer list hides what matters.
const MOST_LISTED = 16;

/** The error for a name that is not known, with the nearest one that is. */
export function unknownName(what: string, name: string, known: readonly string[]): Error {
  const near = didYouMean(name, known);
  const rest = known.length > MOST_LISTED ? `, ... and ${known.length - MOST_LISTED} more, see nabla info` : "";
  return new Error(`unknown ${what} "${name}"${near} (known: ${known.slice(0, MOST_LISTED).join(", ")}${rest})`);
}
