/**
 * @file Finds sums of many terms in a list: trees of additions in which each addition except the last has one reader, the next addition.
 */
import { isFloat } from "../base/dtype.ts";
import type { Listed } from "./node.ts";

/** A sum of three or more terms. */
export interface Sum<V extends Listed<V>> {
  /** The last addition. */
  readonly root: V["source"];
  /** All of them, in the order of the list. */
  readonly additions: readonly V["source"][];
  /** The values that are added, three or more. */
  readonly terms: readonly V[];
}

/**
 * The sums of three and more terms along `list`, by additions and subtractions (default) or by additions alone (`subtract: false`). The values in `outputs`
 * have readers outside of the list.
 */
export function findSums<V extends Listed<V>>(
  list: readonly V["source"][],
  outputs: readonly V[],
  { subtract = true }: { readonly subtract?: boolean } = {},
): Sum<V>[] {
  const readers = new Map<V, number>();
  for (const y of outputs) readers.set(y, 2);
  for (const { operands } of list) for (const x of operands) readers.set(x, (readers.get(x) ?? 0) + 1);
  const parts = new Map<V, Parts<V>>();
  const roots = new Map<V, V["source"]>();
  for (const instruction of list) {
    const { signs } = instruction.op.traits ?? {};
    if (!signs || !(subtract || signs.every((sign) => sign === 1)) || !isFloat(instruction.results[0]!.dtype)) continue;
    const own: Parts<V> = { additions: [], terms: [] };
    for (const x of instruction.operands) {
      const inner = readers.get(x) === 1 ? parts.get(x) : undefined;
      if (inner) roots.delete(x);
      absorb(own, inner ?? { additions: [], terms: [x] });
    }
    own.additions.push(instruction);
    parts.set(instruction.results[0]!, own);
    roots.set(instruction.results[0]!, instruction);
  }
  return [...roots].flatMap(([y, root]) => {
    const { additions, terms } = parts.get(y)!;
    return terms.length > 2 ? [{ root, additions, terms }] : [];
  });
}

/** The additions and terms of a part of a sum. */
interface Parts<V extends Listed<V>> {
  additions: V["source"][];
  terms: V[];
}

function absorb<V extends Listed<V>>(own: Parts<V>, part: Parts<V>): void {
  own.additions = joined(own.additions, part.additions);
  own.terms = joined(own.terms, part.terms);
}

/** Appends the shorter list to the longer one, in place, so that a chain costs no more than its length. */
function joined<T>(a: T[], b: T[]): T[] {
  const [long, short] = a.length < b.length ? [b, a] : [a, b];
  for (const x of short) long.push(x);
  return long;
}
