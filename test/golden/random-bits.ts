/**
 * @file Adapters of the golden group `random_bits`, whose cases hold their words as text: keys and counters go in, a block comes out.
 */
import { random, type Tensor, tensor } from "nabla";
import type { Case, Group } from "./adapter.ts";
import { distance } from "./run.ts";

const words = (list: unknown): number[] => (list as string[]).map((word) => Number.parseInt(word, 16));
const asTensor = (list: unknown): Tensor => tensor(Uint32Array.from(words(list)));

export const randomBits: Group = {
  adapters: {
    threefry2x32_20: ({ key, counter }) => random.threefry2x32(key!, counter!),
    philox4x32_10: ({ key, counter }) => random.philox4x32(key!, counter!),
  },
  run(adapter, c: Case) {
    const out = adapter({ key: asTensor(c.key), counter: asTensor(c.counter) }, c.attrs, c) as Tensor;
    return distance(out.dataSync(), words(c.out), { rtol: 0, atol: 0 }, "out");
  },
};
