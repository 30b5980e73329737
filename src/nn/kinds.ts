/** @file What may stand in a property of a module that holds a parameter, state or a layer, and what is said of anything else. */
import { describe } from "../base/describe.ts";
import { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import type { Kind } from "../runtime/slots.ts";
import { Parameter } from "./parameter.ts";

/** A kind by its noun; `remedy` completes "assign ...". */
/* @__NO_SIDE_EFFECTS__ */
export function kind(noun: string, isOf: (value: unknown) => boolean, remedy: (name: string) => string): Kind {
  return {
    isOf,
    refuse(owner, name, value) {
      const loss = value instanceof Tensor && noun !== "a module" ? `, which would be neither trained nor saved` : "";
      const got = `${describe(value)}${loss}`;
      throw new TypeError(
        `${owner.constructor.name}: ${name} is ${noun}, got ${got} in its place; ${remedy(name)}, or undefined to take it out`,
      );
    },
  };
}

const isParameter = (value: unknown): boolean => value instanceof Parameter;

export const PARAMETER: Kind = kind(
  "a parameter",
  isParameter,
  (name) => `set its value by ${name}.set(tensor), or assign a new nn.Parameter(tensor)`,
);

export const STATE: Kind = kind(
  "a cell of state",
  (value) => value instanceof Cell && !isParameter(value),
  (name) => `set its value by ${name}.set(tensor), or assign a new nn.State(tensor)`,
);

/** The kind of a cell. */
export const cellKind = (cell: Cell): Kind => (isParameter(cell) ? PARAMETER : STATE);
