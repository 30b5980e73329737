/** @file Functions and modules as ONNX files: imported again they compute the same, at batch sizes that were never recorded. */
import { describe, expect, test } from "vitest";
import * as nb from "../../src/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import * as onnx from "../../src/onnx/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const { nn, tensor } = nb;

const data = (n: number, shape: readonly number[]): Tensor =>
  tensor(
    Float32Array.from({ length: n * shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i)),
    { shape: [n, ...shape] },
  );
const opsOf = (file: Uint8Array): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { op } of onnx.decodeOnnx("Model", file).graph!.nodes!) counts[op!] = (counts[op!] ?? 0) + 1;
  return counts;
};
const nodes = (file: Uint8Array): number => Object.values(opsOf(file)).reduce((a, b) => a + b, 0);

/** The largest difference between a function and its file, of the size of the results. */
async function missed(fn: (x: Tensor) => Tensor, file: Uint8Array, make: (n: number) => Tensor): Promise<number> {
  const model = await onnx.load(file);
  let worst = 0;
  for (const n of [1, 2, 7]) {
    const x = make(n);
    const [got, want] = [(model.forward(x) as Tensor).dataSync(), fn(x).dataSync()];
    expect(got.length).toBe(want.length);
    const size = Math.max(1e-30, ...Array.from(want, Math.abs));
    worst = Math.max(worst, ...Array.from(want, (v, i) => (Object.is(v, got[i]) || v === got[i] ? 0 : Math.abs(v - got[i]!) / size)));
  }
  return worst;
}

const seq = (...layers: Layer[]): Layer => new nn.Sequential(...layers).eval();

const attention = new nn.MultiHeadAttention(8, 2).eval();
const lstm = new nn.LSTM(4, 5, { batchFirst: true, bidirectional: true }).eval();
const gru = new nn.GRU(4, 5, { batchFirst: true }).eval();
const transformer = new nn.TransformerEncoderLayer(8, 2, { hidden: 16 }).eval();
const mean =
  (model: Layer): ((x: Tensor) => Tensor) =>
  (x) =>
    model.forward(x);

const cases: Record<string, readonly [fn: (x: Tensor) => Tensor, make: (n: number) => Tensor]> = {
  linear: [mean(seq(new nn.Linear(6, 4), new nn.Tanh(), new nn.Linear(4, 3, { bias: false }))), (n) => data(n, [6])],
  "linear on sequences": [mean(seq(new nn.Linear(6, 4), new nn.LayerNorm(4), new nn.GELU())), (n) => data(n, [5, 6])],
  "conv, norm, pools": [
    mean(
      seq(
        new nn.Conv2d(3, 6, 3, { padding: 1, stride: 2 }),
        new nn.BatchNorm2d(6),
        new nn.ReLU6(),
        new nn.MaxPool2d(3, { stride: 1, padding: 1 }),
        new nn.Conv2d(6, 6, 3, { groups: 3, padding: 1, bias: false }),
        new nn.AvgPool2d(2),
        new nn.ConvTranspose2d(6, 4, 3, { stride: 2, outputPadding: 1, padding: 1 }),
        new nn.SiLU(),
        new nn.GlobalAvgPool(),
        new nn.Linear(4, 2),
        new nn.Softmax(),
      ),
    ),
    (n) => data(n, [3, 12, 12]),
  ],
  "1-d and 3-d": [mean(seq(new nn.Conv1d(3, 4, 3), new nn.MaxPool1d(2), new nn.Flatten(), new nn.Linear(12, 2))), (n) => data(n, [3, 8])],
  activations: [
    mean(seq(new nn.LeakyReLU(), new nn.ELU(), new nn.SELU(), new nn.Softplus(), new nn.Mish(), new nn.Hardswish(), new nn.Sigmoid())),
    (n) => data(n, [9]),
  ],
  norms: [mean(seq(new nn.GroupNorm(2, 4), new nn.InstanceNorm(4), new nn.RMSNorm(6))), (n) => data(n, [4, 6])],
  upsampling: [mean(seq(new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }), new nn.PixelShuffle(2))), (n) => data(n, [4, 4, 4])],
  attention: [(x) => attention.forward(x).output, (n) => data(n, [5, 8])],
  transformer: [(x) => transformer.forward(x), (n) => data(n, [5, 8])],
  lstm: [(x) => lstm.forward(x).output, (n) => data(n, [6, 4])],
  gru: [(x) => gru.forward(x).h, (n) => data(n, [6, 4])],
  "numbers of the examples": [(x) => x.add(nb.arange(x.shape[0]!).reshape([-1, 1])), (n) => data(n, [3])],
  "movement and indices": [
    (x) =>
      nb
        .concatenate([x.flip(1), x.sort(1).values, x.cumsum(1)], 1)
        .reshape([-1, 3, 6])
        .transpose([0, 2, 1])
        .sum(2)
        .max(1),
    (n) => data(n, [6]),
  ],
};

describe.each(Object.entries(cases))("%s", (_, [fn, make]) => {
  test("folded and not, at batches of 1, 2 and 7", async () => {
    const plain = onnx.export(fn, make(4), { fold: false });
    expect(await missed(fn, plain, make)).toBeLessThan(1e-6);
    const folded = onnx.export(fn, make(4));
    expect(await missed(fn, folded, make)).toBeLessThan(1e-5);
    expect(nodes(folded)).toBeLessThanOrEqual(nodes(plain));
  });
});

