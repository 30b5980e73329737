/**
 * @file Gradient accumulation is one large batch: for every loss, reduction and option, micro-batches of equal and unequal size, one of them with
 * nothing that counts, give the update and the reported loss of the batch as a whole.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import { logSoftmax } from "../../src/math/softmax.ts";
import * as nn from "../../src/nn/index.ts";
import { stack, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { SGD } from "../../src/optim/index.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { Evaluator, evaluate, fit, GradientSum, type Loss, Meter, stepFunction } from "../../src/train/index.ts";
import { expectClose } from "../function/backends.ts";
import "../../src/runtime/evaluate.ts";

const [N, I, C] = [6, 3, 4];
/** Sizes of the micro-batches; the second has nothing that counts where targets can be ignored. */
const SPLITS = [
  [2, 4],
  [1, 2, 3],
];

let state = 5;
function draw(...shape: number[]): Tensor {
  const values = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
  return tensor(values, { shape });
}

const x = draw(N, I);
const numbers = draw(N, C);
const signs = numbers.gt(0).where(1, numbers.like(-1));
const shares = draw(N, C).sigmoid();
const hot = tensor(Int32Array.from([0, 1, 3, 2, 1, 3]))
  .oneHot(C)
  .cast("f64");
const classes = tensor(Int32Array.from([0, 1, 1, 2, 0, 3]));
const ignoring = tensor(Int32Array.from([0, -100, -100, -100, 2, 3])); // rows 1 to 3: a part of each split and more
const tokens = tensor(Int32Array.from([0, 1, -100, -100, -100, -100, -100, 3, 2, 2, 1, -100]), { shape: [N, 2] });
const weight = tensor([0.5, 2, 1, 3], { dtype: "f64" });
const mask = tensor([true, false, false, true, false, true]);
const sampleWeight = tensor([1, 0, 0, 0, 0.5, 2], { dtype: "f64" });

type Case = [name: string, loss: (outputs: Tensor, y: Tensor, reduction: nn.Reduction) => Tensor, targets: Tensor];

const pair = (
  name: string,
  make: (options: object) => nn.Module & { forward(x: Tensor, y: Tensor): Tensor },
  targets: Tensor,
  options = {},
): Case => [name, (outputs, y, reduction) => make({ ...options, reduction }).forward(outputs, y), targets];

const cases: readonly Case[] = [
  pair("mse", (o) => new nn.MSELoss(o), numbers),
  pair("l1", (o) => new nn.L1Loss(o), numbers),
  pair("huber", (o) => new nn.HuberLoss(o), numbers, { delta: 0.3 }),
  pair("smooth l1", (o) => new nn.SmoothL1Loss(o), numbers, { beta: 0.5 }),
  pair("log cosh", (o) => new nn.LogCoshLoss(o), numbers),
  pair("quadratic", (o) => new nn.QuadraticLoss(o), numbers),
  pair("bce with logits, posWeight", (o) => new nn.BCEWithLogitsLoss(o), hot, { posWeight: 3, weight }),
  ["bce", (outputs, y, reduction) => new nn.BCELoss({ reduction }).forward(outputs.sigmoid(), y), hot],
  pair("cross-entropy", (o) => new nn.CrossEntropyLoss(o), classes),
  pair("cross-entropy, class weights", (o) => new nn.CrossEntropyLoss(o), classes, { weight }),
  pair("cross-entropy, ignored", (o) => new nn.CrossEntropyLoss(o), ignoring),
  pair("cross-entropy, ignored class", (o) => new nn.CrossEntropyLoss(o), classes, { ignoreIndex: 1 }),
  pair("cross-entropy, all options", (o) => new nn.CrossEntropyLoss(o), ignoring, { weight, labelSmoothing: 0.2 }),
  pair("cross-entropy, probabilities", (o) => new nn.CrossEntropyLoss(o), shares, { weight, labelSmoothing: 0.1 }),
  [
    "cross-entropy of tokens",
    (outputs, y, reduction) =>
      nn.crossEntropy(outputs.reshape([outputs.shape[0], C, 1]).concat([outputs.neg().unsqueeze(2)], 2), y, { reduction, weight }),
    tokens,
  ],
  ["nll", (outputs, y, reduction) => new nn.NLLLoss({ reduction, weight }).forward(logSoftmax(outputs, 1), y), ignoring],
  ["kl", (outputs, y, reduction) => new nn.KLDivLoss({ reduction }).forward(logSoftmax(outputs, 1), y), shares],
  pair("poisson", (o) => new nn.PoissonNLLLoss(o), hot, { full: true }),
  pair("hinge", (o) => new nn.HingeLoss(o), signs),
  pair("squared hinge", (o) => new nn.SquaredHingeLoss(o), signs),
  pair("hinge embedding", (o) => new nn.HingeEmbeddingLoss(o), signs),
  pair("soft margin", (o) => new nn.SoftMarginLoss(o), signs),
  pair("multi margin", (o) => new nn.MultiMarginLoss(o), classes, { weight }),
  pair("multilabel soft margin", (o) => new nn.MultiLabelSoftMarginLoss(o), hot),
  pair(
    "multilabel margin",
    (o) => new nn.MultiLabelMarginLoss(o),
    tensor(Int32Array.from([3, 0, -1, 1]), { shape: [1, C] }).broadcastTo([N, C]),
  ),
  pair("focal", (o) => new nn.SigmoidFocalLoss(o), hot, { alpha: 0.3 }),
  ["dice", (outputs, y, reduction) => new nn.DiceLoss({ reduction }).forward(outputs.sigmoid(), y), hot],
  ["gaussian", (outputs, y, reduction) => new nn.GaussianNLLLoss({ reduction }).forward(outputs, y, outputs.square().add(0.5)), numbers],
  ["ranking", (outputs, y, reduction) => new nn.MarginRankingLoss({ reduction }).forward(outputs, y, y.sign()), numbers],
  ["cosine", (outputs, y, reduction) => new nn.CosineEmbeddingLoss({ reduction }).forward(outputs, y, y.select(1, 0).sign()), numbers],
  ["triplet", (outputs, y, reduction) => new nn.TripletMarginLoss({ reduction }).forward(outputs, y, y.neg()), numbers],
  [
    "ctc",
    (outputs, y, reduction) => {
      const n = outputs.shape[0];
      const logp = logSoftmax(stack([outputs, outputs.neg(), outputs.mul(2)]), 2);
      const lengths = y.gt(1).where(1, y.like(2));
      return new nn.CTCLoss({ reduction }).forward(logp, y.maximum(1).unsqueeze(1).broadcastTo([n, 2]), lengths.like(3), lengths);
    },
    classes,
  ],
  [
    "a penalty beside it",
    (outputs, y, reduction) =>
      nn
        .crossEntropy(outputs, y, { weight, reduction: reduction === "sum" ? "mean" : reduction })
        .mul(0.5)
        .add(0.25),
    ignoring,
  ],
  ["a scalar of one's own", (outputs, y) => outputs.sub(y).square().sum(1).mean(), numbers],
];

