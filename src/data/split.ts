/** @file Parts of a split: by indices, at random, with the classes' shares kept, in k folds, and with replacement. All are functions of a seed. */
import { type Checks, check, checkOptions, type Expectation, expectation, flag, naturalNumber, numbers } from "../base/check.ts";
import { areIntegers, kindOf, typedArrayName } from "../base/elements.ts";
import { fold, type Key, keyFromSeed, permutation, threefry2x32 } from "../base/random.ts";
import { checkSplit, checkTargets } from "./check.ts";
import type { Split, Values } from "./dataset.ts";

/** The examples at these positions, copied, in this order; a position may come more than once. */
export function subset<S extends Float32Array | Float64Array | Int32Array, T extends Float32Array | Float64Array | Int32Array>(
  split: Pick<Split, Along> & { readonly inputs: S; readonly targets: T; readonly count: number },
  indices: ArrayLike<number>,
): { inputs: S; targets: T; count: number } & Pick<Split, Along> {
  checkSplit("subset: the split", split);
  check("subset: indices", indices, numbers);
  const { count } = split;
  for (let i = 0; i < indices.length; i++) {
    if (!(Number.isInteger(indices[i]) && indices[i] >= 0 && indices[i] < count))
      throw new RangeError(`subset: there is no example ${indices[i]}; want integers from 0 to ${count - 1}`);
  }
  return {
    inputs: gatherRows(split.inputs, indices, split.inputs.length / count),
    targets: gatherRows(split.targets, indices, split.targets.length / count),
    count: indices.length,
    ...alongAt(split, indices),
  };
}

/** Fields that a split may have beside inputs and targets: its sequences' steps, further inputs and targets. */
export type Along = "lengths" | "moreInputs" | "moreTargets";

/** These fields of some examples, where the split has them. */
export function alongAt(split: Pick<Split, Along> & { readonly count: number }, indices: ArrayLike<number>): Pick<Split, Along> {
  const { lengths, moreInputs, moreTargets, count } = split;
  const rows = (all: Readonly<Record<string, Values>>): Record<string, Values> =>
    Object.fromEntries(
      Object.entries(all).map(([name, { data, ...rest }]) => [name, { ...rest, data: gatherRows(data, indices, data.length / count) }]),
    );
  return {
    ...(lengths && { lengths: gatherRows(lengths, indices, 1) }),
    ...(moreInputs && { moreInputs: rows(moreInputs) }),
    ...(moreTargets && { moreTargets: rows(moreTargets) }),
  };
}

/** The rows with these indices, each `width` long, one after another. */
export function gatherRows<T extends Float32Array | Float64Array | Int32Array>(rows: T, indices: ArrayLike<number>, width: number): T {
  if (typedArrayName(rows) === undefined)
    throw new TypeError(`a split wants its examples in a typed array, such as a Float32Array, got ${kindOf(rows)}`);
  const result = new (rows.constructor as new (length: number) => T)(indices.length * width);
  for (let i = 0; i < indices.length; i++) result.set(rows.subarray(indices[i] * width, (indices[i] + 1) * width), i * width);
  return result;
}

/** A seed, or a key made from one. */
export const aSeed: Expectation = expectation(
  "an integer, or a key of two",
  (value) =>
    Number.isSafeInteger(value) ||
    ((value as ArrayLike<unknown> | null)?.length === 2 && Number.isInteger((value as ArrayLike<unknown>)[0])),
);

export interface SplitOptions {
  /** Seed of the order (default 0). */
  readonly seed?: number | Key;
  /** Whether each part gets the classes in the shares that the whole has (default true; regression has no classes). */
  readonly stratified?: boolean;
}

const SPLIT_OPTIONS: Checks<SplitOptions> = { seed: aSeed, stratified: flag };

export function keyOf(seed: number | Key): Key {
  return typeof seed === "number" ? keyFromSeed(seed) : seed;
}

/**
 * Positions of two parts, the second with about `share` (0 < share < 1) of the examples, each in random order. Stratified, every class gives
 * its share, rounded, and at least one example to each part.
 * @throws {RangeError} for a class with one example, which cannot be in both parts.
 */
