/** @file The numbers of the room Landscape are those of the lectures and of the library's instruments. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { optimizers } from "../../src/demo/optimizers.ts";
import { xorLosses } from "../../src/demo/xor.ts";
import { directional, steepestDescent } from "../../src/inspect/descent.ts";
import { tensor64 } from "../../src/inspect/double.ts";
import { line, pathPlane, plane } from "../../src/inspect/landscape.ts";
import { tensor } from "../../src/ops/create.ts";
import { DEFAULT } from "../../src/studio/worker/config.ts";
import { featuresOf } from "../../src/studio/worker/features.ts";
import { type LandscapeAnswers, LandscapeDesk, type LandscapeQuestion } from "../../src/studio/worker/landscape.ts";
import {
  FIRST_LAND,
  FIRST_PLANE,
  FIRST_RACE,
  LEVELS,
  LOOKS_AT,
  levelOf,
  RACERS,
  readLand,
  SCHEDULES,
  SHAPES,
  STARTS,
  SURFACES,
  type SurfaceName,
} from "../../src/studio/worker/landscape-choice.ts";
import { Session } from "../../src/studio/worker/session.ts";
import { ALPHAS, FIELDS, ratesOf, SIDE } from "../../src/studio/worker/surfaces.ts";

const desk = new LandscapeDesk();
const ask = <K extends keyof LandscapeAnswers>(question: LandscapeQuestion & { readonly ask: K }): LandscapeAnswers[K] =>
  desk.ask(question) as LandscapeAnswers[K];
const NAMED = SURFACES.filter((name): name is Exclude<SurfaceName, "net"> => name !== "net");
const f = (surface: Exclude<SurfaceName, "net">, x: number, y: number): number =>
  FIELDS[surface](tensor64(Float64Array.of(x, y))).itemSync();

describe("functions", () => {
  test.each(NAMED)("%s: the map has its values, and the minima that are told are minima", (surface) => {
    const { values, reach } = ask({ ask: "map", surface });
    const { least, minima } = SHAPES[surface];
    const at = (r: number, c: number): readonly [number, number] => [
      reach * ((2 * c) / (SIDE - 1) - 1),
      reach * (1 - (2 * r) / (SIDE - 1)),
    ];
    for (const [r, c] of [
      [0, 0],
      [7, 40],
      [50, 3],
    ] as const)
      expect(values[r * SIDE + c]).toBeCloseTo(f(surface, ...at(r, c)), 9);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(least - 1e-9);
    expect(Math.min(...minima.map(([x, y]) => f(surface, x, y)))).toBeCloseTo(least, 8);
    for (const [x, y] of minima)
      expect(
        ask({ ask: "slope", surface, at: [x, y], degrees: 0, alpha: 1 })
          .gradient.map(Math.abs)
          .every((g) => g < 1e-4),
      ).toBe(true);
  });
});

describe("races", () => {
  const race = (surface: SurfaceName, at: readonly [number, number], patch: Partial<typeof FIRST_RACE> = {}) =>
    ask({ ask: "race", surface, at, race: { ...FIRST_RACE, ...patch } }).ways;

  test("on the lecture's valley the distances after 100 steps are those of its demonstration", async () => {
    const { facts } = await optimizers.find(({ name }) => name === "optimizers")!.run();
    const ways = race("valley", [-1.5, 1.2]);
    expect(ways.map(({ name }) => name)).toEqual(RACERS);
    const distances = ways.map(({ at }) => Math.hypot(...at[100]!));
    // The demonstration computes in f32.
    for (const [i, distance] of distances.entries()) expect(distance).toBeCloseTo(facts[i]!.value, 6);
    expect(distances.every((distance) => distance < 0.2)).toBe(true);
    expect(distances[1]! / distances[0]!).toBeLessThan(0.1);
  });

  test("SGD is steepest descent; with a momentum the same number is used by both of its kind", () => {
    const { points, values } = steepestDescent(FIELDS.banana, tensor([-1, 1], { dtype: "f64" }), { rate: 0.01, steps: 50 });
    const [way] = race("banana", [-1, 1], { on: ["SGD"], rates: { ...FIRST_RACE.rates, SGD: 0.01 }, steps: 50 });
    for (const [i, point] of points.entries()) {
      expect(way!.at[i]![0]).toBeCloseTo(point[0]!, 12);
      expect(way!.at[i]![1]).toBeCloseTo(point[1]!, 12);
      expect(way!.values[i]).toBeCloseTo(values[i]!, 11);
    }
    const [slow, fast] = [0.2, 0.9].map((momentum) => race("valley", [1, 0], { on: ["momentum"], momentum })[0]!);
    // v₁ = g, v₂ = μ v₁ + g: after two steps of f = ½x² from 1 with η = 0.04.
    for (const [way_, momentum] of [
      [slow!, 0.2],
      [fast!, 0.9],
    ] as const)
      expect(way_.at[2]![0]).toBeCloseTo(0.96 - 0.04 * (momentum + 0.96), 12);
  });

  test("at last a step leaves (1 − 0.1 η)² of the loss along the flat direction; above 2/λ it diverges", () => {
    const [way] = race("flat end", [1, 1], { on: ["SGD"], rates: { ...FIRST_RACE.rates, SGD: 0.19 }, steps: 400 });
    expect(way!.values[399]! / way!.values[398]!).toBeCloseTo((1 - 0.019) ** 2, 9);
    const [wild] = race("flat end", [1, 1], { on: ["SGD"], rates: { ...FIRST_RACE.rates, SGD: 0.2001 }, steps: 200 });
    expect(wild!.values.at(-1)!).toBeGreaterThan(5);
    const [broken] = race("four minima", [4.9, 4.9], { on: ["SGD"], rates: { ...FIRST_RACE.rates, SGD: 1 }, steps: 100 });
    expect(broken!.at.length).toBeLessThan(20);
  });

  test("the start decides: A reaches the global minimum, B the local one", () => {
    const sgd = { on: ["SGD"], rates: { ...FIRST_RACE.rates, SGD: 0.05 }, steps: 300 } as const;
    const [a, b] = [-0.5, 0.5].map((x) => race("two minima", [x, 0], sgd)[0]!);
    const [left, right] = SHAPES["two minima"].minima;
    expect(a!.at.at(-1)![0]).toBeCloseTo(left![0], 6);
    expect(b!.at.at(-1)![0]).toBeCloseTo(right![0], 6);
    expect(b!.values.at(-1)! - a!.values.at(-1)!).toBeGreaterThan(0.5);
  });

  test("schedules are the library's, over the steps of the race", () => {
    expect(ratesOf("step decay", 0.1, 100)[90]).toBeCloseTo(0.0125, 12);
    expect(ratesOf("cosine", 0.1, 100)[50]).toBeCloseTo(0.05, 12);
    expect(Math.max(...ratesOf("one cycle", 0.1, 100))).toBeCloseTo(0.1, 3);
    expect(ratesOf("warm-up, cosine", 0.1, 100)[5]).toBeCloseTo(0.05, 12);
    for (const schedule of SCHEDULES) {
      const rates = ratesOf(schedule, 0.1, 20);
      const [way] = race("valley", [1, 0], { on: ["SGD"], schedule, steps: 20, rates: { ...FIRST_RACE.rates, SGD: 0.1 } });
      // Of ½x² a step leaves 1 - η.
      for (const [t, rate] of rates.entries()) expect(way!.at[t + 1]![0]).toBeCloseTo(way!.at[t]![0] * (1 - rate), 10);
    }
  });
});

describe("slopes", () => {
  test("df_a(u) is ∇f·u, as the instrument finds it; the steepest direction is the gradient's; the tangent's error/α goes to 0 with α", () => {
    const at = [0.7, -0.4] as const;
    const found = directional(FIELDS["two minima"], tensor64(Float64Array.from(at)), { directions: 8 });
    for (const { direction, slope } of found.slopes) {
      const degrees = (Math.atan2(direction[1]!, direction[0]!) * 180) / Math.PI;
      const { along, gradient, errors } = ask({ ask: "slope", surface: "two minima", at, degrees, alpha: 1 });
      expect(along).toBeCloseTo(slope, 10);
      expect(along).toBeCloseTo(gradient[0] * direction[0]! + gradient[1] * direction[1]!, 12);
      expect(Math.hypot(...gradient)).toBeCloseTo(found.steepest, 12);
      expect(along).toBeLessThanOrEqual(found.steepest + 1e-12);
      for (const [i, [alpha, error]] of errors.entries()) {
        expect(alpha).toBe(ALPHAS[i]);
        if (i > 1) expect(Math.abs(error)).toBeLessThan(Math.abs(errors[i - 1]![1]) / 5 + 1e-9);
      }
    }
    const downhill = ask({
      ask: "slope",
      surface: "two minima",
      at,
      degrees: (Math.atan2(-found.gradient[1]!, -found.gradient[0]!) * 180) / Math.PI,
      alpha: 1,
    });
    expect(downhill.along).toBeCloseTo(-found.steepest, 12);
  });

  test("the line has the function's values around the place", () => {
    const { line: values, value } = ask({ ask: "slope", surface: "banana", at: [0.5, 0.5], degrees: 90, alpha: 0.2 });
    expect(values[40]).toBeCloseTo(value, 12);
    expect(values[80]).toBeCloseTo(f("banana", 0.5, 0.7), 12);
  });
});

describe("many starts", () => {
  test("a thousand nets 2-2-1 end where the lecture's demonstration says: at 0, 1/8, 1/6 or 1/4, about 24 % of them at 0", () => {
    const first = ask({ ask: "starts", hidden: 2, seed: 1, look: 0 });
    expect(first.step).toBe(0);
    for (const look of [5, 9]) ask({ ask: "starts", hidden: 2, seed: 1, look });
    const { step, losses, places } = ask({ ask: "starts", hidden: 2, seed: 1, look: LOOKS_AT.length - 1 });
    expect([step, losses.length, places.length]).toEqual([8000, STARTS, 2 * STARTS]);
    expect(Array.from(losses, levelOf)).toEqual(xorLosses(2, STARTS, 8000, 1).map(levelOf));
    const shares = LEVELS.map((_, i) => Array.from(losses, levelOf).filter((level) => level === i).length / STARTS);
    expect(Math.abs(shares[0]! - 0.241)).toBeLessThan(0.04);
    expect(shares.reduce((a, b) => a + b)).toBeGreaterThan(0.98);
    expect(places).toEqual(first.places);
  });

  test("more units, more starts that reach it", () => {
    const share = (hidden: number): number => {
      const { losses } = ask({ ask: "starts", hidden, seed: 2, look: LOOKS_AT.length - 1 });
      return losses.filter((loss) => levelOf(loss) === 0).length / STARTS;
    };
    expect(Math.abs(share(4) - 0.63)).toBeLessThan(0.06);
  });
});

describe("the net of the page", () => {
  const config = { ...DEFAULT, count: 40, layers: [{ units: 3, activation: "tanh" as const }] };
  const session = new Session(config);
  session.seek(400);
  const run = session.path();
  const net = { run, plane: FIRST_PLANE };
  const [x, y] = [tensor(featuresOf(run.xy, config.features)).reshape([40, 2]), tensor(run.labels).reshape([40, 1])];
  const of = (weights: Float32Array): Session => {
    const other = new Session(config);
    other.net.setWeights(weights);
    return other;
  };

  test("the way has the weights of its marks; its plane and the losses are those of the instruments", () => {
    expect(run.steps).toEqual([0, 64, 128, 192, 256, 320, 384, 400]);
    for (const [i, step] of run.steps.entries()) {
      const again = new Session(config);
      again.seek(step);
      expect(run.weights[i]).toEqual(again.net.weights());
    }
    const { values, reach, path } = ask({ ask: "map", surface: "net", net });
    expect(path).toEqual(pathPlane(run.weights.map((each) => Float64Array.from(each))));
    const [d, e] = path!.directions;
    const found = plane(of(run.weights.at(-1)!).net.model, {
      x,
      y,
      loss: session.net.error,
      directions: [d, e],
      range: reach,
      points: SIDE,
    });
    expect(values[25 * SIDE + 25]).toBeCloseTo(found.centre, 10);
    expect(found.centre).toBeCloseTo(session.measure(session.train).loss, 5);
    for (const [r, c] of [
      [0, 0],
      [10, 44],
    ] as const)
      expect(values[r * SIDE + c]).toBeCloseTo(found.loss[SIDE - 1 - r]![c]!, 8);
  });

  test.each([true, false])("random directions with the filters' lengths (%s) are those of the instrument", (filter) => {
    const { values, reach, path } = ask({
      ask: "map",
      surface: "net",
      net: { ...net, plane: { by: "random", filter, range: 0.8, seed: 3 } },
    });
    expect([reach, path]).toEqual([0.8, undefined]);
    const normalization = filter ? "filter" : "none";
    const found = plane(of(run.weights.at(-1)!).net.model, {
      x,
      y,
      loss: session.net.error,
      normalization,
      seed: 3,
      range: 0.8,
      points: SIDE,
    });
    for (const [r, c] of [
      [0, 50],
      [25, 25],
      [33, 2],
    ] as const)
      expect(values[r * SIDE + c]).toBeCloseTo(found.loss[SIDE - 1 - r]![c]!, 8);
  });

  test("the line between two moments is the instrument's", () => {
    const found = ask({ ask: "line", net, from: 0, to: run.steps.length - 1 });
    const expected = line(of(run.weights[0]!).net.model, of(run.weights.at(-1)!).net.model, {
      x,
      y,
      loss: session.net.error,
      from: -0.25,
      to: 1.25,
      points: 61,
    });
    for (const [i, loss] of found.losses.entries()) expect(loss).toBeCloseTo(expected.loss[i]!, 8);
    expect(found.losses[found.at.indexOf(0)]).toBeCloseTo(of(run.weights[0]!).measure(session.train).loss, 5);
  });

  test("a ball descends on it by the same optimizers", () => {
    const {
      ways: [way],
    } = ask({ ask: "race", surface: "net", net, at: [0.5, 0.5], race: { ...FIRST_RACE, on: ["Adam"], steps: 50 } });
    expect(way!.at).toHaveLength(51);
    expect(way!.values.at(-1)!).toBeLessThan(way!.values[0]!);
    const { gradient } = ask({ ask: "slope", surface: "net", net, at: [0.5, 0.5], degrees: 0, alpha: 0.1 });
    expect(Math.sign(way!.at[1]![0] - 0.5)).toBe(-Math.sign(gradient[0]));
  });

  test("a run of few steps has no plane of its own and is shown on a random one", () => {
    const early = new Session(config).path();
    expect(ask({ ask: "map", surface: "net", net: { ...net, run: early } }).path).toBeUndefined();
  });
});

test("what a link says wrongly is left out", () => {
  const good = { look: "slope", surface: "banana", at: [1, -2], degrees: 90, filter: false, range: 0.5, on: ["Adam"], alpha: 0.1 } as const;
  const bad = { form: "hill", step: 1.5, seed: -1, hidden: 99, schedule: 1, momentum: 2, rates: { SGD: 0.3, Adam: 99 }, more: 1 };
  expect(readLand({ ...good, ...bad })).toEqual({ ...FIRST_LAND, ...good, rates: { ...FIRST_LAND.rates, SGD: 0.3 } });
  expect(readLand({ at: [1], on: "Adam" })).toEqual(FIRST_LAND);
  expect(readLand(7)).toEqual(FIRST_LAND);
});
