/** @file A run that ends after any step and goes on from its checkpoint comes to the same bits, with everything on that has state. */
import { describe, expect, test } from "vitest";
import { manualSeed } from "../../src/math/random.ts";
import type { Sequential } from "../../src/nn/index.ts";
import { Adam, cosine, EMA, SGD } from "../../src/optim/index.ts";
import { type Callback, EarlyStopping, type FitOptions, type History, ReduceOnPlateau, fit as trainModel } from "../../src/train/index.ts";
import { bitsOf, cut, data, few, makeModel } from "./small.ts";

interface Outcome {
  readonly history: History;
  readonly bits: number[];
  readonly saved: Map<number, Uint8Array>;
}

/** A new process's worth of objects: nothing is shared with the run that is resumed. */
async function run(more: Partial<FitOptions> = {}, seed = 1): Promise<Outcome> {
  const model = makeModel(seed);
  const optimizer = new Adam(model.parameters(), { lr: 3e-3 });
  const saved = new Map<number, Uint8Array>();
  const recorder: Callback = {
    onStep: async ({ total }, training) => void saved.set(total, await training.save()),
    onEpoch: async (_, __, training) => void saved.set(training.total + 0.5, await training.save()),
  };
  const callbacks = [new EarlyStopping({ patience: 1 }), new ReduceOnPlateau({ patience: 0, factor: 0.5 }), recorder];
  const history = await trainModel(model, few, {
    optimizer,
    epochs: 2,
    batchSize: 25,
    seed: 3,
    schedule: cosine(3e-3),
    accumulate: 2,
    clipNorm: 1,
    average: new EMA(model.parameters(), { decay: 0.9 }),
    validation: cut(data.train, 70, 100),
    callbacks,
    ...more,
  });
  return { history, bits: bitsOf(model), saved };
}

const losses = ({ history }: Outcome): unknown[] => history.epochs.map(({ seconds, ...rest }) => rest);

describe("resuming", () => {
  // Three batches an epoch, the last of them smaller, in pairs: so checkpoints lie within a pair, behind one and behind a half one.
  test("from after every step and after every epoch gives the same weights and the same history", async () => {
    const whole = await run();
    expect(whole.saved.size).toBe(2 * 3 + 2);
    for (const [step, bytes] of whole.saved) {
      const rest = await run({ resume: bytes }, 99);
      expect(rest.bits, `from step ${step}`).toEqual(whole.bits);
      expect(losses(rest), `from step ${step}`).toEqual(losses(whole));
    }
  });

  test("keeps what is frozen, and what was unfrozen on the way", async () => {
    const frozen = async (resume?: Uint8Array): Promise<{ bits: number[]; saved: Map<number, Uint8Array> }> => {
      const model = makeModel(resume ? 7 : 1);
      if (!resume) for (const layer of model.modules().slice(2, 4)) layer.freeze();
      const saved = new Map<number, Uint8Array>();
      const recorder: Callback = { onStep: async ({ total }, training) => void saved.set(total, await training.save()) };
      const callbacks = [
        { onEpoch: (_: unknown, { epoch }: { epoch: number }) => void (epoch === 1 && model.modules()[2].unfreeze()) },
        recorder,
      ];
      await trainModel(model, few, {
        optimizer: new Adam(model.parameters()),
        epochs: 2,
        batchSize: 35,
        seed: 3,
        callbacks,
        ...(resume && { resume }),
      });
      return { bits: bitsOf(model), saved };
    };
    const whole = await frozen();
    for (const [step, bytes] of whole.saved) expect((await frozen(bytes)).bits, `from step ${step}`).toEqual(whole.bits);
  });

  test("a run that early stopping has ended stays ended, with the best weights", async () => {
    const worse: Callback = { onEpoch: (_, { epoch }, training) => void (epoch === 2 && training.stop("enough")) };
    const first = await run({ callbacks: [new EarlyStopping(), worse, { onEpoch: async (_, __, t) => void last.push(await t.save()) }] });
    expect(first.history).toMatchObject({ reason: "enough", stopped: false });
    expect(first.history.epochs).toHaveLength(2);
    const again = await run({ callbacks: [new EarlyStopping()], resume: last.at(-1)! });
    expect(again.history.epochs).toHaveLength(2);
    expect(again.bits).toEqual(first.bits);
  });
  const last: Uint8Array[] = [];

  test("refuses the checkpoint of another model, of other settings, and a file with weights alone", async () => {
    const { saved } = await run({ epochs: 1 });
    const bytes = saved.get(3)!;
    await expect(run({ resume: bytes, average: undefined })).rejects.toThrow(
      /^checkpoint: is not a checkpoint of this model and these settings: unexpected average\.updates, /,
    );
    await expect(run({ resume: bytes.slice(0, 5000) })).rejects.toThrow(/^checkpoint: truncated file/);
    const other = makeModel();
    const sgd = { optimizer: new SGD(other.parameters(), { lr: 0.1 }), epochs: 1, resume: bytes };
    await expect(trainModel(other, few, sgd)).rejects.toThrow("unexpected optimizer.t");
  });
});

