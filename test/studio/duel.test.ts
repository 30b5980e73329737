/** @file The room Duel: runs that are wound back give the same bits, and what is shown is what the library computes. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { quality, ring } from "../../src/demo/generative/ring.ts";
import { tensor } from "../../src/ops/create.ts";
import { DoubtRun, doubtPlaces } from "../../src/studio/worker/doubt-run.ts";
import { DuelDesk } from "../../src/studio/worker/duel.ts";
import {
  centersOf,
  FIRST_DOUBT,
  FIRST_GAN,
  FIRST_GUESS,
  PASSES,
  readDoubt,
  readGan,
  readGuess,
} from "../../src/studio/worker/duel-choice.ts";
import { countsAt, type GanAnswer, GanRun, SAMPLES } from "../../src/studio/worker/gan-run.ts";
import { GuessRun, guessExamples, rivalsOf } from "../../src/studio/worker/guess-run.ts";
import { busyShare, timeline } from "../../src/studio/worker/timeline.ts";
import { pbp } from "../../src/train/pbp.ts";

interface Stepped {
  readonly step: number;
  advance(to: number): void;
}

const go = <R extends Stepped>(run: R, to: number): R => {
  do run.advance(to);
  while (run.step < to);
  return run;
};

describe("two nets", () => {
  test("a step is the same in calls of ten and of one, and after the run was wound back", () => {
    const once = go(new GanRun(FIRST_GAN), 60).answer();
    const wound = go(go(go(go(new GanRun(FIRST_GAN), 7), 57), 3), 60).answer();
    for (const name of ["samples", "arrows", "map", "history"] as const) expect(wound[name]).toEqual(once[name]);
    expect([wound.saysReal, wound.saysFake]).toEqual([once.saysReal, once.saysFake]);
    expect(go(new GanRun({ ...FIRST_GAN, seed: 2 }), 60).answer().samples).not.toEqual(once.samples);
  });

  test("of real points the theory's share lies within 3σ; samples are judged as nabla demo gan judges them", () => {
    const found = new GanRun(FIRST_GAN).answer();
    expect(Math.abs(found.nearReal - (1 - Math.exp(-4.5)))).toBeLessThan(0.01);
    const points = ring(SAMPLES, 3).dataSync() as Float32Array;
    const counts = countsAt(points, centersOf(FIRST_GAN), FIRST_GAN.sigma);
    const { modes, near } = quality(points);
    expect(counts.filter((n) => n >= SAMPLES / 100).length).toBe(modes);
    expect(counts.reduce((a, b) => a + b, 0) / SAMPLES).toBe(near);
    expect(countsAt(Float32Array.of(1, 0, 1.0599, 0, 1.0601, 0), [1, 0], 0.02)).toEqual([2]);
  });

  test("an arrow points where the generator's loss falls", () => {
    const { arrows, map, cells } = go(new GanRun(FIRST_GAN), 120).answer();
    const critic = (x: number, y: number): number =>
      map[Math.floor(((1 - y / 1.6) / 2) * cells) * cells + Math.floor(((x / 1.6 + 1) / 2) * cells)]!;
    let [up, all] = [0, 0];
    for (let i = 0; i < arrows.length; i += 4) {
      const [x, y, dx, dy] = arrows.subarray(i, i + 4) as unknown as [number, number, number, number];
      const step = 0.15 / Math.hypot(dx, dy);
      if (Math.max(Math.abs(x), Math.abs(y)) > 1.4) continue;
      all++;
      if (critic(x + step * dx, y + step * dy) >= critic(x, y)) up++;
    }
    expect(all).toBeGreaterThan(20);
    expect(up / all).toBeGreaterThan(0.9);
  });
});

describe("guessed gradients", () => {
  test("the cosines are the library's; the first guess is 0 and has none", () => {
    const choice = { ...FIRST_GUESS, data: "circles" as const, stages: 3 };
    const run = new GuessRun(choice);
    expect(run.answer().cosines).toEqual([0, 0]);
    const [guessing] = rivalsOf(choice);
    const [x, y] = guessExamples(choice);
    expect(guessing!.alignment(x, y).map((each) => each.itemSync())).toEqual([0, 0]);
    const late = go(run, 350).answer();
    expect(late.measured.map(([step]) => step)).toEqual([50, 100, 150, 200, 250, 300, 350]);
    expect(late.measured.at(-1)!.slice(1)).toEqual(late.cosines);
    // Guesses from output and class teach nearly as much as backpropagation, no gradient does not.
    const [guesses, none, backpropagation] = late.right as [number, number, number];
    expect(guesses).toBeGreaterThan(none + 0.08);
    expect(backpropagation).toBeGreaterThan(0.95);
    expect(late.cosines[1]!).toBeGreaterThan(0.2);
    const wound = go(go(run, 10), 120);
    expect(wound.answer().cosines).toEqual(go(new GuessRun(choice), 120).answer().cosines);
  });

  test("locked, a stage of K works one K-th of the time; unlocked always, and no stage does two things at once", () => {
    for (const stages of [2, 3, 4, 5]) {
      expect(busyShare(stages, true)).toBeCloseTo(1 / stages, 12);
      expect(busyShare(stages, false)).toBe(1);
      for (const isLocked of [true, false]) {
        const all = timeline(stages, isLocked, 40);
        expect(new Set(all.map(({ stage, slot }) => `${stage} ${slot}`)).size).toBe(all.length);
        for (const { stage, slot, batch, kind } of all) {
          const other = all.find(
            (each) => each.batch === batch && each.kind === "forward" && each.stage === stage - (kind === "forward" ? 1 : 0),
          );
          if (other) expect(other.slot).toBeLessThan(slot);
        }
      }
    }
  });
});

describe("doubt", () => {
  test("the band is what pbp predicts; passes can be gone back", () => {
    const { points, hidden, seed } = FIRST_DOUBT;
    const column = (values: readonly number[]) => tensor(Float64Array.from(values), { shape: [values.length, 1] });
    const x = column(points.filter((_, i) => i % 2 === 0));
    const y = tensor(Float64Array.from(points.filter((_, i) => i % 2 === 1)));
    const net = pbp(x, y, { hidden: [hidden], epochs: PASSES, seed });
    const { mean, modelDeviation, deviation } = net.predict(column(doubtPlaces()));
    const run = new DoubtRun(FIRST_DOUBT);
    const early = go(run, 2).answer();
    const found = go(run, PASSES).answer();
    expect([found.mean, found.model, found.all]).toEqual([[...mean], [...modelDeviation], [...deviation]]);
    expect(found.noise).toBe(net.noise);
    expect(found.rmse).toBe(net.measure(x, y).rmse);
    expect(early.rmse).toBeGreaterThan(found.rmse);
  });

  test("points where the net expects them, and had none, make the band narrower there", () => {
    const at = doubtPlaces().findIndex((x) => x >= 5.5);
    const width = (points: readonly number[]): number => go(new DoubtRun({ ...FIRST_DOUBT, points }), PASSES).answer().model[at]!;
    expect(width([...FIRST_DOUBT.points, 4.5, 1.05, 5, 1.23, 5.5, 1.4])).toBeLessThan(0.8 * width(FIRST_DOUBT.points));
  });
});

test("the desk goes towards a step in stretches, keeps a run, and begins another one anew", () => {
  const desk = new DuelDesk();
  const ask = (question: unknown, to: number): GanAnswer => {
    for (;;) {
      const found = desk.ask({ kind: "gan", question, to }) as GanAnswer;
      if (found.step === to) return found;
      expect(found.step).toBeLessThan(to);
    }
  };
  const first = ask(FIRST_GAN, 30);
  expect(ask(FIRST_GAN, 0).step).toBe(0);
  expect(ask({ ...FIRST_GAN, modes: 3 }, 0).counts).toHaveLength(3);
  expect(ask(FIRST_GAN, 30).samples).toEqual(first.samples);
});

test("what a link says wrongly is that of the first choice", () => {
  expect(readGan({ modes: 99, sigma: "wide", loss: "no", centers: [1, 2], lr: 1e-3, seed: 4 })).toEqual({ ...FIRST_GAN, seed: 4 });
  expect(readGan({ centers: [1, 0, 0, 1], modes: 3.5 })).toEqual({ ...FIRST_GAN, centers: [1, 0, 0, 1] });
  expect(readGuess({ stages: 1, lambda: 2, data: "cats", guesser: "output" })).toEqual({ ...FIRST_GUESS, guesser: "output" });
  expect(readDoubt({ points: [1, 2], hidden: 20 })).toEqual(FIRST_DOUBT);
  expect(readDoubt({ points: [0, 0, 1, 9] })).toEqual(FIRST_DOUBT);
  expect(readDoubt(null)).toEqual(FIRST_DOUBT);
});
