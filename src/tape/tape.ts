/**
 * @file The tape (Wengert list) of some outputs: the instructions that they depend on, operands first. Since it is derived from the outputs, an instruction is
 * dead exactly if no output reaches it.
 */
import type { InstructionOf, Listed, RegionOf, Value } from "./node.ts";

/**
 * The instructions that `outputs` depend on, sorted by serial number. The walk does not pass the values in `stop`, nor instructions older
 * than `since` (they cannot depend on anything made later).
 */
export function tapeOf<V extends Listed<V>>(outputs: readonly V[], stop?: ReadonlySet<Value>, since = 0): V["source"][] {
  const seen = new Set<V["source"]>();
  const todo: V[] = [...outputs];
  for (let value = todo.pop(); value !== undefined; value = todo.pop()) {
    const instruction = value.source;
    if (stop?.has(value) || instruction.serial < since || seen.has(instruction)) continue;
    seen.add(instruction);
    todo.push(...instruction.operands);
  }
  return [...seen].sort((a, b) => a.serial - b.serial);
}

/** The tape of a region, without its inputs. */
export function tapeOfRegion<V extends Listed<V>>(region: RegionOf<V>): V["source"][] {
  return tapeOf(region.outputs, new Set(region.inputs));
}

/** The values among `from` and everything that depends on them along `list`. */
export function dependents<V extends Value>(list: readonly InstructionOf<V>[], from: Iterable<V>): Set<V> {
  const found = new Set<V>(from);
  for (const instruction of list) {
    if (instruction.operands.some((x) => found.has(x))) for (const y of instruction.results) found.add(y);
  }
  return found;
}
