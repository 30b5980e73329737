/** @file Three nets of the same start, step by step: one whose stages learn from guessed gradients, one whose lower stages learn nothing, and one by backpropagation. */
import { compile } from "../../function/compile.ts";
import { scan } from "../../function/control.ts";
import { crossEntropy } from "../../math/loss.ts";
import { foldIn, keyOf, manualSeed, uniform } from "../../math/random.ts";
import { Tanh } from "../../nn/activation.ts";
import { Linear } from "../../nn/linear.ts";
import { Sequential } from "../../nn/sequential.ts";
import { tensor, zeros } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { Adam } from "../../optim/adam.ts";
import { type Decoupled, decoupled } from "../../train/decoupled.ts";
import { DEFAULT } from "./config.ts";
import type { GuessChoice } from "./duel-choice.ts";
import { LossHistory } from "./history.ts";
import { Marks } from "./marks.ts";
import { type Points, pointsFor } from "./points.ts";

/** Units of a stage: so many that guesses suffice for the spirals. */
export const STAGE_UNITS = 32;
const COUNT = 256;
const BATCH = 64;
const NOISE: Readonly<Record<GuessChoice["data"], number>> = { spirals: 0.05, moons: 0.15, circles: 0.1 };
const CALLS = [10, 1] as const;

export const RIVALS = ["guesses", "none", "backpropagation"] as const;

export interface GuessAnswer {
  readonly step: number;
  /** Of the stages but the last: the cosine between the guessed gradient and the true one. */
  readonly cosines: readonly number[];
  /** [n, stages]: step, then the cosines as they were measured on the way. */
  readonly measured: readonly (readonly number[])[];
  /** Shares of training points that are right, by {@link RIVALS}. */
  readonly right: readonly number[];
  /** The losses of the latest step. */
  readonly losses: readonly number[];
  /** By rival, [n, 3]: step, the loss, and a number that says nothing. */
  readonly histories: readonly Float32Array[];
}

function netOf({ stages, guesser, lr, seed }: GuessChoice, lambda: number, gradients: "synthetic" | "none"): Decoupled {
  manualSeed(seed);
  const hidden = Array.from(
    { length: stages - 1 },
    (_, k) => new Sequential(new Linear(k === 0 ? 2 : STAGE_UNITS, STAGE_UNITS), new Tanh()),
  );
  return decoupled([...hidden, new Linear(STAGE_UNITS, 2)], {
    inputShape: [2],
    loss: crossEntropy,
    optimizer: (parameters) => new Adam(parameters, { lr }),
    ...(guesser === "output and class" && { classes: 2 }),
    lambda,
    gradients,
  });
}

/** Inputs [N, 2] and classes [N]. */
export function guessExamples({ data, seed }: Pick<GuessChoice, "data" | "seed">): [Tensor, Tensor] {
  const { xy, labels }: Points = pointsFor({ ...DEFAULT, data, count: COUNT, noise: NOISE[data], seed }).train;
  return [tensor(xy, { shape: [labels.length, 2] }), tensor(Int32Array.from(labels))];
}

/** The nets of a choice, by {@link RIVALS}. */
export const rivalsOf = (choice: GuessChoice): Decoupled[] => [
  netOf(choice, choice.lambda, "synthetic"),
  netOf(choice, 0, "none"),
  netOf(choice, 1, "synthetic"),
];

export class GuessRun {
  step = 0;
  readonly #nets: readonly Decoupled[];
  readonly #examples: readonly [Tensor, Tensor];
  readonly #key: Tensor;
  readonly #programs = new Map<number, (x: Tensor, y: Tensor, key: Tensor, first: Tensor) => readonly Tensor[]>();
  readonly #look: (x: Tensor, y: Tensor) => { cosines: Tensor[]; right: Tensor[] };
  readonly #marks: Marks;
  readonly #histories = RIVALS.map(() => new LossHistory());
  #measured: number[][] = [];
  #losses: number[] = RIVALS.map(() => Number.NaN);
  #end = 0;

  constructor(choice: GuessChoice) {
    this.#nets = rivalsOf(choice);
    this.#examples = guessExamples(choice);
    this.#key = keyOf(choice.seed + 7);
    const [guessing] = this.#nets as [Decoupled];
    this.#look = compile((x: Tensor, y: Tensor) => ({
      cosines: guessing.alignment(x, y),
      right: this.#nets.map((net) => net.forward(x).argmax(1).eq(y).cast("f32").mean()),
    }));
    const cells = this.#nets.flatMap((net) => [
      ...net.stateDict().values(),
      ...net.stages.flatMap(({ optimizer, synthesizerOptimizer }) => [
        ...optimizer.stateDict().values(),
        ...(synthesizerOptimizer?.stateDict().values() ?? []),
      ]),
    ]);
    this.#marks = new Marks(cells);
  }

  /** A program of `count` steps of all nets; a step is the same whichever program it is in. */
  #program(count: number) {
    let program = this.#programs.get(count);
    if (!program) {
      const step =
        (x: Tensor, y: Tensor, key: Tensor) =>
        (t: Tensor): [Tensor, Tensor[]] => {
          const rows = uniform(foldIn(key, t), [BATCH], { high: COUNT }).floor().cast("i32");
          const [inputs, classes] = [x.take(rows, 0), y.take(rows, 0)];
          return [t.add(1), this.#nets.map((net) => net.step(inputs, classes))];
        };
      program = compile((x: Tensor, y: Tensor, key: Tensor, first: Tensor) => scan(step(x, y, key), first, null, { length: count })[1]);
      this.#programs.set(count, program);
    }
    return program;
  }

  /** One call of a program towards a step. */
  advance(to: number): void {
    if (to < this.step) {
      this.step = this.#marks.restoreBefore(to);
      this.#measured = this.#measured.filter(([step]) => step! <= this.step);
    }
    if (to <= this.step) return;
    const until = Math.min(to, this.#marks.next(this.step));
    const n = CALLS.find((each) => each <= until - this.step) ?? 1;
    const losses = this.#program(n)(...this.#examples, this.#key, zeros([], "i32").add(this.step)).map((each) => each.dataSync());
    for (const [rival, list] of losses.entries())
      for (let i = Math.max(0, this.#end - this.step); i < n; i++) this.#histories[rival]!.add(list[i]!);
    this.step += n;
    this.#losses = losses.map((list) => list[n - 1]!);
    this.#end = Math.max(this.#end, this.step);
    this.#marks.arrive(this.step);
    if (this.step % MEASURE === 0) this.#measured.push([this.step, ...this.#cosines()]);
  }

  #cosines(): number[] {
    return this.#look(...this.#examples).cosines.map((each) => each.itemSync());
  }

  answer(): GuessAnswer {
    const { cosines, right } = this.#look(...this.#examples);
    return {
      step: this.step,
      cosines: cosines.map((each) => each.itemSync()),
      measured: this.#measured,
      right: right.map((each) => each.itemSync()),
      losses: this.step === 0 ? this.#losses.map(() => Number.NaN) : this.#losses,
      histories: this.#histories.map((history) => history.read()),
    };
  }
}

/** Steps between two measurements of the cosines. */
const MEASURE = 50;
