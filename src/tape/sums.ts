/**
 * @file Sums of many terms along a list: the trees of additions of which each but the last has one reader, the next one.
 */
import { isFloat } from "../base/dtype.ts";
import type { Instruction, Value } from "./node.ts";

export interface Sum {
  /** The last addition. */
  readonly root: Instruction;
  /** All of them, in the order of the list. */
  readonly additions: readonly Instruction[];
  /** What is added up, three values or more. */
  readonly terms: readonly Value[];
}

/**
 * The sums of three and more terms along `list`, by additions alone or (default) by additions and subtractions. Of its values `outputs` are read
 * from outside.
 */
export function findSums(
  list: readonly Instruction[],
  outputs: readonly Value[],
  { subtract = true }: { readonly subtract?: boolean } = {},
): Sum[] {
  const readers = new Map<Value, number>();
  for (const y of outputs) readers.set(y, 2);
  for (const { operands } of list) for (const x of operands) readers.set(x, (readers.get(x) ?? 0) + 1);
  const parts = new Map<Value, { additions: Instruction[]; terms: Value[] }>();
  const roots = new Map<Value, Instruction>();
  for (const instruction of list) {
    const { signs } = instruction.op.traits ?? {};
    if (!signs || !(subtract || signs.every((sign) => sign === 1)) || !isFloat(instruction.results[0]!.dtype)) continue;
    const own = { additions: [] as Instruction[], terms: [] as Value[] };
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

/** The longer list takes up the shorter one, so that a chain costs no more than its length. */
function absorb(own: { additions: Instruction[]; terms: Value[] }, part: { additions: Instruction[]; terms: Value[] }): void {
  for (const key of ["additions", "terms"] as const) {
    const [long, short] = own[key].length < part[key].length ? [part[key], own[key]] : [own[key], part[key]];
    for (const x of short) (long as unknown[]).push(x);
    (own as Record<string, unknown>)[key] = long;
  }
}
