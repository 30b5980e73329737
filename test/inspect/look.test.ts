/** @file `look`: one call, findings with numbers, and nothing of it stays; what cannot be looked at is one clear line. */
import { expect, test } from "vitest";
import { look } from "../../src/inspect/look.ts";
import * as nn from "../../src/nn/index.ts";
import { zeros } from "../../src/ops/create.ts";
import { elementsOf, type Tensor } from "../../src/ops/tensor.ts";
import { SGD } from "../../src/optim/index.ts";
import { BROKEN } from "./broken.ts";
import { HEALTHY } from "./healthy.ts";
import "../../src/runtime/evaluate.ts";

const caseOf = (name: string) => BROKEN.find(([each]) => each === name)!;

// The others are looked at in test/slow.
test.each(["zero weights", "raw 0..255", "another model's parameters", "NaN in one input", "labels from 1 to 10", "dead relus"])(
  "%s",
  async (name) => {
    const [, rule, make] = caseOf(name);
    const { model, ...options } = make();
    expect((await look(model, options)).findings.map((f) => f.rule)).toEqual([rule]);
  },
);

test("a step that is tried is taken back, and modes stay", async () => {
  const [, make] = HEALTHY[0]!;
  const { model, ...options } = make();
  model.eval();
  const weights = () => model.parameters().map((cell) => [...elementsOf(cell.value)]);
  const before = weights();
  const { findings, seconds } = await look(model, options);
  expect(findings).toEqual([]);
  expect(seconds).toBeGreaterThan(0);
  expect(weights()).toEqual(before);
  expect(model.training).toBe(false);
});

test("dead units are proved by interval bounds where they can be", async () => {
  const { model, ...options } = caseOf("dead relus")[2]();
  const { units, findings } = await look(model, options);
  expect(findings[0]).toMatchObject({ rule: "dead", confidence: "proved", severity: "error", where: "relu after 2" });
  expect(units.activations[1]!.dead.every(({ confidence, activityBelow }) => confidence === "proved" && activityBelow === 0)).toBe(true);
});

class Nothing extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.reshape([x.shape[0]!, -1]);
  }
}

test.each([
  ["no options", () => look(new nn.Linear(2, 2), undefined as never), /look: .*want an object|look: options/],
  ["no x", () => look(new nn.Linear(2, 2), { y: zeros([2]) } as never), /x/],
  ["no model", () => look({} as never, { x: zeros([2, 2]), y: zeros([2, 2]) }), /look: the model/],
  ["a wrong name", () => look(new nn.Linear(2, 2), { x: zeros([2, 2]), y: zeros([2, 2]), los: 1 } as never), /loss/],
  [
    "different numbers of examples",
    () => look(new nn.Linear(2, 2), { x: zeros([3, 2]), y: zeros([2, 2]) }),
    /look: want x \[N, \.\.\.\] and y/,
  ],
  ["no sites", () => look(new Nothing(), { x: zeros([3, 2]), y: zeros([3, 2]) }), /Nothing has no site to look at/],
  ["no optimizer", () => look(new nn.Linear(2, 2), { x: zeros([3, 2]), y: zeros([3, 2]), optimizer: SGD as never }), /optimizer/],
] as const)("one line for %s", async (_, call, message) => {
  const error = await (async () => call())().then(
    () => undefined,
    (e: Error) => e,
  );
  expect(error?.message).toMatch(message);
  expect(error!.message).not.toContain("\n");
});
