/** @file The main jobs in full: digits over five seeds, exclusive or over ten, LeNet-5 on MNIST. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { augmentation } from "../../src/cli/augmentations.ts";
import { recipeFor } from "../../src/cli/recipes.ts";
import { type Dataset, digits, mnist, xor } from "../../src/data/index.ts";
import { manualSeed } from "../../src/math/random.ts";
import { Cnn, LeNet5, Xor } from "../../src/models/index.ts";
import type { Layer } from "../../src/nn/index.ts";
import { Adam, cosine } from "../../src/optim/index.ts";
import { type History, fit as trainModel } from "../../src/train/index.ts";
import "../../src/runtime/evaluate.ts";

const mnistFolder = fileURLToPath(new URL("../../../shared/data/mnist", import.meta.url));

/** Trains a model made from a seed, by the recipe that the command follows. */
async function run(name: string, make: () => Layer, seed: number, data: Dataset): Promise<History> {
  const { lr, epochs, batchSize, decay, augment: steps } = recipeFor(name);
  manualSeed(seed);
  const model = make();
  const schedule = decay ? cosine(lr) : undefined;
  const augment = steps && augmentation(steps, data.inputShape);
  return trainModel(model, data, { optimizer: new Adam(model.parameters(), { lr }), epochs, batchSize, seed, schedule, augment });
}

const seeds = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test("cnn on digits: at least 97.0 % over seeds 1 to 5, each in under 20 seconds of one core", async () => {
  const data = await digits();
  const accuracies: number[] = [];
  for (const seed of seeds(5)) {
    const start = process.cpuUsage();
    const history = await run("cnn", () => new Cnn([1, 8, 8], 10), seed, data);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(20);
    accuracies.push(100 * history.epochs.at(-1)!.testAccuracy!);
  }
  console.log(`cnn on digits: ${accuracies.map((a) => a.toFixed(2)).join(" ")}`);
  expect(accuracies.reduce((a, b) => a + b) / accuracies.length).toBeGreaterThanOrEqual(97);
});

test("xor: a loss below 1e-3 for at least 9 of 10 seeds (row MSC-1)", async () => {
  const losses: number[] = [];
  for (const seed of seeds(10)) losses.push((await run("xor", () => new Xor(), seed, xor())).epochs.at(-1)!.testLoss);
  expect(losses.filter((loss) => loss < 1e-3).length).toBeGreaterThanOrEqual(9);
});

describe.skipIf(!existsSync(mnistFolder))("mnist (skipped where ../shared/data/mnist is not there)", () => {
  test("lenet5: at least 98.8 % after five epochs of under a minute", async () => {
    const history = await run("lenet5", () => new LeNet5(), 1, await mnist(mnistFolder));
    console.log(`lenet5 on mnist: ${history.epochs.map((e) => (100 * e.testAccuracy!).toFixed(2)).join(" ")}`);
    expect(Math.max(...history.epochs.map((e) => e.seconds))).toBeLessThan(60);
    expect(history.epochs.at(-1)!.testAccuracy).toBeGreaterThanOrEqual(0.988);
  });
});
