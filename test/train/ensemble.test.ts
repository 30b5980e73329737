/** @file Ensembles (REG-3): what they answer, what a resample holds, and that bagging and snapshots improve on their members. */
import { describe, expect, test } from "vitest";
import { manualSeed } from "../../src/math/random.ts";
import { Mlp } from "../../src/models/index.ts";
import { type Layer, Module } from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import { bagging, bootstrap, Ensemble, evaluate, loadModel, saveModel, snapshotEnsemble, type Vote } from "../../src/train/index.ts";
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
  test("bagging improves on the mean of its members, and on most of them", async () => {
    const accuracies: number[] = [];
    const members: Layer[] = [];
    const ensemble = await bagging((i) => make(i), data, {
      members: 7,
      epochs: 12,
      optimizer: (member) => new Adam(member.parameters(), { lr: 5e-3 }),
      onMember: (member, history) => {
        accuracies.push(history.epochs.at(-1)!.testAccuracy!);
        members.push(member);
      },
    });
    const soft = (await evaluate(ensemble, data)).accuracy!;
    const hard = (await evaluate(new Ensemble(members, { vote: "hard" }), data)).accuracy!;
    const mean = accuracies.reduce((a, b) => a + b) / accuracies.length;
    console.log(
      `members ${accuracies.map((a) => (100 * a).toFixed(1)).join(" ")}, mean ${(100 * mean).toFixed(2)}, soft ${(100 * soft).toFixed(2)}, hard ${(100 * hard).toFixed(2)}`,
    );
    expect(soft).toBeGreaterThan(mean + 0.005);
    expect(hard).toBeGreaterThan(mean + 0.005);
    expect(accuracies.filter((a) => a < soft).length).toBeGreaterThan(3);
  });

  test("snapshots of one run differ, and together are better than their mean", async () => {
    const ensemble = await snapshotEnsemble(make, data, {
      cycles: 4,
      epochs: 24,
      optimizer: (member) => new SGD(member.parameters(), { lr: 0.3, momentum: 0.9 }),
    });
    expect(ensemble.members).toHaveLength(4);
    const each = await Promise.all(ensemble.members.map(async (member) => (await evaluate(member, data)).loss));
    expect(new Set(ensemble.members.map((m) => bitsOf(m).join())).size).toBe(4);
    const together = (await evaluate(ensemble, data)).loss;
    expect(together).toBeLessThan(each.reduce((a, b) => a + b) / 4);
    const options = { cycles: 4, epochs: 10, optimizer: (member: Layer) => new SGD(member.parameters(), { lr: 0.1 }) };
    await expect(snapshotEnsemble(make, few, options)).rejects.toThrow("want a number of epochs that 4 cycles divide, got 10");
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
