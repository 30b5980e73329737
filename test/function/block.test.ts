/** @file Functions in blocks: one program for any number of examples, the bits of the whole batch, and errors for what mixes examples. */
import { describe, expect, test } from "vitest";
import { checkBlock } from "../../src/function/block.ts";
import { recordFunction } from "../../src/function/recording.ts";
import * as nb from "../../src/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const { nn, compile, tensor } = nb;

const image = (n: number, shape: readonly number[]): Tensor =>
  tensor(
    Float32Array.from({ length: n * shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i)),
    { shape: [n, ...shape] },
  );
const tokens = (n: number, t: number): Tensor =>
  tensor(
    Int32Array.from({ length: n * t }, (_, i) => (i * 7) % 11),
    { shape: [n, t] },
  );
type Fn = (x: Tensor) => Tensor;

const layers = (...list: Layer[]): Fn => {
  const model = new nn.Sequential(...list).eval();
  return (x) => model.forward(x);
};

const lstm = new nn.LSTM(4, 5, { batchFirst: true, bidirectional: true, layers: 2 });
const gru = new nn.GRU(4, 5);
const attention = new nn.MultiHeadAttention(8, 2);
const vit = new nb.models.VisionTransformer("tiny_16", { classes: 3, imageSize: 32 }).eval();
const gpt = nb.models.models.gpt!({ inputShape: [6], outputs: 11, layers: 2, heads: 2, features: 8 }).eval();
const transformer = new nn.TransformerEncoderLayer(8, 2, { hidden: 16 }).eval();

const each: Record<string, readonly [fn: Fn, make: (n: number) => Tensor]> = {
  "dense layers and a softmax": [layers(new nn.Linear(6, 5), new nn.GELU(), new nn.Linear(5, 4), new nn.Softmax()), (n) => image(n, [6])],
  "convolutions, pools, norms": [
    layers(
      new nn.Conv2d(3, 8, 3, { padding: 1 }),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(8, 8, 3, { groups: 8, padding: 1 }),
      new nn.GroupNorm(4, 8),
      new nn.AvgPool2d(2),
      new nn.ConvTranspose2d(8, 4, 2, { stride: 2 }),
      new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }),
      new nn.Flatten(),
      new nn.Linear(256, 3),
    ),
    (n) => image(n, [3, 8, 8]),
  ],
  "layer norm and its like": [layers(new nn.LayerNorm(6), new nn.RMSNorm(6), new nn.InstanceNorm(4)), (n) => image(n, [4, 6])],
  "two LSTMs in both directions": [(x) => lstm.forward(x).output, (n) => image(n, [7, 4])],
  "a GRU with the time first": [(x) => gru.forward(x.transpose([1, 0, 2])).output.transpose([1, 0, 2]), (n) => image(n, [7, 4])],
  attention: [(x) => attention.forward(x, x, x).output, (n) => image(n, [5, 8])],
  "sorts, gathers, cumulative sums": [
    (x) =>
      x
        .sort(1)
        .values.add(x.cumsum(1))
        .add(x.flip(1))
        .narrow(1, 0, 3)
        .mul(x.argsort(1).narrow(1, 0, 3)),
    (n) => image(n, [6]),
  ],
  "matrices of each example": [(x) => nb.linalg.solve(x.add(nb.eye(3).mul(4)), x), (n) => image(n, [3, 3])],
  "a loop": [
    (x) => nb.scan((h: Tensor, _: Tensor): [Tensor, Tensor] => [h.mul(0.5).add(x), h.sum(1)], x, nb.arange(3))[0],
    (n) => image(n, [4]),
  ],
  "a while loop on a counter": [
    (x) =>
      nb.whileLoop(
        ([i]: [Tensor, Tensor]) => i.lt(3),
        ([i, h]: [Tensor, Tensor]): [Tensor, Tensor] => [i.add(1), h.mul(2)],
        [tensor(0), x],
      )[1],
    (n) => image(n, [4]),
  ],
  "examples beside other indices": [(x) => x.reshape([-1, 2, 3]).sum(2).reshape([-1]).reshape([-1, 4]).mul(2), (n) => image(n, [4, 3])],
};

