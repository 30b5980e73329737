/** @file Locations of buffers while a program is drafted, and their addresses once memory is planned. */
import type { Address, Step } from "../kernel/kernel.ts";
import type { Block } from "./memory.ts";

/** A buffer: a planned block, or a bound cell; inside loops, a slice of it per iteration. */
export interface Location {
  readonly block: Block | undefined;
  readonly binding: number;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** A step whose locations are not addresses yet. */
export type Draft =
  | { readonly kind: "host"; readonly host: number; readonly args: readonly Location[] }
  | { readonly kind: "call"; readonly kernel: number; readonly args: readonly Location[] }
  | { readonly kind: "copy"; readonly from: Location; readonly to: Location; readonly bytes: number }
  | { readonly kind: "loop"; readonly length: number; readonly reverse: boolean; readonly body: readonly Draft[] }
  | { readonly kind: "while"; readonly predicate: Location; readonly test: readonly Draft[]; readonly body: readonly Draft[] }
  | { readonly kind: "branch"; readonly predicate: Location; readonly then: readonly Draft[]; readonly otherwise: readonly Draft[] };

export function bound(cell: number): Location {
  return { block: undefined, binding: cell, offset: 0, strides: [] };
}

/** The slice of a stacked buffer that the iteration at loop `depth` works on. */
export function sliceOf(place: Location, bytes: number, depth: number): Location {
  const strides = Array.from({ length: depth + 1 }, (_, i) => (i === depth ? bytes : (place.strides[i] ?? 0)));
  return { ...place, strides };
}

/** The planned block, or the binding of a cell, that a location is a part of. */
export const bufferAt = ({ block, binding }: Location): Block | number => block ?? binding;

export function same(a: Location, b: Location): boolean {
  const strides = (p: Location): string => p.strides.join().replace(/(,?0)+$/, "");
  return a.block === b.block && a.binding === b.binding && a.offset === b.offset && strides(a) === strides(b);
}

function addressOf(place: Location): Address {
  const offset = (place.block?.offset ?? 0) + place.offset;
  return place.strides.length ? { binding: place.binding, offset, strides: place.strides } : { binding: place.binding, offset };
}

/** Turns a drafted step into a step with addresses, once the offsets of all blocks are known. */
export function address(draft: Draft): Step {
  switch (draft.kind) {
    case "call":
      return { kind: "call", kernel: draft.kernel, args: draft.args.map(addressOf) };
    case "host":
      return { kind: "host", host: draft.host, args: draft.args.map(addressOf) };
    case "copy":
      return { kind: "copy", from: addressOf(draft.from), to: addressOf(draft.to), bytes: draft.bytes };
    case "loop":
      return { ...draft, body: draft.body.map(address) };
    case "while":
      return { kind: "while", predicate: addressOf(draft.predicate), test: draft.test.map(address), body: draft.body.map(address) };
    case "branch":
      return {
        kind: "branch",
        predicate: addressOf(draft.predicate),
        then: draft.then.map(address),
        otherwise: draft.otherwise.map(address),
      };
  }
}
