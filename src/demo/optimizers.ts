/** @file Points of the lecture on activation functions that concern outputs and optimizers: softmax, minima, rates. */
import { compile } from "../function/compile.ts";
import { backward } from "../function/derivative.ts";
import { entropy, softmax } from "../math/softmax.ts";
import { Parameter } from "../nn/parameter.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Adagrad } from "../optim/adagrad.ts";
import { Adam } from "../optim/adam.ts";
import { oneCycle } from "../optim/cyclic.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { RMSProp } from "../optim/rmsprop.ts";
import { cosineAnnealing, type Schedule, stepDecay, warmUp } from "../optim/schedules.ts";
import { SGD } from "../optim/sgd.ts";
import type { Demo } from "./demo.ts";
import { f64, item } from "./values.ts";
import { xorLosses } from "./xor.ts";

/** The lecture's logits are lost. These give all three entropies that it prints. */
const LOGITS = [3, 2.642, -0.15, -0.573, -0.996, -1.418, -1.841, -2.263, -2.686, -3.109];

const tempered = (t: number): Tensor => softmax(tensor(LOGITS, f64).div(t), 0);

/** Distance of the end of 100 steps on a bent valley from its minimum, for an optimizer. */
function raced(make: (w: Parameter) => Optimizer): number {
  const w = new Parameter(tensor([-1.5, 1.2]), "w");
  const optimizer = make(w);
  const step = compile(() => {
    const { value, grads } = backward(
      () =>
        w.value
          .square()
          .mul(tensor([0.5, 10]))
          .sum(),
      [w],
    );
    optimizer.step(grads);
    return value;
  });
  for (let i = 0; i < 100; i++) step();
  return item(w.value.square().sum().sqrt());
}

export const optimizers: readonly Demo[] = [
  {
    name: "softmax",
    shows: "softmax makes logits of ten classes into shares that sum to 1, in the same order",
    document: "S4",
    rows: ["ACT-4"],
    run: () => ({
      facts: [
        { what: "sum", value: item(tempered(1).sum()), expected: 1, within: 1e-15 },
        { what: "position of the largest", value: item(tempered(1).argmax(0)), expected: 0 },
      ],
    }),
  },
  {
    name: "softmax-temperature",
    shows: "T = 0.01, 1, 5: the higher, the wider; entropies 1.04e-14, 0.989, 2.21, below ln 10 = 2.303",
    document: "S4",
    rows: ["ACT-4"],
    run() {
      const of = (t: number): number => item(entropy(tempered(t), 0));
      return {
        facts: [
          { what: "entropy at T = 0.01", value: of(0.01), expected: 1.04e-14, within: 2e-16 },
          { what: "at T = 1", value: of(1), expected: 0.989, within: 5e-4 },
          { what: "at T = 5", value: of(5), expected: 2.21, within: 5e-3 },
          { what: "ln 10, the most", value: Math.log(10), least: of(5) },
          { what: "position of the largest at T = 5", value: item(tempered(5).argmax(0)), expected: 0 },
        ],
        charts: [
          {
            curves: [0.01, 1, 5].map((t) => ({
              name: `T ${t}`,
              points: Array.from(tempered(t).dataSync(), (p, i): [number, number] => [i, p]),
            })),
            options: { title: "softmax of ten logits", x: "class", log: false },
          },
        ],
      };
    },
  },
  {
    name: "local-and-global-minimum",
    shows: "start A falls into a local minimum, start B reaches the global one; more units, more starts that reach it",
    document: "S4",
    rows: ["TRN-5"],
    run() {
      const share = (hidden: number): number => xorLosses(hidden, 200, 8000, 2).filter((loss) => loss < 2e-3).length / 200;
      return {
        facts: [
          { what: "share of starts that reach loss 0: 2 units", value: share(2), expected: 0.241, within: 0.1 },
          { what: "4 units", value: share(4), expected: 0.63, within: 0.12 },
          { what: "8 units", value: share(8), expected: 0.858, within: 0.08 },
        ],
      };
    },
  },
  {
    name: "optimizers",
    shows: "on a valley twenty times as steep one way: how near the minimum 100 steps bring each",
    document: "S4",
    rows: ["OPT-1"],
    run() {
      const runs: readonly [string, (w: Parameter) => Optimizer][] = [
        ["SGD", (w) => new SGD([w], { lr: 0.04 })],
        ["momentum", (w) => new SGD([w], { lr: 0.04, momentum: 0.8 })],
        ["Nesterov", (w) => new SGD([w], { lr: 0.04, momentum: 0.8, nesterov: true })],
        ["AdaGrad", (w) => new Adagrad([w], { lr: 0.5 })],
        ["RMSProp", (w) => new RMSProp([w], { lr: 0.04 })],
        ["Adam", (w) => new Adam([w], { lr: 0.1 })],
      ];
      const distances = runs.map(([what, make]) => ({ what, value: raced(make), most: 0.2 }));
      return { facts: [...distances, { what: "momentum, of plain SGD", value: distances[1]!.value / distances[0]!.value, most: 0.1 }] };
    },
  },
  {
    name: "learning-rate-schedules",
    shows: "step decay, cosine, one cycle and warm-up over 100 steps",
    document: "S4",
    rows: ["OPT-3"],
    run() {
      const steps = 100;
      const all: Readonly<Record<string, Schedule>> = {
        "step decay": stepDecay(0.1, { size: 30, gamma: 0.5 }),
        cosine: cosineAnnealing(0.1),
        "one cycle": oneCycle(0.1),
        "warm-up, cosine": warmUp(cosineAnnealing(0.1), { steps: 10 }),
      };
      const rate = (name: string, t: number): number => all[name]!(t, steps);
      return {
        facts: [
          { what: "step decay by half each 30 steps, at step 90", value: rate("step decay", 90), expected: 0.0125, within: 1e-12 },
          { what: "cosine at half of the way", value: rate("cosine", 50), expected: 0.05, within: 1e-12 },
          {
            what: "one cycle: largest rate",
            value: Math.max(...Array.from({ length: steps }, (_, t) => rate("one cycle", t))),
            expected: 0.1,
            within: 1e-3,
          },
          { what: "warm-up of 10 steps, at step 5", value: rate("warm-up, cosine", 5), expected: 0.05, within: 1e-12 },
        ],
        charts: [
          {
            curves: Object.keys(all).map((name) => ({
              name,
              points: Array.from({ length: steps }, (_, t): [number, number] => [t, rate(name, t)]),
            })),
            options: { title: "learning rate", x: "step", log: false },
          },
        ],
      };
    },
  },
];