describe("gradient accumulation", () => {
  const plain = (): Sequential => makeModel().eval();

  test("of four batches of 10 is one batch of 40, the last smaller ones included", async () => {
    const weights = async (batchSize: number, accumulate: number): Promise<number[]> => {
      const model = plain();
      // Batch normalization and dropout would see other batches; in evaluation mode they do not.
      model.train = () => model;
      await trainModel(model, few, { optimizer: new SGD(model.parameters(), { lr: 0.1 }), epochs: 2, batchSize, accumulate, seed: 5 });
      return model.parameters().flatMap((p) => [...p.value.dataSync()]);
    };
    const [one, four] = [await weights(40, 1), await weights(10, 4)];
    for (const [i, w] of one.entries()) expect(four[i]).toBeCloseTo(w, 5);
  });
});

describe("an average of the weights", () => {
  test("is what is tested and what the model ends with", async () => {
    manualSeed(1);
    const model = makeModel();
    const average = new EMA(model.parameters(), { decay: 0.5 });
    const seen: number[][] = [];
    const history = await trainModel(model, few, {
      optimizer: new Adam(model.parameters()),
      epochs: 1,
      average,
      callbacks: [{ onEpoch: () => void seen.push(bitsOf(model)) }],
    });
    expect(bitsOf(model)).toEqual(seen[0]);
    const { evaluate } = await import("../../src/train/index.ts");
    expect((await evaluate(model, few)).loss).toBe(history.epochs[0].testLoss);
  });
});

describe("early stopping", () => {
  test("ends the run when the metric no longer improves, with the weights of the best epoch", async () => {
    const model = makeModel();
    const seen: number[][] = [];
    const stopper = new EarlyStopping({ patience: 2 });
    // A rate this high does not improve for long.
    const history = await trainModel(model, few, {
      optimizer: new SGD(model.parameters(), { lr: 0.5, momentum: 0.9 }),
      epochs: 100,
      callbacks: [stopper, { onEpoch: () => void seen.push(bitsOf(model)) }],
    });
    const tests = history.epochs.map((e) => e.testLoss);
    const best = tests.indexOf(Math.min(...tests));
    expect(history.epochs).toHaveLength(best + 1 + 3);
    expect(history.reason).toBe(`testLoss has not improved in 3 epochs; epoch ${best + 1} was best`);
    expect(stopper.best).toMatchObject({ value: tests[best], epoch: best + 1 });
    expect(bitsOf(model)).toEqual(seen[best]);
  });

  test("in a loop of one's own", () => {
    const model = makeModel();
    const stopper = new EarlyStopping({ patience: 1 });
    stopper.watch(model);
    const before = bitsOf(model);
    expect(stopper.step(1)).toBe(false);
    for (const p of model.parameters()) p.set(p.value.mul(2));
    expect(stopper.step(2)).toBe(false);
    expect(stopper.step(3)).toBe(true);
    stopper.restore();
    expect(bitsOf(model)).toEqual(before);
  });

  test("watches what there is", async () => {
    const model = makeModel();
    const options = { optimizer: new Adam(model.parameters()), epochs: 1 };
    const callbacks = [new EarlyStopping({ monitor: "validationLoss" })];
    await expect(trainModel(model, few, { ...options, callbacks })).rejects.toThrow(
      "this run has no validationLoss to watch; it has trainLoss, trainAccuracy, testLoss, testAccuracy",
    );
    expect(() => new EarlyStopping({ patience: -1 })).toThrow("EarlyStopping: patience must be an integer of at least 0, got -1");
  });
});

test("the rate falls on a plateau, beside the schedule", async () => {
  const model = makeModel();
  const rates: number[] = [];
  await trainModel(model, few, {
    optimizer: new SGD(model.parameters(), { lr: 0.5 }),
    epochs: 4,
    batchSize: 70,
    callbacks: [new ReduceOnPlateau({ patience: 0, factor: 0.5, threshold: 0.999 }), { onStep: ({ lr }) => void rates.push(lr) }],
  });
  expect(rates).toEqual([0.5, 0.5, 0.25, 0.125]);
});
