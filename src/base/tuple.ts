/** @file Lists of a known length, so that taking one apart needs no cast. */

/** `N` elements; -1 stands for any number. */
export type Tuple<T, N extends number> = N extends 0
  ? []
  : N extends 1
    ? [T]
    : N extends 2
      ? [T, T]
      : N extends 3
        ? [T, T, T]
        : N extends 4
          ? [T, T, T, T]
          : T[];

/** Returns true if the list has `n` elements; -1 stands for any number. */
export function isTuple<T, N extends number>(list: readonly T[], n: N): list is Tuple<T, N> {
  return n < 0 || list.length === n;
}

/** The list, which has `n` elements. @throws {Error} if it has not. */
export function tuple<T, N extends number>(list: readonly T[], n: N): Tuple<T, N> {
  if (isTuple(list, n)) return list;
  throw new Error(`internal: want ${n} elements, got ${list.length}`);
}
