/**
 * @file Adapters of the golden group `elementwise`.
 */
import type { Group } from "./adapter.ts";

export const elementwise: Group = {
  adapters: {
    neg: ({ x }) => x!.neg(),
    abs: ({ x }) => x!.abs(),
    exp: ({ x }) => x!.exp(),
    add: ({ a, b }) => a!.add(b!),
  },
};
