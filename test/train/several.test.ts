/** @file What an example may be beside one array and one target: tokens, a target for each of them, further inputs and targets, examples drawn by weights. */
import { describe, expect, test } from "vitest";
import {
  balancedSampler,
  batches,
  type Dataset,
  type Example,
  fetchBatches,
  Loader,
  type Split,
  splitOf,
  subset,
  trainTestSplit,
  weightedSampler,
} from "../../src/data/index.ts";
import { batchIndices } from "../../src/data/loader.ts";
import { manualSeed } from "../../src/math/random.ts";
import { crossEntropy, Embedding, Linear, Module, mseLoss } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/index.ts";
import { ConfusionMatrix, checkTraining, evaluate, type FitOptions, fit, predict, TopK } from "../../src/train/index.ts";
import { bitsOf } from "./small.ts";

const WORDS = 7;
const TAGS = 3;
/** A sentence of 2 to 5 tokens; the tag of a token is the token modulo 3. */
const sentence = (i: number): Example => {
  const length = 2 + (i % 4);
  const tokens = Int32Array.from({ length }, (_, t) => (3 * i + 2 * t) % WORDS);
  return { input: tokens, target: tokens.map((token) => token % TAGS), length };
};
const sentences = splitOf(Array.from({ length: 24 }, (_, i) => sentence(i)));
const tagged: Dataset = {
  name: "tagged",
  task: "classification",
  classes: ["a", "b", "c"],
  inputShape: [5],
  targetShape: [5],
  train: sentences,
  test: sentences,
};

/** Tokens [N, T] to logits [N, classes, T]. */
class Tagger extends Module {
  readonly words = new Embedding(WORDS, 4);
  readonly head = new Linear(4, TAGS);
  forward(tokens: Tensor): Tensor {
    return this.head.forward(this.words.forward(tokens)).transpose([0, 2, 1]);
  }
}

function seeded<M extends Module>(make: () => M, lr = 0.1): { model: M; optimizer: Adam } {
  manualSeed(2);
  const model = make();
  return { model, optimizer: new Adam(model.parameters(), { lr }) };
}

describe("tokens, and a target for each", () => {
  test("are padded, and what is padding counts nowhere", () => {
    expect(sentences.inputs).toBeInstanceOf(Int32Array);
    expect([...sentences.targets.subarray(0, 5)]).toEqual([0, 2, -100, -100, -100]);
    const [batch] = batches(sentences, { batchSize: 2 });
    expect(batch.inputs).toBeInstanceOf(Int32Array);
    expect([...batch.targets]).toEqual([...sentences.targets.subarray(0, 10)]);
    expect(() => splitOf([{ input: Int32Array.of(1, 2), target: Int32Array.of(1), length: 2 }])).toThrow("1 targets and the length 2");
  });

  test("train, are measured and predicted", async () => {
    const { model, optimizer } = seeded(() => new Tagger());
    expect(await checkTraining(model, tagged, { optimizer })).toEqual([]);
    const { epochs } = await fit(model, tagged, { optimizer, epochs: 30, batchSize: 12 });
    expect(epochs.at(-1)!.testAccuracy).toBe(1);
    const metrics = await evaluate(model, tagged, undefined, { table: new ConfusionMatrix(TAGS), top: new TopK(2) });
    expect(metrics).toMatchObject({ accuracy: 1, top: 1 });
    expect(metrics.table.flat().reduce((a, b) => a + b)).toBe(sentences.lengths!.reduce((a, b) => a + b));
    const predicted = await predict(model, tagged);
    expect(predicted).toHaveLength(24 * 5);
    sentences.targets.forEach((target: number, i: number) => void (target >= 0 && expect(predicted[i]).toBe(target)));
  });

  test("a wrong layout of the outputs is named before training", async () => {
    class Last extends Tagger {
      override forward(tokens: Tensor): Tensor {
        return super.forward(tokens).transpose([0, 2, 1]);
      }
    }
    const { model, optimizer } = seeded(() => new Last());
    const data = { ...tagged, classes: [..."abcdefg"] };
    await expect(checkTraining(model, data, { optimizer })).rejects.toThrow("want one output for each");
    const flat = { ...tagged, targetShape: [4] };
    await expect(fit(model, flat, { optimizer, epochs: 1 })).rejects.toThrow(
      "targets must be 4 for each example, as targetShape says, got 5",
    );
  });
});

