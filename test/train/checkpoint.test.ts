/** @file Saving and loading models as safetensors. */
import { describe, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import { LeNet5 } from "../../src/models/index.ts";
import { Linear, Module, Sequential, State } from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { loadModel, saveModel } from "../../src/train/index.ts";
import "../../src/runtime/evaluate.ts";

/** One cell of every dtype. */
class AllKinds extends Module {
  readonly f32 = new State(tensor([1.5, -2]));
  readonly f64 = new State(tensor([Math.PI], { dtype: "f64" }));
  readonly i32 = new State(tensor([-7], { dtype: "i32" }));
  readonly u32 = new State(tensor([4e9], { dtype: "u32" }));
  readonly u8 = new State(tensor([255], { dtype: "u8" }));
  readonly bool = new State(tensor([true, false]));

  forward(x: Tensor): Tensor {
    return x;
  }
}

describe("a model", () => {
  test("comes back as it was", async () => {
    manualSeed(1);
    const [a, b] = [new LeNet5(), new LeNet5()];
    const bytes = await saveModel(a, { note: "a test" });
    expect(readSafetensors(bytes).metadata).toEqual({ note: "a test" });
    expect(loadModel(b, bytes)).toEqual({ missing: [], unexpected: [], misshapen: [] });
    const values = (model: Module): number[] => model.parameters().flatMap((p) => [...p.value.dataSync()]);
    expect(values(b)).toEqual(values(a));
  });

  test("keeps every dtype", async () => {
    const [a, b] = [new AllKinds(), new AllKinds()];
    const bytes = await saveModel(a);
    for (const [, cell] of b.namedCells()) cell.set(cell.value.like(0));
    loadModel(b, bytes);
    for (const [name, cell] of b.namedCells()) {
      const original = a.stateDict().get(name)!;
      expect([cell.dtype, ...cell.value.dataSync()]).toEqual([original.dtype, ...original.value.dataSync()]);
    }
  });

  test("of another shape is refused by name, or loaded as far as it fits", async () => {
    const bytes = await saveModel(new Sequential(new Linear(2, 3), new Linear(3, 1)));
    const other = new Sequential(new Linear(2, 3), new Linear(3, 2), new Linear(2, 1));
    expect(() => loadModel(other, bytes)).toThrow(
      "the entries do not fit Sequential: missing 2.weight, 2.bias; misshapen 1.weight (want [2, 3], got [1, 3]), 1.bias (want [2], got [1])",
    );
    const report = loadModel(other, bytes, { strict: false });
    expect(report.missing).toEqual(["2.weight", "2.bias"]);
  });

  test("from bytes that are none says so, with the file's name", () => {
    expect(() => loadModel(new Linear(1, 1), Uint8Array.of(1, 2, 3), { what: "m.safetensors" })).toThrow("m.safetensors: truncated file");
  });
});
