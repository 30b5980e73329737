/** @file The runs of the room Duel. One of each kind is kept; a question that is another begins anew. */

import { type DoubtAnswer, DoubtRun } from "./doubt-run.ts";
import { readDoubt, readGan, readGuess } from "./duel-choice.ts";
import { type GanAnswer, GanRun } from "./gan-run.ts";
import { type GuessAnswer, GuessRun } from "./guess-run.ts";

export type DuelKind = "gan" | "guesses" | "doubt";
export type DuelAnswer = GanAnswer | GuessAnswer | DoubtAnswer;

export interface DuelCommand {
  readonly do: "duel";
  readonly kind: DuelKind;
  readonly question: unknown;
  /** The step to go to. */
  readonly to: number;
}

interface Run {
  readonly step: number;
  advance(to: number): void;
  answer(): DuelAnswer;
}

const MAKE: Readonly<Record<DuelKind, (question: unknown) => readonly [key: string, make: () => Run]>> = {
  gan: (question) => made(readGan(question), (choice) => new GanRun(choice)),
  guesses: (question) => made(readGuess(question), (choice) => new GuessRun(choice)),
  doubt: (question) => made(readDoubt(question), (choice) => new DoubtRun(choice)),
};

const made = <C>(choice: C, make: (choice: C) => Run): readonly [string, () => Run] => [JSON.stringify(choice), () => make(choice)];

/** Milliseconds of a stretch: the page draws between two. */
const STRETCH_MS = 25;

export class DuelDesk {
  readonly #runs = new Map<DuelKind, { readonly key: string; readonly run: Run }>();

  /** The run as far towards a step as it comes in a stretch. */
  ask({ kind, question, to }: Omit<DuelCommand, "do">): DuelAnswer {
    const [key, make] = MAKE[kind](question);
    let kept = this.#runs.get(kind);
    if (kept?.key !== key) {
      kept = { key, run: make() };
      this.#runs.set(kind, kept);
    }
    const { run } = kept;
    const start = performance.now();
    do run.advance(to);
    while (run.step < to && performance.now() - start < STRETCH_MS);
    return run.answer();
  }
}