test("patterns and folding", () => {
  const [fn, make] = cases["conv, norm, pools"]!;
  expect(opsOf(onnx.export(fn, make(4)))).toMatchObject({ Conv: 2, MaxPool: 1, AveragePool: 1, Softmax: 1, Gemm: 1, Max: 2, Min: 2 });
  expect(opsOf(onnx.export(fn, make(4))).Sqrt).toBeUndefined();
});

test("nodes have names of their own", () => {
  const { graph } = onnx.decodeOnnx("Model", onnx.export(lstm, data(2, [6, 4])));
  const names = graph!.nodes!.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("a module's weights have their names; inputs and outputs too", () => {
  const model = seq(new nn.Linear(6, 4));
  const { graph } = onnx.decodeOnnx("Model", onnx.export(model, data(3, [6])));
  expect(graph!.initializers!.map(({ name }) => name)).toEqual(["0.weight", "0.bias"]);
  expect(graph!.inputs!.map(({ name, type }) => [name, type!.tensor!.shape!.dims])).toEqual([["input", [{ param: "N" }, { value: 6 }]]]);
  expect(graph!.outputs!.map(({ name }) => name)).toEqual(["output"]);
  const named = onnx.decodeOnnx(
    "Model",
    onnx.export(model, data(3, [6]), { names: { inputs: ["image"], outputs: ["logits"] }, batch: false }),
  ).graph!;
  expect(named.inputs![0]).toMatchObject({ name: "image", type: { tensor: { shape: { dims: [{ value: 3 }, { value: 6 }] } } } });
  expect(named.outputs![0]!.name).toBe("logits");
});

test("weights in a second file", async () => {
  const model = seq(new nn.Linear(60, 40));
  const { model: file, data: bytes } = onnx.export(model, data(2, [60]), { external: "weights.bin" });
  expect(file.length).toBeLessThan(1500);
  const again = await onnx.load(file, { external: async () => bytes });
  const x = data(3, [60]);
  expect([...(again.forward(x) as Tensor).dataSync()]).toEqual([...model.forward(x).dataSync()]);
});

test("a training step: every cell that it writes is an input and an output", async () => {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 1));
  const optimizer = new nb.optim.SGD(model.parameters(), { lr: 0.1 });
  const step = (x: Tensor, y: Tensor): Tensor => {
    const { value, grads } = nb.backward(() => nn.quadraticLoss(model.forward(x), y), model.parameters());
    optimizer.step(grads);
    return value;
  };
  const [x, y] = [data(4, [3]), data(4, [1])];
  expect(() => onnx.export(step, [x, y], { batch: false })).toThrow(/the function writes 0\.weight and \d+ more cells/);
  const file = onnx.export(step, [x, y], { batch: false, training: true });
  const { graph } = onnx.decodeOnnx("Model", file);
  expect(graph!.inputs!.map(({ name }) => name)).toContain("0.weight");
  expect(graph!.outputs!.map(({ name }) => name)).toContain("0.weight.next");
  const again = await onnx.load(file);
  const state = Object.fromEntries([...model.stateDict()].map(([name, cell]) => [name, cell.value]));
  const given = Object.fromEntries(
    graph!.inputs!.map(({ name }) => [
      name!,
      name === "x" ? x : name === "y" ? y : (state[name!] ?? optimizer.stateDict().get(name!)!.value),
    ]),
  );
  const out = again.forward(given as never) as Record<string, Tensor>;
  const loss = step(x, y).itemSync();
  expect(Math.abs(out.output!.itemSync() - loss)).toBeLessThan(1e-6);
  const next = model.stateDict().get("0.weight")!.value.dataSync();
  expect(Math.max(...Array.from(next, (v, i) => Math.abs(v - out["0.weight.next"]!.dataSync()[i]!)))).toBeLessThan(1e-6);
});

describe("what is refused", () => {
  const x = data(4, [3]);
  test.each<[string, (x: Tensor) => unknown, RegExp]>([
    ["a model in training mode", (t) => new nn.BatchNorm1d(3).forward(t), /the function writes .*call model\.eval\(\) first/],
    ["a mean over the batch", (t) => t.sub(t.mean(0)), /depends on the batch.*export\.test/],
    ["a number that is computed from the batch", (t) => t.mul(tensor(t.shape[0]!).sqrt()), /a number depends on the batch/],
    ["a decomposition", (t) => nb.linalg.cholesky(t.matmul(t.transpose())), /cholesky has no counterpart in ONNX; .*export\.test/],
    ["another list for another batch", (t) => (t.shape[0]! > 2 ? t.exp() : t), /does other things for a batch of 3/],
  ])("%s", (_, fn, message) => {
    expect(() => onnx.export(fn, x)).toThrow(message);
  });

  test("what an older opset lacks", () => {
    const bag = new nn.EmbeddingBag(10, 4);
    const index = tensor([[1, 2]], { dtype: "i32" });
    expect(() => onnx.export(bag, index, { opset: 13 })).toThrow(
      /sums of rows at indices came with opset 16, and \{ opset: 13 \} was asked for/,
    );
  });

  test("arguments", () => {
    const model = seq(new nn.Linear(3, 1));
    expect(() => onnx.export(3 as never, x)).toThrow("onnx.export: model");
    expect(() => onnx.export(model, x, { opset: 5 })).toThrow("opset");
    expect(() => onnx.export(model, x, { batch: "" })).toThrow("batch");
    expect(() => onnx.export(model, x, { names: { inputs: ["a", "b"] } })).toThrow("names.inputs: want 1 different names");
  });
});
