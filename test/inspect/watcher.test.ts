/** @file The rules on live runs: what \`Watcher\`, \`DivergenceError\` and \`overfitOneBatch\` say. */
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { digits } from "../../src/data/index.ts";
import { splitRules } from "../../src/inspect/data-rules.ts";
import { Watcher, type WatcherOptions } from "../../src/inspect/watcher.ts";
import { manualSeed } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam, AdamW, type Optimizer, SGD } from "../../src/optim/index.ts";
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

  test("a short run that has learned little is looked at when it ends, one that learns is not", async () => {
    const tanh = new nn.Sequential(...mlp(), new nn.Sigmoid());
    const { watcher, rules } = await run(tanh, new Adam(tanh.parameters(), { lr: 1e-3 }), data, { every: "0.1%" }, 1);
    expect([watcher.looks, rules]).toEqual([1, ["outputs"]]);
    const good = mlp();
    const { watcher: other } = await run(good, new Adam(good.parameters(), { lr: 1e-2 }), data, { every: "0.1%" }, 4);
    expect([other.looks, other.findings]).toEqual([0, []]);
  });

  test("weights that are drawn to 0, by the optimizer or by the loss, are told from those that do not learn", async () => {
    const model = mlp();
    const { watcher } = await run(model, new AdamW(model.parameters(), { lr: 3e-3, weightDecay: 100 }), data, { every: "0.1%" }, 1);
    expect(watcher.findings).toMatchObject([{ rule: "weight-decay", where: "weights", step: 0, severity: "error" }]);
    const other = mlp();
    const size = (): Tensor => other.parameters().reduce((sum, { value }) => sum.add(value.square().sum()), zeros([]));
    const loss = (outputs: unknown, y: Tensor): Tensor => nn.crossEntropy(outputs as Tensor, y).add(size().mul(5));
    const seen = new Watcher({ every: "0.1%", onFinding: () => {} });
    const optimizer = new SGD(other.parameters(), { lr: 0.01 });
    await fit(other, data, { optimizer, epochs: 3, loss, callbacks: [seen], checks: false });
    expect(seen.findings.map(({ rule, severity }) => [rule, severity])).toEqual([["weight-decay", "error"]]);
  });

  test("what is learned by heart and does not carry over is said at the end", async () => {
    const model = mlp();
    const targets = whole.test.targets.map((v) => 9 - v);
    const set = { ...data, test: { ...whole.test, targets } };
    const { rules } = await run(model, new Adam(model.parameters(), { lr: 1e-2 }), set, {}, 6);
    expect(rules).toEqual(["overfit"]);
  });

  test("the noise of single examples is measured over looks", async () => {
    const model = mlp();
    const targets = data.train.targets.map((v, i) => (i % 10 === 0 ? v : data.train.targets[(7 * i + 3) % 512]!));
    const set = { ...data, train: { ...data.train, targets } };
    const told: Finding[] = [];
    const watcher = new Watcher({ every: 16, onFinding: (f) => told.push(f) });
    await fit(model, set, {
      optimizer: new SGD(model.parameters(), { lr: 1e-3 }),
      batchSize: 1,
      epochs: 1,
      callbacks: [watcher],
      checks: false,
    });
    expect(told.map(({ rule, evidence }) => [rule, evidence.batch])).toEqual([["batch-noise", 1]]);
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

test("splits that were not prepared alike, and labels that contradict each other, are found", () => {
  const test = { ...data.test, inputs: data.test.inputs.map((v: number) => 16 * v) };
  expect(splitRules({ ...data, test }).map(({ rule, where }) => [rule, where])).toEqual([["data", "splits"]]);
  const [inputs, targets] = [data.train.inputs.slice(), data.train.targets.slice()];
  for (let i = 0; i < 256; i++) {
    inputs.set(inputs.subarray(64 * (256 + i), 64 * (257 + i)), 64 * i);
    targets[i] = (targets[256 + i]! + ((i + 1) % 2)) % 10;
  }
  const [found, ...others] = splitRules({ ...data, train: { ...data.train, inputs, targets } });
  expect(others).toEqual([]);
  // Of 256 pairs half disagree.
  expect(found).toMatchObject({
    rule: "data",
    where: "labels",
    severity: "note",
    evidence: { contradictions: 128, "best accuracy": 0.75 },
  });
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
  const wrong = mlp();
  const turned = {
    optimizer: new Adam(wrong.parameters()),
    steps: 20,
    loss: (o: unknown, y: Tensor) => nn.crossEntropy(o as Tensor, y).neg(),
  };
  const report = await overfitOneBatch(wrong, data, turned);
  expect([report.learned, report.findings.map(({ rule }) => rule)]).toEqual([false, ["outputs"]]);
  const good = mlp();
  expect(await overfitOneBatch(good, data, { optimizer: new Adam(good.parameters(), { lr: 1e-2 }) })).toMatchObject({
    learned: true,
    findings: [],
  });
});
