/**
 * @file What is sent while a program runs is moved on between kernels, since the network's library acts only when it is called.
 */
import { sizeOf } from "../base/shape.ts";
import type { HostCall } from "../kernel/kernel.ts";
import { multiplyAddsOf } from "../ops/lowering.ts";
import type { Group, Item } from "./groups.ts";

/** Multiply-adds and elements after which something may have arrived: some 100 µs. Asking takes 1 µs. */
const WORK = 2e6;

const workOf = ({ shape, reduction }: Group): number => sizeOf(shape) + (reduction ? multiplyAddsOf(reduction) : 0);

/** Follows the items of a program. */
export class Progress {
  #count = 0;
  #work = 0;
  #moveOn: (() => void) | undefined;

  /** The steps after this item: one that moves on what is on its way, if it is time for that. */
  after(item: Item): HostCall[] {
    if (item.kind === "control") {
      const { begins, ends } = item.instruction.op.traits ?? {};
      this.#moveOn ??= begins;
      this.#count += (begins ? 1 : 0) - (ends ? 1 : 0);
      // How much a loop computes is not looked at.
      if (!begins && !ends) this.#work += WORK;
    } else this.#work += (item.kind === "rows" ? item.groups : [item]).reduce((n, group) => n + workOf(group), 0);
    if (this.#count === 0 || this.#work < WORK) return [];
    this.#work = 0;
    return [{ name: "moveOn", buffers: [], run: this.#moveOn! }];
  }
}
