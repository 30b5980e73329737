/**
 * @file The order of the steps of a program. What is sent while the program runs is sent as soon as it is made. The kernel that makes the next value of a weight may
 * come before the last reader of the present value (in reverse mode, before the cotangent of the layer's input). Moved behind that reader it can write in place,
 * without a second buffer and a copy.
 */
import type { Tensor } from "../ops/tensor.ts";
import type { Fusion, Item } from "./groups.ts";

/**
 * Moves each group that makes a value in `overwrites` behind the last item that reads an input it overwrites, unless an item in between needs what the
 * group makes. `overwrites` maps the buffer of an output to the inputs whose place it takes.
 */
export function writeLast({ items, reads }: Fusion, overwrites: ReadonlyMap<Tensor, readonly Tensor[]>): void {
  const readers = new Map<Tensor, Item[]>();
  for (const item of items) {
    for (const x of reads(item)) {
      const others = readers.get(x);
      if (others) others.push(item);
      else readers.set(x, [item]);
    }
  }
  const readersOf = (values: Iterable<Tensor>): Item[] => [...values].flatMap((x) => readers.get(x) ?? []);
  const order = new Order(items);
  for (const group of items) {
    if (group.kind === "control") continue;
    const old = group.roots.flatMap((root) => overwrites.get(root) ?? []);
    const last = readersOf(old).reduce<Item>((latest, item) => (order.isBefore(latest, item) ? item : latest), group);
    if (last === group) continue;
    if (readersOf(group.stored).some((item) => order.isBefore(group, item) && !order.isBefore(last, item))) continue;
    order.move(group, last);
  }
  items.sort((a, b) => (order.isBefore(a, b) ? -1 : 1));
}

/** Moves each control item that begins to send something behind the last item that makes any of it. Their order among each other stays as it was. */
export function sendEarly({ items, reads }: Fusion): void {
  if (!items.some((item) => item.kind === "control" && item.instruction.op.traits?.begins)) return;
  const makers = new Map<Tensor, number>();
  const place = new Map<Item, number>();
  let earliest = -1;
  items.forEach((item, at) => {
    const made = item.kind === "control" ? item.instruction.results : item.roots;
    for (const y of made) makers.set(y, at);
    place.set(item, at);
    if (item.kind !== "control" || !item.instruction.op.traits?.begins) return;
    for (const x of reads(item)) earliest = Math.max(earliest, makers.get(x) ?? -1);
    place.set(item, earliest + 0.5);
  });
  items.sort((a, b) => place.get(a)! - place.get(b)!);
}

/** A list of items that can be moved and compared without a walk along the list. */
class Order {
  readonly #next: Map<Item, Item> = new Map();
  readonly #before: Map<Item, Item> = new Map();
  /** A number for each item that rises along the list. */
  readonly #rank: Map<Item, number> = new Map();

  constructor(items: readonly Item[]) {
    items.forEach((item, i) => {
      this.#rank.set(item, i);
      if (i > 0) this.#link(items[i - 1]!, item);
    });
  }

  isBefore(a: Item, b: Item): boolean {
    return this.#rank.get(a)! < this.#rank.get(b)!;
  }

  /** Puts an item directly behind another. */
  move(item: Item, behind: Item): void {
    const [before, next] = [this.#before.get(item), this.#next.get(item)];
    this.#link(before, next);
    const after = this.#next.get(behind);
    this.#link(behind, item);
    this.#link(item, after);
    const low = this.#rank.get(behind)!;
    const high = after ? this.#rank.get(after)! : low + 2;
    const middle = (low + high) / 2;
    if (middle > low && middle < high) this.#rank.set(item, middle);
    else this.#number();
  }

  #link(a: Item | undefined, b: Item | undefined): void {
    if (a && b) {
      this.#next.set(a, b);
      this.#before.set(b, a);
    } else if (a) this.#next.delete(a);
    else if (b) this.#before.delete(b);
  }

  /** Numbers the items anew, once there is no floating-point number between two ranks. */
  #number(): void {
    let rank = 0;
    for (let item = this.#first(); item; item = this.#next.get(item)) this.#rank.set(item, rank++);
  }

  /** The item that none precedes. */
  #first(): Item | undefined {
    return [...this.#rank.keys()].find((item) => !this.#before.has(item));
  }
}
