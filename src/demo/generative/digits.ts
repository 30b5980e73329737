/** @file `nabla demo gan-digits`, `nabla demo vae`, `nabla demo augmentation`: generated digits, how good they are, and whether a classifier learns from them. */

import type { Split } from "../../data/dataset.ts";
import { digits } from "../../data/digits.ts";
import { mix } from "../../data/mix.ts";
import { subset } from "../../data/split.ts";
import { type ImageRow, imageRows, imageText } from "../../figures/images.ts";
import { compile } from "../../function/compile.ts";
import { backward } from "../../function/derivative.ts";
import { svd } from "../../math/linalg.ts";
import { crossEntropy } from "../../math/loss.ts";
import { keyOf, manualSeed, permutation } from "../../math/random.ts";
import { Linear, ReLU, Sequential } from "../../nn/index.ts";
import { tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import type { Demo, Fact, Outcome } from "../demo.ts";
import { Gan } from "./gan.ts";
import { Vae } from "./vae.ts";

const SEEDS = 5;
const PIXELS = 64;
const CLASSES = 10;

type Whole = Split & { readonly inputs: Float32Array; readonly targets: Int32Array };
type Examples = readonly [x: Tensor, labels: Tensor];

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const tensorsOf = ({ inputs, targets, count }: Split): Examples => [
  tensor(Float32Array.from(inputs), { shape: [count, PIXELS] }),
  tensor(Int32Array.from(targets)),
];

/** So many labels of each class. */
const labelsOf = (each: number): Tensor => tensor(Int32Array.from({ length: each * CLASSES }, (_, i) => i % CLASSES));

const finish = (x: Tensor): Tensor => x.sigmoid();
const ganOfDigits = (): Gan => new Gan({ width: PIXELS, noise: 16, hidden: 96, classes: CLASSES, finish, lr: 1e-3, batch: 64 });
const vaeOfDigits = (): Vae => new Vae({ width: PIXELS, code: 8, hidden: 96, classes: CLASSES });

/** A classifier of 64-64-10 units after 300 steps on batches of 50. */
function classifier(split: Split, seed: number): (x: Tensor) => Tensor {
  manualSeed(seed + 900);
  const model = new Sequential(new Linear(PIXELS, 64), new ReLU(), new Linear(64, CLASSES));
  const optimizer = new Adam(model.parameters(), { lr: 2e-3 });
  const [x, y] = tensorsOf(split);
  const step = compile((inputs: Tensor, labels: Tensor, rows: Tensor) => {
    const { value, grads } = backward(() => crossEntropy(model.forward(inputs.take(rows, 0)), labels.take(rows, 0)), optimizer.parameters);
    optimizer.step(grads);
    return value;
  });
  let [order, at] = [permutation(keyOf(seed), split.count).dataSync(), 0];
  for (let i = 0; i < 300; i++) {
    if (at + 50 > split.count) [order, at] = [permutation(keyOf(1000 * seed + i), split.count).dataSync(), 0];
    step(x, y, tensor(Int32Array.from(order.subarray(at, at + 50))));
    at += 50;
  }
  return (inputs) => model.forward(inputs).argmax(1);
}

const accuracyOf = (classify: (x: Tensor) => Tensor, [x, labels]: Examples): number => classify(x).eq(labels).cast("f32").mean().itemSync();

/** Mean over samples of the distance to the nearest of some images: next to nothing for what was learnt by heart. */
function nearest(samples: Tensor, images: Tensor): number {
  const squares = samples.square().sum(1, { keepDims: true }).add(images.square().sum(1).unsqueeze(0));
  return squares.sub(samples.dot(images, "ad,bd->ab").mul(2)).maximum(0).min(1).sqrt().mean().itemSync();
}

/** Mean over classes of the mean distance of an image from the mean of its class. */
function spread([x, labels]: Examples): number {
  const of = labels.oneHot(CLASSES, "f32");
  const means = of.dot(x, "nc,nd->cd").div(of.sum(0).unsqueeze(1));
  const distances = x.sub(of.dot(means, "nc,cd->nd")).square().sum(1).sqrt();
  return of.dot(distances, "nc,n->c").div(of.sum(0)).mean().itemSync();
}

/** Six samples of each of ten classes, in rows. */
function picturesOf(sample: (labels: Tensor) => Tensor): ImageRow[] {
  const pixels = sample(labelsOf(6)).dataSync();
  const image = (i: number): ArrayLike<number> => pixels.subarray(i * PIXELS, (i + 1) * PIXELS);
  return Array.from({ length: CLASSES }, (_, digit) => ({
    name: String(digit),
    images: Array.from({ length: 6 }, (__, k) => image(k * CLASSES + digit)),
  }));
}

/** What samples of a generator are worth: whether a classifier of real digits sees what was asked for, and how near they lie to real digits. */
function worth(
  sample: (labels: Tensor) => Tensor,
  classify: (x: Tensor) => Tensor,
  images: Tensor,
): { asked: number; distance: number; spread: number } {
  const labels = labelsOf(50);
  const samples = sample(labels);
  return { asked: accuracyOf(classify, [samples, labels]), distance: nearest(samples, images), spread: spread([samples, labels]) };
}

async function runGan(): Promise<Outcome> {
  const { train, test } = await digits();
  const [real, unseen] = [tensorsOf(train), tensorsOf(test)];
  const classify = classifier(train, 0);
  const runs = Array.from({ length: SEEDS }, (_, seed) => {
    manualSeed(seed);
    const gan = ganOfDigits();
    const history = gan.train(real, 2500, seed);
    const sample = (labels: Tensor): Tensor => gan.sample(keyOf(seed + 50), labels);
    return { ...worth(sample, classify, real[0]), pictures: picturesOf(sample), history };
  });
  const late = (list: Float32Array): number => mean(Array.from(list.subarray(-500)));
  const facts: Fact[] = [
    {
      what: "generated digits that a classifier takes for the class asked for, mean of five seeds",
      value: mean(runs.map(({ asked }) => asked)),
      least: 0.8,
    },
    { what: "fewest", value: Math.min(...runs.map(({ asked }) => asked)), least: 0.6 },
    { what: "real digits of the test that it knows", value: accuracyOf(classify, unseen) },
    {
      what: "distance of a generated digit from the nearest it has learnt from",
      value: mean(runs.map(({ distance }) => distance)),
      least: 0.3,
    },
    { what: "of a real digit of the test", value: nearest(unseen[0], real[0]) },
    { what: "distance of a generated digit from the mean of its class", value: mean(runs.map((each) => each.spread)) },
    { what: "of a real digit", value: spread(real), note: "less than this is less variety" },
    { what: "critic on real digits at the end", value: mean(runs.map(({ history }) => late(history.real))) },
    { what: "critic on generated digits", value: mean(runs.map(({ history }) => late(history.fake))) },
  ];
  const rows = runs[0]!.pictures;
  return { facts, text: imageText(rows, 8), pictures: [imageRows("digits of a generator, seed 0", rows, 8)] };
}

async function runVae(): Promise<Outcome> {
  const { train, test } = await digits();
  const [real, unseen] = [tensorsOf(train), tensorsOf(test)];
  const classify = classifier(train, 0);
  const runs = Array.from({ length: SEEDS }, (_, seed) => {
    manualSeed(seed);
    const vae = vaeOfDigits();
    const before = vae.bound(...unseen, keyOf(7));
    const start = before.reconstruction.add(before.divergence).itemSync();
    vae.train(real, 2000, seed);
    const { reconstruction, divergence } = vae.bound(...unseen, keyOf(7));
    const again = vae.decode(vae.encode(...unseen).mean, unseen[1]);
    const sample = (labels: Tensor): Tensor => vae.sample(keyOf(seed + 50), labels);
    return {
      start,
      reconstruction: reconstruction.itemSync(),
      divergence: divergence.itemSync(),
      error: again.sub(unseen[0]).square().mean().itemSync(),
      ...worth(sample, classify, real[0]),
      pictures: picturesOf(sample),
    };
  });
  const average = (of: "start" | "reconstruction" | "divergence" | "error" | "asked" | "distance" | "spread"): number =>
    mean(runs.map((each) => each[of]));
  const facts: Fact[] = [
    { what: "negated bound on unseen digits before, nats a digit (a density), mean of five seeds", value: average("start") },
    { what: "after", value: average("reconstruction") + average("divergence"), most: average("start") - 10 },
    { what: "of it the pixels", value: average("reconstruction") },
    { what: "the code's divergence from a standard normal", value: average("divergence"), least: 1 },
    {
      what: "squared error of a pixel through the code of 8, and the class",
      value: average("error"),
      most: components(real[0], unseen[0], 8),
    },
    { what: "through 8 principal components", value: components(real[0], unseen[0], 8) },
    { what: "generated digits that a classifier takes for the class asked for", value: average("asked"), least: 0.8 },
    { what: "distance of a generated digit from the nearest it has learnt from", value: average("distance"), least: 0.3 },
    { what: "from the mean of its class", value: average("spread") },
    { what: "of a real digit", value: spread(real), note: "less than this is less variety" },
  ];
  const rows = runs[0]!.pictures;
  return { facts, text: imageText(rows, 8), pictures: [imageRows("digits of a variational autoencoder, seed 0", rows, 8)] };
}

/** Squared error of a pixel of unseen images through the first components of those seen: the best linear code. */
function components(seen: Tensor, unseen: Tensor, count: number): number {
  const middle = seen.mean(0);
  const first = svd(seen.sub(middle)).vt.narrow(0, 0, count);
  return unseen.sub(middle).dot(first, "nd,kd->nk").dot(first, "nk,kd->nd").add(middle).sub(unseen).square().mean().itemSync();
}

/** The first so many examples of each class, in an order of the seed. */
function few(split: Whole, each: number, seed: number): Split {
  const order = Array.from(permutation(keyOf(seed + 300), split.count).dataSync());
  const taken = Array.from({ length: CLASSES }, (_, digit) => order.filter((i) => split.targets[i] === digit).slice(0, each)).flat();
  return subset(split, taken);
}

const EACH = 5;
/** Share of generated digits among what the classifier learns from. */
const SHARE = 0.75;

/** Test accuracies of classifiers that learn from 5 real digits a class: alone, and with digits of generators that have seen no others. */
export function augmented(train: Split, test: Split, seed: number): { real: number; gan: number; vae: number } {
  const [own, unseen] = [few(train as Whole, EACH, seed), tensorsOf(test)];
  const real = tensorsOf(own);
  const labels = labelsOf(40);
  const split = (samples: Tensor): Split => ({
    inputs: samples.dataSync() as Float32Array,
    targets: labels.dataSync() as Int32Array,
    count: labels.size,
  });
  manualSeed(seed);
  const [gan, vae] = [ganOfDigits(), vaeOfDigits()];
  gan.train(real, 2000, seed);
  vae.train(real, 1000, seed);
  const withSamples = (samples: Tensor): number => accuracyOf(classifier(mix(own, split(samples), SHARE, { seed }), seed), unseen);
  return {
    real: accuracyOf(classifier(own, seed), unseen),
    gan: withSamples(gan.sample(keyOf(seed), labels)),
    vae: withSamples(vae.sample(keyOf(seed), labels)),
  };
}

async function runAugmentation(): Promise<Outcome> {
  const { train, test } = await digits();
  const runs = Array.from({ length: SEEDS }, (_, seed) => augmented(train, test, seed));
  const average = (of: "real" | "gan" | "vae"): number => mean(runs.map((each) => each[of]));
  const better = (of: "gan" | "vae"): number => runs.filter((each) => each[of] > each.real).length;
  return {
    facts: [
      { what: "test accuracy from 5 real digits a class, mean of five seeds", value: average("real"), least: 0.5 },
      { what: "with three generated by a GAN beside each", value: average("gan"), least: 0.4 },
      { what: "with three generated by a VAE beside each", value: average("vae"), least: 0.4 },
      { what: "seeds of 5 that the GAN's digits helped", value: better("gan") },
      { what: "that the VAE's helped", value: better("vae") },
    ],
    text: runs
      .map(
        ({ real, gan, vae }, seed) =>
          `  seed ${seed}: real ${(100 * real).toFixed(1)} %, with GAN ${(100 * gan).toFixed(1)} %, with VAE ${(100 * vae).toFixed(1)} %`,
      )
      .join("\n"),
  };
}

export const generatedDigits: readonly Demo[] = [
  {
    name: "gan-digits",
    shows: "a generator of digits by class against a critic: whether they are what was asked for, and new",
    document: "S3",
    rows: ["REG-4"],
    run: runGan,
  },
  {
    name: "vae",
    shows: "a variational autoencoder of digits: its bound, its code against principal components, what it generates",
    document: "S3",
    rows: ["REG-4", "MSC-2"],
    run: runVae,
  },
  {
    name: "generated-augmentation",
    shows: "five real digits a class, with and without generated ones: whichever way it goes, five seeds",
    document: "S3",
    rows: ["REG-4"],
    run: runAugmentation,
  },
];
