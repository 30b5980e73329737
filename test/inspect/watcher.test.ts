/** @file The rules on live runs: what \`Watcher\`, \`DivergenceError\` and \`overfitOneBatch\` say. */
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { digits } from "../../src/data/index.ts";
import { splitRules } from "../../src/inspect/data-rules.ts";
import { Watcher, type WatcherOptions } from "../../src/inspect/watcher.ts";
import { manualSeed } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { Adam, type Optimizer, SGD } from "../../src/optim/index.ts";
import { DivergenceError, type Finding, firstExamples, fit, overfitOneBatch } from "../../src/train/index.ts";
import "../../src/runtime/evaluate.ts";

const whole = await digits();
const data = firstExamples(whole, 512);

const mlp = (): nn.Sequential => {
  manualSeed(1);
  return new nn.Sequential(new nn.Flatten(), new nn.Linear(64, 24), new nn.ReLU(), new nn.Linear(24, 10));
};

const run = async (model: nn.Layer, optimizer: Optimizer, set: Dataset = data, options: WatcherOptions = {}, epochs = 2) => {
  const told: Finding[] = [];
  const watcher = new Watcher({ every: 10, onFinding: (f) => told.push(f), ...options });
  const history = await fit(model, set, { optimizer, epochs, callbacks: [watcher], checks: false });
  return { watcher, told, history, rules: watcher.findings.map(({ rule }) => rule) };
};

describe("Watcher", () => {
  test("is silent on a net that learns", async () => {
    const model = mlp();
    const { rules, watcher } = await run(model, new Adam(model.parameters(), { lr: 3e-3 }));
    expect(rules).toEqual([]);
    expect(watcher.looks).toBe(4);
    expect(watcher.latest!.flow.verdict).toBe("healthy");
    expect(model.training).toBe(true);
  });

  test("does not change the run by a bit", async () => {
    const weights = async (callbacks: readonly Watcher[]): Promise<unknown> => {
      const model = mlp();
      await fit(model, data, { optimizer: new Adam(model.parameters(), { lr: 1e-3 }), epochs: 1, callbacks });
      return [...(await model.parameters()[0]!.value.data())];
    };
    expect(await weights([new Watcher({ every: 3 })])).toEqual(await weights([]));
  });

  test.each([
    ["rate 100", "too-fast", () => mlp(), (m: nn.Layer) => new SGD(m.parameters(), { lr: 100 })],
    ["rate 1e-6", "update-ratio", () => mlp(), (m: nn.Layer) => new SGD(m.parameters(), { lr: 1e-6 })],
    [
      "another model's parameters",
      "unchanged",
      () => mlp(),
      (m: nn.Layer) => new SGD([...mlp().parameters(), ...m.parameters().slice(2)], { lr: 0.1 }),
    ],
  ] as const)("%s fires %s", async (_, rule, make, optimize) => {
    const model = make();
    const { rules, told } = await run(model, optimize(model));
    expect(rules).toEqual([rule]);
    expect(told.map((f) => f.rule)).toEqual([rule]);
  });

  test("ends the run when it shall", async () => {
    const model = mlp();
    const { history } = await run(model, new SGD(model.parameters(), { lr: 100 }), data, { stopOn: ["too-fast"] });
    expect(history.reason).toMatch(/^too-fast in /);
  });

  test("a frozen layer is meant to stay", async () => {
    const model = mlp();
    [...model][1]!.freeze();
    expect((await run(model, new Adam(model.parameters(), { lr: 3e-3 }))).rules).toEqual([]);
  });

  test.each([
    [{ every: "5" }, /every/],
    [{ every: "200%" }, /every/],
    [{ every: 0 }, /every/],
    [{ examples: -1 }, /examples/],
    [{ stopON: [] }, /stopOn/],
    [{ onFinding: 3 }, /onFinding/],
  ])("refuses %j", (options, message) => {
    expect(() => new Watcher(options as never)).toThrow(message);
  });
});

test("examples that train and test are found; a data set without them is clean", () => {
  expect(splitRules(whole)).toEqual([]);
  const leaky: Dataset = { ...data, test: { ...data.train, inputs: data.train.inputs.slice(), targets: data.train.targets.slice() } };
  expect(splitRules(leaky)).toMatchObject([{ rule: "data", where: "splits", evidence: { copies: 512, of: 512 } }]);
});

test("DivergenceError says what was wrong: a NaN in the inputs is not the rate's fault", async () => {
  const inputs = data.train.inputs.slice() as Float32Array;
  inputs[64 * 40 + 3] = Number.NaN;
  const model = mlp();
  const set = { ...data, train: { ...data.train, inputs } };
  const error = await fit(model, set, { optimizer: new Adam(model.parameters()), epochs: 1, checks: false }).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DivergenceError);
  const { findings, message } = error as DivergenceError;
  expect(findings.map(({ rule, where }) => [rule, where])).toEqual([["not-finite", "inputs"]]);
  expect(message).toMatch(/\nerror: not-finite in inputs.*: an input is NaN/);
  expect(message).not.toMatch(/smaller learning rate/);
});

test("overfitOneBatch names the fault", async () => {
  const model = mlp();
  for (const [name, cell] of model.namedParameters()) if (name.endsWith("weight")) cell.set(cell.value.mul(0));
  const { learned, findings } = await overfitOneBatch(model, data, { optimizer: new Adam(model.parameters()), steps: 20 });
  expect(learned).toBe(false);
  expect(findings.map(({ rule }) => rule)).toEqual(["poor-init"]);
  const good = mlp();
  expect(await overfitOneBatch(good, data, { optimizer: new Adam(good.parameters(), { lr: 1e-2 }) })).toMatchObject({
    learned: true,
    findings: [],
  });
});
