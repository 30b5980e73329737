/** @file `nabla demo synthetic-gradients`: stages that learn from guessed gradients, on the bundled digits. */
import { digits } from "../data/digits.ts";
import type { Curve } from "../figures/curves.ts";
import { compile } from "../function/compile.ts";
import { crossEntropy } from "../math/loss.ts";
import { keyOf, manualSeed, permutation } from "../math/random.ts";
import { BatchNorm1d, Linear, ReLU, Sequential } from "../nn/index.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adam } from "../optim/adam.ts";
import { type Decoupled, DecoupledPipeline, decoupled } from "../train/decoupled.ts";
import type { Demo, Fact, Outcome } from "./demo.ts";

const SEEDS = 5;
const EPOCHS = 12;
const BATCH = 32;
const WIDTH = 48;

type Kind = "none" | "DNI" | "cDNI" | "BP(1/2)" | "backpropagation" | "one step late";
const KINDS: readonly Kind[] = ["none", "DNI", "cDNI", "BP(1/2)", "backpropagation", "one step late"];

interface Digits {
  readonly train: readonly [Tensor, Tensor];
  readonly test: readonly [Tensor, Tensor];
}

async function examples(): Promise<Digits> {
  const { train, test } = await digits();
  const part = ({ inputs, targets, count }: typeof train): readonly [Tensor, Tensor] => [
    tensor(Float32Array.from(inputs as ArrayLike<number>), { shape: [count, 64] }),
    tensor(Int32Array.from(targets as ArrayLike<number>)),
  ];
  return { train: part(train), test: part(test) };
}

function network(kind: Kind): Decoupled {
  const block = (into: number): Sequential => new Sequential(new Linear(into, WIDTH), new BatchNorm1d(WIDTH), new ReLU());
  return decoupled([block(64), block(WIDTH), new Linear(WIDTH, 10)], {
    inputShape: [64],
    loss: crossEntropy,
    optimizer: (parameters) => new Adam(parameters, { lr: 3e-3 }),
    ...(kind !== "DNI" && { classes: 10 }),
    lambda: kind === "backpropagation" ? 1 : kind === "BP(1/2)" ? 0.5 : 0,
    gradients: kind === "none" ? "none" : "synthetic",
  });
}

interface Learnt {
  /** Share of wrong answers on the test split. */
  readonly error: number;
  /** By epoch, by stage: cosine between guess and gradient. */
  readonly cosines: readonly (readonly number[])[];
}

/** Trains on the digits' training split. */
function learnt(kind: Kind, seed: number, { train, test }: Digits): Learnt {
  manualSeed(seed);
  const net = network(kind);
  const [x, y] = train;
  const pipeline = kind === "one step late" ? new DecoupledPipeline(net) : undefined;
  const step = compile((rows: Tensor) => net.step(x.take(rows, 0), y.take(rows, 0)));
  const alignment = compile((a: Tensor, b: Tensor) => net.alignment(a, b));
  const cosines: number[][] = [];
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const order = permutation(keyOf(1000 * seed + epoch), x.shape[0]!).dataSync();
    net.train();
    for (let at = 0; at + BATCH <= order.length; at += BATCH) {
      const rows = tensor(Int32Array.from(order.subarray(at, at + BATCH)));
      if (pipeline) pipeline.step(x.take(rows, 0), y.take(rows, 0));
      else step(rows);
    }
    net.eval();
    if (kind === "DNI" || kind === "cDNI") cosines.push(alignment(x, y).map((each) => each.itemSync()));
  }
  const right = net.forward(test[0]).argmax(1).eq(test[1]).cast("f32").mean().itemSync();
  return { error: 1 - right, cosines };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The mean over seeds of a stage's cosine, by epoch. */
const cosineCurve = (kind: Kind, stage: number, runs: readonly Learnt[]): Curve => ({
  name: `${kind}, stage ${stage + 1}`,
  points: Array.from({ length: EPOCHS }, (_, epoch): [number, number] => [
    epoch + 1,
    mean(runs.map(({ cosines }) => cosines[epoch]![stage]!)),
  ]),
});

async function run(): Promise<Outcome> {
  const set = await examples();
  const runs = new Map(KINDS.map((kind) => [kind, Array.from({ length: SEEDS }, (_, seed) => learnt(kind, seed, set))]));
  const errors = (kind: Kind): number[] => runs.get(kind)!.map(({ error }) => 100 * error);
  const none = mean(errors("none"));
  const backprop = mean(errors("backpropagation"));
  const last = (kind: Kind, stage: number): number => mean(runs.get(kind)!.map(({ cosines }) => cosines.at(-1)![stage]!));
  const facts: Fact[] = [
    { what: "test error without gradients below the last stage, percent", value: none, least: backprop },
    { what: "by guesses from the output (DNI)", value: mean(errors("DNI")) },
    { what: "by guesses from output and label (cDNI)", value: mean(errors("cDNI")), most: none },
    { what: "worst of its five seeds", value: Math.max(...errors("cDNI")), most: none },
    { what: "half guess, half backpropagation, BP(1/2)", value: mean(errors("BP(1/2)")), most: none },
    { what: "by backpropagation", value: backprop },
    { what: "cDNI, every stage one step late", value: mean(errors("one step late")), most: none },
    ...[0, 1].map((stage): Fact => ({ what: `cosine of guess and gradient, DNI, stage ${stage + 1}`, value: last("DNI", stage) })),
    ...[0, 1].map((stage): Fact => ({ what: `cosine, cDNI, stage ${stage + 1}`, value: last("cDNI", stage), least: 0.2 })),
  ];
  return {
    facts,
    charts: [
      {
        curves: (["DNI", "cDNI"] as const).flatMap((kind) => [0, 1].map((stage) => cosineCurve(kind, stage, runs.get(kind)!))),
        options: { title: "cosine between guessed and true gradient", x: "epoch", log: false },
      },
    ],
  };
}

export const syntheticGradients: Demo = {
  name: "synthetic-gradients",
  shows: "stages that learn from guessed gradients, at once or one step late, beside backpropagation; five seeds",
  document: "S1",
  rows: ["AD-8"],
  run,
};
