/** @file Tools around a run: one batch by heart, a run of one batch, the learning-rate finder, the words for the curves. */
import { describe, expect, test } from "vitest";
import { digits, xor } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import { Mlp, Xor } from "../../src/models/index.ts";
import { Linear, Sequential } from "../../src/nn/index.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import {
  baselineLoss,
  diagnose,
  type EpochRecord,
  fastDevRun,
  findLearningRate,
  overfitOneBatch,
  fit as trainModel,
} from "../../src/train/index.ts";
import { bitsOf, cut, data, few, makeModel } from "./small.ts";

describe("one batch by heart", () => {
  test("a sound model learns it", async () => {
    const model = makeModel();
    const report = await overfitOneBatch(model, data, { optimizer: new Adam(model.parameters(), { lr: 0.02 }) });
    expect(report.learned).toBe(true);
    expect(report.losses.length).toBeLessThan(500);
    expect(report.losses.at(-1)).toBeLessThan(report.baseline / 20);
  });

  test("one that cannot does not: a line does not learn exclusive or", async () => {
    manualSeed(1);
    const model = new Sequential(new Linear(2, 1));
    const report = await overfitOneBatch(model, xor(), { optimizer: new Adam(model.parameters(), { lr: 0.1 }), steps: 200 });
    expect(report.baseline).toBe(0.25);
    expect(report.losses).toHaveLength(200);
    expect(report.learned).toBe(false);
    expect(report.losses.at(-1)).toBeCloseTo(0.25, 3);
  });
});

test("what a constant answer loses: the entropy of the classes, the variance of the targets", () => {
  const targets = Int32Array.of(0, 0, 0, 1);
  const pair = { ...few, classes: ["a", "b"], train: { inputs: new Float32Array(4 * 64), targets, count: 4 } };
  expect(baselineLoss(pair)).toBeCloseTo(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25)), 12);
  const values = { ...xor(), train: { inputs: new Float32Array(4), targets: Float32Array.of(1, 10, 3, 10), count: 2 } };
  expect(baselineLoss(values)).toBeCloseTo(0.5, 12); // (1 + 0) / 2, two target values
});

test("a run of one batch goes through everything once", async () => {
  const model = makeModel();
  const seen: string[] = [];
  const history = await fastDevRun(model, data, {
    optimizer: new Adam(model.parameters()),
    epochs: 50,
    batchSize: 16,
    validation: cut(data.train, 100, 200),
    callbacks: [{ onStep: () => void seen.push("step"), onEpoch: () => void seen.push("epoch"), onEnd: () => void seen.push("end") }],
  });
  expect(seen).toEqual(["step", "epoch", "end"]);
  expect(history.epochs).toHaveLength(1);
});

describe("the learning-rate finder", () => {
  test("finds a rate that learns, and leaves no trace", async () => {
    const train = async (look: boolean): Promise<{ bits: number[]; suggestion: number | null; losses: number[] }> => {
      manualSeed(2);
      const model = new Mlp([64, 32, 10]);
      const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
      const found = look ? await findLearningRate(model, data, { optimizer, seed: 1 }) : undefined;
      expect(optimizer.lr).toBe(0.01);
      await trainModel(model, few, { optimizer, epochs: 1 });
      return { bits: bitsOf(model), suggestion: found?.suggestion ?? null, losses: found?.trials.map((t) => t.loss) ?? [] };
    };
    const [with_, without] = [await train(true), await train(false)];
    expect(with_.bits).toEqual(without.bits);
    expect(with_.losses.length).toBeGreaterThan(50);
    expect(with_.suggestion).toBeGreaterThan(1e-3);
    expect(with_.suggestion).toBeLessThan(1);
  });

  test("rates rise by a constant factor from min to max", async () => {
    manualSeed(2);
    const model = new Xor();
    const { trials } = await findLearningRate(model, xor(), {
      optimizer: new SGD(model.parameters(), { lr: 1 }),
      steps: 10,
      min: 1e-5,
      max: 1e-2,
    });
    expect(trials.map(({ lr }) => lr)).toHaveLength(10);
    for (const [i, { lr }] of trials.entries()) expect(Math.log10(lr)).toBeCloseTo(-5 + (3 * i) / 9, 9);
  });

  test("refuses a range that is none", async () => {
    const model = new Xor();
    const optimizer = new SGD(model.parameters(), { lr: 1 });
    await expect(findLearningRate(model, xor(), { optimizer, min: 1, max: 0.1 })).rejects.toThrow("want 0 < min < max, got 1 and 0.1");
    await expect(findLearningRate(model, xor(), { optimizer, steps: 3 })).rejects.toThrow("steps must be an integer >= 10, got 3");
  });
});

