/**
 * @file checkGradients and checkModel (AD-5): they pass what is right and name the worst entry of what is wrong.
 */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { customJvp } from "../../src/function/control.ts";
import { checkGradients, checkModel } from "../../src/inspect/check.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

test("a right derivative passes, whatever the structure of the arguments", () => {
  const report = checkGradients(
    (p: { w: Tensor; b: Tensor }, x: Tensor) => ({ y: x.matmul(p.w).add(p.b).tanh(), n: x.argmax(0) }),
    [
      {
        w: tensor([
          [1, 2],
          [3, 4],
        ]).mul(0.1),
        b: tensor([0.1, -0.2]),
      },
      tensor([[0.5, -0.5]]),
    ],
  );
  expect(report.passed, String(report)).toBe(true);
  expect(report.count).toBe(4 + 2 + 2 + 2);
});

test("a wrong derivative fails, and the report names the entry", () => {
  const wrong = customJvp(
    (x: Tensor) => x.sin(),
    ([x], [dx]) => ({ value: x.sin(), tangent: dx.mul(x.cos()).mul(tensor(Float64Array.of(1, 1, 2))) }),
  );
  const report = checkGradients((x: Tensor) => wrong(x), [tensor([0.1, 0.2, 0.3])]);
  expect(report.passed).toBe(false);
  expect(report.findings.filter((f) => f.check === "reverse mode" && f.error > 1e-5).map((f) => f.where)).toEqual(["0[2]"]);
  expect(String(report)).toMatch(/disagree.*expected .*, found /);
});

test("a model is checked in f64, and its cells stay as they are", () => {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 2));
  const before = model.parameters().map((p) => [...p.value.dataSync()]);
  const x = tensor([
    [1, 2, 3],
    [0, -1, 1],
  ]);
  const y = tensor(Int32Array.of(0, 1));
  const report = checkModel(model.parameters(), () => nn.crossEntropy(model.forward(x), y));
  expect(report.passed, String(report)).toBe(true);
  expect(report.worst.error).toBeLessThan(1e-7);
  expect(model.parameters().map((p) => [...p.value.dataSync()])).toEqual(before);
});

test("nothing to differentiate is an error that says so", () => {
  expect(() => checkGradients((x: Tensor) => x, [tensor(Int32Array.of(1))])).toThrow(/no float tensor/);
});