describe("several inputs and targets", () => {
  const N = 16;
  const a = Float32Array.from({ length: 2 * N }, (_, i) => ((5 * i) % 7) / 7);
  const id = Int32Array.from({ length: N }, (_, i) => i % 3);
  const sums = Float32Array.from({ length: N }, (_, i) => a[2 * i] + id[i]);
  const split: Split = {
    inputs: a,
    targets: id,
    count: N,
    moreInputs: { id: { data: id }, square: { data: a.map((x) => x * x), shape: [1, 2] } },
    moreTargets: { sum: { data: sums, shape: [1] } },
  };
  const data: Dataset = { name: "two", task: "classification", classes: ["x", "y", "z"], inputShape: [2], train: split, test: split };

  class Heads extends Module {
    readonly ids = new Embedding(3, 4);
    readonly which = new Linear(8, 3);
    readonly sum = new Linear(8, 1);
    forward(x: Tensor, { id: word, square }: { readonly id: Tensor; readonly square: Tensor }): { which: Tensor; sum: Tensor } {
      const all = x.concat([square.squeeze(1), this.ids.forward(word)], 1);
      return { which: this.which.forward(all), sum: this.sum.forward(all) };
    }
  }
  type Both = { readonly which: Tensor; readonly sum: Tensor };
  const loss = ({ which, sum }: Both, y: Tensor, more: { readonly sum: Tensor }): Tensor =>
    crossEntropy(which, y).add(mseLoss(sum, more.sum));
  const options = (optimizer: Adam, more: Partial<FitOptions> = {}): FitOptions => ({
    optimizer,
    epochs: 20,
    batchSize: 8,
    loss: loss as never,
    ...more,
  });

  test("go to the model and the loss by name; metrics look at the first output", async () => {
    const { model, optimizer } = seeded(() => new Heads());
    const { epochs } = await fit(model as never, data, options(optimizer));
    expect(epochs.at(-1)!.testAccuracy).toBe(1);
    expect(epochs.at(-1)!.testLoss).toBeLessThan(0.3 * epochs[0].testLoss);
    expect([...(await predict(model as never, data))]).toEqual([...id]);
  });

  test("come along in parts, batches and loaders", async () => {
    expect([...subset(split, [3, 1]).moreInputs!.id.data]).toEqual([0, 1]);
    expect(trainTestSplit(split, 0.25)[1].moreTargets!.sum.data).toHaveLength(4);
    const example = (i: number): Example => ({
      input: a.slice(2 * i, 2 * i + 2),
      target: id[i],
      moreInputs: { id: Int32Array.of(id[i]) },
      moreTargets: { sum: sums[i] },
    });
    for await (const batch of new Loader({ count: N, example }, { batchSize: N })) {
      expect([...batch.moreInputs!.id.data]).toEqual([...id]);
      expect([...batch.moreTargets!.sum.data]).toEqual([...sums]);
    }
    for await (const batch of new Loader(split, { batchSize: 4 })) expect(batch.moreTargets!.sum).toMatchObject({ shape: [1] });
    const uneven = [example(0), { ...example(1), moreInputs: { id: Int32Array.of(1, 2) } }];
    expect(() => splitOf(uneven)).toThrow("example 1 has 2 values for moreInputs.id, example 0 has 1; want equally many");
  });

  test("that do not fit are named", async () => {
    const { model, optimizer } = seeded(() => new Heads());
    const of = (more: Split["moreInputs"]) => fit(model as never, { ...data, train: { ...split, moreInputs: more } }, options(optimizer));
    await expect(of({ id: { data: new Int32Array(5) } })).rejects.toThrow(
      "moreInputs.id: data must be equally many values for each of 16 examples, got 5",
    );
    await expect(of({ id: { data: [1] as never } })).rejects.toThrow("moreInputs.id: data must be a Float32Array or an Int32Array");
    await expect(of({ id: { data: id, shape: [2] } })).rejects.toThrow("data must be 2 values for each of 16 examples");
  });
});