/** One update with the whole batch, and one with parts of it: weights and reported loss. */
async function update(loss: Loss, targets: Tensor, sizes: readonly number[]): Promise<{ weights: number[]; loss: number }> {
  manualSeed(1);
  const model = new nn.Linear(I, C, { dtype: "f64" });
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const meter = new Meter("regression");
  const step = stepFunction(model, optimizer, {
    loss,
    meter,
    gradients: sizes.length > 1 ? new GradientSum(model.parameters()) : undefined,
  });
  let at = 0;
  for (const [i, n] of sizes.entries()) {
    step(x.narrow(0, at, n), targets.narrow(0, at, n), i === sizes.length - 1);
    at += n;
  }
  return { weights: model.parameters().flatMap((p) => [...p.value.dataSync()]), loss: (await meter.read()).loss };
}

async function expectOneBatch(loss: Loss, targets: Tensor, splits = SPLITS): Promise<void> {
  const whole = await update(loss, targets, [N]);
  expect(whole.weights.every(Number.isFinite)).toBe(true);
  for (const sizes of splits) {
    const parts = await update(loss, targets, sizes);
    expectClose(parts.weights, whole.weights, 1e-7); // divisors are f32
    expectClose(parts.loss, whole.loss, 1e-12);
  }
}

describe("micro-batches are the large batch", () => {
  // A hundred small programs, each run once: compiling them would be most of the work.
  beforeAll(() => setBackend("interpreter"));
  afterAll(() => setBackend("wasm"));

  test.each(cases)("%s", async (_, loss, targets) => {
    await expectOneBatch((outputs, y) => loss(outputs, y, "mean"), targets, targets.dtype === "i32" ? SPLITS : SPLITS.slice(1));
    await expectOneBatch((outputs, y) => loss(outputs, y, "sum"), targets, SPLITS.slice(1));
    if (targets.dtype === "i32") await expectOneBatch((outputs, y) => loss(outputs, y, "none"), targets, SPLITS.slice(1));
  });

  test.each([
    ["sample weights", (outputs: Tensor, y: Tensor, w: Tensor) => nn.mseLoss(outputs, y, { sampleWeight: w }), sampleWeight],
    ["a mask", (outputs: Tensor, y: Tensor, w: Tensor) => nn.huberLoss(outputs, y, { sampleWeight: w.gt(0) }), mask.cast("f64")],
    [
      "weighted sums",
      (outputs: Tensor, y: Tensor, w: Tensor) => nn.l1Loss(outputs, y, { sampleWeight: w, reduction: "sum" }),
      sampleWeight,
    ],
    [
      "batchmean",
      (outputs: Tensor, y: Tensor, w: Tensor) => nn.klDiv(logSoftmax(outputs, 1), y.sigmoid(), { reduction: "batchmean", sampleWeight: w }),
      sampleWeight,
    ],
    [
      "{ sum, divisor }",
      (outputs: Tensor, y: Tensor, w: Tensor) => ({ sum: outputs.sub(y).square().sum(1).mul(w).sum(), divisor: w.sum() }),
      sampleWeight,
    ],
    ["{ sum }", (outputs: Tensor, y: Tensor, w: Tensor) => ({ sum: outputs.sub(y).square().sum(1).mul(w).sum() }), sampleWeight],
  ] as const)("with %s in the targets", async (_, loss, weights) => {
    const targets = numbers.concat([weights.unsqueeze(1)], 1);
    await expectOneBatch((outputs, y) => loss(outputs, y.narrow(1, 0, C), y.select(1, C)), targets);
  });
});

