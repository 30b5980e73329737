/**
 * @file Nobody can change a tensor: what reading gives is the reader's own, and what a tensor was made from stays the maker's own.
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Parameter, State } from "../../src/nn/parameter.ts";
import { full, ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { loadModel, saveModel } from "../../src/train/checkpoint.ts";
import { onBothBackends } from "../function/backends.ts";

const values = (x: Tensor): number[] => [...x.dataSync()];

onBothBackends("what data() and dataSync() give is a copy", () => {
  const kinds: [string, () => Tensor][] = [
    ["a given tensor", () => tensor([1, 2, 3])],
    ["a constant", () => full([3], 2)],
    ["a computed tensor", () => tensor([1, 2, 3]).mul(2)],
    ["a result of a compiled function", () => compile((x: Tensor): Tensor => x.add(1))(tensor([1, 2, 3]))],
    ["a view by shape", () => tensor([1, 2, 3]).reshape([3, 1])],
    ["a fresh cell", () => new State(tensor([1, 2, 3])).value],
    [
      "a cell in the arena",
      () => {
        const cell = new State(tensor([1, 2, 3]));
        compile(() => cell.set(cell.value.add(1)))();
        return cell.value;
      },
    ],
    ["integers", () => tensor([1, 2, 3], { dtype: "i32" })],
    ["bools", () => tensor([true, false, true])],
  ];
  test.each(kinds)("of %s", async (_, make) => {
    const x = make();
    const want = values(x);
    x.dataSync().fill(77);
    (await x.data()).fill(78);
    (x.toArray() as number[])[0] = 79;
    expect(values(x)).toEqual(want);
    expect(values(x.add(0))).toEqual(want);
    expect(x.dataSync()).not.toBe(x.dataSync());
  });

  test("and a cell's readers all see the same afterwards", () => {
    const cell = new Parameter(tensor([1, 2, 3]), "w");
    const step = compile((): Tensor => {
      cell.set(cell.value.mul(2));
      return cell.value;
    });
    cell.value.dataSync().fill(9);
    expect(values(step())).toEqual([2, 4, 6]);
    const outside = cell.value;
    outside.dataSync().fill(9);
    expect(values(step())).toEqual([4, 8, 12]);
    expect(values(outside)).toEqual([2, 4, 6]);
    expect(values(cell.value)).toEqual([4, 8, 12]);
  });
});

describe("what a tensor is made from stays the maker's", () => {
  test("a typed array, its view, an argument", () => {
    const array = Float32Array.of(0, 1, 2, 3);
    const [whole, part] = [tensor(array), tensor(array.subarray(1, 3))];
    const cell = new State(tensor(array));
    array.fill(9);
    expect([whole, part, cell.value].map(values)).toEqual([
      [0, 1, 2, 3],
      [1, 2],
      [0, 1, 2, 3],
    ]);
  });

  test("entries of a state dict, and the bytes of a file", async () => {
    const model = new Linear(2, 1);
    const entries = new Map([
      ["weight", { shape: [1, 2], data: Float32Array.of(1, 2) }],
      ["bias", { shape: [1], data: Float32Array.of(3) }],
    ]);
    model.loadStateDict(entries);
    entries.get("weight")!.data.fill(9);
    expect(values(model.weight.value)).toEqual([1, 2]);
    const bytes = await saveModel(model);
    const other = new Linear(2, 1);
    loadModel(other, bytes);
    bytes.fill(0);
    expect(values(other.weight.value)).toEqual([1, 2]);
    other.weight.value.dataSync().fill(9);
    expect(values(model.weight.value)).toEqual([1, 2]);
  });

  test("an optimizer's state, taken from another's", () => {
    const w = new Parameter(tensor([1, 2]), "w");
    const [a, b] = [new Adam([w]), new Adam([w])];
    a.step([tensor([1, 1])]);
    b.loadStateDict(a.stateDict());
    const before = [...b.stateDict().values()].map((cell) => values(cell.value));
    a.step([tensor([5, 5])]);
    expect([...b.stateDict().values()].map((cell) => values(cell.value))).toEqual(before);
  });
});

test("a value that is only looked at does not go stale", () => {
  const cell = new State(tensor([1, 2]), { label: "seen" });
  const step = compile(() => cell.set(cell.value.add(1)));
  step();
  // Printing reads the elements without giving the tensor to anybody.
  String(cell.current);
  cell.current.toString();
  step();
  expect(values(cell.value)).toEqual([3, 4]);
  expect(cell.current.toString()).toContain("[3. 4.]");
});

test("a shape that the caller writes to afterwards changes no tensor", () => {
  const shape = [2, 3];
  const made = [
    zeros(shape),
    ones(shape),
    full(shape, 2),
    tensor([1, 2, 3, 4, 5, 6], { shape }),
    tensor([1, 2, 3, 4, 5, 6]).reshape(shape),
  ];
  shape[0] = 7;
  expect(made.map((x) => x.shape)).toEqual(made.map(() => [2, 3]));
});
