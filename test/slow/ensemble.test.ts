/** @file That ensembles improve on their members (REG-3): bagging and snapshots on all digits. */
import { expect, test } from "vitest";
import { manualSeed } from "../../src/math/random.ts";
import { Mlp } from "../../src/models/index.ts";
import type { Layer } from "../../src/nn/index.ts";
import { Adam, SGD } from "../../src/optim/index.ts";
import { bagging, Ensemble, evaluate, snapshotEnsemble } from "../../src/train/index.ts";
import { bitsOf, data } from "../train/small.ts";

const make = (seed: number): Mlp => {
  manualSeed(seed);
  return new Mlp([64, 32, 10]);
};

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
});
