/** @file Nets with one fault each: what the rules are tried on. Data: digits. */
import { digits } from "../../src/data/digits.ts";
import { manualSeed } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { crossEntropy } from "../../src/nn/losses.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, AdamW, type Optimizer, SGD } from "../../src/optim/index.ts";
import type { RuleName } from "../../src/train/finding.ts";
import { compileStep } from "../../src/train/step.ts";
import type { Loss } from "../../src/train/task.ts";

/** What is looked at. */
export interface Case {
  readonly model: nn.Layer;
  readonly x: Tensor;
  readonly y: Tensor;
  readonly loss?: Loss;
  readonly optimizer?: Optimizer;
  readonly classes?: number;
  /** Examples of a step. */
  readonly batch?: number;
}

const set = await digits();
/** Digits [n, 64], standardized by eye: 0 to 1 less a half. */
export const inputs = (n = 256): Float32Array => (set.train.inputs as Float32Array).slice(0, 64 * n);
export const labels = (n = 256): Int32Array => Int32Array.from(set.train.targets.slice(0, n));

export const batch = (x = inputs(), y = labels()): Pick<Case, "x" | "y"> => ({
  x: fromArray(x, { shape: [x.length / 64, 64], dtype: "f32" }),
  y: fromArray(y, { shape: [y.length], dtype: "i32" }),
});

export const mlp = (width = 32): nn.Sequential =>
  new nn.Sequential(new nn.Linear(64, width), new nn.ReLU(), new nn.Linear(width, width), new nn.ReLU(), new nn.Linear(width, 10));

const scaled = (model: nn.Sequential, factor: number): nn.Sequential => {
  for (const [name, cell] of model.namedParameters()) if (name.endsWith("weight")) cell.set(cell.value.mul(factor));
  return model;
};

export const made = <T>(make: () => T): T => {
  manualSeed(1);
  return make();
};

class Mixing extends nn.Module {
  readonly body = mlp();

  forward(x: Tensor): Tensor {
    return this.body.forward(x.sub(x.mean(0, { keepDims: true })));
  }
}

class Detached extends nn.Module {
  readonly first = new nn.Linear(64, 32);
  readonly rest = new nn.Sequential(new nn.ReLU(), new nn.Linear(32, 32), new nn.ReLU(), new nn.Linear(32, 10));

  forward(x: Tensor): Tensor {
    return this.rest.forward(this.first.forward(x).stopGradient());
  }
}

const oneNaN = (): Float32Array => {
  const x = inputs();
  x[7 * 64 + 3] = Number.NaN;
  return x;
};

/** Mostly class 0. */
const imbalanced = (): Pick<Case, "x" | "y"> => {
  const y = labels(600);
  const keep = Array.from(y.keys()).filter((i) => y[i] === 0 || i % 20 === 0);
  const zeros = Array.from(y.keys()).filter((i) => y[i] === 0);
  const rows = [...keep, ...zeros, ...zeros, ...zeros];
  const all = inputs(600);
  return batch(
    Float32Array.from(rows.flatMap((i) => [...all.subarray(64 * i, 64 * (i + 1))])),
    Int32Array.from(rows, (i) => y[i]!),
  );
};

const sigmoids = (): nn.Sequential =>
  new nn.Sequential(
    ...Array.from({ length: 10 }, (_, i) => [new nn.Linear(i === 0 ? 64 : 32, 32), new nn.Sigmoid()]).flat(),
    new nn.Linear(32, 10),
  );

/** Nine of ten labels are those of other examples. */
const mislabelled = (n = 512): Pick<Case, "x" | "y"> => {
  const y = labels(n);
  return batch(
    inputs(n),
    y.map((v, i) => (i % 10 === 0 ? v : y[(7 * i + 3) % n]!)),
  );
};

/** 256 copies of five examples, after some steps on them. */
const copies = (): Case => {
  const x = inputs(5);
  const y = labels(5);
  const model = mlp();
  const data = batch(
    Float32Array.from({ length: 256 * 64 }, (_, i) => x[i % (5 * 64)]!),
    Int32Array.from({ length: 256 }, (_, i) => y[i % 5]!),
  );
  const step = compileStep(model, new Adam(model.parameters(), { lr: 1e-2 }), {
    loss: (outputs, targets) => crossEntropy(outputs as Tensor, targets),
  });
  for (let k = 0; k < 15; k++) step(data.x, data.y, true);
  step.dispose();
  return { model, ...data, classes: 10, batch: 256 };
};

