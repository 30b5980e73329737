/** @file Random bits against the published vectors of Random123 and the golden group `random_bits`; properties of the shuffle. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fold, keyFromSeed, permutation, philox4x32, threefry2x32 } from "../../src/base/random.ts";

interface Case {
  id: string;
  op: string;
  key: string[];
  counter: string[];
  out: string[];
}

const words = (hex: readonly string[]): number[] => hex.map((word) => Number.parseInt(word, 16));
const pair = (hex: readonly string[]) => words(hex) as [number, number];

function bits(c: Case): number[] {
  if (c.op === "threefry2x32_20") return threefry2x32(pair(c.key), pair(c.counter));
  if (c.op === "philox4x32_10") return philox4x32(pair(c.key), words(c.counter) as [number, number, number, number]);
  throw new Error(`not covered: ${c.op}`);
}

const vector = (op: string, key: string, counter: string, out: string): Case => ({
  id: `${op} ${counter}`,
  op,
  key: key.split(" "),
  counter: counter.split(" "),
  out: out.split(" "),
});

/** Random123, kat_vectors: zero, all ones, digits of pi. */
const known = [
  vector("threefry2x32_20", "00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
  vector("threefry2x32_20", "ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
  vector("threefry2x32_20", "13198a2e 03707344", "243f6a88 85a308d3", "c4923a9c 483df7a0"),
  vector("philox4x32_10", "00000000 00000000", "00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
  vector("philox4x32_10", "ffffffff ffffffff", "ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
  vector("philox4x32_10", "a4093822 299f31d0", "243f6a88 85a308d3 13198a2e 03707344", "d16cfe09 94fdcceb 5001e420 24126ea1"),
];

describe("random bits", () => {
  test.each(known)("$id: the published vector", (c) => {
    expect(bits(c)).toEqual(words(c.out));
  });

  const golden = new URL("../golden/data/random_bits.json", import.meta.url);
  test("the golden group random_bits", () => {
    const { cases } = JSON.parse(readFileSync(golden, "utf8")) as { cases: Case[] };
    expect(cases.length).toBeGreaterThan(0);
    for (const c of cases) expect(bits(c), c.id).toEqual(words(c.out));
  });
});

describe("keys", () => {
  test("every safe integer is a seed of its own", () => {
    expect(keyFromSeed(7)).toEqual([7, 0]);
    expect(keyFromSeed(2 ** 32 + 7)).toEqual([7, 1]);
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => keyFromSeed(seed)).toThrow(/seed: expected an integer/);
  });

  test("folding different integers gives different keys", () => {
    const key = keyFromSeed(1);
    const folded = new Set(Array.from({ length: 1000 }, (_, i) => fold(key, i).join()));
    expect(folded.size).toBe(1000);
    expect(fold(key, 2 ** 32)).not.toEqual(fold(key, 0));
  });
});

describe("permutation", () => {
  test("is a permutation, and a function of the key", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(), (n, seed) => {
        const order = permutation(n, keyFromSeed(seed));
        expect(order).toEqual(permutation(n, keyFromSeed(seed)));
        expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()]);
      }),
    );
  });

  test("is pinned: resuming a run or another version must shuffle alike", () => {
    expect([...permutation(10, keyFromSeed(1))]).toMatchInlineSnapshot(`
      [
        8,
        9,
        0,
        3,
        1,
        2,
        4,
        5,
        6,
        7,
      ]
    `);
  });

  test("is uniform: all 24 orders of 4 appear alike often", () => {
    const counts = new Map<string, number>();
    const draws = 24_000;
    for (let i = 0; i < draws; i++) {
      const order = permutation(4, fold(keyFromSeed(3), i)).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // Chi-squared with 23 degrees of freedom: 49.7 is exceeded once in a thousand keys, and the key is fixed.
    const chi2 = [...counts.values()].reduce((sum, n) => sum + (n - draws / 24) ** 2 / (draws / 24), 0);
    expect(chi2).toBeLessThan(49.7);
  });
});
