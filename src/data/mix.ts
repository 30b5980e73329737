/** @file Examples of two sources in one split: real ones, and generated ones beside them. */
import { check, checkOptions, expectation } from "../base/check.ts";
import { typedArrayName } from "../base/elements.ts";
import { fold, type Key, permutation } from "../base/random.ts";
import { checkSplit } from "./check.ts";
import type { Split } from "./dataset.ts";
import { aSeed, keyOf, subset } from "./split.ts";

const aShare = expectation("a number from 0 to below 1", (value) => typeof value === "number" && value >= 0 && value < 1);

/** Which of the generated examples are taken. */
export interface MixOptions {
  /** Of which generated examples are taken, and of the order of all. Default 0. */
  readonly seed?: number | Key;
}

/**
 * All real examples with as many generated ones that these are `share` of the whole (from 0 to below 1), in random order.
 * @throws {RangeError} if there are too few generated ones, or examples of the two differ in size. @throws {TypeError} if their arrays differ in kind.
 */
export function mix(real: Split, generated: Split, share: number, options: MixOptions = {}): Split {
  checkSplit("mix: the real examples", real);
  checkSplit("mix: the generated examples", generated);
  check("mix: share", share, aShare);
  checkOptions("mix", options, { seed: aSeed });
  const wanted = Math.round((share / (1 - share)) * real.count);
  if (wanted > generated.count)
    throw new RangeError(
      `mix: a share of ${share} beside ${real.count} real examples wants ${wanted} generated ones, got ${generated.count}`,
    );
  const key = keyOf(options.seed ?? 0);
  const taken = subset(generated as Whole, permutation(generated.count, fold(key, 0)).subarray(0, wanted));
  const joined = {
    inputs: join("inputs", real.inputs, taken.inputs, real.count, wanted),
    targets: join("targets", real.targets, taken.targets, real.count, wanted),
    count: real.count + wanted,
  };
  return subset(joined as Whole, permutation(joined.count, fold(key, 1)));
}

type Whole = Split & { readonly inputs: Float32Array; readonly targets: Int32Array };

function join<T extends Float32Array | Int32Array>(what: string, a: T, b: T, count: number, added: number): T {
  const [kinds, widths] = [[typedArrayName(a), typedArrayName(b)], [a.length / count, b.length / added]]; // biome-ignore format: two pairs
  if (kinds[0] !== kinds[1]) throw new TypeError(`mix: ${what} of both must be of one kind, got ${kinds[0]} and ${kinds[1]}`);
  if (added > 0 && widths[0] !== widths[1])
    throw new RangeError(`mix: an example has ${widths[0]} ${what} among the real ones and ${widths[1]} among the generated`);
  const whole = new (a.constructor as new (length: number) => T)(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