const parity = (): Tensor =>
  fromArray(
    labels().map((v) => v % 2),
    { shape: [256], dtype: "i32" },
  );

const binary: Loss = (outputs, y) => nn.binaryCrossEntropyWithLogits((outputs as Tensor).reshape([-1]), y.cast("f32"));

/** Values made of the digits, [n, 1]. */
export const values = (f: (digit: number, i: number) => number): Tensor =>
  fromArray(Float32Array.from(labels(), f), { shape: [256, 1], dtype: "f32" });

/** One output, behind some last layers. */
export const ending = (...last: readonly nn.Layer[]): nn.Sequential =>
  new nn.Sequential(new nn.Linear(64, 32), new nn.ReLU(), new nn.Linear(32, 1), ...last);

/** One fault each, and the rule that names it. */
export const BROKEN: readonly (readonly [name: string, rule: RuleName, make: () => Case])[] = [
  [
    "rate 100",
    "too-fast",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new SGD(model.parameters(), { lr: 100 }) };
      }),
  ],
  [
    "rate 10 with Adam",
    "too-fast",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new Adam(model.parameters(), { lr: 10 }) };
      }),
  ],
  [
    "rate 1e-6",
    "update-ratio",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new SGD(model.parameters(), { lr: 1e-6 }) };
      }),
  ],
  [
    "a rate above twice the inverse sharpness",
    "too-fast",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new SGD(model.parameters(), { lr: 4 }) };
      }),
  ],
  [
    "the same with momentum",
    "too-fast",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new SGD(model.parameters(), { lr: 2, momentum: 0.9 }) };
      }),
  ],
  ["one example a step, and nine of ten labels wrong", "batch-noise", () => made(() => ({ model: mlp(), ...mislabelled(), batch: 1 }))],
  ["a batch of copies", "batch-noise", () => made(copies)],
  ["ten sigmoids", "vanishing", () => made(() => ({ model: sigmoids(), ...batch() }))],
  ["zero weights", "poor-init", () => made(() => ({ model: scaled(mlp(), 0), ...batch() }))],
  [
    "constant weights",
    "poor-init",
    () =>
      made(() => {
        const model = mlp();
        for (const [name, cell] of model.namedParameters()) if (name.endsWith("weight")) cell.set(cell.value.mul(0).add(0.05));
        return { model, ...batch() };
      }),
  ],
  [
    "dead relus",
    "dead",
    () =>
      made(() => {
        const model = mlp();
        const bias = model.namedParameters().find(([name]) => name === "2.bias")![1];
        bias.set(bias.value.sub(50));
        return { model, ...batch() };
      }),
  ],
  [
    "weights too large for tanh",
    "saturated",
    () =>
      made(() => {
        const model = new nn.Sequential(new nn.Linear(64, 32), new nn.Tanh(), new nn.Linear(32, 10));
        return { model: scaled(model, 250), ...batch(), optimizer: new SGD(model.parameters(), { lr: 1e-3 }) };
      }),
  ],
  ["raw 0..255", "data", () => made(() => ({ model: mlp(), ...batch(inputs().map((v) => 255 * v)) }))],
  ["softmax twice", "outputs", () => made(() => ({ model: new nn.Sequential(...mlp(), new nn.Softmax(1)), ...batch() }))],
  [
    "another model's parameters",
    "unchanged",
    () => made(() => ({ model: mlp(), ...batch(), optimizer: new SGD(mlp().parameters(), { lr: 0.1 }) })),
  ],
  [
    "a layer left out of the optimizer",
    "unchanged",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new SGD(model.parameters().slice(2), { lr: 0.1 }) };
      }),
  ],
  [
    "too many outputs",
    "outputs",
    () => made(() => ({ model: new nn.Sequential(new nn.Linear(64, 32), new nn.ReLU(), new nn.Linear(32, 12)), ...batch(), classes: 10 })),
  ],
  [
    "too few outputs",
    "outputs",
    () => made(() => ({ model: new nn.Sequential(new nn.Linear(64, 32), new nn.ReLU(), new nn.Linear(32, 8)), ...batch(), classes: 10 })),
  ],
  ["NaN in one input", "not-finite", () => made(() => ({ model: mlp(), ...batch(oneNaN()) }))],
  [
    "NaN in one weight",
    "not-finite",
    () =>
      made(() => {
        const model = mlp();
        const weight = model.parameters()[2]!;
        weight.set(weight.value.mul(Number.NaN));
        return { model, ...batch() };
      }),
  ],
  [
    "labels from 1 to 10",
    "data",
    () =>
      made(() => ({
        model: mlp(),
        ...batch(
          inputs(),
          labels().map((v) => v + 1),
        ),
      })),
  ],
  [
    "labels from 1, with an output to spare",
    "data",
    () =>
      made(() => ({
        model: new nn.Sequential(new nn.Linear(64, 32), new nn.ReLU(), new nn.Linear(32, 11)),
        ...batch(
          inputs(),
          labels().map((v) => v + 1),
        ),
      })),
  ],
  ["constant labels", "data", () => made(() => ({ model: mlp(), ...batch(inputs(), labels().fill(3)) }))],
  ["a detached layer", "unchanged", () => made(() => ({ model: new Detached(), ...batch() }))],
  [
    "exploding initial weights",
    "exploding",
    () =>
      made(() => ({
        model: scaled(
          new nn.Sequential(
            ...Array.from({ length: 8 }, (_, i) => [new nn.Linear(i === 0 ? 64 : 32, 32), new nn.ReLU()]).flat(),
            new nn.Linear(32, 10),
          ),
          12,
        ),
        ...batch(),
      })),
  ],
  ["class imbalance", "data", () => made(() => ({ model: mlp(), ...imbalanced() }))],
  ["examples that see each other", "mixes-batch", () => made(() => ({ model: new Mixing(), ...batch() }))],
  ["softmax over the examples", "outputs", () => made(() => ({ model: new nn.Sequential(...mlp(), new nn.Softmax(0)), ...batch() }))],
  ["sigmoid in front of a softmax", "outputs", () => made(() => ({ model: new nn.Sequential(...mlp(), new nn.Sigmoid()), ...batch() }))],
  ["sigmoid twice", "outputs", () => made(() => ({ model: ending(new nn.Sigmoid()), ...batch(), y: parity(), loss: binary, classes: 2 }))],
  [
    "probabilities for log-probabilities",
    "outputs",
    () =>
      made(() => ({
        model: new nn.Sequential(...mlp(), new nn.Softmax(1)),
        ...batch(),
        loss: (outputs, y) => nn.nllLoss(outputs as Tensor, y),
        classes: 10,
      })),
  ],
  [
    "a loss of the wrong sign",
    "outputs",
    () => made(() => ({ model: mlp(), ...batch(), loss: (outputs, y) => crossEntropy(outputs as Tensor, y).neg(), classes: 10 })),
  ],
  ["tanh for targets beyond 1", "outputs", () => made(() => ({ model: ending(new nn.Tanh()), ...batch(), y: values((v) => v - 4.5) }))],
  ["relu for targets below 0", "outputs", () => made(() => ({ model: ending(new nn.ReLU()), ...batch(), y: values((v) => v - 4.5) }))],
  ["targets in the thousands", "data", () => made(() => ({ model: ending(), ...batch(), y: values((v) => 20_000 + 5000 * v) }))],
  ["targets far from 0", "data", () => made(() => ({ model: ending(), ...batch(), y: values((v) => 1990 + v) }))],
  ["the same inputs in all examples", "data", () => made(() => ({ model: mlp(), ...batch(inputs().map((_, i, all) => all[i % 64]!)) }))],
  [
    "weight decay of 100",
    "weight-decay",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new AdamW(model.parameters(), { lr: 3e-3, weightDecay: 100 }) };
      }),
  ],
  [
    "one target that is far from the others",
    "data",
    () => made(() => ({ model: ending(), ...batch(), y: values((v, i) => (i === 5 ? 1e6 : v)) })),
  ],
  ["inputs that are too small", "data", () => made(() => ({ model: mlp(), ...batch(inputs().map((v) => 1e-3 * v)) }))],
  ["NaN in one target", "not-finite", () => made(() => ({ model: ending(), ...batch(), y: values((v, i) => (i === 5 ? Number.NaN : v)) }))],
  [
    "dropout of nearly all",
    "vanishing",
    () =>
      made(() => ({
        model: new nn.Sequential(new nn.Linear(64, 32), new nn.ReLU(), new nn.Dropout(0.99), new nn.Linear(32, 10)),
        ...batch(),
      })),
  ],
  [
    "two layers with nothing between them",
    "no-activation",
    () =>
      made(() => ({
        model: new nn.Sequential(new nn.Linear(64, 32), new nn.Linear(32, 32), new nn.ReLU(), new nn.Linear(32, 10)),
        ...batch(),
      })),
  ],
];
