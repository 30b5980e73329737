/**
 * @file Calls that record a function (compile, grad, vmap, scan, ...), and the placeholders that they hand to it. What depends on a placeholder has no value
 * once its call has ended: whoever kept it is told which call it came from.
 */
import type { Type } from "../base/shape.ts";
import { placeholder } from "./leaves.ts";
import { freeValues, placeholderOf } from "./region.ts";
import type { Tensor } from "./tensor.ts";

const owners: WeakMap<Tensor, Call> = new WeakMap();

/** One run of a function that is recorded. */
export class Call {
  /** The transform, for messages: `compile`, `scan`, `vmap`. */
  readonly kind: string;
  readonly #fn: { readonly name: string } | undefined;
  /** The function has returned. */
  ended = false;

  constructor(kind: string, fn?: { readonly name: string }) {
    this.kind = kind;
    this.#fn = fn;
  }

  /** A placeholder that the function is given. */
  placeholderOf(type: Type, label?: string): Tensor {
    return this.own(placeholderOf(type, label));
  }

  /** Notes that a placeholder is of this call, unless it is of another. */
  own(x: Tensor): Tensor {
    if (x.source.op === placeholder && !owners.has(x)) owners.set(x, this);
    return x;
  }

  toString(): string {
    return this.#fn?.name ? `${this.kind}(${this.#fn.name})` : this.kind;
  }
}

/** The call that has ended and that a pending value was recorded in, if there is one. */
export function leakedFrom(x: Tensor): Call | undefined {
  return freeValues([], [x], 0)
    .map((free) => owners.get(free))
    .find((call) => call?.ended);
}