export function splitIndices(split: Pick<Split, "targets" | "count">, share: number, options: SplitOptions = {}): [Int32Array, Int32Array] {
  checkTargets("split", split);
  checkOptions("split", options, SPLIT_OPTIONS);
  if (typeof share !== "number" || !(share > 0 && share < 1))
    throw new RangeError(`split: want a share between 0 and 1 for the second part, got ${share}`);
  if (split.count < 2) throw new RangeError(`split: want at least 2 examples for two parts, got ${split.count}`);
  const parts = strata(split, options).map((group, i) => {
    if (group.length === 1)
      throw new RangeError(
        `split: class ${split.targets[group[0]]} has one example, which cannot be in both parts; add some, or split with stratified: false`,
      );
    const order = permutation(group.length, fold(keyOf(options.seed ?? 0), i));
    const second = Math.min(group.length - 1, Math.max(1, Math.round(group.length * share)));
    return { first: Array.from(order.subarray(second), (j) => group[j]), second: Array.from(order.subarray(0, second), (j) => group[j]) };
  });
  const mix = (indices: number[], which: number): Int32Array => shuffled(indices, fold(keyOf(options.seed ?? 0), parts.length + which));
  return [
    mix(
      parts.flatMap(({ first }) => first),
      0,
    ),
    mix(
      parts.flatMap(({ second }) => second),
      1,
    ),
  ];
}

function shuffled(indices: readonly number[], key: Key): Int32Array {
  return permutation(indices.length, key).map((i) => indices[i]);
}

/** Positions by class, or all of them as one group. */
function strata({ targets, count }: Pick<Split, "targets" | "count">, { stratified = true }: SplitOptions): number[][] {
  const all = Array.from({ length: count }, (_, i) => i);
  if (!stratified || !areIntegers(targets)) return [all];
  const groups = new Map<number, number[]>();
  for (const i of all) {
    const group = groups.get(targets[i]);
    if (group) group.push(i);
    else groups.set(targets[i], [i]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}

/** Two parts of a split, the second with about `share` of the examples: {@link splitIndices} as examples. */
export function trainTestSplit(split: Split, share: number, options: SplitOptions = {}): [Split, Split] {
  const [first, second] = splitIndices(split, share, options);
  return [subset(split, first), subset(split, second)];
}

/** One round of cross-validation: positions to train on, and to test on. */
export interface Fold {
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/**
 * The k rounds of cross-validation (Stone 1974): every example is tested on once. Stratified, the folds' counts of a class differ by one at most.
 * @throws {RangeError} unless 2 <= k <= count, or if a class has fewer than k examples.
 */
export function kFold(split: Pick<Split, "targets" | "count">, k: number, options: SplitOptions = {}): Fold[] {
  checkTargets("kFold", split);
  checkOptions("kFold", options, SPLIT_OPTIONS);
  if (!Number.isInteger(k) || k < 2 || k > split.count)
    throw new RangeError(`kFold: want an integer number of folds from 2 to the number of examples, ${split.count}, got ${k}`);
  const key = keyOf(options.seed ?? 0);
  const parts: number[][] = Array.from({ length: k }, () => []);
  let next = 0; // goes on from class to class, so that the folds' sizes differ by one at most too
  for (const [i, group] of strata(split, options).entries()) {
    if (group.length < k)
      throw new RangeError(
        `kFold: class ${split.targets[group[0]]} has ${group.length} examples, fewer than ${k} folds; use fewer folds, or stratified: false`,
      );
    for (const j of permutation(group.length, fold(key, i))) parts[next++ % k].push(group[j]);
  }
  return parts.map((test, i) => ({
    train: shuffled(
      parts.flatMap((part, j) => (j === i ? [] : part)),
      fold(key, split.count + i),
    ),
    test: Int32Array.from(test),
  }));
}

/** Positions of a bootstrap resample (Efron 1979): `count` draws with replacement. About 1 - 1/e = 63.2 % of the examples are in it. */
export function bootstrapIndices(count: number, seed: number | Key = 0): Int32Array {
  check("bootstrapIndices: count", count, naturalNumber);
  check("bootstrapIndices: seed", seed, aSeed);
  const key = keyOf(seed);
  return Int32Array.from({ length: count }, (_, i) => Math.floor((threefry2x32(key, [i, 0])[0] / 2 ** 32) * count));
}
