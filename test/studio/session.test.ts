/** @file A session takes the steps that `fit` takes, and comes back to any of them, to the bit. */
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/dataset.ts";
import "../../src/runtime/evaluate.ts";
import { type Config, DEFAULT } from "../../src/studio/worker/config.ts";
import { featuresOf } from "../../src/studio/worker/features.ts";
import { Net } from "../../src/studio/worker/net.ts";
import { type Points, pointsFor } from "../../src/studio/worker/points.ts";
import { Session } from "../../src/studio/worker/session.ts";
import { fit } from "../../src/train/fit.ts";

const small: Config = { ...DEFAULT, count: 40, layers: [{ units: 4, activation: "tanh" }] };

/** The run of `fit` with the same parts. */
async function fitted(config: Config, epochs: number): Promise<Float32Array> {
  const net = new Net(config);
  const { train, test: held } = pointsFor(config);
  const split = ({ xy, labels }: Points) => ({ inputs: featuresOf(xy, config.features), targets: labels, count: labels.length });
  const data: Dataset = {
    name: "points",
    train: split(train),
    test: split(held),
    classes: [],
    inputShape: [config.features.length],
    task: "regression",
  };
  const inOrder = { count: train.labels.length, indices: () => Int32Array.from(train.labels.keys()) };
  const batch = config.batch === 0 ? { batchSize: train.labels.length, sampler: inOrder } : { batchSize: config.batch };
  await fit(net.model, data, { optimizer: net.optimizer, epochs, seed: config.seed, loss: net.loss, checks: false, ...batch });
  return net.weights();
}

describe("the bits of fit", () => {
  test.each<[string, Config, number]>([
    ["all points", small, 130],
    ["batches that divide the points", { ...small, batch: 10 }, 30],
    ["batches that do not", { ...small, batch: 12 }, 30],
    [
      "penalties, momentum, features",
      { ...small, optimizer: "Nesterov", lr: 0.1, l1: 1e-3, l2: 0.01, features: ["x₁", "x₂", "x₁x₂"] },
      130,
    ],
    ["dropout", { ...small, dropout: 0.3, batch: 8 }, 20],
    [
      "squared error, two layers of ReLU",
      {
        ...small,
        loss: "squared error",
        layers: [
          { units: 3, activation: "ReLU" },
          { units: 2, activation: "sigmoid" },
        ],
      },
      130,
    ],
  ])("%s", async (_, config, epochs) => {
    const expected = await fitted(config, epochs);
    const session = new Session(config);
    const steps = epochs * session.epochSteps;
    while (session.step < steps) session.advance(steps - session.step);
    expect(session.net.weights()).toEqual(expected);
  });
});

describe("time", () => {
  const run = (session: Session, to: number): void => {
    while (session.step < to) session.advance(to - session.step);
  };

  test("any step can be reached again, by marks and from the start", () => {
    const session = new Session(small);
    run(session, 1000);
    const at1000 = session.net.weights();
    session.seek(137);
    const at137 = session.net.weights();
    run(session, 1000);
    expect(session.net.weights()).toEqual(at1000);
    const fresh = new Session(small);
    fresh.seek(137);
    expect(fresh.net.weights()).toEqual(at137);
  });

  test("edits come again where they were made; one in the past cuts off what came after", () => {
    const session = new Session(small);
    run(session, 100);
    session.edit({ kind: "set", name: "lr", value: 0.05 });
    run(session, 150);
    session.edit({ kind: "weight", index: 3, value: -2 });
    run(session, 333);
    const at333 = session.net.weights();
    session.seek(50);
    run(session, 333);
    expect(session.net.weights()).toEqual(at333);
    session.seek(120);
    session.edit({ kind: "set", name: "lr", value: 0.001 });
    expect(session.end).toBe(120);
    run(session, 333);
    expect(session.net.weights()).not.toEqual(at333);
  });

  test("points that are moved come back too", () => {
    const session = new Session({ ...small, data: "own", points: [0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0] });
    run(session, 70);
    session.edit({ kind: "points", points: [0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0, 0.5, 0.5, 1] });
    run(session, 200);
    const at200 = session.net.weights();
    session.seek(10);
    expect(session.train.labels.length).toBe(4);
    run(session, 200);
    expect(session.train.labels.length).toBe(5);
    expect(session.net.weights()).toEqual(at200);
  });

  test("marks stay few over 10,000 steps, and looking changes nothing", () => {
    const [watched, alone] = [new Session(small), new Session(small)];
    while (watched.step < 10_000) {
      watched.advance(700);
      watched.measure(watched.test);
      watched.net.weights();
    }
    run(alone, watched.step);
    expect(watched.net.weights()).toEqual(alone.net.weights());
    expect(watched.history.read().length).toBeLessThanOrEqual(3 * 1024);
  });

  test("a run that diverges says so, and goes on after it was wound back", () => {
    const session = new Session({
      ...small,
      loss: "squared error",
      output: "linear",
      optimizer: "SGD",
      lr: 10,
      layers: [{ units: 4, activation: "linear" }],
    });
    while (session.failure === undefined) session.advance(100);
    expect(session.failure).toMatch(/the loss became (NaN|Infinity) at step \d+; wind back, and try a smaller learning rate/);
    session.edit({ kind: "set", name: "lr", value: 1e-4 });
    session.seek(0);
    expect(session.failure).toBeUndefined();
  });
});
