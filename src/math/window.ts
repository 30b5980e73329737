/** @file What pooling windows are before the input is known, so that a layer can refuse at once what its function would refuse later. */
import { aNumber, check, type Expectation, eachAxis, either, expectation } from "../base/check.ts";
import { perAxis } from "../ops/tensor.ts";
import type { PerAxis } from "./conv.ts";

/** Elements added: as many on both sides of every axis, a number for each axis, or a pair [low, high] for each. */
export type Padding = PerAxis | readonly (readonly [low: number, high: number])[];

const pairs = expectation(
  "a list of pairs [low, high]",
  (value) => Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(aNumber.holds)),
);

/** What {@link Padding} may be. */
export const eachSide: Expectation = either(eachAxis, pairs);

/** Elements added before and behind each axis. @throws {RangeError} unless there are as many as axes, all integers of at least 0. */
export function sidesOf(padding: Padding, spatial: number, what: string): { low: number[]; high: number[] } {
  check(what, padding, eachSide);
  if (typeof padding === "number" || !padding.some(Array.isArray)) {
    const both = perAxis(padding as PerAxis, spatial, what);
    return { low: both, high: both };
  }
  const list = padding as readonly (readonly [number, number])[];
  const side = (i: 0 | 1): number[] =>
    perAxis(
      list.map((pair) => pair[i]),
      spatial,
      what,
    );
  return { low: side(0), high: side(1) };
}

/** Padding as layers print it: 1x2, or 0:1x0:1 where the sides differ; nothing if there is none. */
export function paddingText({ low, high }: { readonly low: readonly number[]; readonly high: readonly number[] }): string {
  if (low.every((n) => n === 0) && high.every((n) => n === 0)) return "";
  return `padding ${low.map((n, i) => (n === high[i] ? n : `${n}:${high[i]}`)).join("x")}`;
}

export interface WindowOptions {
  readonly stride?: PerAxis;
  readonly padding?: Padding;
  readonly dilation?: PerAxis;
}

export interface PoolWindow {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Elements added before and behind. */
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** One number per axis of each setting. @throws {RangeError} if there are too few, or padding is above half the kernel. */
export function poolWindow(what: string, spatial: number, kernelSize: PerAxis, options: WindowOptions): PoolWindow {
  const kernel = perAxis(kernelSize, spatial, `${what}: kernel size`, 1);
  const stride = options.stride === undefined ? kernel : perAxis(options.stride, spatial, `${what}: stride`, 1);
  const dilation = perAxis(options.dilation ?? 1, spatial, `${what}: dilation`, 1);
  const { low, high } = sidesOf(options.padding ?? 0, spatial, `${what}: padding`);
  // Otherwise a window could lie in the padding altogether and have no maximum.
  if (low.some((p, i) => 2 * Math.max(p, high[i]) > kernel[i])) {
    throw new RangeError(
      `${what}: padding must be at most half the kernel, got ${paddingText({ low, high })} for kernel ${kernel.join("x")}`,
    );
  }
  return { kernel, stride, dilation, low, high };
}