describe("the bits of the whole batch", () => {
  const sumsInLanes = new Set(["convolutions, pools, norms"]);
  test.each(Object.entries(each))("%s", (name, [fn, make]) => {
    const blocks = compile(fn, { block: 4 });
    for (const n of [3, 4, 11]) {
      const [got, want] = [blocks(make(n)), compile(fn)(make(n))];
      expect(got.shape).toEqual(want.shape);
      expect(got.dtype).toBe(want.dtype);
      // Which axis the lanes of vectors take, and so the order of sums, may depend on the number of examples.
      if (n >= 4 && !sumsInLanes.has(name)) expect([...got.dataSync()]).toEqual([...want.dataSync()]);
      else expect(nb.allclose(got.cast("f32"), want.cast("f32"), { rtol: 1e-5, atol: 1e-6 })).toBe(true);
    }
    expect(blocks.recompilations).toBe(1);
  });

  test("no example at all, several arguments and results, scalars", () => {
    const fn = compile((x: Tensor, y: Tensor, s: Tensor) => ({ sum: x.add(y).mul(s), class: x.argmax(1) }), { block: 2 });
    const { sum, class: found } = fn(tensor([[1, 2], [4, 3], [5, 6]]), tensor([[1, 1], [1, 1], [1, 1]]), tensor(2)); // biome-ignore format: rows
    expect([...sum.dataSync()]).toEqual([4, 6, 10, 8, 12, 14]);
    expect([...found.dataSync()]).toEqual([1, 0, 1]);
    expect(fn(nb.zeros([0, 2]), nb.zeros([0, 2]), tensor(2)).sum.shape).toEqual([0, 2]);
    expect(fn.recompilations).toBe(1);
  });

  test("inside another transform it is the function", () => {
    const fn = compile((x: Tensor) => x.mul(x), { block: 2 });
    expect([
      ...nb
        .grad((x: Tensor) => fn(x).sum())(tensor([1, 2, 3]))
        .dataSync(),
    ]).toEqual([2, 4, 6]);
  });
});

/** Larger networks are recorded only; their bits are compared in the slow suite. */
test.each<readonly [string, Fn, Tensor]>([
  ["a transformer's layer", (x) => transformer.forward(x), image(4, [5, 8])],
  ["a vision transformer", (x) => vit.forward(x), image(4, [3, 32, 32])],
  ["gpt", (x) => gpt.forward(x), tokens(4, 6)],
])("%s computes examples apart", (_, fn, x) => {
  const recording = recordFunction(fn, [x]);
  expect(() => checkBlock(recording, 4)).not.toThrow();
});

describe("what mixes examples is named", () => {
  const x = image(4, [3]);
  const bad: Record<string, readonly [fn: Fn, message: RegExp]> = {
    "a mean over the batch": [(t) => t.sub(t.mean(0)), /mixes examples \(sum, .*block\.test/],
    "a loss": [(t) => t.sum(), /mixes examples \(sum/],
    "statistics of the batch": [layers(new nn.BatchNorm1d(3, { trackRunningStats: false })), /mixes examples \(sum, 0\), so/],
    "a product of all pairs": [(t) => t.matmul(t.transpose()), /mixes examples \(dot/],
    "a constant for each example": [(t) => t.add(nb.arange(4).reshape([4, 1])), /mixes examples \(add/],
    "a weight for each example": [(t) => t.mul(image(4, [3])), /mixes examples \(mul/],
    "another order": [(t) => t.flip(0), /mixes examples \(flip/],
    neighbours: [(t) => t.add(nb.concatenate([t.narrow(0, 1, 3), t.narrow(0, 0, 1)], 0)), /mixes examples \(/],
    "a sum along the batch": [(t) => t.cumsum(0), /mixes examples \(/],
    "a sort along the batch": [(t) => t.sort(0).values, /mixes examples \(/],
    "less than all examples": [(t) => t.narrow(0, 0, 2), /mixes examples \(slice/],
    "random numbers for each": [(t) => t.add(nb.random.normal(nb.tensor(Uint32Array.of(1, 2)), t.shape)), /writes|mixes examples/],
    "the batch not first": [(t) => t.transpose(), /result 0 is not one for each example \(transpose/],
    "a loop over examples": [
      (t) => nb.scan((h: Tensor, r: Tensor): [Tensor, Tensor] => [h.add(r), h], nb.zeros([3]), t)[1],
      /loops over examples \(scan/,
    ],
    "a branch by one example": [
      (t) =>
        nb.cond(
          t.max().gt(0),
          (y: Tensor) => y,
          (y: Tensor) => y.neg(),
          t,
        ),
      /mixes examples|branches/,
    ],
    "the diagonal": [(t) => t.matmul(tensor([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]])).mul(nb.eye(4)), /mixes examples/], // biome-ignore format: rows
  };
  test.each(Object.entries(bad))("%s", (_, [fn, message]) => {
    expect(() => compile(fn, { block: 4 })(x)).toThrow(message);
    expect(() => compile(fn, { block: 4 })(x)).toThrow(/^[^\n]+$/);
  });

  test("a model in training mode", () => {
    const model = new nn.Sequential(new nn.BatchNorm1d(3));
    expect(() => compile((t: Tensor) => model.forward(t), { block: 4 })(x)).toThrow(
      /compile: block: the function writes running_mean, .*call model\.eval\(\)/,
    );
  });

  test("arguments", () => {
    const fn = compile((a: Tensor, b: Tensor) => a.add(b), { block: 4 });
    expect(() => fn(nb.zeros([3]), nb.zeros([5]))).toThrow("all arguments must have as many examples on axis 0, got 3 and 5");
    expect(() => compile((a: Tensor) => a, { block: 4 })(tensor(1))).toThrow("want an argument with one example on each index");
    expect(() => compile(fn, { block: 1 })).toThrow("compile: block must be an integer of at least 2, got 1");
    expect(() => compile(fn, { block: 4, steps: 2 })).toThrow("block and steps exclude each other");
    expect(() => compile(fn, { block: 4, debug: "nan" })).toThrow("block and debug exclude each other");
  });
});
