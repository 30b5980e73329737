/**
 * @file Calls that record a function (compile, grad, vmap, scan, ...), and the placeholders that they pass to it. A tensor that depends on a placeholder has no value
 * once the call has ended; the error for reading it names the call.
 */
import type { Type } from "../base/shape.ts";
import { placeholder } from "./leaves.ts";
import { freeValues, placeholderOf } from "./region.ts";
import type { Tensor } from "./tensor.ts";

const owners: WeakMap<Tensor, Call> = new WeakMap();

/** One recording run of a function. */
export class Call {
  /** The transform, for messages: `compile`, `scan`, `vmap`. */
  readonly kind: string;
  readonly #fn: { readonly name: string } | undefined;
  /** True once the function has returned. */
  ended = false;

  constructor(kind: string, fn?: { readonly name: string }) {
    this.kind = kind;
    this.#fn = fn;
  }

  /** Makes a placeholder for an argument of the function. */
  placeholderOf(type: Type, label?: string): Tensor {
    return this.own(placeholderOf(type, label));
  }

  /** Notes that a placeholder belongs to this call, unless it belongs to another. */
  own(x: Tensor): Tensor {
    if (x.source.op === placeholder && !owners.has(x)) owners.set(x, this);
    return x;
  }

  toString(): string {
    return this.#fn?.name ? `${this.kind}(${this.#fn.name})` : this.kind;
  }
}

/** The ended call in which a pending value was recorded, if there is one. */
export function leakedFrom(x: Tensor): Call | undefined {
  return freeValues([], [x], 0)
    .map((free) => owners.get(free))
    .find((call) => call?.ended);
}
