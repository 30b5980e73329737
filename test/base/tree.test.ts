/**
 * @file Trees: leaves in and out of arrays, objects, maps and class instances; structure as text.
 */
import { expect, test } from "vitest";
import { flatten, mapTree } from "../../src/base/tree.ts";

class Leaf {
  readonly n: number;
  constructor(n: number) {
    this.n = n;
  }
}
class Pair {
  first = new Leaf(1);
  second: unknown = [new Leaf(2), "text"];
  sum(): number {
    return this.first.n;
  }
}
const isLeaf = (x: unknown): x is Leaf => x instanceof Leaf;

test("leaves come in order, with their paths", () => {
  const { leaves, paths } = flatten({ a: new Leaf(1), b: [new Leaf(2), { c: new Leaf(3) }], m: new Map([["k", new Leaf(4)]]) }, isLeaf);
  expect(leaves.map((l) => l.n)).toEqual([1, 2, 3, 4]);
  expect(paths).toEqual(["a", "b.0", "b.1.c", "m.k"]);
});

test("a mapped tree has the same type, and shares what holds no leaf", () => {
  const pair = new Pair();
  const untouched = { x: 1 };
  const [mapped, same] = mapTree([pair, untouched], isLeaf, (l) => new Leaf(l.n * 10)) as [Pair, unknown];
  expect(mapped).toBeInstanceOf(Pair);
  expect(mapped.sum()).toBe(10);
  expect(pair.sum()).toBe(1);
  expect(same).toBe(untouched);
});

test("structure tells static values, keys, lengths and classes apart, but not leaves", () => {
  const s = (tree: unknown): string => flatten(tree, isLeaf).structure;
  expect(s({ a: new Leaf(1) })).toBe(s({ a: new Leaf(2) }));
  expect(s([new Leaf(1), 2])).not.toBe(s([new Leaf(1), 3]));
  expect(s([new Leaf(1)])).not.toBe(s([new Leaf(1), new Leaf(1)]));
  expect(s({ a: 1 })).not.toBe(s({ b: 1 }));
  expect(s(new Pair())).not.toBe(s({ ...new Pair() }));
});

test("a cycle ends the walk", () => {
  const tree: { self?: unknown; leaf: Leaf } = { leaf: new Leaf(1) };
  tree.self = tree;
  expect(flatten(tree, isLeaf).leaves).toHaveLength(1);
});

test("trees may be nested deeper than calls", () => {
  const depth = 20_000;
  const nested = (leaf: Leaf): unknown => {
    let tree: unknown = leaf;
    for (let i = 0; i < depth; i++) tree = i % 2 ? { tree } : [tree];
    return tree;
  };
  const { leaves, paths, structure } = flatten(nested(new Leaf(3)), isLeaf);
  expect(leaves.map(({ n }) => n)).toEqual([3]);
  expect(paths[0]!.split(".")).toHaveLength(depth);
  expect(structure.slice(structure.indexOf("*"))).toBe(`*${"]}".repeat(depth / 2)}`);
  let mapped = mapTree(nested(new Leaf(3)), isLeaf, ({ n }) => new Leaf(n + 1)) as unknown;
  for (let i = depth - 1; i >= 0; i--) mapped = i % 2 ? (mapped as { tree: unknown }).tree : (mapped as unknown[])[0];
  expect(mapped).toEqual(new Leaf(4));
});
