/** @file Settings of the room Landscape that the lectures talk about, by name. */
import { FIRST_RACE, type LandChoice } from "../worker/landscape-choice.ts";

export interface LandExample {
  readonly name: string;
  readonly hint: string;
  readonly land: Partial<LandChoice>;
}

const sgd = (rate: number, steps: number): Partial<LandChoice> => ({ on: ["SGD"], rates: { ...FIRST_RACE.rates, SGD: rate }, steps });

export const LAND_EXAMPLES: readonly LandExample[] = [
  {
    name: "Six in a steep valley",
    hint: "Twenty times as steep one way. Plain descent creeps at last; momentum is a thousand times nearer.",
    land: {},
  },
  {
    name: "Slow at the end",
    hint: "Along the flat direction a step leaves 1 − η/10 of the way: (1 − 0.019)² of the loss.",
    land: { surface: "flat end", ...sgd(0.19, 400) },
  },
  {
    name: "Too large a rate",
    hint: "Just above 2/λ = 0.2 the steep direction swings further with every step.",
    land: { surface: "flat end", ...sgd(0.2001, 200) },
  },
  {
    name: "Start A: the global minimum",
    hint: "The valley in which the ball is dropped decides where it ends.",
    land: { surface: "two minima", at: [-0.5, 1], ...sgd(0.05, 200) },
  },
  {
    name: "Start B: a local minimum",
    hint: "From here steepest descent never sees the other valley.",
    land: { surface: "two minima", at: [0.5, 1], ...sgd(0.05, 200) },
  },
  {
    name: "Beside the ridge of a saddle",
    hint: "On a saddle the slope is 0: who starts near its ridge waits there. What divides by the slope’s own size leaves first.",
    land: { surface: "saddle", form: "surface" },
  },
  {
    name: "Rates that fall",
    hint: "Cosine: large steps first, ever smaller ones at last. What went to and fro comes to rest.",
    land: { surface: "banana", schedule: "cosine", rates: { ...FIRST_RACE.rates, SGD: 0.02, RMSProp: 0.1, Adam: 0.3 }, steps: 200 },
  },
  {
    name: "The slope in a direction",
    hint: "df(u) = ∇f·u: along the gradient the most, against it the least, across it 0.",
    land: { look: "slope", surface: "two minima", at: [0.6, 0.5] },
  },
  {
    name: "A tangent is the best line",
    hint: "Make α small: curve and tangent become one, and the error shrinks faster than α.",
    land: { look: "slope", surface: "banana", at: [0.5, -0.5], degrees: 110, alpha: 0.01 },
  },
  {
    name: "A thousand nets 2-2-1",
    hint: "Exclusive or, weights from N(0, 1): a quarter of the starts reach 0, the others end at 1/8, 1/6 or 1/4.",
    land: { look: "starts" },
  },
  { name: "A thousand nets 2-8-1", hint: "With eight units most starts reach 0.", land: { look: "starts", hidden: 8 } },
  { name: "The run of this page", hint: "Play: the way of the net in the plane in which it mostly moves.", land: { look: "run" } },
  {
    name: "Optimizers on the net’s own loss",
    hint: "The same plane, and balls on it: drop them where you like.",
    land: { surface: "net", on: ["SGD", "momentum", "Adam"] },
  },
];
