/**
 * @file The order of kernels where memory is overwritten. A step that makes the next value of a weight may stand before the last one that reads the
 * present value (in reverse mode, before the cotangent of a layer's input). Behind it, it can write in place: no second weight, and no copy.
 */
import type { Value } from "../tape/node.ts";
import type { Fusion, Item } from "./fuse.ts";

/**
 * Moves each group that makes one of the values in `overwrites` behind the last item that reads an input it overwrites, unless something before that
 * needs what the group makes. `overwrites` gives the inputs by the buffer of the output that takes their place.
 */
export function writeLast({ items, reads }: Fusion, overwrites: ReadonlyMap<Value, readonly Value[]>): void {
  const readBy = new Map<Item, ReadonlySet<Value>>(items.map((item) => [item, reads(item)]));
  const readsAny = (item: Item, values: Iterable<Value>): boolean => {
    const own = readBy.get(item)!;
    for (const x of values) if (own.has(x)) return true;
    return false;
  };
  for (const group of [...items]) {
    if (group.kind === "control") continue;
    const old = group.roots.flatMap((root) => overwrites.get(root) ?? []);
    if (old.length === 0) continue;
    const at = items.indexOf(group);
    const last = items.findLastIndex((item) => item !== group && readsAny(item, old));
    if (last < at) continue;
    if (items.slice(at + 1, last + 1).some((item) => readsAny(item, group.stored))) continue;
    items.splice(last + 1, 0, group);
    items.splice(at, 1);
  }
}
