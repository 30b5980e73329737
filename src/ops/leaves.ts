/**
 * @file The leaves of every tape: values that are bound from outside, and values in memory.
 */
import type { Type } from "../base/shape.ts";
import type { Storage } from "../tape/node.ts";
import type { Op } from "./op.ts";

const leaf = /* @__NO_SIDE_EFFECTS__ */ <P extends Type>(name: string, doc: string): Op<0, P> => ({
  name,
  doc,
  arity: 0,
  mergeable: false,
  traits: { leaf: true },
  type: (_, { shape, dtype }) => [{ shape, dtype }],
  derivative: { kind: "none" },
  batch: () => {
    throw new Error(`internal: ${name} has no operand to map`);
  },
  lower: { kind: "control" },
  cost: "memory",
  samples: [],
});

/** A value that is bound from outside: an input of a region or of a program. */
export const placeholder: Op<0, Type> = leaf("placeholder", "a value that is given when the list runs");

/** A value that has been computed or was given. */
export const data: Op<0, Type & { storage: Storage }> = leaf("data", "elements in memory");
