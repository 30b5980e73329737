/** @file Elements as a text of their bytes: equal texts are equal bits, and texts compare fast where arrays of numbers do not. */
import type { TypedArray } from "../src/base/dtype.ts";

export const bits = (elements: TypedArray): string =>
  new TextDecoder("latin1").decode(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength).slice());