test("what weighs nothing is left out, also NaN, and the mean is over the weights", () => {
  const value = nn.mseLoss(tensor([1, Number.NaN, 3]), tensor([0, 0, 0]), { sampleWeight: tensor([1, 0, 3]) });
  expect(value.itemSync()).toBe((1 + 27) / 4);
  expect(nn.mseLoss(tensor([[1, 2]]), tensor([[0, 0]]), { sampleWeight: tensor([2]), reduction: "sum" }).itemSync()).toBe(10);
  expect(() => nn.mseLoss(tensor([1, 2]), tensor([1, 2]), { sampleWeight: tensor([1, 2, 3]) })).toThrow(
    "loss: sampleWeight [3] must have the first axes",
  );
});

test("a loss that adds up terms with different divisors is refused, not added up wrongly", async () => {
  const loss: Loss = (outputs, y) => nn.crossEntropy(outputs, y).add(nn.crossEntropy(outputs, y, { weight }));
  await expect(update(loss, classes, [2, 4])).rejects.toThrow("accumulate: the loss adds up terms that are divided by different numbers");
  await expect(update(() => 3 as unknown as Tensor, classes, [6])).rejects.toThrow(
    "loss: must give a tensor, or { sum, divisor } of scalars, got 3",
  );
});

describe("fit", () => {
  const random = (n: number): Float32Array => Float32Array.from(draw(n).dataSync());
  const split = (targets: number[]) => ({ inputs: random(targets.length * I), targets: Int32Array.from(targets), count: targets.length });
  const data: Dataset = {
    name: "small",
    train: split([0, 1, 1, 2, 0, 3, 1, 2, 0, 3, 1, 1, 0, 2]),
    test: split([0, 1, 2, 3, 1, 1, 1]),
    classes: ["a", "b", "c", "d"],
    inputShape: [I],
    task: "classification",
  };

  async function run(batchSize: number, accumulate: number, loss: Loss): Promise<number[]> {
    manualSeed(2);
    const model = new nn.Linear(I, C);
    const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
    const { epochs } = await fit(model, data, { optimizer, epochs: 2, batchSize, accumulate, loss });
    return [
      ...model.parameters().flatMap((p) => [...p.value.dataSync()]),
      ...epochs.flatMap(({ trainLoss, testLoss }) => [trainLoss, testLoss]),
    ];
  }

  test.each([
    ["class weights", (o: Tensor, y: Tensor) => nn.crossEntropy(o, y, { weight: weight.cast("f32") })],
    ["sums", (o: Tensor, y: Tensor) => nn.crossEntropy(o, y, { reduction: "sum" })],
    ["an ignored class", (o: Tensor, y: Tensor) => nn.crossEntropy(o, y, { ignoreIndex: 1, labelSmoothing: 0.1 })],
  ])("with %s, accumulation over 4 batches of 2 is batches of 8, the rest of an epoch too", async (_, loss) => {
    expectClose(await run(2, 4, loss), await run(8, 1, loss), 1e-5);
  });

  test("a batch without a target that counts does not end a run, nor change the model", async () => {
    manualSeed(3);
    const model = new nn.Linear(I, C);
    const before = model.parameters().flatMap((p) => [...p.value.dataSync()]);
    const loss: Loss = (outputs, y) => nn.crossEntropy(outputs, y.mul(0).sub(100));
    const history = await fit(model, data, { optimizer: new SGD(model.parameters(), { lr: 1 }), epochs: 1, batchSize: 5, loss });
    expect(history.epochs[0].trainLoss).toBeNaN();
    expect(model.parameters().flatMap((p) => [...p.value.dataSync()])).toEqual(before);
  });

  test("a measured loss does not depend on how a split falls into batches", async () => {
    manualSeed(4);
    const model = new nn.Linear(I, C);
    const copies = 50; // more than one batch of an evaluation, the last one smaller
    const many = { inputs: new Float32Array(copies * data.test.inputs.length), targets: new Int32Array(copies * 7), count: copies * 7 };
    for (let i = 0; i < copies; i++) {
      many.inputs.set(data.test.inputs, i * data.test.inputs.length);
      many.targets.set(data.test.targets, 7 * i);
    }
    const evaluator = new Evaluator(model, data, (o, y) => nn.crossEntropy(o, y, { weight: weight.cast("f32") }));
    const [few, all] = [await evaluator.measure(data.test), await evaluator.measure(many)];
    expectClose(all.loss, few.loss, 1e-6);
    expect((await evaluate(model, data)).accuracy).toBe(few.accuracy);
  });
});