describe("curves in words (TRN-6)", () => {
  const curve = (train: readonly number[], held: readonly number[], accuracies?: readonly [number, number]): EpochRecord[] =>
    train.map((trainLoss, i) => ({
      trainLoss,
      trainAccuracy: accuracies?.[0] ?? null,
      testLoss: held[i],
      testAccuracy: accuracies?.[1] ?? null,
      seconds: 1,
    }));
  const verdict = (train: readonly number[], held: readonly number[], accuracies?: readonly [number, number]): string =>
    diagnose(few, curve(train, held, accuracies)).verdict;

  test("numbers that are plain", () => {
    expect(verdict([1, 0.5, 0.2, 0.1], [1, 0.6, 0.7, 0.9], [0.99, 0.96])).toBe("over-fitting");
    expect(verdict([1, 0.5, 0.2, 0.1], [1, 0.6, 0.55, 0.55], [0.99, 0.8])).toBe("over-fitting");
    // Of fifty examples five more wrong ones may be chance.
    expect(verdict([1, 0.5, 0.2, 0.2], [1, 0.6, 0.55, 0.55], [0.99, 0.91])).toBe("good fit");
    expect(verdict([2.3, 2.2, 2.1], [2.3, 2.2, 2.1], [0.2, 0.2])).toBe("under-fitting");
    expect(verdict([1, 0.5, 0.2], [1, 0.6, 0.3], [0.97, 0.96])).toBe("still learning");
    expect(verdict([1, 0.1, 0.1], [1, 0.12, 0.12], [0.97, 0.96])).toBe("good fit");
    expect(verdict([0.01, 0.01], [1, 1])).toBe("over-fitting");
    expect(() => diagnose(few, [])).toThrow("want at least one finished epoch");
  });

  test("a good fit on few examples is said to be no proof, with the interval", () => {
    const said = (count: number, accuracies?: readonly [number, number]) =>
      diagnose(few, curve([1, 0.1, 0.1], [1, 0.12, 0.12], accuracies), count);
    const { verdict: name, reason, remedies } = said(32, [0.97, 0.96875]);
    expect(name).toBe("good fit");
    // 31 of 32 right; Wilson's interval, as statistical tables have it.
    expect(reason).toContain(
      "but 32 held-out examples are too few to tell: the accuracy on new data lies between 84 % and 99 % (95 % interval)",
    );
    expect(remedies).toEqual(["more held-out examples, or cross-validation"]);
    expect(said(2000, [0.97, 0.96875]).reason).toBe("the training loss is low and the held-out loss is near it");
    expect(said(32).reason).toContain("a mean squared error of so many is known to about ±49 %");
    expect(said(2000).remedies).toEqual([]);
  });

  test("the gap is held-out minus training, of the validation split where there is one", () => {
    const [record] = curve([0.5], [0.9], [0.9, 0.8]);
    expect(diagnose(few, [record]).gap.loss).toBeCloseTo(0.4, 12);
    expect(diagnose(few, [record]).gap.accuracy).toBeCloseTo(-0.1, 12);
    expect(diagnose(few, [{ ...record, validationLoss: 0.6, validationAccuracy: 0.85 }]).gap.loss).toBeCloseTo(0.1, 12);
  });

  test("real runs: a large net on few examples over-fits, a tiny rate under-fits", async () => {
    const all = await digits();
    const run = async (lr: number, examples: number): Promise<string> => {
      manualSeed(1);
      const model = new Mlp([64, 128, 10]);
      const set = { ...all, train: cut(all.train, 0, examples) };
      const history = await trainModel(model, set, { optimizer: new Adam(model.parameters(), { lr }), epochs: 15, batchSize: 30 });
      const { verdict: name, remedies, reason } = diagnose(set, history.epochs);
      expect(remedies.length).toBeGreaterThan(0);
      expect(reason).not.toBe("");
      return name;
    };
    expect(await run(1e-2, 60)).toBe("over-fitting");
    expect(await run(1e-5, 898)).toBe("under-fitting");
  });
});
