/** @file What is kept for the backward pass, by hand; the estimate of training memory; the plan beside it. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { checkpoint } from "../../src/function/control.ts";
import { backward } from "../../src/function/derivative.ts";
import { summary } from "../../src/inspect/summary.ts";
import { plannedMemory } from "../../src/inspect/training-memory.ts";
import {
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Dropout,
  Flatten,
  type Layer,
  Linear,
  LSTM,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  Tanh,
} from "../../src/nn/index.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, Lion, SGD } from "../../src/optim/index.ts";
import "../../src/runtime/evaluate.ts";

/** Bytes kept of the inputs, then of each layer. */
function keptOf(model: Layer, shape: readonly number[], batch = 1): number[] {
  const { keptInputBytes, rows } = summary(model, shape, { batch });
  return [keptInputBytes, ...rows.map(({ keptBytes }) => keptBytes)];
}

describe("kept for the backward pass", () => {
  test("a dense net: what each product read; tanh's value serves its own derivative and the next product", () => {
    const model = new Sequential(new Linear(5, 4), new Tanh(), new Linear(4, 3));
    expect(keptOf(model, [5], 7)).toEqual([4 * 7 * 5, 0, 4 * 7 * 4, 0]);
  });

  test("convolution, ReLU, pooling: relu keeps its value alone, pooling what the next layer reads, and where its largest were", () => {
    const model = new Sequential(new Conv2d(1, 2, 3), new ReLU(), new Conv2d(2, 3, 3), new Flatten(), new Linear(48, 2));
    // The flattened maps are the maps, moved.
    expect(keptOf(model, [1, 8, 8])).toEqual([4 * 64, 0, 4 * 2 * 36, 4 * 3 * 16, 0, 0]);
    const pooled = keptOf(new Sequential(new Conv2d(1, 2, 3), new MaxPool2d(2), new Flatten(), new Linear(18, 2)), [1, 8, 8]);
    expect(pooled).toEqual([4 * 64, 0, 2 * 4 * 2 * 9, 0, 0]);
  });

  test("nothing is kept below the first parameter, or without any", () => {
    expect(keptOf(new Sequential(new Tanh(), new Tanh(), new Linear(3, 2)), [3])).toEqual([0, 0, 12, 0]);
    const { totals, memory } = summary(new Sequential(new Tanh()), [3]);
    expect([totals.keptBytes, memory.total]).toEqual([0, 0]);
  });

  test("the mask of dropout, in training, for a model in evaluation mode, which stays in it", () => {
    const model = new Sequential(new Linear(3, 8), new Dropout(0.5), new Linear(8, 2)).eval();
    const [, , dropout] = keptOf(model, [3], 4);
    expect(dropout).toBeGreaterThan(4 * 4 * 8);
    expect(model.modules().map(({ training }) => training)).toEqual([false, false, false, false]);
    model.modules()[1].train();
    keptOf(model, [3]);
    expect(model.modules().map(({ training }) => training)).toEqual([false, true, false, false]);
  });

  test("batch normalization keeps the normalized values, once for every image", () => {
    const kept = (batch: number) =>
      keptOf(new Sequential(new Conv2d(1, 2, 1), new BatchNorm2d(2), new Conv2d(2, 1, 1)), [1, 4, 4], batch)[2];
    expect(kept(4) - kept(2)).toBe(2 * (kept(2) - kept(1)));
    expect(kept(2) - kept(1)).toBeGreaterThanOrEqual(4 * 2 * 16);
  });

  test("a layer that is used twice keeps two inputs", () => {
    class Twice extends Module {
      readonly layer: Linear = new Linear(3, 3);
      forward(x: Tensor): Tensor {
        return this.layer.forward(this.layer.forward(x).tanh());
      }
    }
    const { keptInputBytes, totals } = summary(new Twice(), [3]);
    expect([keptInputBytes, totals.keptBytes]).toEqual([12, 24]);
  });

  test("what a loop stacks is its layer's", () => {
    class Read extends Module {
      readonly lstm: LSTM = new LSTM(3, 5);
      readonly out: Linear = new Linear(5, 2);
      forward(x: Tensor): Tensor {
        return this.out.forward(this.lstm.forward(x).output);
      }
    }
    const { rows, totals, keptInputBytes } = summary(new Read(), [6, 3]);
    const lstm = rows.find(({ name }) => name.startsWith("lstm"))!;
    expect(lstm.keptBytes).toBeGreaterThan(4 * 6 * 5);
    expect(totals.keptBytes).toBe(keptInputBytes + rows.reduce((n, row) => n + row.keptBytes, 0));
  });

  test("a checkpoint keeps its inputs", () => {
    class Block extends Module {
      readonly inner: Sequential = new Sequential(new Linear(8, 8), new Tanh(), new Linear(8, 8), new Tanh());
      readonly again: boolean;
      constructor(again: boolean) {
        super();
        this.again = again;
      }
      forward(x: Tensor): Tensor {
        return this.again ? checkpoint((v: Tensor) => this.inner.forward(v))(x) : this.inner.forward(x);
      }
    }
    const kept = (again: boolean) => summary(new Sequential(new Linear(8, 8), new Block(again), new Linear(8, 2)), [8]).totals.keptBytes;
    expect(kept(true)).toBe(4 * (8 + 8 + 8));
    expect(kept(false)).toBe(4 * (8 + 8 + 8 + 8));
  });
});

describe("training memory", () => {
  const make = () => new Sequential(new Linear(6, 10), new ReLU(), new Linear(10, 3));
  const parameters = 6 * 10 + 10 + 10 * 3 + 3;

  test.each([
    ["SGD", (p: readonly never[]) => new SGD(p, { lr: 1 }), 0],
    ["SGD with momentum", (p: readonly never[]) => new SGD(p, { lr: 1, momentum: 0.9 }), 1],
    ["Lion", (p: readonly never[]) => new Lion(p), 1],
    ["Adam", (p: readonly never[]) => new Adam(p), 2],
  ])("%s keeps so many numbers for each parameter", (_, optimizer, moments) => {
    const { memory } = summary(make(), [6], { batch: 5, optimizer: optimizer as never });
    expect([memory.weights, memory.gradients, memory.kept]).toEqual([4 * parameters, 4 * parameters, 4 * 5 * (6 + 10)]);
    // Rate, momentum and counter are single numbers.
    expect(memory.optimizerState - 4 * moments * parameters).toBeGreaterThanOrEqual(0);
    expect(memory.optimizerState - 4 * moments * parameters).toBeLessThanOrEqual(16);
    expect(memory.total).toBe(memory.weights + memory.gradients + memory.optimizerState + memory.kept);
  });

  test("the plan is that of the compiled step", () => {
    const model = make();
    const optimizer = new Adam(model.parameters());
    const step = compile((x: Tensor, labels: Tensor) => {
      const { value, grads } = backward(() => crossEntropy(model.forward(x), labels), model.parameters());
      optimizer.step(grads);
      return value;
    });
    step(zeros([32, 6]), zeros([32], "i32"));
    const planned = plannedMemory(make(), [32, 6], (p) => new Adam(p));
    expect(planned.scratch).toBe(step.footprint.scratch);
    expect(planned.cells).toBeGreaterThanOrEqual(12 * parameters);
  });
});
