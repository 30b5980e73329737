/** @file Nets that learn: the rules must say nothing of them. Data: digits. */
import * as nn from "../../src/nn/index.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import { batch, type Case, ending, inputs, labels, made, mlp, values } from "./broken.ts";

const images = (n = 128): Pick<Case, "x" | "y"> => ({
  x: fromArray(inputs(n), { shape: [n, 1, 8, 8], dtype: "f32" }),
  y: fromArray(labels(n), { shape: [n], dtype: "i32" }),
});

const conv = (norm: boolean): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    ...(norm ? [new nn.BatchNorm2d(8)] : []),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 16, 3, { padding: 1 }),
    ...(norm ? [new nn.BatchNorm2d(16)] : []),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(16 * 16, 10),
  );

const withAdam = (model: nn.Layer, data: Pick<Case, "x" | "y">): Case => ({
  model,
  ...data,
  optimizer: new Adam(model.parameters(), { lr: 1e-3 }),
  batch: 32,
});

class Pooled extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.mean([2, 3]);
  }
}

/** Rows of the image as a sequence. */
class Encoder extends nn.Module {
  readonly embed = new nn.Linear(8, 16);
  readonly layer = new nn.TransformerEncoderLayer(16, 2, { hidden: 32, dropout: 0 });
  readonly head = new nn.Linear(16, 10);

  forward(x: Tensor): Tensor {
    return this.head.forward(this.layer.forward(this.embed.forward(x.reshape([-1, 8, 8]))).mean(1));
  }
}

/** Nets that learn. */
export const HEALTHY: readonly (readonly [name: string, make: () => Case])[] = [
  ["mlp with relu", () => made(() => withAdam(mlp(), batch()))],
  [
    "mlp with SGD",
    () =>
      made(() => {
        const model = mlp();
        return { model, ...batch(), optimizer: new SGD(model.parameters(), { lr: 0.1 }) };
      }),
  ],
  [
    "mlp with tanh",
    () =>
      made(() =>
        withAdam(
          new nn.Sequential(new nn.Linear(64, 32), new nn.Tanh(), new nn.Linear(32, 32), new nn.Tanh(), new nn.Linear(32, 10)),
          batch(),
        ),
      ),
  ],
  [
    "one sigmoid layer",
    () => made(() => withAdam(new nn.Sequential(new nn.Linear(64, 32), new nn.Sigmoid(), new nn.Linear(32, 10)), batch())),
  ],
  [
    "mlp with gelu and layer norm",
    () =>
      made(() => withAdam(new nn.Sequential(new nn.Linear(64, 32), new nn.LayerNorm(32), new nn.GELU(), new nn.Linear(32, 10)), batch())),
  ],
  [
    "mlp with dropout",
    () =>
      made(() => withAdam(new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(64, 10)), batch())),
  ],
  ["softmax regression", () => made(() => withAdam(new nn.Linear(64, 10), batch()))],
  ["convolutions", () => made(() => withAdam(conv(false), images()))],
  ["convolutions with batch norm", () => made(() => withAdam(conv(true), images()))],
  [
    "a deep net with residuals",
    () =>
      made(() =>
        withAdam(
          new nn.Sequential(
            new nn.Linear(64, 32),
            ...Array.from({ length: 8 }, () => new nn.Residual(new nn.Sequential(new nn.Linear(32, 32), new nn.ReLU()))),
            new nn.Linear(32, 10),
          ),
          batch(),
        ),
      ),
  ],
  [
    "regression",
    () =>
      made(() => {
        const model = new nn.Sequential(new nn.Linear(64, 32), new nn.ReLU(), new nn.Linear(32, 1));
        const y = Float32Array.from(labels(), (v) => (v - 4.5) / 2.9);
        return withAdam(model, { x: batch().x, y: fromArray(y, { shape: [y.length, 1], dtype: "f32" }) });
      }),
  ],
  [
    "separable convolutions and a narrow linear layer",
    () =>
      made(() =>
        withAdam(
          new nn.Sequential(
            new nn.Conv2d(1, 16, 3, { padding: 1 }),
            new nn.ReLU(),
            new nn.Conv2d(16, 16, 3, { padding: 1, groups: 16 }),
            new nn.Conv2d(16, 16, 1),
            new nn.ReLU(),
            new nn.Flatten(),
            new nn.Linear(1024, 8),
            new nn.Linear(8, 32),
            new nn.GELU(),
            new nn.Linear(32, 10),
          ),
          images(),
        ),
      ),
  ],
  [
    "relu in front of the mean over positions",
    () =>
      made(() =>
        withAdam(new nn.Sequential(conv(true)[0]!, new nn.ReLU(), new nn.Conv2d(8, 10, 1), new nn.ReLU(), new Pooled()), images()),
      ),
  ],
  ["tanh for targets within 1", () => made(() => withAdam(ending(new nn.Tanh()), { ...batch(), y: values((v) => (v - 4.5) / 5) }))],
  ["relu for counts", () => made(() => withAdam(ending(new nn.ReLU()), { ...batch(), y: values((v) => v) }))],
  [
    "an autoencoder with a sigmoid at its end",
    () =>
      made(() => {
        const { x } = batch(inputs().map((v) => Math.min(1, Math.max(0, v))));
        const model = new nn.Sequential(new nn.Linear(64, 16), new nn.ReLU(), new nn.Linear(16, 64), new nn.Sigmoid());
        return withAdam(model, { x, y: x });
      }),
  ],
  ["a transformer's layer", () => made(() => withAdam(new Encoder(), images()))],
];
