/** @file Ensembles (REG-3): what they answer, what a resample holds, and how bagging and snapshots make their members. */
import { describe, expect, test } from "vitest";
import { manualSeed } from "../../src/math/random.ts";
import { Mlp } from "../../src/models/index.ts";
import { type Layer, Module } from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/index.ts";
import {
  bagging,
  bootstrap,
  cyclicCosine,
  Ensemble,
  fit,
  loadModel,
  saveModel,
  snapshotEnsemble,
  type Vote,
} from "../../src/train/index.ts";
import { bitsOf, data, few } from "./small.ts";

/** Gives the same logits for every example. */
class Says extends Module {
  readonly #logits: readonly number[];

  constructor(...logits: number[]) {
    super();
    this.#logits = logits;
  }

  forward(x: Tensor): Tensor {
    return tensor([this.#logits]).broadcastTo([x.shape[0], this.#logits.length]);
  }
}

const x = tensor([[0], [0]]);
const answer = (vote: Vote, ...members: Layer[]): number[] =>
  [...new Ensemble(members, { vote }).forward(x).dataSync()].slice(0, members[0].forward(x).shape[1]);
const softmaxOf = (logits: readonly number[]): number[] => logits.map((z) => Math.exp(z) / logits.reduce((sum, y) => sum + Math.exp(y), 0));

describe("votes", () => {
  // Two lean to class 0, one is sure of class 1.
  const members = [new Says(0.2, 0, -9), new Says(0.2, 0, -9), new Says(-4, 4, -9)];

  test("soft: the mean of the probabilities", () => {
    const each = members.map((m) => softmaxOf([...m.forward(x).dataSync()].slice(0, 3)));
    const mean = [0, 1, 2].map((c) => (each[0][c] + each[1][c] + each[2][c]) / 3);
    softmaxOf(answer("soft", ...members)).forEach((p, c) => {
      expect(p).toBeCloseTo(mean[c], 6);
    });
    expect(mean[1]).toBeGreaterThan(mean[0]);
  });

  test("hard: the class that most choose, ties to the first, and no infinity for a class without a vote", () => {
    const hard = answer("hard", ...members);
    expect(hard.indexOf(Math.max(...hard))).toBe(0);
    expect(softmaxOf(hard).map((p) => Math.round(100 * p))).toEqual([67, 33, 0]);
    expect(hard.every(Number.isFinite)).toBe(true);
    const tie = answer("hard", new Says(0, 1), new Says(1, 0));
    expect(tie.indexOf(Math.max(...tie))).toBe(0);
  });

  test("mean: for regression", () => {
    expect(answer("mean", new Says(1, 2), new Says(3, 6))).toEqual([2, 4]);
    expect(() => new Ensemble([])).toThrow("Ensemble: want at least one member");
  });
});

describe("a bootstrap resample", () => {
  test("has 63.2 % distinct examples, which the documents round to about 2/3", () => {
    const shares = Array.from({ length: 40 }, (_, i) => bootstrap(data.train, i).distinct);
    const mean = shares.reduce((a, b) => a + b) / shares.length;
    // 1 - (1 - 1/898)^898, with a standard deviation of about 0.01 each.
    expect(mean).toBeCloseTo(1 - (1 - 1 / 898) ** 898, 2);
    expect(Math.abs(mean - (1 - Math.exp(-1)))).toBeLessThan(0.005);
    expect(Math.abs(mean - 2 / 3)).toBeLessThan(0.04);
    expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0);
    const resample = bootstrap(data.train, 1);
    expect(resample.count).toBe(898);
    expect(resample.inputs).toHaveLength(898 * 64);
  });
});

const make = (seed: number): Mlp => {
  manualSeed(seed);
  return new Mlp([64, 32, 10]);
};

describe("trained ensembles", () => {
  // That they improve on their members is measured in test/slow/ensemble.test.ts.
  const adam = (member: Layer): Adam => new Adam(member.parameters(), { lr: 5e-3 });

  test("bagging trains each member on a resample of its own, and tells of it", async () => {
    const told: [Layer, number, number][] = [];
    const options = { members: 3, epochs: 1, batchSize: 35, optimizer: adam };
    // Members that begin alike, so that only their resamples differ.
    const ensemble = await bagging(() => make(1), few, {
      ...options,
      onMember: (member, { epochs }, index) => void told.push([member, epochs.length, index]),
    });
    expect(told).toEqual(ensemble.members.map((member, i) => [member, 1, i]));
    expect(ensemble.vote).toBe("soft");
    expect(new Set(ensemble.members.map((m) => bitsOf(m).join())).size).toBe(3);
    expect(bitsOf(await bagging(() => make(1), few, options))).toEqual(bitsOf(ensemble));
  });

  test("snapshots of one run differ, the last is the model at its end, and epochs divide into cycles", async () => {
    const options = { cycles: 2, epochs: 4, batchSize: 35, optimizer: adam };
    const ensemble = await snapshotEnsemble(make, few, options);
    expect(ensemble.members).toHaveLength(2);
    const [first, last] = ensemble.members.map((member) => bitsOf(member).join());
    expect(first).not.toBe(last);
    const model = make(0);
    const rest = { epochs: 4, batchSize: 35, optimizer: adam(model), schedule: cyclicCosine(adam(model).lr, 2) };
    await fit(model, few, rest);
    expect(bitsOf(model).join()).toBe(last);
    await expect(snapshotEnsemble(make, few, { ...options, cycles: 4, epochs: 10 })).rejects.toThrow(
      "want a number of epochs that 4 cycles divide, got 10",
    );
  });

  test("an ensemble is a module: it is saved and loaded, and its members are its own", async () => {
    const [one, other] = [new Ensemble([make(1), make(2)]), new Ensemble([make(3), make(4)])];
    expect([...one.stateDict().keys()].slice(0, 2)).toEqual(["members.0.1.weight", "members.0.1.bias"]);
    loadModel(other, await saveModel(one));
    expect(bitsOf(other)).toEqual(bitsOf(one));
    one.eval();
    expect(one.members.every((member) => !member.training)).toBe(true);
    expect(String(one)).toMatch(/^Ensemble\(2 members, soft vote/);
  });
});
