/**
 * @file The user's line in a recorded stack.
 */
import type { Origin } from "./node.ts";

// Frames under the library's own folder are not the user's.
const { url } = import.meta; // bundlers take new URL(..., import.meta.url) for a file of the page
const HOME = new URL("../", url).href.replace(/^file:\/\//, "");

/** `file:line:column` of the first frame outside the library, with the module path if there is one. */
export function userLine(origin: Origin | undefined): string | undefined {
  const frames = origin?.line?.split("\n").slice(1) ?? [];
  const foreign = frames.find((frame) => !frame.includes(HOME) && !frame.includes("node:internal") && !frame.includes("(<anonymous>)"));
  const place = foreign
    ?.trim()
    .replace(/^at (?:.*\()?/, "")
    .replace(/\)$/, "");
  return [origin?.path, place].filter((part) => part).join(" at ") || undefined;
}