describe("samplers", () => {
  const labels = Int32Array.from({ length: 1000 }, (_, i) => (i < 900 ? 0 : i < 990 ? 1 : 2));
  const lopsided: Split = { inputs: new Float32Array(1000), targets: labels, count: 1000 };
  const drawn = (sampler: ReturnType<typeof weightedSampler>, epoch = 0) =>
    batchIndices(1000, { batchSize: 1e6, sampler, epoch, seed: 4 })[0];

  test("draw by weight: counts within four standard deviations; the same for the same seed and epoch", () => {
    const indices = drawn(balancedSampler(lopsided, { count: 3000 }));
    const counts = [0, 1, 2].map((c) => indices.reduce((n, i) => n + Number(labels[i] === c), 0));
    for (const n of counts) expect(Math.abs(n - 1000)).toBeLessThan(4 * Math.sqrt(3000 * (1 / 3) * (2 / 3)));
    expect(drawn(balancedSampler(lopsided, { count: 3000 }))).toEqual(indices);
    expect(drawn(balancedSampler(lopsided, { count: 3000 }), 1)).not.toEqual(indices);
    const some = drawn(weightedSampler(Array.from({ length: 1000 }, (_, i) => Number(i % 2))));
    expect(some).toHaveLength(1000);
    expect(some.every((i) => i % 2 === 1)).toBe(true);
    const weights = Array.from({ length: 1000 }, (_, i) => (i < 500 ? 3 : 1));
    const share = drawn(weightedSampler(weights, { count: 8000 })).filter((i) => i < 500).length / 8000;
    expect(Math.abs(share - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / 8000));
  });

  test("without replacement every example comes once, heavy ones first", () => {
    const weights = Array.from({ length: 1000 }, (_, i) => (i < 500 ? 10 : i < 990 ? 1 : 0));
    const indices = drawn(weightedSampler(weights, { replacement: false }));
    expect(indices).toHaveLength(990);
    expect(new Set(indices).size).toBe(990);
    expect(indices.slice(0, 250).filter((i) => i < 500).length).toBeGreaterThan(200);
    expect(() => weightedSampler(weights, { replacement: false, count: 991 })).toThrow(
      "991 examples without replacement, but 990 have a weight above 0",
    );
  });

  test("refuse what they cannot draw from", async () => {
    expect(() => weightedSampler([0, 0])).toThrow("numbers of at least 0, not all of them 0");
    expect(() => weightedSampler([1, Number.NaN])).toThrow("weightedSampler: weights must be");
    expect(() => balancedSampler({ targets: Float32Array.of(1, 2), count: 2 })).toThrow("want an Int32Array of class indices");
    const sampler = weightedSampler([1, 1]);
    expect(() => batches(lopsided, { batchSize: 2, sampler, shuffle: true })).toThrow("leave out shuffle");
    expect(() => new Loader(function* () {}, { batchSize: 2, sampler })).toThrow("wants a source with a count");
    expect(() => [
      ...batches({ ...lopsided, inputs: new Float32Array(1), targets: labels.slice(0, 1), count: 1 }, { batchSize: 2, sampler }),
    ]).toThrow("make the sampler from this split");
    const loader = new Loader(lopsided, { batchSize: 100, sampler: balancedSampler(lopsided, { count: 250 }) });
    const sizes: number[] = [];
    for await (const batch of loader) sizes.push(batch.count);
    expect(sizes).toEqual([100, 100, 50]);
  });

  test("in fit, a resumed run draws the same", async () => {
    const run = async (resume?: Uint8Array): Promise<{ bits: number[]; saved: Uint8Array[] }> => {
      const { model, optimizer } = seeded(() => new Tagger());
      const saved: Uint8Array[] = [];
      const sampler = weightedSampler(
        Float32Array.from({ length: 24 }, (_, i) => 1 + (i % 3)),
        { count: 20 },
      );
      const keep = { onStep: async (_: unknown, training: { save(): Promise<Uint8Array> }) => void saved.push(await training.save()) };
      const { epochs } = await fit(model, tagged, {
        optimizer,
        epochs: 2,
        batchSize: 10,
        sampler,
        callbacks: [keep],
        ...(resume && { resume }),
      });
      expect(epochs).toHaveLength(2);
      return { bits: bitsOf(model), saved };
    };
    const whole = await run();
    expect(whole.saved).toHaveLength(4);
    expect((await run(whole.saved[2])).bits).toEqual(whole.bits);
    const order: number[] = [];
    for await (const { indices } of fetchBatches(tagged.train, { batchSize: 10, sampler: weightedSampler(new Float32Array(24).fill(1)) }))
      order.push(...indices);
    expect(order).toHaveLength(24);
  });
});
